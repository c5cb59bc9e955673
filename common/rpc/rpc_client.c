/* SPDX-License-Identifier: Apache-2.0 */
/* The client: a channel, and the list of its open calls. */
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rpc/rpc_args.h"
#include "common/rpc/rpc_msg.h"
#include "common/rpc/rpc_status.h"
#include "common/rpc/rpc_stream.h"

/* One call of either kind, on its client's list until its last callback. */
struct open_call {
    struct open_call *prev, *next;
    struct rpc_client *client;
    void (*abandon)(struct open_call *o); /* call back with CANCELLED now */
};

/* owner: the loop. */
struct rpc_client {
    grpc_channel *channel;
    struct rpc_inbox *inbox; /* counted */
    struct open_call *calls;
    size_t max_message_bytes;
    bool freeing;
    bool reached;
    char target[]; /* as it was given: what people know it by */
};

static void open_call_add(struct rpc_client *c, struct open_call *o,
                          void (*abandon)(struct open_call *o))
{
    CHECK(!c->freeing);
    o->client = c;
    o->abandon = abandon;
    DL_APPEND(c->calls, o);
}

static void open_call_remove(struct open_call *o)
{
    DL_DELETE(o->client->calls, o);
}

static const ProtobufCMethodDescriptor *find_method(const ProtobufCServiceDescriptor *desc,
                                                    const char *name)
{
    const ProtobufCMethodDescriptor *m =
        protobuf_c_service_descriptor_get_method_by_name(desc, name);

    if (!m)
        check_die("service %s has no method %s", desc->name, name);
    return m;
}

static grpc_call *start_call(struct rpc_client *c, const ProtobufCServiceDescriptor *desc,
                             const char *method, gpr_timespec deadline)
{
    char path[256];
    grpc_slice slice;
    grpc_call *call;

    CHECK(str_fmt(path, sizeof path, "/%s/%s", desc->name, method));
    slice = grpc_slice_from_copied_string(path);
    call = grpc_channel_create_call(c->channel, NULL, GRPC_PROPAGATE_DEFAULTS, rpc_cq(), slice,
                                    NULL, deadline, NULL);
    grpc_slice_unref(slice);
    return call;
}

/* ---- unary calls --------------------------------------------------------------------------- */

/* One batch, so one operation. It holds a reference, and the client's list the other. */
struct rpc_request {
    struct open_call open;
    grpc_call *call;
    struct mailbox *box; /* counted */
    struct rpc_op op;
    struct rpc_ending ending;
    grpc_byte_buffer *received;
    const ProtobufCMessageDescriptor *output;
    rpc_reply_fn fn;
    void *ctx;
    atomic_uint refs;
    bool answered; /* fn has been called; written before the mailbox can close */
};

static void request_unref(struct rpc_request *r)
{
    if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (r->received)
        grpc_byte_buffer_destroy(r->received);
    rpc_ending_deinit(&r->ending);
    grpc_call_unref(r->call);
    mailbox_unref(r->box);
    free(r);
}

static void request_answer(struct rpc_request *r, const ProtobufCMessage *reply,
                           const struct err *status)
{
    r->answered = true;
    open_call_remove(&r->open);
    r->fn(r->ctx, reply, status);
    request_unref(r);
}

/* The reply, or NULL and why. */
static ProtobufCMessage *take_reply(struct rpc_request *r, struct err *ret_status)
{
    struct rpc_client *c = r->open.client;
    size_t max = rpc_msg_decoded_max(c->max_message_bytes);
    ProtobufCMessage *reply = NULL;

    if (rpc_status_restore(&r->ending, c->target, ret_status))
        c->reached = true;
    else if (ret_status->code == ERR_UNAVAILABLE && !rpc_status_unsent(&r->ending))
        ret_status->code = ERR_UNKNOWN_OUTCOME;
    if (ret_status->code != ERR_NONE)
        return NULL;
    if (!r->received) {
        err_set(ret_status, ERR_INTERNAL, "%s answered without a message", c->target);
        return NULL;
    }
    if (rpc_msg_decode(r->received, r->output, max, &reply, ret_status) < 0)
        return NULL;
    return reply;
}

static void on_reply(struct rpc_op *op, bool ok UNUSED)
{
    struct rpc_request *r = container_of(op, struct rpc_request, op);

    if (!r->answered) {
        struct err status;
        ProtobufCMessage *reply = take_reply(r, &status);

        request_answer(r, reply, &status);
        rpc_msg_free(reply);
    }
    request_unref(r);
}

static void request_abandon(struct open_call *o)
{
    struct rpc_request *r = container_of(o, struct rpc_request, open);
    struct err status;

    grpc_call_cancel(r->call, NULL);
    err_set(&status, ERR_CANCELLED, "the call to %s was cancelled", o->client->target);
    request_answer(r, NULL, &status);
}

void rpc_request_cancel(struct rpc_request *r)
{
    grpc_call_cancel(r->call, NULL);
}

