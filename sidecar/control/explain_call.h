/* SPDX-License-Identifier: Apache-2.0 */
/* Why this node sends a key where it does, with what it serves now. owner: control loop. */
#pragma once

#include "common/rpc/rpc.h"
#include "sidecar/control/order_service.h"

/* Answers the call, an Explain (proto/sidecar.proto). */
void explain_call(const struct order_service_config *c, struct rpc_call *call,
                  const ProtobufCMessage *request);
