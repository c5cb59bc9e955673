/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an answer: both bodies on their way at once, the upstream's head, its body. */
#include <errno.h>

#include "common/base/check.h"
#include "common/http1/http1_write.h"
#include "sidecar/proxy/bulk.h"
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/lasting.h"
#include "sidecar/proxy/relay.h"
#include "sidecar/proxy/tap.h"
#include "sidecar/proxy/tunnel.h"
#include "sidecar/proxy/upgrade.h"

/* ---- the upstream's bytes -------------------------------------------------------------------- */

static void make_room(struct iobuf *b, size_t size)
{
    if (b->start == b->end)
        b->start = b->end = 0;
    else if (size - b->end < size / 4)
        iobuf_compact(b, b->start);
}

/* In the turn in which the request went, an event tells of bytes that were there before it: on a
 * kept connection they answer nobody. For a request that has no second try, upstream_take() has
 * looked for them. */
static bool spoke_unasked(const struct conn *c, const struct upstream *u)
{
    const struct request *req = c->req;
    bool same_turn = !mono_before(req->sent_at, loop_now(c->lane->loop));

    return same_turn && u->reused && !u->pool->h2 && req->idempotent &&
           upload_can_restart(&req->upload);
}

/* True when something is new: bytes, or the end of them. */
static bool fill_upstream(struct conn *c, struct upstream *u)
{
    struct iobuf_pool *pool = &c->lane->bufs;
    size_t room;
    ssize_t n;

    if (!(u->ready & (LOOP_READ | LOOP_HANGUP)) || u->eof)
        return false;
    u->ready &= ~LOOP_READ;
    if (!u->in)
        u->in = iobuf_take(pool);
    make_room(u->in, pool->size);
    room = iobuf_room(pool, u->in);
    CHECK(room > 0); /* heads are limited, and bodies leave before the next */
    n = transport_recv(&u->transport, u->in->data + u->in->end, room);
    u->full = n == (ssize_t)room;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (UNLIKELY(n > 0 && spoke_unasked(c, u)))
        n = 0; /* it is no good any more */
    if (n > 0) {
        u->in->end += (uint32_t)n;
        u->heard = true;
        c->moved |= MOVED_UPSTREAM;
    } else {
        u->eof = true;
        u->broken |= n < 0;
    }
    return true;
}

/* Send on what the client has sent, as far as the upstream takes it. */
static void pump_upload(struct conn *c)
{
    struct request *req = c->req;
    struct lane *lane = c->lane;
    struct upstream *u = req->up;
    enum gather_result r = GATHER_SENT;
    struct gather g;

    if (req->upload.sent && !u->out)
        return;
    if (u->out && u->ready & LOOP_WRITE) {
        u->ready &= ~LOOP_WRITE;
        c->moved |= MOVED_UPSTREAM;
        r = gather_flush(&u->transport, &lane->bufs, &u->out);
    }
    while (r == GATHER_SENT && !u->out && !u->broken) {
        gather_init(&g, lane->scratch, lane->bufs.size);
        if (!upload_piece(&req->upload, c->in, lane->config->max_body_bytes, &g))
            return;
        req->asked_at = loop_now(lane->loop);
        c->moved |= MOVED_UPSTREAM;
        r = gather_send(&g, &u->transport, &lane->bufs, &u->out);
    }
    if (r == GATHER_BROKEN) {
        u->broken = true;
        iobuf_give(&lane->bufs, &u->out);
    }
}

/* ---- the head of the answer ------------------------------------------------------------------ */

static void note_answered(struct request *req)
{
    struct system_stats *stats = req->route->tally->stats.system;

    req->answered = true;
    if (req->rescued)
        stats[SYSTEM_NEW].fallbacks++;
}

static struct http1_extra exposed_system(const struct request *req)
{
    return (struct http1_extra){
        .name = STR("X-Switchyard-System"),
        .value = str_of(system_name(req->system)),
        .replace = true,
    };
}

/* RFC 9110 7.8: a switch that was not asked for, or before the request is through, is none. */
static bool may_switch(const struct request *req)
{
    return req->upgrade && req->upload.sent && !req->up->out &&
           upgrade_agrees(&req->head, &req->answer);
}

static enum verdict switch_protocols(struct conn *c)
{
    struct request *req = c->req;
    const struct http1_extra system = exposed_system(req);
    const struct http1_out out = {
        .upgrade = true,
        .extra = &system,
        .extra_count = req->route->entry->route.expose_system,
    };
    struct gather g;
    size_t n;

