/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/drill_watch.h"

static bool runs(const struct migration *m)
{
    return m->is.rollout.drill_state != DRILL_IDLE;
}

static bool in_scope(const struct migration *m, const struct node *n)
{
    return selector_matches(&m->is.rollout.drill.scope, node_name(n), node_labels(n));
}

/* The node after `n` (NULL: the first) that belongs to the scope; NULL at the end. */
static struct node *next_of_scope(const struct core *c, const struct migration *m, struct node *n)
{
    while ((n = nodes_next(&c->nodes, n)))
        if (in_scope(m, n))
            return n;
    return NULL;
}

/* ---- counting -------------------------------------------------------------------------------- */

void drill_watch_count(const struct core *c, const struct migration *m, unsigned *ret_counted,
                       unsigned *ret_serving)
{
    *ret_counted = *ret_serving = 0;
    if (!runs(m))
        return;
    for (struct node *n = NULL; (n = next_of_scope(c, m, n));) {
        bool serves = node_serves(n, m->scope.rev);

        *ret_counted += serves || node_lags(n, m->scope.rev);
        *ret_serving += serves;
    }
}

static void count_anew(const struct core *c, struct migration *m)
{
    drill_watch_count(c, m, &m->scope.counted, &m->scope.serving);
}

void drill_watch_node_changed(struct core *c, const struct node_change *change)
{
    STATE_FOREACH(c, m)
    {
        struct drill_watch *w = &m->scope;

        if (!runs(m))
            continue;
        if (change->relabelled) {
            count_anew(c, m);
            continue;
        }
        if (!in_scope(m, change->node))
            continue;
        w->counted += change->is_counted;
        w->counted -= change->was_counted;
        w->serving += change->is_connected && change->new_rev >= w->rev;
        w->serving -= change->was_connected && change->old_rev >= w->rev;
    }
}

void drill_watch_nodes_gone(struct core *c)
{
    STATE_FOREACH(c, m)
    count_anew(c, m);
}

void drill_watch_decided(struct core *c, struct migration *m)
{
    m->scope =
        (struct drill_watch){.rev = m->takeover.rev, .ordered = c->mono, .ordered_here = true};
    count_anew(c, m);
}

void drill_watch_found(struct core *c, struct migration *m, const struct rollout *was)
{
    const struct rollout *r = &m->is.rollout;

    if (was->drill_state != r->drill_state || was->drill.ordered_at.ns != r->drill.ordered_at.ns)
        m->scope = (struct drill_watch){.rev = m->takeover.rev};
    count_anew(c, m);
}

unsigned drill_watch_scope(const struct core *c, const struct selector *scope)
{
    unsigned count = 0;

    for (const struct node *n = NULL; (n = nodes_next(&c->nodes, n));)
        count += node_serves(n, 0) && selector_matches(scope, node_name(n), node_labels(n));
    return count;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* In quarantine, and indeed not serving. */
static unsigned excused(const struct core *c, const struct migration *m)
{
    const struct rollout *r = &m->is.rollout;
    unsigned count = 0;

    for (unsigned i = 0; i < r->quarantined_count; i++) {
        const struct node *n = nodes_find(&c->nodes, r->quarantined[i].s);

        count += n && in_scope(m, n) && node_lags(n, m->scope.rev);
    }
    return count;
}

bool drill_watch_reached(const struct core *c, const struct migration *m)
{
    return runs(m) && m->scope.serving > 0 && m->scope.serving == m->scope.counted - excused(c, m);
}

/* Ordered by another coordinator, or before this process began: only the wall clocks span both. */
static mono_t ordered(const struct core *c, const struct migration *m)
{
    if (m->scope.ordered_here)
        return m->scope.ordered;
    return (mono_t){c->mono.ns - wall_sub(c->clock, m->is.rollout.drill.ordered_at).ns};
}

double drill_watch_measure(const struct core *c, const struct migration *m)
{
    const mono_t from = ordered(c, m);
    mono_t last = from, at;

    for (struct node *n = NULL; (n = next_of_scope(c, m, n));)
        if (node_acked_at(n, m->scope.rev, &at) && mono_before(last, at))
            last = at;
    return dur_in_ms(mono_sub(last, from));
}

const char *drill_watch_laggards(const struct core *c, const struct migration *m, char *dst)
{
    struct view_convergence lagging = {.nodes = 0};

    for (struct node *n = NULL; (n = next_of_scope(c, m, n));) {
        if (!node_lags(n, m->scope.rev))
            continue;
        if (lagging.laggard_count < LAGGARDS_MAX)
            lagging.laggard[lagging.laggard_count++] = node_name(n)->s;
        lagging.lagging++;
    }
    return nodes_laggards_text(&lagging, dst);
}
