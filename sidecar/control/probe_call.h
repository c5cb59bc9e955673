/* SPDX-License-Identifier: Apache-2.0 */
/* A real request through this node, asked for by an operator. owner: control loop. */
#pragma once

#include "common/rpc/rpc.h"
#include "sidecar/control/order_service.h"

struct probe_call;

/* Answers the call, a Probe (proto/sidecar.proto), when the answers are there; until then it is in
 * `list`. */
void probe_call_begin(const struct order_service_config *c, struct probe_call **list,
                      struct rpc_call *call, const ProtobufCMessage *request);
/* Nobody waits any longer: those in the list are answered as cancelled. */
void probe_call_end_all(struct probe_call **list);
