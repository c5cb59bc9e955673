/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/conn.h"

#include <errno.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/debug_tap.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/lasting.h"
#include "sidecar/proxy/relay.h"
#include "sidecar/proxy/tap.h"
#include "sidecar/proxy/tcp.h"
#include "sidecar/proxy/tunnel.h"
#include "sidecar/transport/tls.h"

#define SPARE_REQUESTS_MAX 256
/* While draining, a kept-alive client has this long to come with another request. */
#define HURRY dur_s(1)
/* How long a client may take to close after a refusal. */
#define LINGER dur_s(2)

/* ---- the steps ------------------------------------------------------------------------------- */

static enum verdict step_close(struct conn *c UNUSED)
{
    return DONE;
}

const struct step_row conn_steps[STEP_COUNT] = {
    [STEP_HEAD] = {"head", step_head, WAITS_FOR_CLIENT},
    [STEP_EDGE] = {"edge", step_edge, WAITS_FOR_CLIENT},
    [STEP_ROUTE] = {"route", step_route, 0},
    [STEP_DECIDE] = {"decide", step_decide, 0},
    [STEP_TAKE] = {"take", step_take, 0},
    [STEP_QUEUE] = {"queue", step_queue, WAITS_FOR_UPSTREAM},
    [STEP_CONNECT] = {"connect", step_connect, WAITS_FOR_UPSTREAM},
    [STEP_SEND] = {"send", step_send, 0},
    [STEP_ANSWER] = {"answer", step_answer, WAITS_FOR_CLIENT | WAITS_FOR_UPSTREAM},
    [STEP_RELAY] = {"relay", step_relay, WAITS_FOR_CLIENT | WAITS_FOR_UPSTREAM},
    [STEP_PORT] = {"port", step_port, 0},
    [STEP_JOIN] = {"join", step_join, 0},
    [STEP_TUNNEL] = {"tunnel", step_tunnel, WAITS_FOR_CLIENT | WAITS_FOR_UPSTREAM},
    [STEP_FAILED] = {"failed", step_failed, 0},
    [STEP_REFUSE] = {"refuse", step_refuse, WAITS_FOR_CLIENT},
    [STEP_FINISH] = {"finish", step_finish, WAITS_FOR_CLIENT},
    [STEP_LINGER] = {"linger", step_linger, WAITS_FOR_CLIENT},
    [STEP_CLOSE] = {"close", step_close, 0},
};

enum verdict conn_go(struct conn *c, enum step step)
{
    c->step = step;
    return NEXT;
}

enum verdict conn_refuse(struct conn *c, unsigned status, const char *why, bool bad)
{
    c->status = (uint16_t)status;
    c->why = why;
    c->bad = bad;
    return conn_go(c, c->tcp ? STEP_CLOSE : STEP_REFUSE);
}

enum verdict conn_fail(struct conn *c, enum failure failure)
{
    c->req->failure = failure;
    return conn_go(c, STEP_FAILED);
}

/* ---- what a waiting connection waits for ----------------------------------------------------- */

/* The first byte that must stay: a request's head may be needed for a second try. */
static uint32_t kept_from(const struct conn *c)
{
    return c->req ? c->req->at : c->in->start;
}

static uint32_t kept_to(const struct conn *c)
{
    return c->req ? c->req->at + c->req->head.size : 0;
}

static bool has_room(const struct conn *c)
{
    if (!c->in || c->in->end < c->lane->bufs.size)
        return true;
    return kept_from(c) > 0 || c->in->start > kept_to(c);
}

/* It has yet to take what we have for it. */
static bool client_lags(const struct conn *c)
{
    const struct pipe *p = c->req ? c->req->download.pipe : NULL;

    return c->out || (p && p->held > 0);
}

static void want_client(struct conn *c)
{
    bool reads = !c->eof && (c->step == STEP_LINGER || has_room(c));

    transport_want(&c->transport, (reads ? LOOP_READ : 0u) | (client_lags(c) ? LOOP_WRITE : 0u));
}

static void want_upstream(struct conn *c, struct upstream *u)
{
    bool reads = !u->eof && !client_lags(c);

    if (u->transport.silent)
        return;
    /* A dead socket reports so in every turn: stop listening to it until its turn comes. */
    if (u->ready & LOOP_HANGUP && u->connected) {
        transport_silence(&u->transport);
        return;
    }
    if (!u->connected)
        transport_want(&u->transport, LOOP_WRITE);
    else
        transport_want(&u->transport, (reads ? LOOP_READ : 0u) | (u->out ? LOOP_WRITE : 0u));
}