static void request_start(struct rpc_request *r, const ProtobufCMessage *req)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = rpc_msg_encode(req);
    struct rpc_batch b;

    rpc_batch_init(&b);
    rpc_batch_send_initial(&b);
    rpc_batch_send_message(&b, m);
    rpc_batch_send_close(&b);
    rpc_batch_recv_initial(&b, &r->ending);
    rpc_batch_recv_message(&b, &r->received);
    rpc_batch_recv_status(&b, &r->ending);
    rpc_batch_start(&b, r->call, &r->op, r->box, on_reply);
}

struct rpc_request *rpc_client_call(struct rpc_client *c, const ProtobufCServiceDescriptor *desc,
                                    const char *method, const ProtobufCMessage *req, dur_t deadline,
                                    rpc_reply_fn fn, void *ctx)
{
    struct rpc_request *r = xnew(struct rpc_request);
    gpr_timespec until =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(deadline.ns, GPR_TIMESPAN));

    r->output = find_method(desc, method)->output;
    r->fn = fn;
    r->ctx = ctx;
    r->box = mailbox_ref(rpc_inbox_box(c->inbox));
    r->call = start_call(c, desc, method, until);
    rpc_ending_init(&r->ending);
    atomic_init(&r->refs, 2);
    open_call_add(c, &r->open, request_abandon);
    request_start(r, req);
    return r;
}

/* ---- streams ------------------------------------------------------------------------------- */

struct client_stream {
    struct rpc_stream base;
    struct open_call open;
    struct rpc_ending ending;
};

static const struct client_stream *of(const struct rpc_stream *s)
{
    return (const struct client_stream *)(const void *)s;
}

static void add_close(struct rpc_stream *s UNUSED, struct rpc_batch *b)
{
    rpc_batch_send_close(b);
}

static void stream_status(struct rpc_stream *s, struct err *ret)
{
    struct rpc_client *c = of(s)->open.client;

    if (s->final)
        err_copy(ret, s->final);
    else if (rpc_status_restore(&of(s)->ending, c->target, ret))
        c->reached = true;
}

static const char *stream_peer(const struct rpc_stream *s)
{
    return of(s)->open.client->target;
}

static void stream_forget(struct rpc_stream *s)
{
    open_call_remove(&container_of(s, struct client_stream, base)->open);
}

static void stream_destroy(struct rpc_stream *s)
{
    struct client_stream *cs = container_of(s, struct client_stream, base);

    rpc_ending_deinit(&cs->ending);
    free(cs);
}

static const struct rpc_stream_side client_side = {
    .add_end = add_close,
    .status = stream_status,
    .peer = stream_peer,
    .forget = stream_forget,
    .destroy = stream_destroy,
};

static void stream_abandon(struct open_call *o)
{
    rpc_stream_abandon(&container_of(o, struct client_stream, open)->base);
}

struct rpc_stream *rpc_client_open(struct rpc_client *c, const ProtobufCServiceDescriptor *desc,
                                   const char *method, const struct rpc_stream_events *events,
                                   void *ctx)
{
    struct client_stream *cs = xnew(struct client_stream);
    grpc_call *call = start_call(c, desc, method, gpr_inf_future(GPR_CLOCK_MONOTONIC));
    struct rpc_batch b;

    rpc_stream_init(&cs->base, &client_side, call, rpc_inbox_box(c->inbox),
                    find_method(desc, method)->output, c->max_message_bytes);
    cs->base.events = events;
    cs->base.ctx = ctx;
    rpc_ending_init(&cs->ending);
    open_call_add(c, &cs->open, stream_abandon);

    rpc_batch_init(&b);
    rpc_batch_send_initial(&b);
    rpc_batch_recv_status(&b, &cs->ending);
    rpc_stream_start_close(&cs->base, &b);
    rpc_batch_init(&b);
    rpc_batch_recv_initial(&b, &cs->ending);
    rpc_stream_start_recv(&cs->base, &b);
    return &cs->base;
}

/* ---- life ---------------------------------------------------------------------------------- */

int rpc_client_new(const struct rpc_client_config *config, struct loop *l, struct rpc_client **ret,
                   struct err *err)
{
    size_t size = strlen(config->target) + 1;
    struct rpc_client *c = xalloc(sizeof *c + size);
    grpc_channel_credentials *credentials;
    struct rpc_args args;
    int r;

    r = rpc_inbox_get(l, &c->inbox, err);
    if (r < 0) {
        free(c);
        return r;
    }
    memcpy(c->target, config->target, size);
    c->max_message_bytes = rpc_message_bytes(config->max_message_bytes);
    rpc_args_client(&args, config);
    credentials = grpc_insecure_credentials_create();
    c->channel = grpc_channel_create(config->target, credentials, &args.list);
    grpc_channel_credentials_release(credentials);
    *ret = c;
    return 0;
}

bool rpc_client_reached(const struct rpc_client *c)
{
    return c->reached;
}

void rpc_client_free(struct rpc_client *c)
{
    if (!c)
        return;
    c->freeing = true;
    while (c->calls)
        c->calls->abandon(c->calls);
    grpc_channel_destroy(c->channel);
    rpc_inbox_put(c->inbox);
    free(c);
}
