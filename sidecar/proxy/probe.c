/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/http1/http1_body.h"
#include "common/http1/http1_parse.h"
#include "sidecar/proxy/lane.h"

#define HEAD_MAX 16384u
#define IN_SIZE  (HEAD_MAX + 1024)
#define OUT_MAX  (PROBE_PATH_SIZE + PROBE_HEADERS_MAX * (NAME_SIZE + PROBE_VALUE_SIZE + 4) + 1024)
#define WHY_LATE "no %s within %" PRId64 " ms"

/* connect ─► send ─► head ─► body; each may end it. */
enum probe_step { PROBE_CONNECT, PROBE_SEND, PROBE_HEAD, PROBE_BODY };

struct prober {
    struct prober *prev, *next; /* of the lane */
    struct lane *lane;
    struct letter *letter;
    struct probe_answer *answer;
    const struct live_system *system; /* held by the view's live set */
    struct live *live;                /* one reference */
    const struct route *route;
    unsigned address; /* of the system: being asked */
    enum probe_step step;
    struct loop_watch watch; /* fd < 0: none */
    struct timer deadline;
    dur_t patience; /* of the step */
    mono_t since, until;
    struct buf out;
    size_t sent;
    struct http1_parser parser;
    struct http1_head head;
    struct http1_header headers[HTTP1_HEADERS_MAX];
    struct http1_body body;
    char in[IN_SIZE];
    size_t received;
};

static void connect_next(struct prober *p);

/* ---- the end --------------------------------------------------------------------------------- */

static void disconnect(struct prober *p)
{
    timer_cancel(&p->deadline);
    if (p->watch.fd < 0)
        return;
    loop_unwatch(&p->watch);
    close(p->watch.fd);
    p->watch.fd = -1;
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

    if (p->step == PROBE_CONNECT && p->address + 1 < p->system->count) {
        disconnect(p);
        p->address++;
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
    struct probe_answer *a = p->answer;

    for (uint32_t i = 0; i < p->head.header_count && a->header_count < PROBE_ANSWER_HEADERS; i++) {
        struct probe_header *h = &a->header[a->header_count];

        if (str_copy(http1_name(&p->head, i), h->name, sizeof h->name) &&
            str_copy(http1_value(&p->head, i), h->value, sizeof h->value))
            a->header_count++;
    }
}

static void keep_body(struct probe_answer *a, struct str payload)
{
    size_t room = PROBE_BODY_KEPT - a->body_kept;
    size_t n = payload.n < room ? payload.n : room;

    if (n > 0)
        memcpy(a->body + a->body_kept, payload.p, n);
    a->body_kept += n;
    a->body_bytes += payload.n;
}

/* Returns whether the probe goes on. */
static bool read_body(struct prober *p, size_t from, bool eof)
{
    struct str in = {p->in + from, p->received - from};
    enum http1_body_result r;
    size_t used;

    do {
        struct str payload = {NULL, 0};

        r = http1_body_next(&p->body, in, &used, &payload);
        keep_body(p->answer, payload);
        in = (struct str){in.p + used, in.n - used};
    } while (r == HTTP1_BODY_MORE && in.n > 0);
    p->received = 0;
    if (r == HTTP1_BODY_DONE || (r == HTTP1_BODY_MORE && eof && http1_body_may_end(&p->body)))
        finish(p);
    else if (r == HTTP1_BODY_BAD)
        fail(p, p->body.why);
    else if (eof)
        fail(p, "it broke off its answer");
    else if (p->answer->body_bytes > PROBE_BODY_MAX)
        fail(p, "the answer is longer than 16 MiB");
    else
        return true;
    return false;
}

static void expect_head(struct prober *p)
{
    const struct http1_limits limits = {.line_max = HEAD_MAX / 2, .head_max = HEAD_MAX};

    p->head = (struct http1_head){.base = NULL};
    http1_parser_init(&p->parser, HTTP1_RESPONSE, limits, &p->head, p->headers, HTTP1_HEADERS_MAX);
}

/* 1xx are passed over (RFC 9110 15.2). */
static bool pass_interim(struct prober *p)
{
    size_t size = p->head.size;

    if (p->head.status == 101) {
        fail(p, "it switches protocols, which nobody asked for");
        return false;
    }
    memmove(p->in, p->in + size, p->received - size);
    p->received -= size;
    expect_head(p);
    return true;
}

static bool begin_body(struct prober *p, bool eof)
{
    enum http1_method asked = p->letter->probe->probe.head_only ? HTTP1_HEAD : HTTP1_GET;

    p->answer->status = p->head.status;
    p->step = PROBE_BODY;
    keep_headers(p);
    http1_body_init(&p->body, http1_response_framing(&p->head, asked));
    return read_body(p, p->head.size, eof);
}

static bool read_head(struct prober *p, bool eof)
{
    for (;;) {
        enum http1_result r = http1_parse(&p->parser, p->in, p->received);

        p->head.base = p->in;
        if (r == HTTP1_REFUSED) {
            fail(p, p->parser.why);
            return false;
        }
        if (r == HTTP1_MORE && eof)
            fail(p, "it closed the connection without an answer");
        if (r == HTTP1_MORE)
            return !eof;
        if (p->head.status >= 200)
            return begin_body(p, eof);
        if (!pass_interim(p))
            return false;
    }
}

static void receive(struct prober *p)
{
    ssize_t n = recv(p->watch.fd, p->in + p->received, sizeof p->in - p->received, 0);
    bool goes_on;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        fail(p, "it broke off the connection");
        return;
    }
    p->received += (size_t)n;
    goes_on = p->step == PROBE_HEAD ? read_head(p, n == 0) : read_body(p, 0, n == 0);
    if (goes_on)
        expect_within(p, p->route->upstream[p->answer->system].response_timeout_ms);
}

