/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/tunnel.h"

#include <errno.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/leave.h"
#include "sidecar/proxy/upgrade.h"

/* ---- bytes ----------------------------------------------------------------------------------- */

/* One of the two ends. What came with the head of the 101, or behind the request's, is still in
 * a buffer. */
struct side {
    struct transport *transport;
    unsigned *ready;
    struct iobuf **in;
    struct iobuf **out;
    bool *eof;
    bool *told;
    struct frames *frames; /* to it */
    uint64_t *said;        /* bytes from it, in the tunnel's life */
    uint64_t *counted;     /* the same, of the system's counters */
};

static struct side client_side(struct conn *c)
{
    struct tunnel *t = c->tunnel;

    return (struct side){&c->transport, &c->ready,    &c->in,
                         &c->out,       &c->eof,      &t->told_client,
                         &t->to_client, &t->bytes_in, &t->tally->stats.system[t->system].bytes_in};
}

static struct side upstream_side(struct tunnel *t)
{
    struct upstream *u = t->up;

    return (struct side){
        &u->transport,   &u->ready,     &u->in,
        &u->out,         &u->eof,       &t->told_upstream,
        &t->to_upstream, &t->bytes_out, &t->tally->stats.system[t->system].bytes_out};
}

/* Nothing more comes from it, or, `broken`, nothing gets there. */
static void note_end(struct conn *c, const struct side *s, bool broken)
{
    static const enum ending endings[2][2] = {{ENDING_SYSTEM, ENDING_SYSTEM_RESET},
                                              {ENDING_CLIENT, ENDING_CLIENT_RESET}};

    *s->eof = true;
    if (c->tunnel->ending == ENDING_NONE)
        c->tunnel->ending = endings[s->transport == &c->transport][broken];
}

/* It is not watched any more then, and read until it is empty. */
static bool has_hung_up(const struct side *s)
{
    return *s->ready & LOOP_HANGUP || s->transport->silent;
}

static bool is_readable(const struct side *s)
{
    return *s->in || *s->ready & LOOP_READ || has_hung_up(s);
}

static bool flush(struct conn *c, const struct side *s)
{
    if (!*s->out || !(*s->ready & LOOP_WRITE))
        return true;
    *s->ready &= ~LOOP_WRITE;
    c->moved |= MOVED_CLIENT;
    if (gather_flush(s->transport, &c->lane->bufs, s->out) != GATHER_BROKEN)
        return true;
    note_end(c, s, true);
    return false;
}

static bool send_to(struct conn *c, const struct side *s, struct gather *g, struct str bytes)
{
    if (c->tunnel->websocket)
        frames_pass(s->frames, bytes);
    c->moved |= MOVED_CLIENT;
    if (gather_send(g, s->transport, &c->lane->bufs, s->out) != GATHER_BROKEN)
        return true;
    note_end(c, s, true);
    return false;
}

static void count(const struct side *from, size_t n)
{
    *from->said += n;
    *from->counted += n;
}

static bool send_leftover(struct conn *c, const struct side *from, const struct side *to)
{
    struct str bytes = iobuf_view(*from->in);
    struct gather g;
    bool sent;

    gather_init(&g, c->lane->scratch, c->lane->bufs.size);
    gather_add(&g, bytes);
    count(from, bytes.n);
    sent = send_to(c, to, &g, bytes);
    iobuf_give(&c->lane->bufs, from->in);
    return sent;
}

/* One piece, by way of the lane's scratch: no buffer is held unless `to` is slow. */
static bool pass_piece(struct conn *c, const struct side *from, const struct side *to)
{
    struct gather g;
    ssize_t n;

    if (*from->in)
        return send_leftover(c, from, to);
    gather_init(&g, c->lane->scratch, c->lane->bufs.size);
    n = transport_recv(from->transport, gather_at(&g), gather_room(&g));
    *from->ready &= ~LOOP_READ;
    if (n < 0 && (errno == EAGAIN || errno == EINTR) && !has_hung_up(from))
        return true;
    if (n <= 0) {
        note_end(c, from, n < 0);
        return n == 0;
    }
    count(from, (size_t)n);
    gather_wrote(&g, (size_t)n);
    return send_to(c, to, &g, (struct str){c->lane->scratch, (size_t)n});
}

