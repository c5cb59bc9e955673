/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/checks.h"

#include <errno.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "sidecar/proxy/dial.h"
#include "sidecar/proxy/reply.h"
#include "sidecar/transport/tls.h"

#define HEAD_MAX    4096
#define REQUEST_MAX (PATH_SIZE + NAME_SIZE * 4 + 256)

/* A question under way. */
struct asking {
    struct check *check;
    struct transport transport;
    struct h2_client *h2; /* below it; NULL: that is not spoken there */
    struct dial_to to;
    bool connected;
    struct reply reply;
    char in[HEAD_MAX + 1024];
};

/* One endpoint of a system. */
struct check {
    struct check *prev, *next;
    struct checks *checks;
    struct live *live; /* one reference; holds what follows */
    const struct ruleset_entry *entry;
    enum system system;
    unsigned endpoint;
    bool wanted;           /* by the set that is followed */
    struct asking *asking; /* NULL between questions */
    struct tls_session session;
    struct timer timer; /* the next question, or the end of patience with this one */
    mono_t asked_at;
};

struct checks {
    struct loop *loop;
    struct check *list; /* utlist, in the order of the set */
};

static const struct route_upstream *upstream_of(const struct check *k)
{
    return &k->entry->route.upstream[k->system];
}

static const struct live_system *system_of(const struct check *k)
{
    return &k->live->route[k->entry - k->live->set->entry].system[k->system];
}

/* ---- the end of a question ------------------------------------------------------------------- */

static void on_timer(struct timer *t);

static void hang_up(struct check *k)
{
    struct asking *a = steal(k->asking);

    if (!a)
        return;
    transport_close(&a->transport);
    h2_client_free(a->h2);
    xfreep(&a);
}

/* From start to start, so that slow answers do not stretch the interval. */
static void wait_for_next(struct check *k)
{
    struct loop *loop = k->checks->loop;
    mono_t next = mono_add(k->asked_at, dur_ms(upstream_of(k)->health_interval_ms));
    dur_t left = mono_sub(next, loop_now(loop));

    timer_set(loop, &k->timer, left.ns > 0 ? left : dur_ms(0), on_timer, "health check");
}

static void finish(struct check *k, bool passed)
{
    struct loop *loop = k->checks->loop;

    hang_up(k);
    health_note_check(system_of(k)->health, k->endpoint, passed, loop_now(loop), loop_wall(loop));
    wait_for_next(k);
}

/* ---- the question ---------------------------------------------------------------------------- */

static void drop_body(void *ctx UNUSED, struct str piece UNUSED)
{
}

/* The head tells; the body is nobody's. */
static void receive(struct check *k)
{
    struct reply *r = &k->asking->reply;
    enum reply_result result = reply_read(r, &k->asking->transport, drop_body, NULL);

    if (r->has_head)
        finish(k, r->head.status < 400);
    else if (result != REPLY_MORE)
        finish(k, false);
}

/* As a client of the route would say it, if there is a host that one would say. */
static size_t compose(const struct check *k, char text[REQUEST_MAX])
{
    const struct route *route = &k->entry->route;
    const char *host = route->host_count > 0 ? route->host[0] : "*";
    char endpoint[ADDRESS_ENDPOINT_SIZE];

    if (host[0] == '*')
        host = address_endpoint(&system_of(k)->address[k->endpoint], endpoint);
    if (!str_fmt(text, REQUEST_MAX,
                 "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: switchyard-health\r\n"
                 "X-Switchyard-Probe: 1\r\nConnection: close\r\n\r\n",
                 upstream_of(k)->health_path, host))
        return 0;
    return strlen(text);
}

/* A connection that has just come to stand takes a small request whole. */
static void send_question(struct check *k)
{
    struct asking *a = k->asking;
    char text[REQUEST_MAX];
    const struct iovec question = {text, compose(k, text)};
    enum transport_state s = transport_establish(&a->transport);

    if (s == TRANSPORT_BEGINS)
        return;
    if (s == TRANSPORT_STANDS && upstream_of(k)->health_path[0] != '/') {
        finish(k, true);
        return;
    }
    if (s == TRANSPORT_FAILED ||
        transport_send(&a->transport, &question, 1) != (ssize_t)question.iov_len) {
        finish(k, false);
        return;
    }
    a->connected = true;
    transport_want(&a->transport, LOOP_READ);
}

static void on_event(struct transport *t, unsigned events UNUSED)
{
    struct check *k = container_of(t, struct asking, transport)->check;

    if (k->asking->connected)
        receive(k);
    else
        send_question(k);
}

