/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a request on its way in: from the first byte of its head to the upstream. */
#include <string.h>

#include "common/decide/request_key.h"
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/copy.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/lasting.h"
#include "sidecar/proxy/leave.h"
#include "sidecar/proxy/relay.h"
#include "sidecar/proxy/tap.h"
#include "sidecar/proxy/upgrade.h"

/* A body that goes with an idempotent request is kept up to here, for a second try when a pooled
 * connection turns out to be dead; any, when it is refused. */
#define SECOND_TRY_KEEP 16384

/* ---- head ------------------------------------------------------------------------------------ */

static enum verdict rest_idle(struct conn *c)
{
    iobuf_give(&c->lane->bufs, &c->in);
    if (!c->eof && !(c->late & CONN_CLIENT_LATE))
        return WAIT;
    if (c->secure)
        transport_end(&c->transport); /* nothing is cut off */
    return conn_go(c, STEP_CLOSE);
}

static enum verdict finish_head(struct conn *c)
{
    struct request *req = c->req;

    req->head.base = c->in->data + req->at;
    c->in->start = req->at + req->head.size;
    if (c->edge)
        return conn_go(c, STEP_EDGE);
    c->lane->requests[c->http2 ? CLIENT_HTTP2 : CLIENT_HTTP1]++;
    return conn_go(c, STEP_ROUTE);
}

/* The first bytes of a connection are, or may yet be, those of HTTP/2. False: they are not, or it
 * speaks it already. */
static bool speaks_h2(struct conn *c, enum verdict *ret)
{
    enum h2_preface p = c->edge ? H2_PREFACE_NONE : h2_door_recognise(iobuf_view(c->in));

    *ret = WAIT;
    if (p == H2_PREFACE_NONE || (p == H2_PREFACE_PART && (c->eof || c->late)))
        return false;
    if (p == H2_PREFACE) {
        h2_door_open(c);
        *ret = conn_go(c, STEP_CLOSE);
    }
    return true;
}

enum verdict step_head(struct conn *c)
{
    struct request *req;
    enum verdict v;

    if (iobuf_is_empty(c->in))
        return rest_idle(c);
    if (UNLIKELY(!c->begun) && c->in->data[c->in->start] == 'P' && speaks_h2(c, &v))
        return v;
    req = c->req ? c->req : conn_begin_request(c);
    switch (http1_parse(&req->parser, c->in->data + req->at, c->in->end - req->at)) {
    case HTTP1_DONE:
        return finish_head(c);
    case HTTP1_REFUSED:
        return conn_refuse(c, req->parser.status, req->parser.why, true);
    case HTTP1_MORE:
        break;
    }
    if (c->eof)
        return conn_go(c, STEP_CLOSE);
    if (c->late & CONN_CLIENT_LATE)
        return conn_refuse(c, 408, "the request's head did not arrive in time", true);
    return WAIT;
}

/* ---- route ----------------------------------------------------------------------------------- */

struct str conn_without_port(struct str host)
{
    const char *colon = host.n ? memrchr(host.p, ':', host.n) : NULL;
    const char *bracket = host.n ? memrchr(host.p, ']', host.n) : NULL;

    if (colon && (!bracket || colon > bracket))
        host.n = (size_t)(colon - host.p);
    return host;
}

static bool is_listed(const struct route_fallback *f, struct str method)
{
    for (unsigned i = 0; i < f->method_count; i++) {
        if (str_eq(str_of(f->method[i]), method))
            return true;
    }
    return false;
}

/* RFC 9110 9.2.2. */
static bool is_idempotent(enum http1_method m)
{
    return m == HTTP1_GET || m == HTTP1_HEAD || m == HTTP1_PUT || m == HTTP1_DELETE ||
           m == HTTP1_OPTIONS || m == HTTP1_TRACE;
}

static void prepare_upload(struct request *req, struct http1_framing framing)
{
    const struct route_fallback *f = &req->route->entry->route.fallback;
    struct str method = http1_str(&req->head, req->head.method_name);
    size_t keep = 0;

    req->idempotent = is_idempotent(req->head.method);
    req->may_fall_back = f->on != 0 && !req->route->entry->route.forbid_legacy;
    req->repeatable = req->may_fall_back && is_listed(f, method);
    if (req->idempotent)
        keep = SECOND_TRY_KEEP;
    if (req->repeatable)
        keep = f->max_body;
    if (framing.kind == HTTP1_BODY_LENGTH && framing.length > keep) {
        req->repeatable = false;
        keep = 0;
    }
    upload_init(&req->upload, framing, keep);
    if (!req->head.names_fields)
        upload_pass_trailers(&req->upload);
}