/* False when the tunnel is broken. */
static bool pump(struct conn *c, const struct side *from, const struct side *to)
{
    if (!flush(c, to))
        return false;
    while (!*to->out && !*from->eof && is_readable(from)) {
        if (!pass_piece(c, from, to))
            return false;
    }
    if (*from->eof && !*from->in && !*to->out && !*to->told) {
        transport_end(to->transport);
        *to->told = true;
        c->moved |= MOVED_CLIENT; /* from here on there is less patience */
    }
    return true;
}

/* A side that has finished may still listen; one that hangs up before it was told the end cannot.
 */
static bool is_lost(const struct side *s)
{
    return has_hung_up(s) && *s->eof && !*s->told;
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* All that came is through, and of a WebSocket whole frames. */
static bool may_leave_now(const struct conn *c)
{
    const struct tunnel *t = c->tunnel;

    if (c->out || t->up->out)
        return false;
    return !t->websocket || (frames_are_whole(&t->to_client) && frames_are_whole(&t->to_upstream));
}

static void say_goodbye(struct conn *c, const struct side *s, struct str close_frame)
{
    struct gather g;

    if (*s->out || *s->told || !frames_are_whole(s->frames))
        return;
    gather_init(&g, c->lane->scratch, c->lane->bufs.size);
    gather_add(&g, close_frame);
    (void)gather_send(&g, s->transport, &c->lane->bufs, s->out);
}

static enum verdict leave(struct conn *c)
{
    struct tunnel *t = c->tunnel;
    struct side client = client_side(c), upstream = upstream_side(t);

    t->ending = t->leaving ? t->order : ENDING_IDLE;
    if (t->websocket) {
        say_goodbye(c, &client, FRAMES_CLOSE_TO_CLIENT);
        say_goodbye(c, &upstream, FRAMES_CLOSE_TO_SERVER);
    }
    tunnel_end(c);
    if (c->out || c->eof || c->transport.silent)
        return conn_go(c, STEP_CLOSE);
    return conn_linger(c);
}

enum verdict step_tunnel(struct conn *c)
{
    struct tunnel *t = c->tunnel;
    struct side client = client_side(c), upstream = upstream_side(t);

    if (c->late & CONN_CLIENT_LATE && !t->trial.on)
        return leave(c);
    if (!pump(c, &client, &upstream) || !pump(c, &upstream, &client))
        return conn_go(c, STEP_CLOSE);
    if (UNLIKELY(t->trial.on))
        trial_look(c, false);
    if ((t->told_client && t->told_upstream) || is_lost(&client) || is_lost(&upstream))
        return conn_go(c, STEP_CLOSE);
    if (c->late & CONN_UPSTREAM_LATE) {
        t->leaving = true;
        deadline_off(&c->deadline);
    }
    return t->leaving && may_leave_now(c) ? leave(c) : WAIT;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void want(const struct side *s, const struct side *other)
{
    bool reads = !*s->eof && !*other->out;

    if (s->transport->silent)
        return;
    /* It says so in every turn: what is left is read when the other side has room. */
    if (*s->ready & LOOP_HANGUP)
        transport_silence(s->transport);
    else
        transport_want(s->transport, (reads ? LOOP_READ : 0u) | (*s->out ? LOOP_WRITE : 0u));
    *s->ready = 0;
}

void tunnel_want(struct conn *c)
{
    struct side client = client_side(c), upstream = upstream_side(c->tunnel);

    want(&client, &upstream);
    want(&upstream, &client);
}

static dur_t patience(const struct conn *c)
{
    const struct proxy_config *config = c->lane->config;
    const struct tunnel *t = c->tunnel;

    if (t->leaving)
        return LEAVE_GRACE;
    /* Half-closed: whoever still speaks does not pause for long. */
    if (t->told_client || t->told_upstream)
        return config->body_timeout;
    return t->trial.on ? TRIAL_TIME : t->idle;
}

void tunnel_set_deadline(struct conn *c)
{
    bool renews = c->moved && !c->tunnel->leaving;

    if (renews || !deadline_is_on(&c->deadline))
        conn_give_time(c, patience(c));
}

/* ---- rules ----------------------------------------------------------------------------------- */

void tunnel_hurry(struct conn *c, dur_t window, enum ending why)
{
    struct loop *loop = c->lane->loop;
    struct upstream *u = c->tunnel->up;
    dur_t after = leave_pick(&c->lane->rng, window);

    if (deadline_is_on(&u->deadline) &&
        mono_before(u->deadline.at, mono_add(loop_now(loop), after)))
        return;
    c->tunnel->order = why;
    upstream_expect(u, after);
}

static void judge(struct tunnel *t)
{
    struct lane *lane = t->conn->lane;
    const struct ruleset_entry *e =
        ruleset_find(lane->view->live->set, t->tally->stats.migration.s);

    if (lane->draining || t->leaving)
        return;
    if (leave_may_stay(e, t->system, t->bucket))
        deadline_off(&t->up->deadline);
    else
        tunnel_hurry(t->conn, leave_window(e, lane->config->tunnel_drain), leave_reason(e));
}

void tunnel_judge_all(struct lane *lane)
{
    struct tunnel *t;

    DL_FOREACH (lane->tunnels, t)
        judge(t);
}

/* ---- life ------------------------------------------------------------------------------------ */

void tunnel_begin(struct conn *c)
{
    struct request *req = c->req;
    struct lane *lane = c->lane;
    struct tunnel *t = xnew(struct tunnel);

    if (UNLIKELY(lane->access != NULL))
        t->origin = access_log_origin(lane->access, c);
    if (UNLIKELY(debug_tap_is_open(lane->shared->debug)))
        debug_tap_note_begin(lane->shared->debug, c, &t->mark);
    t->conn = c;
    t->began = req->began;
    t->rescued = req->rescued;
    t->up = steal(req->up);
    t->tally = req->route->tally;
    t->tally->refs++;
    t->system = req->system;
    t->bucket = req->bucket;
    t->idle = lane->config->tunnel_idle;
    if (c->tcp) {
        t->idle = dur_ms(req->route->entry->route.tcp.idle_timeout_ms);
        trial_begin(c, &t->trial);
    } else {
        t->websocket = upgrade_is_websocket(&req->answer);
    }
    t->tally->stats.underway.tunnels[t->system]++;
    DL_APPEND(lane->tunnels, t);
    c->tunnel = t;
    conn_end_request(c);
    if (iobuf_is_empty(c->in))
        iobuf_give(&lane->bufs, &c->in);
    if (iobuf_is_empty(t->up->in))
        iobuf_give(&lane->bufs, &t->up->in);
    deadline_off(&t->up->deadline);
    deadline_off(&c->deadline);
    judge(t); /* the rules may be newer than the request */
    if (lane->draining)
        tunnel_hurry(c, dur_ms(0), ENDING_DRAIN);
}

/* What is known of any tunnel. */
#define KNOWN ",\"migration\":\"%s\",\"system\":\"%s\",\"fallback\":%s"

static void show_end(const struct conn *c, struct access_end end)
{
    const struct tunnel *t = c->tunnel;
    const struct name *migration = &t->tally->stats.migration;
    char known[sizeof KNOWN + 2 * sizeof *migration];

    str_fmt(known, sizeof known, KNOWN, migration->s, system_name(t->system),
            t->rescued ? "true" : "false");
    end.origin = known;
    debug_tap_note_end(c->lane->shared->debug, migration, &t->mark, end, loop_now(c->lane->loop));
}

/* One that is closed with its node has no other reason. */
static void log_end(const struct conn *c)
{
    const struct tunnel *t = c->tunnel;
    struct lane *lane = c->lane;
    const struct access_end end = {
        .kind = c->tcp ? "tcp" : "tunnel",
        .ending = t->ending != ENDING_NONE ? t->ending : ENDING_DRAIN,
        .rescued = t->rescued,
        .bytes_in = t->bytes_in,
        .bytes_out = t->bytes_out,
        .at = loop_wall(lane->loop),
        .took = mono_sub(loop_now(lane->loop), t->began),
        .origin = t->origin,
    };

    if (t->origin)
        access_log_note_end(lane->access, &end, &lane->rng);
    if (debug_tap_is_open(lane->shared->debug))
        show_end(c, end);
}

void tunnel_end(struct conn *c)
{
    struct tunnel *t = c->tunnel;

    if (!t)
        return;
    if (UNLIKELY(t->trial.on))
        trial_look(c, true);
    if (UNLIKELY(t->origin != NULL || debug_tap_is_open(c->lane->shared->debug)))
        log_end(c);
    xfreep(&t->origin);
    xfreep(&t->mark.origin);
    c->tunnel = NULL;
    DL_DELETE(c->lane->tunnels, t);
    t->tally->stats.underway.tunnels[t->system]--;
    t->tally->refs--;
    upstream_close(&t->up);
    xfreep(&t);
}
