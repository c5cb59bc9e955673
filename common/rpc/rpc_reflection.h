/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.reflection v1alpha and v1: lets grpcurl and its kind call a server whose protos they do not
 * have.
 *
 * The descriptor set is walked where it lies, so a server that nobody asks spends no memory on it.
 * Runs on the loop of the server's first service. */
#pragma once

#include "common/rpc/rpc_server.h"

/* `descriptors` is borrowed; NULL: this project's. */
struct rpc_reflection *rpc_reflection_new(struct rpc_server *s, const unsigned char *descriptors,
                                          size_t size) MUST_CHECK;
void rpc_reflection_free(struct rpc_reflection *r);
int rpc_reflection_add(struct rpc_reflection *r, struct loop *l, struct err *err) MUST_CHECK;
