/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/lasting.h"

#include <utlist.h>

#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/leave.h"
#include "sidecar/proxy/relay.h"
#include "sidecar/proxy/tap.h"

/* gRPC over HTTP/2, "Responses": 14 is UNAVAILABLE, and says that another try may do better. */
#define UNAVAILABLE "grpc-status: 14\r\ngrpc-message: "
#define MOVED       STR(UNAVAILABLE "switchyard: this user's calls go to another system now\r\n")
#define STOPPING    STR(UNAVAILABLE "switchyard: this proxy is stopping\r\n")
/* The same, "Trailers-Only": what there is to say stands in the head. */
#define ONLY_HEAD                                               \
    STR("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n" \
        "Content-Length: 0\r\nConnection: close\r\n")

/* ---- life ------------------------------------------------------------------------------------ */

static bool is_lasting(const struct request *req, struct str *ret_media)
{
    if (req->download.framing.kind == HTTP1_BODY_LENGTH ||
        req->download.framing.kind == HTTP1_BODY_NONE ||
        !http1_find(&req->answer, STR("Content-Type"), ret_media))
        return false;
    return str_istarts(*ret_media, STR("text/event-stream")) ||
           str_istarts(*ret_media, STR("application/grpc"));
}

static bool is_call(const struct request *req)
{
    struct str media;

    return req->head.method == HTTP1_POST && http1_find(&req->head, STR("Content-Type"), &media) &&
           http1_grpc_is_type(media);
}

static void judge(struct lasting *l);

static void begin(struct conn *c)
{
    struct request *req = c->req;
    struct lane *lane = c->lane;

    if (req->lasting)
        return;
    req->lasting = true;
    req->stay = (struct lasting){.conn = c, .since = loop_now(lane->loop)};
    req->route->tally->stats.underway.lasting[req->system]++;
    DL_APPEND(lane->lasting, &req->stay);
    if (lane->draining)
        lasting_hurry(c, dur_ms(0), ENDING_DRAIN);
    else if (UNLIKELY(req->view != lane->view))
        judge(&req->stay);
}

void lasting_begin_call(struct conn *c)
{
    if (is_call(c->req))
        begin(c);
}

void lasting_begin(struct conn *c)
{
    struct request *req = c->req;
    struct str media;

    if (LIKELY(!is_lasting(req, &media))) {
        lasting_end(c);
        return;
    }
    begin(c);
    req->stay.grpc = http1_grpc_is_type(media) && req->download.framing.kind == HTTP1_BODY_CHUNKED;
    if (req->stay.grpc)
        req->download.messages = &req->stay.messages;
}

void lasting_end(struct conn *c)
{
    struct request *req = c->req;

    if (LIKELY(!req->lasting))
        return;
    req->lasting = false;
    req->download.messages = NULL;
    DL_DELETE(c->lane->lasting, &req->stay);
    deadline_cancel(&req->stay.deadline);
    req->route->tally->stats.underway.lasting[req->system]--;
}