/* RFC 9110 7.6.2: whether the request may go no further than here; c->step says with what answer.
 */
static bool ends_here(struct conn *c)
{
    const enum http1_method method = c->req->head.method;
    int64_t hops;

    if (method != HTTP1_OPTIONS && method != HTTP1_TRACE)
        return false;
    hops = conn_hops_left(&c->req->head);
    if (hops == HOPS_UNREADABLE)
        conn_refuse(c, 400, "Max-Forwards is not a single number", false);
    else if (hops == 0 && method == HTTP1_OPTIONS)
        conn_refuse(c, 200, "this proxy answers, for Max-Forwards is 0", false);
    else if (hops == 0)
        conn_refuse(c, 501, "Max-Forwards is 0, and this proxy reflects no requests", false);
    return hops == 0 || hops == HOPS_UNREADABLE;
}

enum verdict step_route(struct conn *c)
{
    struct request *req = c->req;
    struct lane *lane = c->lane;
    struct http1_framing framing = http1_request_framing(&req->head);
    const uint64_t max_body = lane->config->max_body_bytes;

    /* A refusal needs to know whether a body follows. */
    upload_init(&req->upload, framing, 0);
    c->closing = !req->head.keep_alive;
    if (max_body > 0 && framing.kind == HTTP1_BODY_LENGTH && framing.length > max_body)
        return conn_refuse(c, 413, "the body is larger than this proxy allows", true);
    if (req->head.method == HTTP1_CONNECT)
        return conn_refuse(c, 501, "this proxy opens no tunnels", true);
    if (ends_here(c))
        return NEXT;
    if (!lane->view)
        return conn_refuse(c, 503, "this node has no rule set yet", false);
    req->route =
        view_match(lane->view, conn_without_port(http1_host(&req->head)), http1_path(&req->head));
    if (!req->route)
        return conn_refuse(c, 404, "no migration routes this host and path", false);
    req->view = lane->view;
    req->view->refs++;
    req->upgrade = upgrade_passes(&req->head);
    prepare_upload(req, framing);
    return conn_go(c, STEP_DECIDE);
}

/* ---- decide ---------------------------------------------------------------------------------- */

static struct str nth_header(const void *head, struct str name, unsigned nth)
{
    const struct http1_head *h = head;

    for (uint32_t i = 0; i < h->header_count; i++) {
        if (str_ieq(http1_name(h, i), name) && nth-- == 0)
            return http1_value(h, i);
    }
    return (struct str){NULL, 0};
}

bool conn_find_key(const struct conn *c, struct str path, struct str client, struct str *ret)
{
    const struct request_view view = {
        .header = nth_header,
        .head = &c->req->head,
        .path = path,
        .client_address = client,
    };

    return request_key_find(&c->req->route->entry->route, &view, ret);
}

uint32_t conn_find_bucket(struct conn *c, struct str path, struct str client)
{
    struct str key;

    if (conn_find_key(c, path, client, &key))
        return bucket_of(str_of(c->req->route->entry->route.salt), key);
    return (uint32_t)rng_below(&c->lane->rng, BUCKETS);
}

/* Where nobody but new may answer, nobody is kept from it while its share rises: bucket 0 is always
 * among the first. Nor is anybody spared a probe. */
static bool is_admitted(struct conn *c, const struct decision *d)
{
    struct request *req = c->req;
    struct loop *loop = c->lane->loop;
    const struct route *route = &req->route->entry->route;
    const struct breaker_request asked = {
        .bucket = d->reason == DECIDE_LEGACY_FORBIDDEN ? 0 : d->bucket,
        .weight_bp = d->reason == DECIDE_WEIGHT ? route->weight_bp : WEIGHT_BP_MAX,
        .rescuable = req->repeatable || !req->may_fall_back,
    };

    return breaker_admit(req->route->breaker, &asked, loop_now(loop), loop_wall(loop),
                         &req->ticket);
}

void conn_choose_system(struct conn *c, uint32_t bucket)
{
    struct request *req = c->req;
    const struct ruleset_entry *entry = req->route->entry;
    struct decision d = decide(entry, bucket, BREAKER_CLOSED);

    if (d.system == SYSTEM_NEW && req->route->breaker && !is_admitted(c, &d))
        d = decide(entry, bucket, BREAKER_OPEN);
    req->system = d.system;
    req->reason = d.reason;
}

