/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/past.h"

#include "common/base/check.h"
#include "coordinator/core/waves.h"

static dur_t longer(dur_t a, dur_t b)
{
    return a.ns > b.ns ? a : b;
}

/* The longest time that any gate or trigger looks back; 0: nothing is judged. */
static dur_t longest_window(const struct core *c)
{
    dur_t longest = dur_ns(0);

    STATE_FOREACH(c, m)
    {
        const struct plan *plan = m->is.plan;

        if (plan->has_triggers)
            longest = longer(longest, plan->triggers.window);
        for (unsigned i = 0; i < plan->stage_count; i++)
            if (plan->stage[i].has_gate)
                longest = longer(longest, plan->stage[i].gate.window);
    }
    return longest.ns > PAST_MAX.ns ? PAST_MAX : longest;
}

void past_ask(struct core *c, struct node *node, struct core_update *u)
{
    dur_t window = longest_window(c);
    struct core_ask *ask;

    if (window.ns == 0)
        return;
    ask = arena_new(&u->arena, struct core_ask);
    CHECK(ask);
    *ask = (struct core_ask){.node = *node_name(node), .window = window, .next = u->ask};
    u->ask = ask;
    nodes_ask(&c->nodes, node, c->mono);
}

static void take_route(struct core *c, const struct node *node, const struct core_bucket *b,
                       const struct route_stats *route)
{
    struct migration *m = state_find(c, route->migration.s);
    mono_t at = {c->mono.ns - b->age.ns};

    if (!m)
        return;
    samples_add_past(m->stats, c->mono, at, route->system);
    mirror_stats_merge(&m->mirrored, &route->mirror);
    if (!mirror_stats_is_empty(&route->mirror))
        sums_add_past(&m->mirrored_lately, c->mono, at, &route->mirror, MIRROR_COUNTERS);
    if (mono_before(at, c->started))
        days_add_past(&m->days, wall_add(c->now, mono_sub(at, c->mono)), c->mono, route);
    if (b->revision == 0 || b->revision < m->takeover.rev)
        return;
    samples_add_past(waves_samples(m, node), c->mono, at, route->system);
    compared_add_past(&m->compared, c->mono, at, &route->compare);
}

void past_take(struct core *c, const struct core_event *ev)
{
    struct node *node = nodes_find(&c->nodes, ev->past.node->s);

    if (!node || !node_is_asked(node))
        return;
    for (unsigned i = 0; i < ev->past.count; i++) {
        const struct core_bucket *b = &ev->past.bucket[i];

        if (b->age.ns < 0 || b->age.ns > PAST_MAX.ns)
            continue;
        for (unsigned n = 0; n < b->count; n++)
            take_route(c, node, b, &b->route[n]);
    }
    if (!ev->past.more)
        nodes_told(&c->nodes, node);
}
