/* SPDX-License-Identifier: Apache-2.0 */
/* Adds up what the lanes counted, and tells how breakers and endpoints are. */
#include "sidecar/proxy/proxy.h"

#include "common/base/mem.h"
#include "sidecar/proxy/edge_probes.h"
#include "sidecar/proxy/proxy_parts.h"
#include "sidecar/transport/tls_client.h"
#include "sidecar/transport/tls_faults.h"

#define COLLECT_EVERY dur_s(1)
/* Collections between two looks at the certificates for systems. */
#define REFRESH_EVERY 2

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

void collect_on_answer(struct proxy *p, const struct letter *l)
{
    if (p->collecting == p->lane_count)
        begin_stats(p);
    for (unsigned i = 0; i < l->count; i++) {
        struct route_stats *into = stats_of(p, &l->stats[i].migration);

        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
            system_stats_merge(&into->system[s], &l->stats[i].system[s]);
        }
        underway_add(&into->underway, &l->stats[i].underway);
        into->over_budget += l->stats[i].over_budget;
        mirror_stats_merge(&into->mirror, &l->stats[i].mirror);
        compare_stats_merge(&into->compare, &l->stats[i].compare);
        for (unsigned k = 0; k < l->stats[i].discrepancy_count; k++)
            route_stats_add_discrepancy(into, &l->stats[i].discrepancy[k]);
    }
    for (unsigned i = 0; i < CLIENT_PROTOCOLS; i++)
        p->requests[i] += l->requests[i];
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

/* A way to know a system that several share has its faults told of the first. */
static void tell_faults(struct proxy *p, const struct name *migration, enum system system,
                        const struct live_system *s)
{
    struct tls_fault fault;

    for (unsigned i = 0; i < s->count; i++) {
        while (s->tls[i] &&
               tls_faults_tell(tls_client_faults(s->tls[i]), loop_now(p->loop), &fault))
            p->events.on_fault(p->ctx, migration, system, &fault);
    }
}

static void tell_all_faults(struct proxy *p)
{
    for (unsigned i = 0; p->events.on_fault && i < p->live->set->count; i++)
        for (enum system s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
            tell_faults(p, &p->live->set->entry[i].route.migration, s,
                        &p->live->route[i].system[s]);
}

static void on_collect(struct timer *t)
{
    struct proxy *p = container_of(t, struct proxy, collect);

    timer_set(p->loop, t, COLLECT_EVERY, on_collect, "proxy stats");
    edge_probes_expire(p->shared.edge_probes, loop_now(p->loop), loop_wall(p->loop));
    if (p->live) {
        live_tick(p->live, loop_now(p->loop), loop_wall(p->loop));
        tell_all_faults(p);
    }
    if (p->collections++ % REFRESH_EVERY == 0)
        publish_refresh(p);
    if (p->collecting > 0)
        return; /* a lane is late: its counts come with the next ones */
    p->collecting = p->lane_count;
    for (unsigned i = 0; i < p->lane_count; i++)
        proxy_post(p->lane[i], letter_new(LETTER_COLLECT));
}

uint64_t proxy_requests(const struct proxy *p, enum client_protocol protocol)
{
    return p->requests[protocol];
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

void collect_begin(struct proxy *p)
{
    timer_set(p->loop, &p->collect, COLLECT_EVERY, on_collect, "proxy stats");
}

void collect_end(struct proxy *p)
{
    timer_cancel(&p->collect);
    xfreep(&p->stats);
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

static unsigned count_healthy(const struct live_system *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->count; i++) {
        enum endpoint_state state = s->health ? health_state(s->health, i, NULL) : ENDPOINT_HEALTHY;

        n += state == ENDPOINT_HEALTHY || state == ENDPOINT_WARMING;
    }
    return n;
}

void proxy_count_endpoints(const struct proxy *p, unsigned *ret_all, unsigned *ret_healthy)
{
    *ret_all = *ret_healthy = 0;
    for (unsigned i = 0; p->live && i < p->live->set->count; i++) {
        for (enum system s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
            *ret_all += p->live->route[i].system[s].count;
            *ret_healthy += count_healthy(&p->live->route[i].system[s]);
        }
    }
}
