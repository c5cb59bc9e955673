/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/rpc/echo_service.h"

#include "common/base/check.h"
#include "common/base/str.h"

/* ---- unary --------------------------------------------------------------------------------- */

static void say(void *ctx, struct rpc_call *call, const ProtobufCMessage *m)
{
    struct echo *e = ctx;

    e->said++;
    (void)str_fmt(e->last_peer, sizeof e->last_peer, "%s", rpc_call_peer(call));
    rpc_call_reply(call, m);
}

static void failure(const Test__Echo__Failure *f, struct err *ret)
{
    err_set(ret, err_from_text(f->code), "%s", f->message);
    if (f->hint[0])
        err_hint(ret, "%s", f->hint);
}

static void fail(void *ctx UNUSED, struct rpc_call *call, const ProtobufCMessage *m)
{
    struct err err;

    failure((const Test__Echo__Failure *)m, &err);
    rpc_call_fail(call, &err);
}

static void hold(void *ctx, struct rpc_call *call, const ProtobufCMessage *m UNUSED)
{
    struct echo *e = ctx;

    CHECK(!e->held);
    e->held = call;
}

void echo_release(struct echo *e)
{
    struct rpc_call *call = steal(e->held);
    Test__Echo__Text reply = TEST__ECHO__TEXT__INIT;
    char text[] = "released";

    reply.text = text;
    rpc_call_reply(call, &reply.base);
}

/* ---- streams ------------------------------------------------------------------------------- */

static int open_stream(void *ctx, struct rpc_stream *s, void **ret_ctx, struct err *err UNUSED)
{
    struct echo *e = ctx;

    e->opened++;
    e->stream = s;
    *ret_ctx = e;
    return 0;
}

static int refuse(void *ctx UNUSED, struct rpc_stream *s UNUSED, void **ret_ctx UNUSED,
                  struct err *err)
{
    err_set(err, ERR_DENIED, "nobody comes in here");
    return err_hint(err, "try Chat");
}

static void on_chat(struct rpc_stream *s, const ProtobufCMessage *m, void *ctx)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *answer = rpc_msg_encode(m);
    unsigned times = ((const Test__Echo__Text *)m)->times;
    struct echo *e = ctx;
    struct err err;

    e->received++;
    for (unsigned i = 0; i < (times ? times : 1); i++) {
        if (rpc_stream_send(s, answer, &err) < 0) {
            rpc_stream_finish(s, &err);
            return;
        }
    }
}

static void on_quit(struct rpc_stream *s, const ProtobufCMessage *m, void *ctx UNUSED)
{
    struct err err;

    failure((const Test__Echo__Failure *)m, &err);
    rpc_stream_finish(s, &err);
}

static void on_half_close(struct rpc_stream *s, void *ctx)
{
    struct echo *e = ctx;

    e->half_closed++;
    rpc_stream_finish(s, NULL);
}

static void on_closed(struct rpc_stream *s, const struct err *status, void *ctx)
{
    struct echo *e = ctx;

    e->closed++;
    e->last_status = *status;
    if (e->stream == s)
        e->stream = NULL;
}

static void on_writable(struct rpc_stream *s UNUSED, void *ctx)
{
    struct echo *e = ctx;

    e->writable++;
}

static const struct rpc_stream_events chat_events = {on_chat, on_half_close, on_closed,
                                                     on_writable};
static const struct rpc_stream_events quit_events = {on_quit, on_half_close, on_closed, NULL};

static const struct rpc_method methods[] = {
    {.name = "Say", .unary = say},
    {.name = "Fail", .unary = fail},
    {.name = "Hold", .unary = hold},
    {.name = "Chat", .open = open_stream, .events = &chat_events},
    {.name = "Quit", .open = open_stream, .events = &quit_events},
    {.name = "Refuse", .open = refuse, .events = &chat_events},
    {.name = NULL},
};

int echo_add(struct echo *e, struct rpc_server *s, struct loop *l, struct err *err)
{
    return echo_add_as(e, s, &test__echo__echo__descriptor, l, err);
}

int echo_add_as(struct echo *e, struct rpc_server *s, const ProtobufCServiceDescriptor *desc,
                struct loop *l, struct err *err)
{
    return rpc_server_add(s, desc, methods, l, e, err);
}
