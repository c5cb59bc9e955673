/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/compare/compare.h"
#include "sidecar/proxy/dial.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/reply.h"

#define HEAD_MAX 16384u
#define IN_SIZE  (HEAD_MAX + 1024)
#define OUT_MAX  (PROBE_PATH_SIZE + PROBE_HEADERS_MAX * (NAME_SIZE + PROBE_VALUE_SIZE + 4) + 1024)
#define WHY_LATE "no %s within %" PRId64 " ms"

/* connect ─► send ─► answer; each may end it. */
enum probe_step { PROBE_CONNECT, PROBE_SEND, PROBE_ANSWER };

struct prober {
    struct prober *prev, *next; /* of the lane */
    struct lane *lane;
    struct letter *letter;
    struct probe_answer *answer;
    const struct live_system *system; /* held by the view's live set */
    struct live *live;                /* one reference */
    const struct route *route;
    uint8_t order[LIVE_ADDRESSES_MAX]; /* of the system's addresses */
    unsigned turn;                     /* in `order`: being asked */
    enum probe_step step;
    struct transport transport;
    struct h2_client *h2; /* below it; NULL: that is not spoken there */
    struct dial_to to;
    struct timer deadline;
    dur_t patience; /* of the step */
    mono_t since, until;
    char why[TEXT_SIZE]; /* the latest address could not be used; "": nobody said */
    struct buf out;
    size_t sent;
    struct reply reply;
    char in[IN_SIZE];
};

static void connect_next(struct prober *p);

/* ---- the end --------------------------------------------------------------------------------- */

static void disconnect(struct prober *p)
{
    timer_cancel(&p->deadline);
    transport_close(&p->transport);
    h2_client_free(steal(p->h2));
}

static void prober_free(struct prober *p)
{
    disconnect(p);
    DL_DELETE(p->lane->probers, p);
    live_unref(p->live);
    buf_deinit(&p->out);
    xfreep(&p);
}

static void finish(struct prober *p)
{
    struct lane *lane = p->lane;
    struct letter *l = p->letter;

    p->answer->took = mono_sub(loop_now(lane->loop), p->since);
    prober_free(p);
    if (--l->probe->open == 0)
        lane_send_back(lane, l);
}

static void fail(struct prober *p, const char *why)
{
    p->answer->status = 0;
    str_fmt(p->answer->error, sizeof p->answer->error, "%s", why);
    finish(p);
}

static void on_deadline(struct timer *t)
{
    struct prober *p = container_of(t, struct prober, deadline);
    char why[TEXT_SIZE];

    if (p->step == PROBE_CONNECT && p->turn + 1 < p->system->count) {
        disconnect(p);
        p->turn++;
        connect_next(p);
        return;
    }
    str_fmt(why, sizeof why, WHY_LATE, p->step == PROBE_CONNECT ? "connection" : "answer",
            dur_to_ms(p->patience));
    fail(p, why);
}