/* What this process lacks says nothing about the endpoint. */
static bool is_our_own_lack(int why)
{
    return why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM;
}

static void ask(struct check *k)
{
    const struct http1_limits limits = {.line_max = HEAD_MAX / 2, .head_max = HEAD_MAX};
    const struct live_system *s = system_of(k);
    struct loop *loop = k->checks->loop;

    k->asked_at = loop_now(loop);
    k->asking = xnew(struct asking);
    k->asking->check = k;
    k->asking->to =
        (struct dial_to){loop, &s->address[k->endpoint], s->tls[k->endpoint], &k->session};
    if (!dial_once(&k->asking->transport, &k->asking->to, upstream_of(k)->protocol, on_event,
                   &k->asking->h2)) {
        bool lack = is_our_own_lack(errno);

        hang_up(k);
        if (lack)
            wait_for_next(k);
        else
            finish(k, false);
        return;
    }
    reply_init(&k->asking->reply, HTTP1_GET, limits, k->asking->in, sizeof k->asking->in);
    timer_set(loop, &k->timer, dur_ms(upstream_of(k)->health_interval_ms / 2), on_timer,
              "health check");
}

static void on_timer(struct timer *t)
{
    struct check *k = container_of(t, struct check, timer);

    if (k->asking)
        finish(k, false);
    else
        ask(k);
}

/* ---- which ----------------------------------------------------------------------------------- */

static void drop(struct check *k)
{
    hang_up(k);
    tls_session_forget(&k->session);
    timer_cancel(&k->timer);
    DL_DELETE(k->checks->list, k);
    live_unref(k->live);
    xfreep(&k);
}

static bool is_same(const struct check *k, const struct name *migration, enum system system,
                    const struct address *address)
{
    return k->system == system && name_eq(&k->entry->route.migration, migration) &&
           address_eq(&system_of(k)->address[k->endpoint], address);
}

/* The check of this endpoint, from `from` on and round: sets keep their order, so that it is the
 * first that is looked at, nearly always. */
static struct check *find(struct checks *c, struct check *from, const struct name *migration,
                          enum system system, const struct address *address)
{
    struct check *k = from;

    while (k) {
        if (!k->wanted && is_same(k, migration, system, address))
            return k;
        k = k->next ? k->next : c->list;
        if (k == from)
            return NULL;
    }
    return NULL;
}

struct follow {
    struct checks *checks;
    struct live *live;
    struct check *cursor;
    unsigned fresh;
};

static void want(struct follow *f, const struct ruleset_entry *entry, enum system system,
                 unsigned endpoint, const struct address *address)
{
    const uint32_t interval = entry->route.upstream[system].health_interval_ms;
    struct check *k = find(f->checks, f->cursor, &entry->route.migration, system, address);
    bool is_new = !k;

    if (is_new) {
        k = xnew(struct check);
        k->checks = f->checks;
        DL_APPEND(f->checks->list, k);
    } else {
        f->cursor = k->next ? k->next : f->checks->list;
        live_unref(k->live);
    }
    k->live = live_ref(f->live);
    k->entry = entry;
    k->system = system;
    k->endpoint = endpoint;
    k->wanted = true;
    if (is_new) /* many new ones do not all ask in the same instant */
        timer_set(f->checks->loop, &k->timer, dur_ms(f->fresh++ % interval), on_timer,
                  "health check");
}

static void want_system(struct follow *f, unsigned i, enum system system)
{
    const struct ruleset_entry *entry = &f->live->set->entry[i];
    const struct live_system *s = &f->live->route[i].system[system];
    struct loop *loop = f->checks->loop;

    if (!s->health)
        return;
    if (!entry->route.upstream[system].health_path[0]) {
        health_uncheck(s->health, loop_now(loop), loop_wall(loop));
        return;
    }
    for (unsigned k = 0; k < s->count; k++)
        want(f, entry, system, k, &s->address[k]);
}

void checks_follow(struct checks *c, struct live *live)
{
    struct follow f = {.checks = c, .live = live, .cursor = c->list};
    struct check *k, *next;

    DL_FOREACH (c->list, k) {
        k->wanted = false;
    }
    for (unsigned i = 0; i < live->set->count; i++)
        for (enum system s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
            want_system(&f, i, s);
    DL_FOREACH_SAFE (c->list, k, next) {
        if (!k->wanted)
            drop(k);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

struct checks *checks_new(struct loop *control)
{
    struct checks *c = xnew(struct checks);

    c->loop = control;
    return c;
}

void checks_free(struct checks *c)
{
    if (!c)
        return;
    while (c->list)
        drop(c->list);
    xfreep(&c);
}
