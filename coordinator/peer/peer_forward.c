/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the Operator service for the leader: out as bytes, and in. */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "coordinator/peer/peer_state.h"

/* ---- out ------------------------------------------------------------------------------------- */

struct forward {
    struct peers *peers;
    struct name peer;
    peers_reply_fn fn;
    void *ctx;
    struct loop_deferred fail; /* for one that cannot even be sent */
    struct forward *prev, *next;
};

static void end(struct forward *f, const uint8_t *reply, size_t size, const struct err *status)
{
    DL_DELETE(f->peers->forwards, f);
    f->fn(f->ctx, reply, size, status);
    free(f);
}

static void on_fail(struct loop_deferred *d)
{
    struct forward *f = container_of(d, struct forward, fail);
    struct err err;

    err_set(&err, ERR_UNAVAILABLE, "coordinator %s cannot be reached from here", f->peer.s);
    end(f, NULL, 0, &err);
}

/* Without an answer nobody here can say whether it was carried out. */
static void leave_open(const struct forward *f, struct err *status)
{
    struct err why = *status;

    err_set(status, ERR_UNKNOWN_OUTCOME, "coordinator %s was lost while it had the command: %s",
            f->peer.s, why.msg);
    err_hint(status,
             "it may or may not have been carried out: look at `switchyard status` and `switchyard "
             "history` before giving it again");
}

static void on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    const Switchyard__V1__ForwardReply *m = (const Switchyard__V1__ForwardReply *)reply;
    struct forward *f = ctx;
    struct err err = *status;

    /* What the peer itself has to say comes with a hint. */
    if ((err.code == ERR_UNKNOWN_OUTCOME && !err.hint[0]) || err.code == ERR_CANCELLED)
        leave_open(f, &err);
    end(f, m ? m->message.data : NULL, m ? m->message.len : 0, &err);
}

static void call(struct forward *f, struct rpc_client *client, const char *method,
                 const ProtobufCMessage *request, dur_t deadline)
{
    Switchyard__V1__ForwardRequest m = SWITCHYARD__V1__FORWARD_REQUEST__INIT;
    size_t size = protobuf_c_message_get_packed_size(request);
    CLEANUP(xfreep) uint8_t *bytes = xalloc(size + 1);

    protobuf_c_message_pack(request, bytes);
    m.from = f->peers->config.id.s;
    m.method = rpc_lend(method);
    m.message = (ProtobufCBinaryData){size, bytes};
    rpc_client_call(client, &switchyard__v1__peer__descriptor, "Forward", &m.base, deadline,
                    on_reply, f);
}

void peers_forward(struct peers *p, const struct name *peer_id, const char *method,
                   const ProtobufCMessage *request, dur_t deadline, peers_reply_fn fn, void *ctx)
{
    const struct peer *peer = peers_find(p, peer_id->s);
    struct forward *f = xnew(struct forward);

    f->peers = p;
    f->peer = *peer_id;
    f->fn = fn;
    f->ctx = ctx;
    DL_APPEND(p->forwards, f);
    if (peer && peer->link.heard)
        call(f, peer->link.client, method, request, deadline);
    else
        loop_defer(p->loop, &f->fail, on_fail);
}

/* ---- in -------------------------------------------------------------------------------------- */

void peer_forward_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req)
{
    const Switchyard__V1__ForwardRequest *m = (const Switchyard__V1__ForwardRequest *)req;
    struct peers *p = ctx;
    struct name from;
    struct err err;

    if (name_parse_node(str_of(m->from), &from, &err) < 0) {
        err_ctx(&err, "a call that was handed on");
        return rpc_call_fail(call, &err);
    }
    if (p->stopping) {
        err_set(&err, ERR_UNAVAILABLE, "coordinator %s stops", p->config.id.s);
        return rpc_call_fail(call, &err);
    }
    p->events->on_forward(p->ctx, call, from.s, m->method, m->message.data, m->message.len);
}