void lasting_settle_probe(struct conn *c)
{
    const struct request *req = c->req;
    const bool spoke = req->download.body.payload > 0 && messages_are_whole(&req->stay.messages);

    if (req->ticket.probe && (spoke || !req->stay.grpc))
        conn_tell_breaker(c, conn_answer_failed(req) ? BREAKER_ERROR : BREAKER_SUCCESS);
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* All that came is through, and of a gRPC call whole messages. */
static bool ends_well(const struct conn *c)
{
    const struct request *req = c->req;

    if (c->out)
        return false;
    return req->stay.grpc ? messages_are_whole(&req->stay.messages) : iobuf_is_empty(req->up->in);
}

bool lasting_is_over(const struct conn *c)
{
    const struct lasting *l = &c->req->stay;

    return l->late || (l->leaving && (!c->req->answered || ends_well(c)));
}

/* The head of an answer that there is nothing of yet. */
static void begin_answer(struct conn *c, struct str why, struct gather *g)
{
    c->status = 200;
    c->closing = true;
    gather_add(g, ONLY_HEAD);
    gather_add(g, why);
    gather_add(g, STR("\r\n"));
}

/* A client that is still sending its request is told that nobody needs the rest, as behind any
 * answer that comes early. */
static enum verdict say_unavailable(struct conn *c)
{
    const struct str why = c->req->cut == ENDING_DRAIN ? STOPPING : MOVED;
    struct gather g;

    gather_init(&g, c->lane->scratch, c->lane->bufs.size);
    if (c->req->answered)
        download_finish(&c->req->download, why, &g);
    else
        begin_answer(c, why, &g);
    return conn_go(c, conn_send(c, &g) ? STEP_FINISH : STEP_CLOSE);
}

/* Half an answer is nothing to compare, and nothing to copy. */
static void drop_copies(struct request *req)
{
    tap_drop(steal(req->tap));
    req->download.tap = NULL;
    req->mirrored = false;
}

enum verdict lasting_leave(struct conn *c)
{
    struct request *req = c->req;

    req->cut = req->stay.why;
    upstream_close(&req->up);
    drop_copies(req);
    if ((req->stay.grpc || !req->answered) && !c->out)
        return say_unavailable(c);
    conn_end_request(c);
    iobuf_give(&c->lane->bufs, &c->in);
    return c->out || c->eof ? conn_go(c, STEP_CLOSE) : conn_linger(c);
}

/* ---- when ------------------------------------------------------------------------------------ */

static void on_deadline(struct timer *t)
{
    struct lasting *l = container_of(t, struct lasting, deadline.timer);
    struct loop *loop = l->conn->lane->loop;

    if (!deadline_is_due(loop, &l->deadline, on_deadline))
        return;
    l->late = l->leaving;
    l->leaving = l->messages.stops = true;
    if (!l->late)
        deadline_set(loop, &l->deadline, LEAVE_GRACE, on_deadline);
    conn_run(l->conn);
}

/* How much longer an ordinary answer that began when this one did could keep us waiting for its
 * next byte. */
static dur_t ordinary_rest(const struct request *req, mono_t now)
{
    const dur_t timeout =
        dur_ms(req->route->entry->route.upstream[req->system].response_timeout_ms);
    const mono_t until = mono_add(req->stay.since, timeout);

    return mono_before(now, until) ? mono_sub(until, now) : dur_ms(0);
}

/* While a place to end well may still come before the lane's own deadline. */
static dur_t until_drain_ends(const struct lane *lane, mono_t now)
{
    dur_t left = {mono_sub(lane->drain_ends, now).ns - LEAVE_GRACE.ns};

    if (!lane->draining)
        return (dur_t){INT64_MAX};
    return left.ns > 0 ? left : dur_ms(0);
}

void lasting_hurry(struct conn *c, dur_t window, enum ending why)
{
    struct lasting *l = &c->req->stay;
    struct lane *lane = c->lane;
    mono_t now = loop_now(lane->loop);
    dur_t after = leave_pick_after(&lane->rng, ordinary_rest(c->req, now), window,
                                   until_drain_ends(lane, now));

    if (l->leaving ||
        (deadline_is_on(&l->deadline) && mono_before(l->deadline.at, mono_add(now, after))))
        return;
    l->why = why;
    deadline_set(lane->loop, &l->deadline, after, on_deadline);
}

static void judge(struct lasting *l)
{
    struct lane *lane = l->conn->lane;
    const struct request *req = l->conn->req;
    const struct ruleset_entry *e =
        ruleset_find(lane->view->live->set, req->route->entry->route.migration.s);

    if (lane->draining || l->leaving)
        return;
    if (leave_may_stay(e, req->system, req->bucket))
        deadline_off(&l->deadline);
    else
        lasting_hurry(l->conn, leave_window(e, lane->config->tunnel_drain), leave_reason(e));
}

void lasting_cut_all(struct lane *lane)
{
    struct lasting *l;

    DL_FOREACH (lane->lasting, l)
        l->conn->req->cut = ENDING_DRAIN;
}

void lasting_judge_all(struct lane *lane)
{
    struct lasting *l;

    DL_FOREACH (lane->lasting, l)
        judge(l);
}
