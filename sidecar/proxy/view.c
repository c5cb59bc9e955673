/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/view.h"

#include <utlist.h>

#include "common/base/mem.h"
#include "sidecar/proxy/lane.h"

static struct tally *get_tally(struct lane *lane, const struct name *migration)
{
    struct tally *t;

    DL_FOREACH (lane->tallies, t) {
        if (name_eq(&t->stats.migration, migration))
            break;
    }
    if (!t) {
        t = xnew(struct tally);
        t->stats.migration = *migration;
        DL_APPEND(lane->tallies, t);
    }
    t->refs++;
    return t;
}

/* Rounded up: each lane may have one. */
static unsigned share_of(uint32_t limit, unsigned lanes)
{
    return (unsigned)(((uint64_t)limit + lanes - 1) / lanes);
}

static void fill_route(struct lane *lane, struct view_route *r, const struct ruleset_entry *entry,
                       const struct live_route *live)
{
    r->entry = entry;
    r->breaker = live->breaker;
    r->cell = live->breaker ? breaker_cell(live->breaker, lane->index) : NULL;
    r->tally = get_tally(lane, &entry->route.migration);
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
        struct view_system *system = &r->system[s];

        system->count = live->system[s].count;
        system->limit = share_of(entry->route.upstream[s].max_connections, lane->config->threads);
        system->health = live->system[s].health;
        for (unsigned i = 0; i < system->count; i++)
            system->pool[i] =
                upstream_pool_get(lane, &live->system[s].address[i], live->system[s].tls[i],
                                  entry->route.upstream[s].protocol);
    }
}

struct view *view_new(struct lane *lane, struct live *live)
{
    const struct ruleset *set = live->set;
    struct view *v = xalloc(sizeof *v + set->count * sizeof v->route[0]);

    v->lane = lane;
    v->live = live;
    v->refs = 1;
    for (unsigned i = 0; i < set->count; i++)
        fill_route(lane, &v->route[i], &set->entry[i], &live->route[i]);
    return v;
}

static void empty_route(struct view_route *r)
{
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
        for (unsigned i = 0; i < r->system[s].count; i++)
            upstream_pool_put(r->system[s].pool[i]);
    }
    r->tally->refs--;
}

void view_unref(struct view *v)
{
    if (!v || --v->refs > 0)
        return;
    for (unsigned i = 0; i < v->live->set->count; i++)
        empty_route(&v->route[i]);
    live_unref(v->live);
    xfreep(&v);
}

struct view_route *view_match(struct view *v, struct str host, struct str path)
{
    const struct ruleset_entry *e = ruleset_match(v->live->set, host, path);

    return e ? &v->route[e - v->live->set->entry] : NULL;
}

/* How well the route's address fits: 2 it is the very one, 1 it may be any, 0 it is another. */
static int fits_address(const struct route_tcp *tcp, const struct address *at)
{
    struct address mine;

    if (!tcp->address[0] || !address_parse(tcp->address, (uint16_t)tcp->port, &mine))
        return 1;
    if (address_eq(&mine, at))
        return 2;
    return strcmp(tcp->address, "0.0.0.0") == 0 || strcmp(tcp->address, "::") == 0;
}

struct view_route *view_match_port(struct view *v, const struct address *at)
{
    struct view_route *found = NULL;
    int best = 0;

    for (unsigned i = 0; i < v->live->set->count; i++) {
        const struct route_tcp *tcp = &v->live->set->entry[i].route.tcp;
        int fit = tcp->port == address_port(at) ? fits_address(tcp, at) : 0;

        if (fit <= best)
            continue;
        best = fit;
        found = &v->route[i];
    }
    return found;
}

static bool is_full(const struct view_system *s, unsigned i)
{
    const struct upstream_pool *p = s->pool[i];

    return s->limit > 0 && !p->idle && p->busy >= s->limit;
}

/* Whether one that was not tried is full, and none that has room is better. */
static bool is_worth_waiting(const struct view_system *s, const struct balance_candidate *c,
                             unsigned tried, unsigned chosen)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (c[i].out && !(tried & 1u << i) &&
            (chosen == BALANCE_NONE || (c[i].weight > 0 && c[chosen].weight == 0)))
            return true;
    }
    return false;
}

static unsigned choose(const struct view_system *s, unsigned tried, mono_t now)
{
    struct balance_candidate candidate[LIVE_ADDRESSES_MAX];
    unsigned chosen;

    for (unsigned i = 0; i < s->count; i++)
        candidate[i] = (struct balance_candidate){
            .busy = s->pool[i]->busy,
            .weight = health_weight(s->health, i, now),
            .out = tried & 1u << i || is_full(s, i),
        };
    chosen = balance_choose(candidate, s->count, s->turn);
    return s->limit > 0 && is_worth_waiting(s, candidate, tried, chosen) ? VIEW_FULL : chosen;
}

unsigned view_choose(struct view_system *s, unsigned tried, mono_t now)
{
    unsigned chosen;

    if (s->count <= 1 && s->limit == 0)
        return s->count == 1 && !tried ? 0 : BALANCE_NONE;
    chosen = choose(s, tried, now);
    s->turn++;
    return chosen;
}

bool view_is_full(const struct view_system *s, unsigned tried, mono_t now)
{
    return s->limit > 0 && choose(s, tried, now) == VIEW_FULL;
}

void view_drop_tallies(struct lane *lane)
{
    struct tally *t, *next;

    DL_FOREACH_SAFE (lane->tallies, t, next) {
        if (t->refs > 0)
            continue;
        DL_DELETE(lane->tallies, t);
        xfreep(&t);
    }
}
