/* SPDX-License-Identifier: Apache-2.0 */
/* The control side: publishes to the lanes, waits until all of them serve, adds up what they
 * counted. */
#include "sidecar/proxy/proxy.h"

#include <unistd.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/edge_probes.h"
#include "sidecar/proxy/checks.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/listener.h"
#include "sidecar/proxy/live.h"
#include "sidecar/proxy/debug_tap.h"

/* Letters on their way back: a lane has one of a kind, and there are some probes. */
#define CONTROL_MAX   (3 * PROXY_THREADS_MAX + PROBES_MAX)
#define COLLECT_EVERY dur_s(1)
/* A resolver answers in milliseconds; one that does not holds up no other route. */
#define NAMES_PATIENCE dur_s(1)

struct proxy {
    struct loop *loop;          /* borrowed; control */
    struct proxy_config config; /* without `listen`, `edge` and `resolver` */
    struct proxy_events events;
    void *ctx;
    struct mailbox *mailbox;
    struct lane_shared shared;
    struct lane *lane[PROXY_THREADS_MAX];
    unsigned lane_count;
    uint16_t port[DOOR_COUNT];

    struct names *names;
    struct checks *checks;
    struct ruleset *asked;  /* the latest published set, served or waiting for names */
    uint64_t asked_version; /* of the names it was sent out with; 0: it waits for them */
    bool told_lacking;      /* that it lacks a name */
    struct live *live;      /* the latest sent to the lanes */
    unsigned waiting;       /* lanes that do not serve with it yet */
    struct ruleset *next;   /* to be sent when they do, or NULL */
    struct timer patience;  /* set while `asked` waits */

    struct timer collect;
    unsigned collecting; /* lanes that have yet to answer */
    struct route_stats *stats;
    size_t stats_count;
    struct proxy_pools pools, counted; /* of the last collection, and of the one under way */

    struct probe_job *probes; /* utlist; under way */
    unsigned probe_count;

    unsigned draining; /* lanes that have yet to finish */
    unsigned cut;
};

/* ---- letters --------------------------------------------------------------------------------- */

static struct letter *letter_new(enum letter_kind kind)
{
    struct letter *l = xnew(struct letter);

    l->kind = kind;
    return l;
}

static void post(struct lane *lane, struct letter *l)
{
    /* One letter of a kind is out at a time, so an inbox has room. */
    CHECK(mailbox_post(lane->inbox, &l->mail));
}

/* ---- publishing ------------------------------------------------------------------------------ */

static void send_out(struct proxy *p, struct ruleset *set)
{
    struct live *live = live_new(set, p->names, p->live, loop_now(p->loop), loop_wall(p->loop));

    live_unref(p->live);
    p->live = live;
    checks_follow(p->checks, live);
    p->waiting = p->lane_count;
    for (unsigned i = 0; i < p->lane_count; i++) {
        struct letter *l = letter_new(LETTER_SERVE);

        l->live = live_ref(live);
        post(p->lane[i], l);
    }
}

/* One set at a time is on its way, so that no mailbox fills up however fast they are published. */
static void distribute(struct proxy *p)
{
    timer_cancel(&p->patience);
    p->asked_version = names_version(p->names) + 1;
    if (p->waiting == 0) {
        send_out(p, p->asked);
        return;
    }
    ruleset_unref(p->next);
    p->next = ruleset_ref(p->asked);
}

/* Again, when more is known than it was sent out with. */
static void catch_up(struct proxy *p)
{
    if (p->asked_version != names_version(p->names) + 1)
        distribute(p);
}

static void on_patience(struct timer *t)
{
    struct proxy *p = container_of(t, struct proxy, patience);

    distribute(p);
}

static void tell_lacking(struct proxy *p, const char *unresolved, const char *why)
{
    struct err err = {0};

    if (p->told_lacking || !p->events.on_lacking)
        return;
    p->told_lacking = true;
    err_set(&err, ERR_UNAVAILABLE, "cannot resolve \"%s\": %s", unresolved, why);
    err_hint(&err, "check the name in the plan's endpoints, or use an address");
    p->events.on_lacking(p->ctx, p->asked, &err);
}

static void on_names(void *ctx, const struct names_news *news)
{
    struct proxy *p = ctx;

    if (news->set != p->asked || (p->asked_version == 0 && !news->complete))
        return; /* overtaken by a set without names, or there is patience left for the others */
    catch_up(p);
    if (news->unresolved)
        tell_lacking(p, news->unresolved, news->why);
}

