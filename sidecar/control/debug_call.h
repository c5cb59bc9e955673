/* SPDX-License-Identifier: Apache-2.0 */
/* Debug of sidecar.proto: the requests of a migration or a key since the last call. */
#pragma once

#include "sidecar/control/order_service.h"
#include "common/rpc/rpc.h"

/* Answers at once. */
void debug_call(const struct order_service_config *c, struct rpc_call *call,
                const ProtobufCMessage *request);
