/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1: one state for the whole server, told for "" and for each of its services. Runs on
 * the loop of the server's first service. */
#pragma once

#include "common/rpc/rpc_server.h"

struct rpc_health *rpc_health_new(struct rpc_server *s) MUST_CHECK;
void rpc_health_free(struct rpc_health *h);
int rpc_health_add(struct rpc_health *h, struct loop *l, struct err *err) MUST_CHECK;
void rpc_health_set(struct rpc_health *h, bool serving); /* any thread */
/* Tell those who watch, end their streams, take no more. */
void rpc_health_stop(struct rpc_health *h);
