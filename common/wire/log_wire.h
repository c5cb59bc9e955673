/* SPDX-License-Identifier: Apache-2.0 */
/* GetLog and SetLogLevel, asked of a coordinator or of a node itself: the handlers, which need no
 * context. What is asked about is the process, so any loop may run them. */
#pragma once

#include "common/rpc/rpc.h"

void log_on_get(void *ctx, struct rpc_call *call, const ProtobufCMessage *req);
/* Logged itself, with who asked for it. */
void log_on_set_level(void *ctx, struct rpc_call *call, const ProtobufCMessage *req);