/* The step's own time, and never longer than all of it may take. */
static void expect_within(struct prober *p, uint32_t ms)
{
    dur_t left = mono_sub(p->until, loop_now(p->lane->loop));

    p->patience = dur_ms(ms);
    if (p->patience.ns > left.ns)
        p->patience = left.ns > 0 ? left : dur_ms(0);
    timer_set(p->lane->loop, &p->deadline, p->patience, on_deadline, "probe");
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void keep_headers(struct prober *p)
{
    const struct http1_head *head = &p->reply.head;
    struct probe_answer *a = p->answer;

    for (uint32_t i = 0; i < head->header_count && a->header_count < PROBE_ANSWER_HEADERS; i++) {
        struct probe_header *h = &a->header[a->header_count];

        if (str_copy(http1_name(head, i), h->name, sizeof h->name) &&
            str_copy(http1_value(head, i), h->value, sizeof h->value))
            a->header_count++;
    }
}

static void keep_body(void *ctx, struct str piece)
{
    struct prober *p = ctx;
    struct probe_answer *a = p->answer;
    unsigned keep = p->letter->probe->probe.keep;
    size_t room = (keep ? keep : PROBE_BODY_SHOWN) - a->body_kept;
    size_t n = piece.n < room ? piece.n : room;

    memcpy(a->body + a->body_kept, piece.p, n);
    a->body_kept += n;
    a->body_bytes += piece.n;
    a->body_hash = compare_hash(a->body_hash, piece);
}

static void expect_answer(struct prober *p)
{
    const struct http1_limits limits = {.line_max = HEAD_MAX / 2, .head_max = HEAD_MAX};

    reply_init(&p->reply, p->letter->probe->probe.head_only ? HTTP1_HEAD : HTTP1_GET, limits, p->in,
               sizeof p->in);
}

/* Below the answer more may be known than in it. */
static void fail_broken(struct prober *p, const char *why)
{
    const char *known = transport_why(&p->transport);

    fail(p, known[0] ? known : why);
}

static void receive(struct prober *p)
{
    bool had_head = p->reply.has_head;
    enum reply_result r = reply_read(&p->reply, &p->transport, keep_body, p);

    if (p->reply.has_head && !had_head) {
        p->answer->status = p->reply.head.status;
        keep_headers(p);
    }
    if (r == REPLY_DONE)
        finish(p);
    else if (r == REPLY_BROKEN)
        fail_broken(p, p->reply.why);
    else if (p->answer->body_bytes > PROBE_BODY_MAX)
        fail(p, "the answer is longer than 16 MiB");
    else
        expect_within(p, p->route->upstream[p->answer->system].response_timeout_ms);
}

/* ---- the request ----------------------------------------------------------------------------- */

static void send_out(struct prober *p)
{
    while (p->sent < p->out.len) {
        const struct iovec rest = {p->out.data + p->sent, p->out.len - p->sent};
        ssize_t n = transport_send(&p->transport, &rest, 1);

        if (n == 0)
            return;
        if (n < 0) {
            fail_broken(p, "it broke off the connection");
            return;
        }
        p->sent += (size_t)n;
    }
    p->step = PROBE_ANSWER;
    transport_want(&p->transport, LOOP_READ);
}

static bool names_host(const struct probe *probe)
{
    for (unsigned i = 0; i < probe->header_count; i++)
        if (str_ieq(str_of(probe->header[i].name), STR("Host")))
            return true;
    return false;
}

/* As a client of the route would say it. */
static void add_host(struct prober *p)
{
    const char *host = p->route->host_count > 0 ? p->route->host[0] : "*";

    buf_addf(&p->out, "Host: %s\r\n", host[0] == '*' ? p->answer->endpoint : host);
}

static void compose(struct prober *p)
{
    const struct probe *probe = &p->letter->probe->probe;

    buf_clear(&p->out);
    p->sent = 0;
    buf_addf(&p->out, "%s %s HTTP/1.1\r\n", probe->head_only ? "HEAD" : "GET", probe->path);
    if (!names_host(probe))
        add_host(p);
    for (unsigned i = 0; i < probe->header_count; i++)
        buf_addf(&p->out, "%s: %s\r\n", probe->header[i].name, probe->header[i].value);
    buf_addf(&p->out, "X-Switchyard-Probe: 1\r\nConnection: close\r\n\r\n");
}

/* ---- the connection -------------------------------------------------------------------------- */

/* For when no other address does better. */
static void note_failure(struct prober *p)
{
    const char *why = transport_why(&p->transport);

    if (why[0])
        str_fmt(p->why, sizeof p->why, "no connection: %s", why);
}

static void take_connection(struct prober *p)
{
    enum transport_state s = transport_establish(&p->transport);

    if (s == TRANSPORT_BEGINS)
        return;
    if (s == TRANSPORT_FAILED) {
        note_failure(p);
        disconnect(p);
        p->turn++;
        connect_next(p);
        return;
    }
    p->step = PROBE_SEND;
    expect_within(p, p->route->upstream[p->answer->system].response_timeout_ms);
    send_out(p);
}

static void on_event(struct transport *t, unsigned events UNUSED)
{
    struct prober *p = container_of(t, struct prober, transport);

    if (p->step == PROBE_CONNECT)
        take_connection(p);
    else if (p->step == PROBE_SEND)
        send_out(p);
    else
        receive(p);
}

static bool begin_connect(struct prober *p, unsigned i)
{
    const struct live_system *s = p->system;

    h2_client_free(steal(p->h2)); /* of an address that could not be reached at all */
    p->to = (struct dial_to){p->lane->loop, &s->address[i], s->tls[i], NULL};
    return dial_once(&p->transport, &p->to, p->route->upstream[p->answer->system].protocol,
                     on_event, &p->h2);
}

static void note_address(struct prober *p, const struct address *a)
{
    char text[ADDRESS_TEXT_SIZE];

    address_text(a, text);
    str_fmt(p->answer->endpoint, sizeof p->answer->endpoint,
            strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, (unsigned)address_port(a));
}

/* Those that are well come first, as for requests; among equals as the plan has them. */
static void sort_addresses(struct prober *p)
{
    const struct live_system *s = p->system;
    mono_t now = loop_now(p->lane->loop);

    for (unsigned i = 0; i < s->count; i++) {
        uint32_t weight = health_weight(s->health, i, now);
        unsigned at = i;

        for (; at > 0 && health_weight(s->health, p->order[at - 1], now) < weight; at--)
            p->order[at] = p->order[at - 1];
        p->order[at] = (uint8_t)i;
    }
}

/* The first of the system's addresses, from here on, that takes a connection. */
static void connect_next(struct prober *p)
{
    p->step = PROBE_CONNECT;
    for (; p->turn < p->system->count; p->turn++) {
        unsigned i = p->order[p->turn];

        note_address(p, &p->system->address[i]);
        compose(p);
        if (begin_connect(p, i)) {
            expect_within(p, p->route->upstream[p->answer->system].connect_timeout_ms);
            return;
        }
    }
    if (p->system->count == 0)
        fail(p, "no address of it is known");
    else
        fail(p, p->why[0] ? p->why : "no connection");
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Why the system is not asked; NULL: it is. */
static const char *find_objection(struct lane *lane, const struct probe *probe,
                                  const struct live_route *r, enum system system)
{
    enum breaker_state breaker;

    if (!r)
        return "this node has no route for it any more";
    if (system != SYSTEM_NEW || probe->bypass_breaker)
        return NULL;
    breaker = breaker_look(r->breaker, loop_now(lane->loop), loop_wall(lane->loop));
    if (breaker == BREAKER_OPEN)
        return "not asked: its breaker is open";
    return breaker == BREAKER_HALF_OPEN ? "not asked: its breaker is half open" : NULL;
}

static const struct live_route *find_route(const struct live *live, const char *migration,
                                           const struct route **ret)
{
    const struct ruleset_entry *e = live ? ruleset_find(live->set, migration) : NULL;

    *ret = e ? &e->route : NULL;
    return e ? &live->route[e - live->set->entry] : NULL;
}

static void ask(struct lane *lane, struct letter *l, enum system system)
{
    const struct probe *probe = &l->probe->probe;
    struct live *live = lane->view ? lane->view->live : NULL;
    const struct route *route;
    const struct live_route *r = find_route(live, probe->migration.s, &route);
    struct probe_answer *answer = &l->probe->answer[l->probe->count++];
    const char *objection = find_objection(lane, probe, r, system);
    struct prober *p;

    answer->system = system;
    answer->body_hash = COMPARE_HASH_START;
    if (objection) {
        str_fmt(answer->error, sizeof answer->error, "%s", objection);
        return;
    }
    p = xnew(struct prober);
    p->lane = lane;
    p->letter = l;
    p->answer = answer;
    p->live = live_ref(live);
    p->route = route;
    p->system = &r->system[system];
    p->out = BUF_INIT(OUT_MAX);
    p->since = loop_now(lane->loop);
    p->until = mono_add(p->since, probe->timeout.ns > 0 ? probe->timeout : PROBE_TIMEOUT_MAX);
    expect_answer(p);
    sort_addresses(p);
    DL_APPEND(lane->probers, p);
    l->probe->open++;
    connect_next(p);
}

void probe_begin(struct lane *lane, struct letter *l)
{
    struct probe_job *job = l->probe;

    job->open = 1; /* ours, until all are asked */
    for (enum system s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
        if (job->probe.system == SYSTEM_NONE || job->probe.system == s)
            ask(lane, l, s);
    if (--job->open == 0)
        lane_send_back(lane, l);
}

void probe_drop_all(struct lane *lane)
{
    while (lane->probers) {
        struct prober *p = lane->probers;
        struct letter *l = p->letter;

        prober_free(p);
        if (--l->probe->open == 0)
            lane_send_back(lane, l);
    }
}