static void on_deadline(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, deadline.timer);

    if (deadline_is_due(c->lane->loop, &c->deadline, on_deadline))
        conn_on_timeout(c, CONN_CLIENT_LATE);
}

void conn_give_time(struct conn *c, dur_t within)
{
    deadline_set(c->lane->loop, &c->deadline, within, on_deadline);
}

/* Of a request that waits for its client. Not measured is the body of one whose answer has begun: a
 * stream in both directions has something to say when it has. */
static bool client_drips(struct conn *c)
{
    const struct proxy_config *config = c->lane->config;
    struct request *req = c->req;

    if (config->min_rate == 0 || (req->answered && !client_lags(c)))
        return false;
    return !pace_holds(&req->pace, req->upload.body.payload + req->to_client - iobuf_view(c->out).n,
                       loop_now(c->lane->loop), config->body_timeout, config->min_rate);
}

/* A stream of events may rest as a tunnel may, and so may both sides of a call that was answered.
 * Before that anybody could say that his request is a call. */
static bool may_rest(const struct request *req)
{
    return req->lasting && req->answered;
}

/* Time runs against whoever has the next byte to deliver or to take; each byte starts it anew, if
 * there are enough of them. A client that does not take what comes may not rest, nor may one that
 * has finished sending before its body was whole. */
static dur_t client_time(struct conn *c)
{
    const struct proxy_config *config = c->lane->config;
    bool rests = c->req && may_rest(c->req) && !client_lags(c) && !c->eof;

    if (c->req && client_drips(c))
        return dur_ms(0);
    return rests ? config->tunnel_idle : config->body_timeout;
}

static dur_t upstream_time(const struct conn *c)
{
    const struct request *req = c->req;

    if (may_rest(req))
        return c->lane->config->tunnel_idle;
    return dur_ms(req->route->entry->route.upstream[req->system].response_timeout_ms);
}

static void set_busy_deadlines(struct conn *c)
{
    struct request *req = c->req;
    struct upstream *u = req ? req->up : NULL;
    bool uploads = u && u->connected && !u->broken && !req->upload.sent && !u->out;
    bool on_client = uploads || client_lags(c) || c->step == STEP_EDGE;

    if (!on_client) {
        deadline_off(&c->deadline);
        if (req)
            pace_rest(&req->pace, loop_now(c->lane->loop));
    } else if (c->moved & MOVED_CLIENT || !deadline_is_on(&c->deadline)) {
        conn_give_time(c, client_time(c));
    }

    if (!u || !u->connected)
        return;
    if (on_client)
        deadline_off(&u->deadline);
    else if (c->moved & MOVED_UPSTREAM || !deadline_is_on(&u->deadline))
        upstream_expect(u, upstream_time(c));
}

/* Bytes that may yet be HTTP/2's preface have the time of a head, from the first one on. */
static void set_preface_deadline(struct conn *c)
{
    const dur_t most = c->lane->config->header_timeout;

    if (mono_before(mono_add(loop_now(c->lane->loop), most), c->deadline.at))
        conn_give_time(c, most);
}

