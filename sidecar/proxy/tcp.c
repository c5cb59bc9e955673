/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/tcp.h"

#include "common/base/mem.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/debug_tap.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/relay.h"
#include "sidecar/proxy/tunnel.h"

/* ---- the steps ------------------------------------------------------------------------------- */

/* Where the client found us. */
static struct view_route *find_route(struct conn *c)
{
    struct address at = {.len = sizeof at.u};

    if (!c->lane->view || getsockname(transport_plain_fd(&c->transport), &at.u.any, &at.len) < 0)
        return NULL;
    return view_match_port(c->lane->view, &at);
}

/* A port that no route has any more is closing. */
enum verdict step_port(struct conn *c)
{
    struct request *req = c->req ? c->req : conn_begin_request(c);
    const struct route *route;

    req->route = find_route(c);
    if (!req->route)
        return conn_go(c, STEP_CLOSE);
    route = &req->route->entry->route;
    req->view = c->lane->view;
    req->view->refs++;
    req->head.base = "";
    req->may_fall_back = route->fallback.on != 0 && !route->forbid_legacy;
    req->repeatable = req->may_fall_back; /* nothing is said before the sides are joined */
    upload_init(&req->upload, (struct http1_framing){.kind = HTTP1_BODY_NONE}, 0);
    return conn_go(c, STEP_DECIDE);
}

enum verdict step_join(struct conn *c)
{
    conn_count_request(c->req);
    tunnel_begin(c);
    return conn_go(c, STEP_TUNNEL);
}

static enum ending ending_of(const struct conn *c)
{
    const struct request *req = c->req;

    if (!req->route)
        return ENDING_UNROUTED;
    if (req->system == SYSTEM_NONE)
        return ENDING_NOBODY;
    if (req->failure != FAILURE_NONE)
        return req->failure == FAILURE_OVERLOAD ? ENDING_OVERLOAD : ENDING_CONNECT;
    return c->lane->draining ? ENDING_DRAIN : ENDING_CLIENT;
}

static void log_end(struct conn *c, struct access_end end)
{
    struct lane *lane = c->lane;
    CLEANUP(xfreep) char *origin = access_log_origin(lane->access, c);

    end.origin = origin;
    if (origin)
        access_log_note_end(lane->access, &end, &lane->rng);
}

void tcp_log_unjoined(struct conn *c)
{
    struct lane *lane = c->lane;
    const struct access_end end = {
        .kind = "tcp",
        .ending = ending_of(c),
        .rescued = c->req->rescued,
        .at = loop_wall(lane->loop),
        .took = mono_sub(loop_now(lane->loop), c->req->began),
    };

    if (lane->access)
        log_end(c, end);
    if (debug_tap_is_open(lane->shared->debug))
        debug_tap_note_failed(lane->shared->debug, c, end);
}

/* ---- trial ----------------------------------------------------------------------------------- */

void trial_begin(struct conn *c, struct trial *ret)
{
    struct request *req = c->req;
    struct health *health = req->route->system[req->system].health;
    mono_t now = loop_now(c->lane->loop);

    *ret = (struct trial){
        .on = true,
        .health = health ? health_ref(health) : NULL,
        .endpoint = req->endpoint,
        .ticket = req->ticket,
        .began = now,
        .took = mono_sub(now, req->asked_at),
    };
    if (req->on_new)
        ret->breaker = breaker_ref(req->route->breaker);
    req->on_new = false;
    hist_add(&req->route->tally->stats.system[req->system].latency, (uint64_t)dur_to_us(ret->took));
}

static void end_trial(struct conn *c, enum breaker_outcome outcome)
{
    struct tunnel *t = c->tunnel;
    struct trial *trial = &t->trial;
    struct lane *lane = c->lane;
    mono_t now = loop_now(lane->loop);
    wall_t wall = loop_wall(lane->loop);

    if (outcome == BREAKER_ERROR) {
        t->ending = ENDING_UNANSWERED;
        t->tally->stats.system[t->system].errors++;
        health_note_failure(trial->health, trial->endpoint, 1, now, wall);
    } else if (outcome == BREAKER_SUCCESS) {
        health_note_success(trial->health, trial->endpoint);
    }
    if (trial->breaker)
        breaker_report(trial->breaker, breaker_cell(trial->breaker, lane->index), trial->ticket,
                       outcome, trial->took, now, wall);
    breaker_unref(trial->breaker);
    health_unref(trial->health);
    *trial = (struct trial){.on = false};
}

void trial_look(struct conn *c, bool over)
{
    const struct tunnel *t = c->tunnel;
    const bool young = mono_sub(loop_now(c->lane->loop), t->trial.began).ns < TRIAL_TIME.ns;

    if (t->bytes_out > 0)
        end_trial(c, BREAKER_SUCCESS);
    else if (t->up->eof && !c->eof && (t->bytes_in > 0 || young))
        end_trial(c, BREAKER_ERROR);
    else if (!young)
        end_trial(c, BREAKER_SUCCESS);
    else if (over)
        end_trial(c, BREAKER_ABANDONED);
}
