/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the operators' API share. owner: the core's loop.
 *
 *   service.c   the methods, reads, life
 *   execute.c   commands: here, or handed on to the leader
 *   measure.c   what others measured: for the leader
 *   explain.c   why a key goes where it goes
 *   await.c     callers who wait for nodes
 *   readiness.c callers who wait for a stage's checks */
#pragma once

#include "coordinator/service/events_service.h"
#include "coordinator/service/service.h"

struct service {
    struct service_host host;
    struct registry *registry; /* borrowed */
    struct loop *loop;
    struct execution *landing; /* carried out by the leader, on its way here */
    struct waiter *waiters;
    unsigned waiter_count;
    struct readiness *readiness; /* being found out */
    unsigned readiness_count;
    bool stopping;
    struct backup_service backup;
    struct events_service events;
};

static inline const struct core *core_of(const struct service *s)
{
    return s->host.core(s->host.ctx);
}

/* ---- execute.c ------------------------------------------------------------------------------- */

/* The handler of Execute; its context is the service. */
void execute_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req);
/* Answer what was handed on and has arrived here, or (`all`) in any case. */
void execute_answer_landed(struct service *s, bool all);

/* ---- measure.c ------------------------------------------------------------------------------- */

/* The handler of Measure; its context is the service. */
void measure_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req);
/* The same, handed on by another coordinator. */
void measure_forwarded(struct service *s, struct rpc_call *call, const ProtobufCMessage *req);

/* ---- explain.c ------------------------------------------------------------------------------- */

/* The handler of Explain; its context is the service. */
void explain_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req);

/* ---- await.c --------------------------------------------------------------------------------- */

/* The handler of Await; its context is the service. */
void await_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req);
/* Answer those whose nodes serve, or (`all`) all as things stand. */
void await_answer(struct service *s, bool all);

/* ---- readiness.c ----------------------------------------------------------------------------- */

/* The handler of CheckStage; its context is the service. */
void readiness_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req);
/* Whoever waits for checks is told that this coordinator stops. */
void readiness_stop(struct service *s);