    if (!may_switch(req))
        return conn_fail(c, FAILURE_BROKEN);
    gather_init(&g, c->lane->scratch, c->lane->bufs.size);
    n = http1_write_response(&req->answer, &out, gather_at(&g), gather_room(&g));
    if (n == 0)
        return conn_fail(c, FAILURE_BROKEN);
    req->heard_at = loop_now(c->lane->loop);
    note_answered(req);
    conn_count_answer(c);
    req->route->tally->stats.system[req->system].tunnels++;
    gather_wrote(&g, n);
    if (!conn_send(c, &g))
        return conn_go(c, STEP_CLOSE);
    tunnel_begin(c);
    return conn_go(c, STEP_TUNNEL);
}

/* 1xx go on to clients that know them, but 100 is our own affair. RFC 9110 15.2. False: that was
 * the end, c->step says how. */
static bool pass_interim(struct conn *c)
{
    struct request *req = c->req;
    const struct http1_out out = {.body = {.kind = HTTP1_BODY_NONE}};
    struct gather g;
    size_t n;

    if (req->answer.status == 101) {
        switch_protocols(c);
        return false;
    }
    if (req->answer.status != 100 && req->head.minor > 0) {
        gather_init(&g, c->lane->scratch, c->lane->bufs.size);
        n = http1_write_response(&req->answer, &out, gather_at(&g), gather_room(&g));
        if (n > 0)
            gather_wrote(&g, n);
        if (!conn_send(c, &g)) {
            conn_go(c, STEP_CLOSE);
            return false;
        }
    }
    conn_expect_answer(c);
    return true;
}

static enum http1_connection connection_of(const struct conn *c)
{
    if (c->closing)
        return HTTP1_CONNECTION_CLOSE;
    return c->req->head.minor == 0 ? HTTP1_CONNECTION_KEEP_ALIVE : HTTP1_CONNECTION_SILENT;
}

static void decide_closing(struct conn *c)
{
    struct request *req = c->req;

    if (!req->upload.received || c->lane->draining ||
        req->download.framing.kind == HTTP1_BODY_UNTIL_CLOSE)
        c->closing = true;
}

static enum verdict begin_answer(struct conn *c)
{
    struct request *req = c->req;
    const struct http1_extra system = exposed_system(req);
    struct http1_out out = {
        .extra = &system,
        .extra_count = req->route->entry->route.expose_system,
        .upgrade = req->answer.status == 426 && req->answer.upgrade, /* says what it would take */
    };
    struct gather g;
    size_t n;

    download_init(&req->download, http1_response_framing(&req->answer, req->head.method),
                  req->head.minor);
    if (!req->answer.names_fields)
        download_pass_trailers(&req->download);
    if (UNLIKELY(req->up->pool->h2 != NULL) && !req->mirrored && !req->tap)
        upload_keep_no_more(&req->upload);
    decide_closing(c);
    out.body = req->download.framing;
    out.connection = connection_of(c);
    if (!req->answer.has_date)
        out.date = conn_date(c);
    gather_init(&g, c->lane->scratch, c->lane->bufs.size);
    n = http1_write_response(&req->answer, &out, gather_at(&g), gather_room(&g));
    if (n == 0)
        return conn_fail(c, FAILURE_BROKEN);
    req->heard_at = loop_now(c->lane->loop);
    lasting_begin(c);
    if (req->tap)
        tap_head(req->tap, &req->answer);
    req->download.tap = req->tap;
    gather_wrote(&g, n);
    if (!download_piece(&req->download, req->up->in, &g)) {
        lasting_end(c); /* there may be another answer */
        return conn_fail(c, FAILURE_BROKEN);
    }
    note_answered(req);
    if (!conn_send(c, &g))
        return conn_go(c, STEP_CLOSE);
    return conn_go(c, STEP_RELAY);
}

static enum verdict read_answer(struct conn *c)
{
    struct request *req = c->req;
    struct upstream *u = req->up;

    /* An interim answer that is not through yet keeps the next one waiting. */
    while (!iobuf_is_empty(u->in) && !c->out) {
        const char *data = u->in->data + u->in->start;
        enum http1_result r = http1_parse(&req->answer_parser, data, u->in->end - u->in->start);

        if (r == HTTP1_MORE)
            return WAIT;
        if (r == HTTP1_REFUSED)
            return conn_fail(c, FAILURE_UNREADABLE);
        u->in->start += req->answer.size;
        if (req->answer.status >= 200) {
            /* gRPC takes HTTP/2, and a call is a POST. */
            if (UNLIKELY(u->pool->h2 != NULL) && req->head.method == HTTP1_POST)
                http1_grpc_begin(&req->grpc, &req->answer);
            if (conn_answer_failed(req) && conn_can_fall_back(c, FAILURE_5XX))
                return conn_fail(c, FAILURE_5XX);
            return begin_answer(c);
        }
        if (!pass_interim(c))
            return NEXT;
    }
    return WAIT;
}

