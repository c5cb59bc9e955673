/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/live.h"

#include "common/base/mem.h"
#include "sidecar/proxy/dial.h"
#include "sidecar/transport/tls_client.h"

static void take_addresses(struct live_system *s, const struct route_upstream *u,
                           const struct names *names, const struct live_system *before)
{
    for (unsigned i = 0; i < u->endpoint_count; i++) {
        struct address found[NAMES_ADDRESSES_MAX];
        unsigned n = names_get(names, &u->endpoint[i], found);

        for (unsigned k = 0; k < n && s->count < LIVE_ADDRESSES_MAX; k++) {
            s->tls[s->count] = dial_tls(u, &u->endpoint[i], before ? before->tls : NULL,
                                        before ? before->count : 0);
            s->address[s->count++] = found[k];
        }
    }
}

static const struct live_route *route_before(const struct live *before, const struct route *route)
{
    const struct ruleset_entry *e = before ? ruleset_find(before->set, route->migration.s) : NULL;

    return e ? &before->route[e - before->set->entry] : NULL;
}

/* Not in plain text what is to go by TLS from now on. */
static bool goes_on(const struct route_upstream *u, const struct live_system *before)
{
    return before && before->count > 0 && u->tls.on == (before->tls[0] != NULL);
}

static void copy_addresses(struct live_system *s, const struct live_system *before)
{
    *s = *before;
    s->health = NULL;
    for (unsigned i = 0; i < s->count; i++) {
        if (s->tls[i])
            tls_client_ref(s->tls[i]);
    }
}

/* One that was alone had none, for there was nothing to choose: who joins it is new all the same.
 */
static struct health *make_health(const struct live_system *s, const struct live_system *before,
                                  mono_t now)
{
    struct health *had = before && before->health ? health_ref(before->health) : NULL;
    struct health *h;

    if (!had && before && before->count > 0)
        had = health_new(before->address, before->count, NULL, now);
    h = health_new(s->address, s->count, had, now);
    health_unref(had);
    return h;
}

/* A system none of whose names is known goes on at the addresses that it had: a name that was
 * mistyped must not cut off a route that works. */
static void fill_system(struct live_system *s, const struct route_upstream *u,
                        const struct names *names, const struct live_system *before, mono_t now)
{
    take_addresses(s, u, names, before);
    if (s->count == 0 && goes_on(u, before))
        copy_addresses(s, before);
    if (s->count > 1 || (s->count > 0 && u->health_path[0]))
        s->health = make_health(s, before, now);
}

static struct breaker *carry_breaker(const struct live_route *before, const struct route *route,
                                     mono_t now, wall_t wall)
{
    struct breaker *b = before ? before->breaker : NULL;

    if (!route_breaker_is_on(&route->breaker))
        return NULL;
    if (!b)
        return breaker_new(&route->breaker, now, wall);
    breaker_configure(b, &route->breaker, now, wall);
    return breaker_ref(b);
}

struct live *live_new(struct ruleset *set, const struct names *names, const struct live *before,
                      mono_t now, wall_t wall)
{
    struct live *l = xalloc(sizeof *l + set->count * sizeof l->route[0]);

    atomic_init(&l->refs, 1);
    l->set = ruleset_ref(set);
    for (unsigned i = 0; i < set->count; i++) {
        const struct route *route = &set->entry[i].route;
        const struct live_route *had = route_before(before, route);

        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
            fill_system(&l->route[i].system[s], &route->upstream[s], names,
                        had ? &had->system[s] : NULL, now);
        l->route[i].breaker = carry_breaker(had, route, now, wall);
    }
    return l;
}

struct live *live_ref(struct live *l)
{
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

static void empty_system(struct live_system *s)
{
    health_unref(s->health);
    for (unsigned i = 0; i < s->count; i++)
        tls_client_unref(s->tls[i]);
}

void live_unref(struct live *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < l->set->count; i++) {
        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
            empty_system(&l->route[i].system[s]);
        breaker_unref(l->route[i].breaker);
    }
    ruleset_unref(l->set);
    xfreep(&l);
}

void live_tick(struct live *l, mono_t now, wall_t wall)
{
    for (unsigned i = 0; i < l->set->count; i++)
        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
            health_tick(l->route[i].system[s].health, now, wall);
}

static bool has_outdated(const struct live_system *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (s->tls[i] && tls_client_is_outdated(s->tls[i]))
            return true;
    }
    return false;
}

bool live_is_outdated(const struct live *l)
{
    for (unsigned i = 0; i < l->set->count; i++)
        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
            if (has_outdated(&l->route[i].system[s]))
                return true;
    return false;
}

bool live_is_urgent(const struct ruleset *set, const struct live *serving)
{
    for (unsigned i = 0; i < set->count; i++) {
        const struct ruleset_entry *e = &set->entry[i];
        const struct ruleset_entry *now =
            serving ? ruleset_find(serving->set, e->route.migration.s) : NULL;

        if (e->emergency.active && (!now || e->emergency.epoch > now->emergency.epoch))
            return true;
    }
    return false;
}