static void set_deadlines(struct conn *c)
{
    const struct proxy_config *config = c->lane->config;

    if (c->step == STEP_HEAD && !c->req && c->in) {
        set_preface_deadline(c);
    } else if (c->step == STEP_HEAD && !c->req) {
        if (c->moved || !deadline_is_on(&c->deadline))
            conn_give_time(c, c->lane->draining ? HURRY : config->idle_timeout);
    } else if (c->step == STEP_HEAD) {
        /* From the head's first byte on; more bytes buy no more time. */
        if (c->req->head_waits)
            return;
        c->req->head_waits = true;
        conn_give_time(c, config->header_timeout);
    } else if (c->step == STEP_LINGER) {
        if (!deadline_is_on(&c->deadline))
            conn_give_time(c, LINGER);
    } else if (c->step == STEP_TUNNEL) {
        tunnel_set_deadline(c);
    } else if (c->step != STEP_QUEUE) { /* there it has had one since it joined */
        set_busy_deadlines(c);
    }
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void make_room(struct conn *c)
{
    struct iobuf *in = c->in;

    /* Everything behind the head is consumed: start over there, for nothing has to be moved. */
    if (in->start == in->end)
        in->start = in->end = kept_to(c);
    if (c->lane->bufs.size - in->end >= c->lane->bufs.size / 4)
        return;
    if (!c->req) {
        iobuf_compact(in, in->start);
    } else if (c->req->at > 0) {
        iobuf_compact(in, c->req->at);
        c->req->at = 0;
        c->req->head.base = in->data;
    } else if (in->start > kept_to(c)) {
        uint32_t to = kept_to(c);

        memmove(in->data + to, in->data + in->start, in->end - in->start);
        in->end -= in->start - to;
        in->start = to;
    }
}

/* Read once if there is something to read; false: the client is gone. */
static bool fill(struct conn *c)
{
    ssize_t n;

    if (!(c->ready & LOOP_READ) || c->eof)
        return true;
    c->ready &= ~LOOP_READ;
    if (!c->in)
        c->in = iobuf_take(&c->lane->bufs);
    make_room(c);
    if (iobuf_room(&c->lane->bufs, c->in) == 0)
        return true;
    n = transport_recv(&c->transport, c->in->data + c->in->end, iobuf_room(&c->lane->bufs, c->in));
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        c->eof = true;
    c->in->end += (uint32_t)n;
    c->moved |= MOVED_CLIENT;
    return true;
}

bool conn_send(struct conn *c, struct gather *g)
{
    if (g->total > 0)
        c->moved |= MOVED_CLIENT;
    if (c->req)
        c->req->to_client += g->total;
    return gather_send(g, &c->transport, &c->lane->bufs, &c->out) != GATHER_BROKEN;
}

bool conn_flush(struct conn *c)
{
    if (!c->out || !(c->ready & LOOP_WRITE))
        return true;
    c->ready &= ~LOOP_WRITE;
    c->moved |= MOVED_CLIENT;
    return gather_flush(&c->transport, &c->lane->bufs, &c->out) != GATHER_BROKEN;
}

struct str conn_date(struct conn *c)
{
    return http1_date_at(&c->lane->date, loop_wall(c->lane->loop));
}

/* ---- running --------------------------------------------------------------------------------- */

/* False: it is gone. */
static bool look_at_client(struct conn *c)
{
    if (c->ready & LOOP_HANGUP)
        return false;
    return c->step == STEP_LINGER || fill(c);
}

static void want(struct conn *c)
{
    if (c->step == STEP_TUNNEL) {
        tunnel_want(c);
        return;
    }
    want_client(c);
    if (c->req && c->req->up)
        want_upstream(c, c->req->up);
}

void conn_run(struct conn *c)
{
    enum verdict v = NEXT;

    if (c->step != STEP_TUNNEL && !look_at_client(c))
        c->step = STEP_CLOSE;
    while (v == NEXT)
        v = conn_steps[c->step].run(c);
    if (v == DONE) {
        conn_destroy(c);
        return;
    }
    CHECK(conn_steps[c->step].waits);
    want(c);
    set_deadlines(c);
    c->ready = 0;
    c->late = 0;
    c->moved = 0;
}

static void on_event(struct transport *t, unsigned events)
{
    struct conn *c = container_of(t, struct conn, transport);

    c->ready |= events;
    conn_run(c);
}

void conn_on_timeout(struct conn *c, unsigned late)
{
    c->late |= late;
    conn_run(c);
}

void conn_hurry(struct conn *c, dur_t window)
{
    if (c->step == STEP_HEAD && !c->req)
        conn_give_time(c, HURRY);
    else if (c->step == STEP_TUNNEL)
        tunnel_hurry(c, window, ENDING_DRAIN);
    else if (c->req && c->req->lasting)
        lasting_hurry(c, window, ENDING_DRAIN);
}

/* ---- requests -------------------------------------------------------------------------------- */

struct request *conn_begin_request(struct conn *c)
{
    struct lane *lane = c->lane;
    struct request *req = lane->spare_requests;

    if (req) {
        lane->spare_requests = req->next;
        lane->spare_request_count--;
        memset(req, 0, offsetof(struct request, headers));
    } else {
        req = xnew(struct request);
    }
    req->at = c->in ? c->in->start : 0;
    req->began = loop_now(lane->loop);
    c->status = 0;
    c->begun = true;
    http1_parser_init(&req->parser, HTTP1_REQUEST, lane->limits, &req->head, req->headers,
                      HTTP1_HEADERS_MAX);
    c->req = req;
    return req;
}

void conn_expect_answer(struct conn *c)
{
    struct request *req = c->req;

    http1_parser_init(&req->answer_parser, HTTP1_RESPONSE, c->lane->limits, &req->answer,
                      req->answer_headers, HTTP1_HEADERS_MAX);
}

static bool is_watched(const struct lane *lane)
{
    return lane->access || debug_tap_is_open(lane->shared->debug);
}

static void log_request(struct conn *c)
{
    struct lane *lane = c->lane;

    if (lane->access)
        access_log_note(lane->access, c, &lane->rng);
    if (debug_tap_is_open(lane->shared->debug))
        debug_tap_note(lane->shared->debug, c);
}

/* A connection that is split as a whole has its line when it ends. */
static void log_what_ends(struct conn *c)
{
    if (!c->tcp)
        log_request(c);
    else if (!c->tunnel)
        tcp_log_unjoined(c);
}

void conn_end_request(struct conn *c)
{
    struct request *req = c->req;
    struct lane *lane = c->lane;

    if (!req)
        return;
    conn_tell_breaker(c, BREAKER_ABANDONED);
    conn_count_bytes(req);
    if (UNLIKELY(is_watched(lane)) && !c->edge)
        log_what_ends(c);
    queue_leave(c);
    lasting_end(c);
    c->req = NULL;
    upstream_close(&req->up);
    tap_drop(req->tap);
    pipe_give(&lane->pipes, &req->download.pipe);
    view_unref(req->view);
    upload_deinit(&req->upload);
    download_deinit(&req->download);
    if (lane->spare_request_count == SPARE_REQUESTS_MAX) {
        xfreep(&req);
        return;
    }
    req->next = lane->spare_requests;
    lane->spare_requests = req;
    lane->spare_request_count++;
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool open_transport(struct conn *c, const struct door *door, int fd,
                           const struct address *peer)
{
    const struct proxy_config *config = door->lane->config;
    const struct tls_accept_how how = {config->tls, &peer->u.any, config->header_timeout};
    struct loop *loop = door->lane->loop;

    if (door->kind == DOOR_TLS)
        return tls_accept(&c->transport, loop, fd, &how, LOOP_READ, on_event);
    return transport_open(&c->transport, loop, fd, LOOP_READ, on_event);
}

/* Its transport is open. */
static void begin(struct conn *c, struct lane *lane, bool refuse)
{
    c->lane = lane;
    DL_APPEND(lane->conns, c);
    lane_count_client(lane, +1);
    if (refuse) {
        conn_refuse(c, 503, "this proxy has as many connections as it allows", true);
        conn_run(c);
    } else if (c->tcp) {
        c->step = STEP_PORT;
        conn_run(c);
    } else {
        set_deadlines(c);
    }
}

void conn_accept(struct door *door, int fd, const struct address *peer, bool refuse)
{
    struct lane *lane = door->lane;
    struct conn *c = xnew(struct conn);

    if (!open_transport(c, door, fd, peer)) {
        xfreep(&c);
        return;
    }
    c->secure = door->kind == DOOR_TLS;
    c->edge = door->kind == DOOR_EDGE;
    c->tcp = door->kind == DOOR_CONNECTIONS;
    c->peer_len = (uint8_t)address_text(peer, c->peer);
    begin(c, lane, refuse);
}

void conn_accept_stream(struct h2_door *door, struct h2_stream *stream)
{
    struct lane *lane = door->lane;
    struct conn *c = xnew(struct conn);

    h2_stream_take(stream, &c->transport, LOOP_READ, on_event);
    c->secure = door->secure;
    c->http2 = true;
    c->peer_len = door->peer_len;
    memcpy(c->peer, door->peer, sizeof c->peer);
    begin(c, lane, lane_is_full(lane));
}

void conn_destroy(struct conn *c)
{
    struct lane *lane = c->lane;

    conn_end_request(c);
    tunnel_end(c);
    iobuf_give(&lane->bufs, &c->in);
    iobuf_give(&lane->bufs, &c->out);
    deadline_cancel(&c->deadline);
    transport_close(&c->transport);
    DL_DELETE(lane->conns, c);
    lane_count_client(lane, -1);
    xfreep(&c);
    lane_note_closed(lane);
}