/* ---- the request ----------------------------------------------------------------------------- */

static void send_out(struct prober *p)
{
    while (p->sent < p->out.len) {
        ssize_t n = send(p->watch.fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            fail(p, "it broke off the connection");
            return;
        }
        p->sent += (size_t)n;
    }
    p->step = PROBE_HEAD;
    loop_want(&p->watch, LOOP_READ);
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

static void take_connection(struct prober *p)
{
    int why = 0;
    socklen_t n = sizeof why;

    if (getsockopt(p->watch.fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0 || why != 0) {
        disconnect(p);
        p->address++;
        connect_next(p);
        return;
    }
    p->step = PROBE_SEND;
    expect_within(p, p->route->upstream[p->answer->system].response_timeout_ms);
    send_out(p);
}

static void on_event(struct loop_watch *w, unsigned events UNUSED)
{
    struct prober *p = container_of(w, struct prober, watch);

    if (p->step == PROBE_CONNECT)
        take_connection(p);
    else if (p->step == PROBE_SEND)
        send_out(p);
    else
        receive(p);
}

static bool begin_connect(struct prober *p, const struct address *a)
{
    const int one = 1;
    int fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if ((connect(fd, &a->u.any, a->len) < 0 && errno != EINPROGRESS) ||
        loop_watch(p->lane->loop, &p->watch, fd, LOOP_WRITE, on_event, NULL) < 0) {
        close(fd);
        return false;
    }
    p->watch.fd = fd;
    return true;
}

static void note_address(struct prober *p, const struct address *a)
{
    char text[ADDRESS_TEXT_SIZE];

    address_text(a, text);
    str_fmt(p->answer->endpoint, sizeof p->answer->endpoint,
            strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, (unsigned)address_port(a));
}

/* The first of the system's addresses, from here on, that takes a connection. */
static void connect_next(struct prober *p)
{
    p->step = PROBE_CONNECT;
    for (; p->address < p->system->count; p->address++) {
        note_address(p, &p->system->address[p->address]);
        compose(p);
        if (begin_connect(p, &p->system->address[p->address])) {
            expect_within(p, p->route->upstream[p->answer->system].connect_timeout_ms);
            return;
        }
    }
    fail(p, p->system->count > 0 ? "no connection" : "no address of it is known");
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
    p->watch.fd = -1;
    p->out = BUF_INIT(OUT_MAX);
    p->since = loop_now(lane->loop);
    p->until = mono_add(p->since, probe->timeout.ns > 0 ? probe->timeout : PROBE_TIMEOUT_MAX);
    expect_head(p);
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
