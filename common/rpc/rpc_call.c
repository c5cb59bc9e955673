/* SPDX-License-Identifier: Apache-2.0 */
/* A unary call on the server. It has up to three operations in flight: the caller's end, which
 * tells that it has gone; the request; then the answer. The object is freed when all have completed
 * and the handler has answered. */
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/rpc/rpc_msg.h"
#include "common/rpc/rpc_op.h"
#include "common/rpc/rpc_server.h"

/* owner: the loop of the service, once both operations of rpc_call_begin() have been started. */
struct rpc_call {
    struct rpc_service *service;
    const struct rpc_method *method;
    const ProtobufCMethodDescriptor *desc;
    grpc_call *call; /* counted */
    struct rpc_op close_op;
    struct rpc_op request_op;
    struct rpc_op answer_op;
    grpc_byte_buffer *received;
    ProtobufCMessage *request; /* owned */
    char *peer;                /* owned by the library's allocator */
    mono_t deadline;
    int cancelled;
    unsigned refs; /* operations in flight, and one until it is answered */
    bool answered;
};

static struct mailbox *box(const struct rpc_call *c)
{
    return rpc_inbox_box(c->service->inbox);
}

static void unref(struct rpc_call *c)
{
    struct rpc_server *server = c->service->server;

    if (--c->refs > 0)
        return;
    if (c->received)
        grpc_byte_buffer_destroy(c->received);
    rpc_msg_free(c->request);
    gpr_free(c->peer);
    grpc_call_unref(c->call);
    free(c);
    rpc_server_call_gone(server);
}

/* ---- answering ----------------------------------------------------------------------------- */

static void on_answered(struct rpc_op *op, bool ok UNUSED)
{
    unref(container_of(op, struct rpc_call, answer_op));
}

static void answer(struct rpc_call *c, const struct rpc_msg *reply, const struct err *why)
{
    struct rpc_batch b;

    CHECK(!c->answered);
    c->answered = true;
    if (c->cancelled) {
        unref(c);
        return;
    }
    rpc_batch_init(&b);
    rpc_batch_send_initial(&b);
    if (reply)
        rpc_batch_send_message(&b, reply);
    rpc_batch_send_status(&b, why);
    rpc_batch_start(&b, c->call, &c->answer_op, box(c), on_answered);
}

void rpc_call_reply(struct rpc_call *c, const ProtobufCMessage *reply)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = rpc_msg_encode(reply);

    CHECK(reply->descriptor == c->desc->output);
    answer(c, m, NULL);
}

void rpc_call_fail(struct rpc_call *c, const struct err *why)
{
    CHECK(why->code != ERR_NONE);
    answer(c, NULL, why);
}

/* ---- the request --------------------------------------------------------------------------- */

static void on_request(struct rpc_op *op, bool ok UNUSED)
{
    struct rpc_call *c = container_of(op, struct rpc_call, request_op);
    size_t max = rpc_msg_decoded_max(c->service->server->max_message_bytes);
    struct err err;

    if (!c->received) {
        err_set(&err, ERR_INVALID, "%s was called without a request", c->desc->name);
        rpc_call_fail(c, &err);
    } else if (rpc_msg_decode(c->received, c->desc->input, max, &c->request, &err) < 0) {
        rpc_call_fail(c, &err);
    } else {
        grpc_byte_buffer_destroy(steal(c->received));
        c->method->unary(c->service->ctx, c, c->request);
    }
    unref(c);
}

static void on_call_closed(struct rpc_op *op, bool ok UNUSED)
{
    unref(container_of(op, struct rpc_call, close_op));
}

static mono_t deadline_of(gpr_timespec deadline)
{
    gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
    mono_t now = clock_system->mono(clock_system);

    if (gpr_time_cmp(left, gpr_time_from_hours(24 * 365, GPR_TIMESPAN)) > 0)
        return mono_add(now, dur_s(100ll * 365 * 86400));
    return mono_add(now, dur_ns(left.tv_sec * 1000000000ll + left.tv_nsec));
}

/* The close goes first: once the request is there the loop may answer, and only one thread may
 * start operations. */
void rpc_call_begin(struct rpc_service *service, const ProtobufCMethodDescriptor *desc,
                    const struct rpc_method *method, grpc_call *call, gpr_timespec deadline)
{
    struct rpc_call *c = xnew(struct rpc_call);
    struct rpc_batch b;

    c->service = service;
    c->method = method;
    c->desc = desc;
    c->call = call;
    c->peer = grpc_call_get_peer(call);
    c->deadline = deadline_of(deadline);
    c->refs = 3;
    rpc_batch_init(&b);
    rpc_batch_recv_close(&b, &c->cancelled);
    rpc_batch_start(&b, call, &c->close_op, box(c), on_call_closed);
    rpc_batch_init(&b);
    rpc_batch_recv_message(&b, &c->received);
    rpc_batch_start(&b, call, &c->request_op, box(c), on_request);
}

/* ---- what a handler may ask ---------------------------------------------------------------- */

const char *rpc_call_peer(const struct rpc_call *c)
{
    return c->peer;
}

mono_t rpc_call_deadline(const struct rpc_call *c)
{
    return c->deadline;
}

bool rpc_call_cancelled(const struct rpc_call *c)
{
    return c->cancelled != 0;
}