void proxy_publish(struct proxy *p, struct ruleset *set)
{
    loop_assert_owner(p->loop);
    ruleset_unref(p->asked);
    p->asked = set;
    p->asked_version = 0;
    p->told_lacking = false;
    if (names_has_all(p->names, set) || live_is_urgent(set, p->live))
        distribute(p);
    else if (!timer_is_set(&p->patience))
        timer_set(p->loop, &p->patience, NAMES_PATIENCE, on_patience, "proxy names");
    names_look_up(p->names, set);
}

static void on_served(struct proxy *p, const struct letter *l)
{
    CLEANUP(ruleset_unrefp) struct ruleset *next = NULL;

    if (--p->waiting > 0)
        return;
    next = steal(p->next);
    if (next)
        send_out(p, next);
    if (p->events.on_serving)
        p->events.on_serving(p->ctx, l->live->set);
}

/* ---- counting -------------------------------------------------------------------------------- */

static struct route_stats *stats_of(struct proxy *p, const struct name *migration)
{
    for (size_t i = 0; i < p->stats_count; i++) {
        if (name_eq(&p->stats[i].migration, migration))
            return &p->stats[i];
    }
    p->stats = xrealloc(p->stats, (p->stats_count + 1) * sizeof *p->stats);
    p->stats[p->stats_count] = (struct route_stats){.migration = *migration};
    return &p->stats[p->stats_count++];
}

static void begin_stats(struct proxy *p)
{
    p->stats_count = 0;
    p->counted = (struct proxy_pools){.pools = 0};
    for (unsigned i = 0; p->live && i < p->live->set->count; i++) {
        const struct ruleset_entry *e = &p->live->set->entry[i];
        struct route_stats *s = stats_of(p, &e->route.migration);

        s->breaker = breaker_see(p->live->route[i].breaker, loop_now(p->loop), loop_wall(p->loop),
                                 &s->breaker_seen);
    }
}

static void on_collected(struct proxy *p, const struct letter *l)
{
    if (p->collecting == p->lane_count)
        begin_stats(p);
    for (unsigned i = 0; i < l->count; i++) {
        struct route_stats *into = stats_of(p, &l->stats[i].migration);

        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
            system_stats_merge(&into->system[s], &l->stats[i].system[s]);
            into->tunnels[s] += l->stats[i].tunnels[s];
        }
        into->over_budget += l->stats[i].over_budget;
        mirror_stats_merge(&into->mirror, &l->stats[i].mirror);
        compare_stats_merge(&into->compare, &l->stats[i].compare);
        for (unsigned k = 0; k < l->stats[i].discrepancy_count; k++)
            route_stats_add_discrepancy(into, &l->stats[i].discrepancy[k]);
    }
    p->counted.pools += l->pools.pools;
    p->counted.idle += l->pools.idle;
    p->counted.busy += l->pools.busy;
    if (--p->collecting > 0)
        return;
    p->pools = p->counted;
    if (!p->events.on_stats)
        return;
    p->events.on_stats(p->ctx, p->stats, p->stats_count,
                       atomic_load_explicit(&p->shared.clients, memory_order_relaxed));
}

static void on_collect(struct timer *t)
{
    struct proxy *p = container_of(t, struct proxy, collect);

    timer_set(p->loop, t, COLLECT_EVERY, on_collect, "proxy stats");
    edge_probes_expire(p->shared.edge_probes, loop_now(p->loop), loop_wall(p->loop));
    if (p->live)
        live_tick(p->live, loop_now(p->loop), loop_wall(p->loop));
    if (p->collecting > 0)
        return; /* a lane is late: its counts come with the next ones */
    p->collecting = p->lane_count;
    for (unsigned i = 0; i < p->lane_count; i++)
        post(p->lane[i], letter_new(LETTER_COLLECT));
}

struct proxy_pools proxy_pools(const struct proxy *p)
{
    return p->pools;
}

enum breaker_state proxy_breaker(struct proxy *p, const char *migration)
{
    const struct ruleset_entry *e = p->live ? ruleset_find(p->live->set, migration) : NULL;

    if (!e)
        return BREAKER_DISABLED;
    return breaker_look(p->live->route[e - p->live->set->entry].breaker, loop_now(p->loop),
                        loop_wall(p->loop));
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static void tell_system(const struct live_system *s, enum system system, mono_t now,
                        proxy_endpoint_fn fn, void *ctx)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct proxy_endpoint e = {.system = system, .state = ENDPOINT_HEALTHY};
        mono_t since = now;

        if (s->health)
            e.state = health_state(s->health, i, &since);
        e.since = mono_sub(now, since);
        address_endpoint(&s->address[i], e.address);
        fn(ctx, &e);
    }
}