enum verdict step_decide(struct conn *c)
{
    struct request *req = c->req;

    req->bucket = conn_find_bucket(c, http1_path(&req->head), (struct str){c->peer, c->peer_len});
    conn_choose_system(c, req->bucket);
    if (req->system == SYSTEM_NONE) {
        conn_count_unserved(req);
        return conn_refuse(c, 503, "the new system's breaker is open, and legacy is forbidden",
                           false);
    }
    req->on_new = req->system == SYSTEM_NEW && req->route->breaker;
    req->mirrored = req->route->entry->route.mirror.share_bp > 0 && copy_is_chosen(c);
    if (req->route->entry->route.compare.sample_bp > 0)
        tap_choose(c);
    return conn_go(c, STEP_TAKE);
}

/* ---- take an upstream ------------------------------------------------------------------------ */

static void begin_connect(struct request *req)
{
    const struct route *route = &req->route->entry->route;

    req->asked_at = loop_now(req->view->lane->loop);
    upstream_expect(req->up, dur_ms(route->upstream[req->system].connect_timeout_ms));
}

static struct queue *queue_of(const struct request *req)
{
    return &req->route->tally->queue[req->system];
}

/* As long as it would wait for a connection to stand. */
static enum verdict wait_in_line(struct conn *c)
{
    struct request *req = c->req;
    const struct route *route = &req->route->entry->route;

    if (!queue_join(queue_of(req), c))
        return conn_fail(c, FAILURE_OVERLOAD);
    conn_give_time(c, dur_ms(route->upstream[req->system].connect_timeout_ms));
    return conn_go(c, STEP_QUEUE);
}

/* HTTP/2 can say that a request was not processed: then its body is needed again, whatever its
 * method. Where nobody else needs it a little of it is kept, until the answer begins. */
static void keep_for_refusal(struct request *req)
{
    struct upload *u = &req->upload;

    if (u->keep.max == 0 && !req->repeatable &&
        !(u->framing.kind == HTTP1_BODY_LENGTH && u->framing.length > SECOND_TRY_KEEP))
        upload_keep(u, SECOND_TRY_KEEP);
}

enum verdict step_take(struct conn *c)
{
    struct request *req = c->req;
    struct view_system *s = &req->route->system[req->system];
    bool may_repeat = req->idempotent && upload_can_restart(&req->upload);

    if (UNLIKELY(s->limit > 0) && queue_of(req)->first && !req->had_turn)
        return wait_in_line(c);
    for (;;) {
        struct upstream_pool *pool;

        req->endpoint = view_choose(s, req->tried, loop_now(c->lane->loop));
        if (req->endpoint == VIEW_FULL)
            return wait_in_line(c);
        if (req->endpoint == BALANCE_NONE)
            return conn_fail(c, FAILURE_CONNECT);
        pool = s->pool[req->endpoint];
        if (UNLIKELY(pool->h2 != NULL))
            keep_for_refusal(req);
        if (!req->fresh && !c->tcp)
            req->up = upstream_take(pool, c, !may_repeat);
        if (req->up)
            return conn_go(c, STEP_SEND);
        req->up = upstream_connect(pool, c);
        if (req->up) {
            begin_connect(req);
            return conn_go(c, STEP_CONNECT);
        }
        conn_blame_endpoint(c, false);
    }
}

/* The rule set changed while we were connecting: what it says now holds, if nothing was sent yet or
 * the request has no body and may begin anew. So an acknowledged rollback has no stragglers,
 * and legacy, once it is forbidden, none either. */
static bool is_overtaken(const struct conn *c)
{
    const struct request *req = c->req;

    return !req->rescued && req->view != c->lane->view &&
           (!req->counted || req->upload.framing.kind == HTTP1_BODY_NONE);
}

static enum verdict route_again(struct conn *c)
{
    struct request *req = c->req;

    conn_tell_breaker(c, BREAKER_ABANDONED);
    if (req->up && c->tcp)
        upstream_close(&req->up);
    else if (req->up)
        upstream_give(&req->up);
    tap_drop(steal(req->tap));
    view_unref(req->view);
    req->view = NULL;
    req->route = NULL;
    req->tried = 0;
    req->counted = false;
    req->had_turn = false;
    return conn_go(c, c->tcp ? STEP_PORT : STEP_ROUTE);
}

