/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_stream.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/rpc/rpc_msg.h"

struct queued_msg {
    struct queued_msg *next;
    struct rpc_msg *msg; /* counted */
};

static void on_received(struct rpc_op *op, bool ok);
static void on_sent(struct rpc_op *op, bool ok);
static void on_close(struct rpc_op *op, bool ok);

/* ---- references and operations ------------------------------------------------------------- */

void rpc_stream_init(struct rpc_stream *s, const struct rpc_stream_side *side, grpc_call *call,
                     struct mailbox *box, const ProtobufCMessageDescriptor *input,
                     size_t max_message_bytes)
{
    s->side = side;
    s->call = call;
    s->box = mailbox_ref(box);
    s->input = input;
    s->decoded_max = rpc_msg_decoded_max(max_message_bytes);
    atomic_init(&s->refs, 1);
}

void rpc_stream_unref(struct rpc_stream *s)
{
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (s->received)
        grpc_byte_buffer_destroy(s->received);
    grpc_call_unref(s->call);
    mailbox_unref(s->box);
    free(s->final);
    s->side->destroy(s);
}

static void start(struct rpc_stream *s, struct rpc_batch *b, struct rpc_op *op, rpc_op_fn done)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    rpc_batch_start(b, s->call, op, s->box, done);
}

void rpc_stream_start_recv(struct rpc_stream *s, struct rpc_batch *b)
{
    rpc_batch_recv_message(b, &s->received);
    s->receiving = true;
    start(s, b, &s->recv_op, on_received);
}