void proxy_endpoints(struct proxy *p, const char *migration, proxy_endpoint_fn fn, void *ctx)
{
    const struct ruleset_entry *e = p->live ? ruleset_find(p->live->set, migration) : NULL;

    for (enum system s = SYSTEM_LEGACY; e && s < SYSTEM_COUNT; s++)
        tell_system(&p->live->route[e - p->live->set->entry].system[s], s, loop_now(p->loop), fn,
                    ctx);
}

/* ---- probing --------------------------------------------------------------------------------- */

int proxy_probe(struct proxy *p, const struct probe *probe, probe_done_fn fn, void *ctx,
                struct err *err)
{
    const char *migration = probe->migration.s;
    struct probe_job *job;
    struct letter *l;
    int r = probe_check(probe, err);

    if (r < 0)
        return r;
    if (!p->live || !ruleset_find(p->live->set, migration))
        return err_set(err, ERR_NOT_FOUND, "this node serves no route of a migration \"%s\"",
                       migration);
    if (p->probe_count == PROBES_MAX)
        return err_set(err, ERR_EXHAUSTED, "%d probes are under way on this node: try again",
                       PROBES_MAX);
    job = xnew(struct probe_job);
    job->probe = *probe;
    job->fn = fn;
    job->ctx = ctx;
    DL_APPEND(p->probes, job);
    p->probe_count++;
    l = letter_new(LETTER_PROBE);
    l->probe = job;
    post(p->lane[0], l);
    return 0;
}

static void end_probe(struct proxy *p, struct probe_job *job, const struct err *why)
{
    DL_DELETE(p->probes, job);
    p->probe_count--;
    job->fn(job->ctx, job->answer, why ? 0 : job->count, why);
    xfreep(&job);
}

static void drop_probes(struct proxy *p)
{
    struct err why;

    err_set(&why, ERR_CANCELLED, "the node stops");
    while (p->probes)
        end_probe(p, p->probes, &why);
}

/* ---- debugging ------------------------------------------------------------------------------- */

int proxy_debug(struct proxy *p, const struct name *migration, struct str key, struct buf *ret,
                uint64_t *ret_lost, struct err *err)
{
    if (!p->live || !ruleset_find(p->live->set, migration->s))
        return err_set(err, ERR_NOT_FOUND, "this node serves no route of a migration \"%s\"",
                       migration->s);
    return debug_tap_ask(p->shared.debug, migration, key, loop_now(p->loop), ret, ret_lost, err);
}

/* ---- draining -------------------------------------------------------------------------------- */

void proxy_drain(struct proxy *p, dur_t deadline)
{
    CHECK(p->draining == 0);
    p->draining = p->lane_count;
    for (unsigned i = 0; i < p->lane_count; i++) {
        struct letter *l = letter_new(LETTER_DRAIN);

        l->deadline = deadline;
        post(p->lane[i], l);
    }
}

