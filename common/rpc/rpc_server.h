/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the server share.
 *
 * A call arrives on the queue's thread (rpc_accept.c), which finds its method and makes the call's
 * object; from then on the object belongs to the loop of the service. The table of services does
 * not change after rpc_server_start(), so the queue's thread reads it without a lock.
 *
 * Shutdown, in this order: health says NOT_SERVING; the library stops accepting and sends GOAWAY;
 * open calls end or the grace runs out and they are cancelled; the last call's object is freed
 * (`holds` is 0); every service lets go of its loop; on_stopped. Then the server may be
 * destroyed. */
#pragma once

#include <grpc/grpc.h>
#include <stdatomic.h>

#include "common/loop/timer.h"
#include "common/rpc/rpc.h"
#include "common/rpc/rpc_cq.h"

struct rpc_service {
    struct rpc_service *next;
    struct rpc_server *server;
    const ProtobufCServiceDescriptor *desc;
    const struct rpc_method **methods; /* owned; by index in desc */
    void *ctx;
    struct rpc_inbox *inbox; /* counted */
    struct rpc_op detach;
};

/* owner: whoever made it, then the loop that stops it; atomics: any thread. */
struct rpc_server {
    grpc_server *grpc;
    struct rpc_service *services;
    struct rpc_health *health;
    struct rpc_reflection *reflection;
    size_t max_message_bytes;
    unsigned max_calls;
    int port;
    bool started;
    bool stopped;
    atomic_uint calls; /* open now */
    atomic_uint holds; /* what must be gone before the server has stopped */

    struct rpc_inbox *stop_inbox; /* counted while stopping */
    struct timer grace;
    struct rpc_op shutdown_op; /* the library says that it has shut down */
    struct rpc_op drained_op;  /* the last hold is gone */
    struct rpc_op stopped_op;  /* the last service has left its loop */
    atomic_uint attached;
    void (*on_stopped)(void *ctx);
    void *on_stopped_ctx;
};

/* Any thread. The last drop, after rpc_server_stop(), lets the stop go on. */
void rpc_server_hold(struct rpc_server *s);
void rpc_server_drop(struct rpc_server *s);

/* NULL when there is no such service. `name` has its package. */
struct rpc_service *rpc_server_find(const struct rpc_server *s, struct str name);

/* Begin to take calls (rpc_accept.c). */
void rpc_accept_start(struct rpc_server *s);

/* The two kinds of call (rpc_call.c, rpc_server_stream.c). They take over `call`; queue's
 * thread. */
void rpc_call_begin(struct rpc_service *service, const ProtobufCMethodDescriptor *desc,
                    const struct rpc_method *method, grpc_call *call, gpr_timespec deadline);
void rpc_server_stream_begin(struct rpc_service *service, const ProtobufCMethodDescriptor *desc,
                             const struct rpc_method *method, grpc_call *call);
/* Every call says when it is gone. */
static inline void rpc_server_call_gone(struct rpc_server *s)
{
    atomic_fetch_sub(&s->calls, 1);
    rpc_server_drop(s);
}
