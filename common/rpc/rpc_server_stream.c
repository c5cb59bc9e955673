/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of a stream. */
#include <grpc/support/alloc.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/rpc/rpc_server.h"
#include "common/rpc/rpc_stream.h"

struct server_stream {
    struct rpc_stream base;
    struct rpc_service *service;
    const struct rpc_method *method;
    char *peer; /* owned by the library's allocator */
    int cancelled;
};

static const struct server_stream *of(const struct rpc_stream *s)
{
    return (const struct server_stream *)(const void *)s;
}

static void add_status(struct rpc_stream *s, struct rpc_batch *b)
{
    rpc_batch_send_status(b, s->final);
}

static void status(struct rpc_stream *s, struct err *ret)
{
    *ret = (struct err){.code = ERR_NONE};
    if (of(s)->cancelled || !s->end_sent)
        err_set(ret, ERR_CANCELLED, "the stream from %s was cut off", of(s)->peer);
    else if (s->final)
        err_copy(ret, s->final);
}

static const char *peer(const struct rpc_stream *s)
{
    return of(s)->peer;
}

/* The server keeps no list: the library cancels what is left at the end of the grace. */
static void forget(struct rpc_stream *s UNUSED)
{
}

static void destroy(struct rpc_stream *s)
{
    struct server_stream *ss = container_of(s, struct server_stream, base);
    struct rpc_server *server = ss->service->server;

    gpr_free(ss->peer);
    free(ss);
    rpc_server_call_gone(server);
}

static const struct rpc_stream_side server_side = {
    .add_end = add_status,
    .status = status,
    .peer = peer,
    .forget = forget,
    .destroy = destroy,
    .half_closes = true,
};

static void on_open(struct rpc_op *op, bool ok UNUSED)
{
    struct server_stream *ss = container_of(op, struct server_stream, base.recv_op);
    struct rpc_stream *s = &ss->base;
    struct rpc_batch b;
    struct err err;
    void *ctx = NULL;

    rpc_batch_init(&b);
    rpc_batch_recv_close(&b, &ss->cancelled);
    rpc_stream_start_close(s, &b);
    rpc_batch_init(&b);
    rpc_batch_send_initial(&b);
    rpc_stream_start_recv(s, &b);

    if (ss->method->open(ss->service->ctx, s, &ctx, &err) < 0) {
        rpc_stream_finish(s, &err);
        return;
    }
    s->events = ss->method->events;
    if (ctx)
        s->ctx = ctx;
}

void rpc_server_stream_begin(struct rpc_service *service, const ProtobufCMethodDescriptor *desc,
                             const struct rpc_method *method, grpc_call *call)
{
    struct server_stream *ss = xnew(struct server_stream);
    struct mailbox *box = rpc_inbox_box(service->inbox);

    ss->service = service;
    ss->method = method;
    ss->peer = grpc_call_get_peer(call);
    rpc_stream_init(&ss->base, &server_side, call, box, desc->input,
                    service->server->max_message_bytes);
    rpc_op_post(&ss->base.recv_op, box, on_open);
}