static bool has_other_endpoint(const struct request *req)
{
    const unsigned tried = req->tried | 1u << req->endpoint;

    return tried != (1u << req->route->system[req->system].count) - 1;
}

static bool may_send_again(struct conn *c, bool refused)
{
    struct request *req = c->req;

    if (req->up->heard || req->fresh || !upload_can_restart(&req->upload))
        return false;
    if (refused)
        return conn_may_insist(c);
    return req->idempotent && (req->up->reused || has_other_endpoint(req));
}

/* A pooled connection that ends before it said a word was closed while idle, most likely: that is
 * nobody's fault, and a request that may be repeated is. So it is, once, when an endpoint dies
 * under it and there is another; and, whatever its method, when the system says goodbye (HTTP/2)
 * without having processed it. */
static enum verdict take_end(struct conn *c)
{
    struct request *req = c->req;
    const bool refused = !req->up->heard && transport_was_refused(&req->up->transport);

    req->sends -= refused;
    if (!may_send_again(c, refused))
        return conn_fail(c, refused ? FAILURE_REFUSED : FAILURE_BROKEN);
    if (!refused && !req->up->reused)
        conn_blame_endpoint(c, false);
    lasting_end(c);
    upstream_close(&req->up);
    upload_restart(&req->upload);
    req->fresh = true;
    return conn_go(c, STEP_TAKE);
}

enum verdict step_answer(struct conn *c)
{
    struct request *req = c->req;
    enum verdict v;

    if (c->late & CONN_UPSTREAM_LATE)
        return conn_fail(c, FAILURE_TIMEOUT);
    if (c->late & CONN_CLIENT_LATE)
        return conn_refuse(c, 408, "the request's body did not arrive in time", true);
    if (!conn_flush(c))
        return conn_go(c, STEP_CLOSE);
    if (UNLIKELY(req->lasting) && lasting_is_over(c))
        return lasting_leave(c);
    pump_upload(c);
    if (req->upload.fault)
        return conn_refuse(c, req->upload.fault, req->upload.why, true);
    if (c->eof && !req->upload.received && iobuf_is_empty(c->in))
        return conn_go(c, STEP_CLOSE);
    do {
        v = read_answer(c);
        if (v != WAIT || c->out)
            return v;
        if (req->up->eof)
            return take_end(c);
    } while (fill_upstream(c, req->up));
    return WAIT;
}

/* ---- the body of the answer ------------------------------------------------------------------ */

/* The next piece to the client. False: the upstream's answer cannot be completed, or the client is
 * gone, and *ret_why says which (FAILURE_NONE: that is nobody's failure). */
static bool pump_download(struct conn *c, enum failure *ret_why)
{
    struct request *req = c->req;
    struct upstream *u = req->up;
    struct gather g;

    *ret_why = FAILURE_BROKEN;
    gather_init(&g, c->lane->scratch, c->lane->bufs.size);
    if (!iobuf_is_empty(u->in)) {
        if (!download_piece(&req->download, u->in, &g))
            return false;
    } else if (u->eof && (u->broken || !download_end(&req->download, &g))) {
        return false;
    }
    *ret_why = FAILURE_NONE;
    return conn_send(c, &g);
}

enum verdict step_relay(struct conn *c)
{
    struct request *req = c->req;
    enum failure why;

    if (!conn_flush(c))
        return conn_go(c, STEP_CLOSE);
    pump_upload(c);
    if (c->late)
        return conn_fail(c, c->late & CONN_UPSTREAM_LATE ? FAILURE_TIMEOUT : FAILURE_NONE);
    /* No refusal can follow a part of an answer, and the system would wait for the rest in vain. */
    if (req->upload.fault && !req->download.done)
        return conn_fail(c, FAILURE_NONE);
    if (!req->download.done && bulk_applies(c))
        return bulk_relay(c);
    while (!req->download.done) {
        if (UNLIKELY(req->lasting) && lasting_is_over(c))
            return lasting_leave(c);
        if (c->out || (iobuf_is_empty(req->up->in) && !fill_upstream(c, req->up))) {
            if (UNLIKELY(req->lasting))
                lasting_settle_probe(c);
            return WAIT;
        }
        if (!pump_download(c, &why))
            return conn_fail(c, why);
    }
    return conn_go(c, STEP_FINISH);
}