bool conn_has_turn(const struct conn *c)
{
    const struct request *req = c->req;
    const struct view_system *s = &req->route->system[req->system];

    return is_overtaken(c) || !view_is_full(s, req->tried, loop_now(c->lane->loop));
}

enum verdict step_queue(struct conn *c)
{
    struct request *req = c->req;

    if (req->waiter.queue) {
        if (!(c->late & CONN_CLIENT_LATE))
            return WAIT;
        c->late = 0;
        queue_leave(c);
        /* An endpoint that got well said nothing. */
        if (!conn_has_turn(c))
            return conn_fail(c, FAILURE_OVERLOAD);
        queue_wake(c->lane);
    }
    c->late = 0;
    deadline_off(&c->deadline); /* the queue's: the body has its own */
    req->had_turn = true;
    return is_overtaken(c) ? route_again(c) : conn_go(c, STEP_TAKE);
}

enum verdict step_connect(struct conn *c)
{
    struct request *req = c->req;
    enum transport_state state = TRANSPORT_FAILED;
    bool late = c->late & CONN_UPSTREAM_LATE;

    if (!late) {
        if (!(req->up->ready & (LOOP_WRITE | LOOP_HANGUP)))
            return WAIT;
        req->up->ready = 0;
        state = upstream_establish(req->up);
    }
    if (state == TRANSPORT_BEGINS)
        return WAIT;
    if (state == TRANSPORT_FAILED) {
        c->late = 0;
        upstream_close(&req->up);
        conn_blame_endpoint(c, late);
    }
    if (is_overtaken(c))
        return route_again(c);
    if (state == TRANSPORT_FAILED)
        return conn_go(c, STEP_TAKE);
    return conn_go(c, c->tcp ? STEP_JOIN : STEP_SEND);
}

/* ---- send the head --------------------------------------------------------------------------- */

/* The answer to Expect: 100-continue, unless the client did not wait for it. */
static bool invite_body(struct conn *c)
{
    struct request *req = c->req;
    struct gather g;

    if (req->continued || !req->head.expect_continue || req->upload.received ||
        !iobuf_is_empty(c->in) || req->head.minor == 0)
        return true;
    req->continued = true;
    gather_init(&g, c->lane->scratch, c->lane->bufs.size);
    gather_add(&g, HTTP1_CONTINUE);
    return conn_send(c, &g);
}

bool conn_is_kept_from(const struct conn *c, enum system system)
{
    const struct request *req = c->req;
    const struct ruleset_entry *e;

    if (LIKELY(req->view == c->lane->view))
        return false;
    e = ruleset_find(c->lane->view->live->set, req->route->entry->route.migration.s);
    return e && !leave_may_stay(e, system, req->bucket);
}

/* It cannot be routed again: part of it was sent, or legacy is to rescue it. What it comes to is
 * what the try before came to, which counts as new's already if legacy was to rescue it. */
static enum verdict give_up_second_try(struct conn *c)
{
    if (!c->req->rescued)
        return conn_fail(c, FAILURE_BROKEN);
    return conn_refuse(c, 503, "the new system failed, and legacy is forbidden by now", false);
}

enum verdict step_send(struct conn *c)
{
    struct request *req = c->req;
    struct lane *lane = c->lane;
    const struct http1_out out = {.body = req->upload.framing, .upgrade = req->upgrade};
    struct gather g;
    size_t n;

    if (UNLIKELY(conn_is_kept_from(c, req->system)))
        return give_up_second_try(c);
    if (!invite_body(c))
        return conn_go(c, STEP_CLOSE);
    gather_init(&g, lane->scratch, lane->bufs.size);
    n = conn_write_head(c, out, NULL, gather_at(&g), gather_room(&g));
    if (n == 0)
        return conn_refuse(c, 431, "the head does not fit with what has to be added to it", true);
    gather_wrote(&g, n);
    conn_count_request(req);
    req->sends++;
    upload_piece(&req->upload, c->in, lane->config->max_body_bytes, &g);
    if (gather_send(&g, &req->up->transport, &lane->bufs, &req->up->out) == GATHER_BROKEN)
        req->up->broken = true;
    c->moved |= MOVED_UPSTREAM;
    req->sent_at = req->asked_at = loop_now(lane->loop);
    req->up->heard = false;
    conn_expect_answer(c);
    if (UNLIKELY(!req->upload.received && req->up->pool->h2 != NULL))
        lasting_begin_call(c);
    return conn_go(c, STEP_ANSWER);
}