void rpc_stream_start_close(struct rpc_stream *s, struct rpc_batch *b)
{
    start(s, b, &s->close_op, on_close);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void drop_queue(struct rpc_stream *s)
{
    while (s->head) {
        struct queued_msg *q = s->head;

        s->head = q->next;
        rpc_msg_unref(q->msg);
        free(q);
    }
    s->tail = NULL;
    s->queued = 0;
    s->queued_bytes = 0;
}

static void end(struct rpc_stream *s, const struct err *status)
{
    s->ended = true;
    drop_queue(s);
    s->side->forget(s);
    if (s->events)
        s->events->on_closed(s, status, s->ctx);
    rpc_stream_unref(s);
}

static void end_if_done(struct rpc_stream *s)
{
    struct err status;

    if (!s->closed || s->receiving || s->ended)
        return;
    s->side->status(s, &status);
    end(s, &status);
}

static void on_close(struct rpc_op *op, bool ok UNUSED)
{
    struct rpc_stream *s = container_of(op, struct rpc_stream, close_op);

    if (!s->ended) {
        s->closed = true;
        end_if_done(s);
    }
    rpc_stream_unref(s);
}

void rpc_stream_abandon(struct rpc_stream *s)
{
    struct err status;

    CHECK(!s->ended);
    s->broken = true;
    grpc_call_cancel(s->call, NULL);
    err_set(&status, ERR_CANCELLED, "the stream was cancelled on this side");
    end(s, &status);
}

void rpc_stream_cancel(struct rpc_stream *s)
{
    if (s->broken)
        return;
    s->broken = true;
    drop_queue(s);
    grpc_call_cancel(s->call, NULL);
}

static void keep_final(struct rpc_stream *s, const struct err *status)
{
    if (!s->final && status && status->code != ERR_NONE)
        s->final = xmemdup(status, sizeof *status);
}

/* ---- receiving ----------------------------------------------------------------------------- */

/* A server that has finished and a stream that was cancelled hear nothing more. */
static bool listening(const struct rpc_stream *s)
{
    return !s->ended && !s->broken && !(s->side->half_closes && s->ending) && s->events;
}

static void refuse_message(struct rpc_stream *s, const struct err *why)
{
    if (s->side->half_closes) {
        rpc_stream_finish(s, why);
    } else {
        keep_final(s, why);
        rpc_stream_cancel(s);
    }
}

static void deliver(struct rpc_stream *s, grpc_byte_buffer *bytes)
{
    ProtobufCMessage *m;
    struct err err;

    if (rpc_msg_decode(bytes, s->input, s->decoded_max, &m, &err) < 0) {
        refuse_message(s, &err);
        return;
    }
    s->events->on_message(s, m, s->ctx);
    rpc_msg_free(m);
}

static void receive_next(struct rpc_stream *s)
{
    struct rpc_batch b;

    if (!listening(s) || s->closed)
        return;
    rpc_batch_init(&b);
    rpc_stream_start_recv(s, &b);
}

static void on_received(struct rpc_op *op, bool ok UNUSED)
{
    struct rpc_stream *s = container_of(op, struct rpc_stream, recv_op);
    grpc_byte_buffer *bytes;

    if (!s->ended) {
        bytes = steal(s->received);
        s->receiving = false;
        if (bytes && listening(s)) {
            deliver(s, bytes);
            receive_next(s);
        } else if (!bytes && listening(s) && s->side->half_closes && s->events->on_half_close &&
                   !grpc_call_failed_before_recv_message(s->call)) {
            s->events->on_half_close(s, s->ctx);
        }
        if (bytes)
            grpc_byte_buffer_destroy(bytes);
        end_if_done(s);
    }
    rpc_stream_unref(s);
}

/* ---- sending ------------------------------------------------------------------------------- */

static struct rpc_msg *pop(struct rpc_stream *s)
{
    struct queued_msg *q = s->head;
    struct rpc_msg *m = q->msg;

    s->head = q->next;
    if (!s->head)
        s->tail = NULL;
    s->queued--;
    s->queued_bytes -= rpc_msg_size(m);
    free(q);
    return m;
}

static void push(struct rpc_stream *s, struct rpc_msg *m)
{
    struct queued_msg *q = xnew(struct queued_msg);

    q->msg = rpc_msg_ref(m);
    if (s->tail)
        s->tail->next = q;
    else
        s->head = q;
    s->tail = q;
    s->queued++;
    s->queued_bytes += rpc_msg_size(m);
}

/* Start the next send: `m`, and the end when nothing else is to follow. */
static void send_now(struct rpc_stream *s, struct rpc_msg *m)
{
    struct rpc_batch b;

    rpc_batch_init(&b);
    if (m)
        rpc_batch_send_message(&b, m);
    if (s->ending && !s->head && !s->end_sent) {
        s->side->add_end(s, &b);
        s->end_sent = true;
    }
    if (b.count == 0)
        return;
    s->sending = true;
    start(s, &b, &s->send_op, on_sent);
}

static void send_next(struct rpc_stream *s)
{
    struct rpc_msg *m;

    if (s->sending || s->broken || s->ended)
        return;
    m = s->head ? pop(s) : NULL;
    send_now(s, m);
    rpc_msg_unref(m);
}

static void tell_writable(struct rpc_stream *s)
{
    if (!s->full || s->head || s->ending || s->broken)
        return;
    s->full = false;
    if (s->events && s->events->on_writable)
        s->events->on_writable(s, s->ctx);
}

static void on_sent(struct rpc_op *op, bool ok)
{
    struct rpc_stream *s = container_of(op, struct rpc_stream, send_op);

    if (!s->ended) {
        s->sending = false;
        if (!ok) {
            /* The call is over; its close operation tells why. */
            s->broken = true;
            drop_queue(s);
        }
        send_next(s);
        tell_writable(s);
    }
    rpc_stream_unref(s);
}

static bool queue_full(const struct rpc_stream *s, size_t size)
{
    return s->queued >= RPC_STREAM_QUEUE_MESSAGES ||
           (s->queued > 0 && s->queued_bytes + size > RPC_STREAM_QUEUE_BYTES);
}

int rpc_stream_send(struct rpc_stream *s, struct rpc_msg *m, struct err *err)
{
    if (s->ended || s->broken || s->ending)
        return err_set(err, ERR_CANCELLED, "the stream to %s has ended", rpc_stream_peer(s));
    if (!s->sending) {
        send_now(s, m);
        return 0;
    }
    if (queue_full(s, rpc_msg_size(m))) {
        s->full = true;
        return err_set(err, ERR_EXHAUSTED,
                       "%s does not keep up: %u messages with %zu bytes wait for it",
                       rpc_stream_peer(s), s->queued, s->queued_bytes);
    }
    push(s, m);
    return 0;
}

void rpc_stream_finish(struct rpc_stream *s, const struct err *status)
{
    CHECK(s->side->half_closes);
    if (s->ending)
        return;
    keep_final(s, status);
    s->ending = true;
    send_next(s);
}

void rpc_stream_half_close(struct rpc_stream *s)
{
    CHECK(!s->side->half_closes);
    if (s->ending)
        return;
    s->ending = true;
    send_next(s);
}

/* ---- the rest ------------------------------------------------------------------------------ */

const char *rpc_stream_peer(const struct rpc_stream *s)
{
    return s->side->peer(s);
}

void rpc_stream_set_ctx(struct rpc_stream *s, void *ctx)
{
    s->ctx = ctx;
}
