/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_health.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "health.pb-c.h"

typedef Grpc__Health__V1__HealthCheckRequest Request;
typedef Grpc__Health__V1__HealthCheckResponse Response;
typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus Status;

#define SERVING         GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING     GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

struct watcher {
    struct watcher *prev, *next;
    struct rpc_health *health;
    struct rpc_stream *stream;
    bool asked;   /* its request has come */
    bool unknown; /* asked for a service that is not here */
    Status told;  /* last, 0: nothing yet */
};

/* owner: the loop; `serving` and `posted`: any thread. */
struct rpc_health {
    struct rpc_server *server;
    struct mailbox *box; /* borrowed from the server's service; NULL until it is added */
    struct watcher *watchers;
    struct rpc_op changed;
    struct rpc_op stop;
    atomic_bool serving;
    atomic_bool posted; /* `changed` is on its way */
    bool stopping;
};

static Status status_of(struct rpc_health *h, bool unknown)
{
    if (unknown)
        return SERVICE_UNKNOWN;
    return atomic_load(&h->serving) && !h->stopping ? SERVING : NOT_SERVING;
}

static bool is_unknown(const struct rpc_health *h, const char *service)
{
    return service[0] && !rpc_server_find(h->server, str_of(service));
}

/* ---- Check --------------------------------------------------------------------------------- */

static void check(void *ctx, struct rpc_call *call, const ProtobufCMessage *m)
{
    struct rpc_health *h = ctx;
    const Request *req = (const Request *)m;
    Response reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    struct err err;

    if (is_unknown(h, req->service)) {
        err_set(&err, ERR_NOT_FOUND, "there is no service %s here", req->service);
        rpc_call_fail(call, &err);
        return;
    }
    reply.status = status_of(h, false);
    rpc_call_reply(call, &reply.base);
}

/* ---- Watch --------------------------------------------------------------------------------- */

static void tell(struct watcher *w)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = NULL;
    Response reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    struct err err;

    reply.status = status_of(w->health, w->unknown);
    if (!w->asked || reply.status == w->told)
        return;
    m = rpc_msg_encode(&reply.base);
    if (rpc_stream_send(w->stream, m, &err) < 0)
        rpc_stream_finish(w->stream, &err);
    else
        w->told = reply.status;
}

static void turn_away(struct rpc_stream *s)
{
    struct err err;

    err_set(&err, ERR_UNAVAILABLE, "the server is stopping");
    rpc_stream_finish(s, &err);
}

static int open_watch(void *ctx, struct rpc_stream *s, void **ret_ctx, struct err *err)
{
    struct rpc_health *h = ctx;
    struct watcher *w;

    if (h->stopping)
        return err_set(err, ERR_UNAVAILABLE, "the server is stopping");
    w = xnew(struct watcher);
    w->health = h;
    w->stream = s;
    DL_APPEND(h->watchers, w);
    *ret_ctx = w;
    return 0;
}

static void on_watch_request(struct rpc_stream *s, const ProtobufCMessage *m, void *ctx)
{
    struct watcher *w = ctx;
    struct err err;

    if (w->asked) {
        err_set(&err, ERR_INVALID, "Watch takes one request");
        rpc_stream_finish(s, &err);
        return;
    }
    w->asked = true;
    w->unknown = is_unknown(w->health, ((const Request *)m)->service);
    tell(w);
}

static void on_watch_closed(struct rpc_stream *s UNUSED, const struct err *status UNUSED, void *ctx)
{
    struct watcher *w = ctx;

    DL_DELETE(w->health->watchers, w);
    free(w);
}

static const struct rpc_stream_events watch_events = {
    .on_message = on_watch_request,
    .on_closed = on_watch_closed,
};

static const struct rpc_method methods[] = {
    {.name = "Check", .unary = check},
    {.name = "Watch", .open = open_watch, .events = &watch_events},
    {.name = NULL},
};

/* ---- changes ------------------------------------------------------------------------------- */

static void on_changed(struct rpc_op *op, bool ok UNUSED)
{
    struct rpc_health *h = container_of(op, struct rpc_health, changed);
    struct watcher *w;

    atomic_store(&h->posted, false);
    DL_FOREACH (h->watchers, w)
        tell(w);
    rpc_server_drop(h->server);
}

void rpc_health_set(struct rpc_health *h, bool serving)
{
    atomic_store(&h->serving, serving);
    if (!h->box || atomic_exchange(&h->posted, true))
        return;
    rpc_server_hold(h->server);
    rpc_op_post(&h->changed, h->box, on_changed);
}

static void on_stop(struct rpc_op *op, bool ok UNUSED)
{
    struct rpc_health *h = container_of(op, struct rpc_health, stop);
    struct watcher *w;

    h->stopping = true;
    DL_FOREACH (h->watchers, w) {
        tell(w);
        turn_away(w->stream);
    }
    rpc_server_drop(h->server);
}

void rpc_health_stop(struct rpc_health *h)
{
    rpc_server_hold(h->server);
    rpc_op_post(&h->stop, h->box, on_stop);
}

/* ---- life ---------------------------------------------------------------------------------- */

struct rpc_health *rpc_health_new(struct rpc_server *s)
{
    struct rpc_health *h = xnew(struct rpc_health);

    h->server = s;
    atomic_init(&h->serving, true);
    return h;
}

void rpc_health_free(struct rpc_health *h)
{
    free(h);
}

int rpc_health_add(struct rpc_health *h, struct loop *l, struct err *err)
{
    const ProtobufCServiceDescriptor *desc = &grpc__health__v1__health__descriptor;
    int r = rpc_server_add(h->server, desc, methods, l, h, err);

    if (r == 0)
        h->box = rpc_inbox_box(rpc_server_find(h->server, str_of(desc->name))->inbox);
    return r;
}