static void on_lane_drained(struct proxy *p, const struct letter *l)
{
    p->cut += l->cut;
    if (--p->draining == 0 && p->events.on_drained)
        p->events.on_drained(p->ctx, p->cut);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_letter(void *ctx, struct mail *m)
{
    struct proxy *p = ctx;
    struct letter *l = container_of(m, struct letter, mail);

    switch (l->kind) {
    case LETTER_SERVE:
        on_served(p, l);
        break;
    case LETTER_COLLECT:
        on_collected(p, l);
        break;
    case LETTER_DRAIN:
        on_lane_drained(p, l);
        break;
    case LETTER_PROBE:
        end_probe(p, l->probe, NULL);
        break;
    }
    letter_free(l);
}

static void drop_letter(void *ctx UNUSED, struct mail *m)
{
    letter_free(container_of(m, struct letter, mail));
}

static void default_dur(dur_t *d, dur_t by_default)
{
    if (d->ns <= 0)
        *d = by_default;
}

static void set_defaults(struct proxy_config *c)
{
    if (c->threads == 0)
        c->threads = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (c->threads > PROXY_THREADS_MAX)
        c->threads = PROXY_THREADS_MAX;
    if (c->max_connections == 0)
        c->max_connections = 20000;
    if (c->max_head_bytes == 0)
        c->max_head_bytes = 32768;
    if (c->max_line_bytes == 0)
        c->max_line_bytes = 8192;
    default_dur(&c->header_timeout, dur_s(10));
    default_dur(&c->body_timeout, dur_s(60));
    default_dur(&c->idle_timeout, dur_s(75));
    default_dur(&c->upstream_idle, dur_s(50));
    default_dur(&c->tunnel_idle, dur_s(3600));
    default_dur(&c->tunnel_drain, dur_s(30));
}

static void close_all(const int fds[DOOR_COUNT])
{
    for (unsigned d = 0; d < DOOR_COUNT; d++) {
        if (fds[d] >= 0)
            close(fds[d]);
    }
}

static int bind_door(const char *listen, int *ret_fds, unsigned count, uint16_t *ret_port,
                     struct err *err)
{
    struct address address;
    int r = address_parse_listen(listen, &address, err);

    if (r == 0)
        r = listener_bind(&address, ret_fds, count, err);
    if (r == 0)
        *ret_port = address_port(&address);
    return r;
}

/* One socket of each door for each lane; -1: there is no such door. */
static int bind_doors(struct proxy *p, int fds[DOOR_COUNT][PROXY_THREADS_MAX], struct err *err)
{
    const char *const listen[DOOR_COUNT] = {p->config.listen, p->config.edge};

    for (unsigned d = 0; d < DOOR_COUNT; d++) {
        int r = listen[d] ? bind_door(listen[d], fds[d], p->config.threads, &p->port[d], err) : 0;

        while (r < 0 && d-- > 0) {
            for (unsigned i = 0; i < p->config.threads; i++)
                close(fds[d][i]);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static int start_lanes(struct proxy *p, struct err *err)
{
    int fds[DOOR_COUNT][PROXY_THREADS_MAX];
    int r;

    memset(fds, -1, sizeof fds);
    r = bind_doors(p, fds, err);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < p->config.threads; i++) {
        const int own[DOOR_COUNT] = {fds[DOOR_REQUESTS][i], fds[DOOR_EDGE][i]};

        if (r == 0)
            r = lane_new(&p->shared, own, &p->lane[i], err);
        else
            close_all(own);
        if (r == 0 && p->config.access)
            p->lane[i]->access = access_log_ring(p->config.access, i);
        p->lane_count += r == 0;
    }
    for (unsigned i = 0; i < p->config.threads && r == 0; i++)
        r = lane_start(p->lane[i], i, err);
    return r;
}

static int start(struct proxy *p, struct err *err)
{
    int r = mailbox_new(p->loop, CONTROL_MAX, on_letter, p, &p->mailbox, err);
    if (r == 0)
        r = names_new(p->loop, p->config.resolver, on_names, p, &p->names, err);
    p->shared.config = &p->config;
    p->shared.control = p->mailbox;
    p->shared.edge_probes = edge_probes_new();
    p->shared.debug = debug_tap_new();
    if (r == 0)
        r = start_lanes(p, err);
    if (r < 0)
        return r;
    timer_set(p->loop, &p->collect, COLLECT_EVERY, on_collect, "proxy stats");
    return 0;
}

int proxy_new(const struct proxy_config *config, struct loop *control,
              const struct proxy_events *events, void *ctx, struct proxy **ret, struct err *err)
{
    CLEANUP(proxy_freep) struct proxy *p = xnew(struct proxy);
    int r;

    p->loop = control;
    p->checks = checks_new(control);
    p->config = *config;
    p->events = *events;
    p->ctx = ctx;
    if (!p->config.listen)
        p->config.listen = "127.0.0.1:8080";
    set_defaults(&p->config);
    r = start(p, err);
    p->config.listen = p->config.edge = p->config.resolver = NULL;
    if (r < 0)
        return err_ctx(err, "start the proxy");
    *ret = steal(p);
    return 0;
}

struct proxy *proxy_free(struct proxy *p)
{
    if (!p)
        return NULL;
    timer_cancel(&p->collect);
    timer_cancel(&p->patience);
    names_free(p->names);
    checks_free(p->checks);
    for (unsigned i = 0; i < p->lane_count; i++)
        lane_free(p->lane[i]);
    edge_probes_free(p->shared.edge_probes);
    debug_tap_free(p->shared.debug);
    if (p->mailbox)
        mailbox_close(p->mailbox, drop_letter);
    mailbox_unref(p->mailbox);
    drop_probes(p);
    ruleset_unref(p->asked);
    ruleset_unref(p->next);
    live_unref(p->live);
    xfreep(&p->stats);
    xfreep(&p);
    return NULL;
}

uint16_t proxy_port(const struct proxy *p)
{
    return p->port[DOOR_REQUESTS];
}

uint16_t proxy_edge_port(const struct proxy *p)
{
    return p->port[DOOR_EDGE];
}
