/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/convergence.h"

#include "common/base/mem.h"
#include "coordinator/core/waves.h"

void convergence_name(const struct core *c, struct migration *m)
{
    struct rollout *r = &m->is.rollout;

    r->decision_rev = m->takeover.rev;
    str_fmt(r->decision_store, sizeof r->decision_store, "%s", c->incarnation);
}

static void begin(struct core *c, struct migration *m, uint64_t rev)
{
    m->takeover.rev = rev;
    m->takeover.ordered = c->mono;
    m->takeover.serving = nodes_serving(&c->nodes, rev);
    m->takeover.all_serve = false;
    m->takeover.all_served = false;
    m->takeover.watched_before = dur_ns(0);
    convergence_name(c, m);
    samples_clear(m->judged);
    samples_clear(m->beyond);
    compared_clear(&m->compared);
    if (rev > c->revision)
        c->revision = rev;
}

void convergence_decided(struct core *c, struct migration *m, uint64_t rev)
{
    begin(c, m, rev);
    m->takeover.ordered_here = true;
}

static void ordered_at(struct takeover *t, mono_t at)
{
    t->ordered = at;
    t->ordered_here = true;
    if (t->fall_rev != t->rev)
        return;
    t->fall_ordered = at;
    t->fall_ordered_here = true;
}

void convergence_found(struct core *c, struct migration *m, uint64_t rev, bool fell)
{
    struct takeover *t = &m->takeover;

    begin(c, m, rev);
    t->ordered_here = false;
    if (fell) {
        t->fall_rev = rev;
        t->fall_ordered_here = false;
    }
    for (unsigned i = 0; i < ARRAY_LEN(c->ordered); i++)
        if (c->ordered[i].rev == rev)
            ordered_at(t, c->ordered[i].at);
    /* Nodes of other coordinators may have been faster than the store. */
    convergence_look(c, m);
}

void core_ordered(struct core *c, uint64_t rev, mono_t mono)
{
    c->ordered[c->ordered_count++ % CORE_ORDERED_KEPT] = (struct ordered){.rev = rev, .at = mono};
    STATE_FOREACH(c, m)
    {
        if (m->takeover.rev == rev && !m->takeover.ordered_here)
            ordered_at(&m->takeover, mono);
    }
}

/* In quarantine, and indeed not serving. */
static unsigned excused(const struct core *c, const struct migration *m)
{
    const struct rollout *r = &m->is.rollout;
    unsigned count = 0;

    for (unsigned i = 0; i < r->quarantined_count; i++) {
        const struct node *node = nodes_find(&c->nodes, r->quarantined[i].s);

        count += node && node_lags(node, m->takeover.rev);
    }
    return count;
}

unsigned convergence_counted(const struct core *c, const struct migration *m)
{
    return nodes_counted(&c->nodes) - excused(c, m);
}

void convergence_look(struct core *c, struct migration *m)
{
    struct takeover *t = &m->takeover;
    bool all = t->serving > 0 && t->serving == convergence_counted(c, m);
    /* Just started, the fleet is not complete: what looks like the last node may be the first. */
    bool waking = mono_before(c->mono, c->awake);

    if (all && !t->all_serve && (!t->all_served || waking)) {
        t->all_served = true;
        t->served = c->mono;
    }
    if (!all && waking)
        t->all_served = false;
    t->all_serve = all;
}

void convergence_node_changed(struct core *c, const struct node_change *change)
{
    STATE_FOREACH(c, m)
    {
        uint64_t rev = m->takeover.rev;
        bool was = change->was_connected && change->old_rev >= rev;
        bool is = change->is_connected && change->new_rev >= rev;

        m->takeover.serving += is;
        m->takeover.serving -= was;
        convergence_look(c, m);
    }
}

bool convergence_reached(const struct core *c, const struct migration *m, bool falling)
{
    if (convergence_counted(c, m) > 0)
        return m->takeover.all_serve || (!falling && waves_remain(&m->is) && waves_converged(c, m));
    return falling && mono_sub(c->mono, m->takeover.ordered).ns >= c->config.node_grace.ns;
}

void convergence_list(const struct core *c, const struct migration *m, uint64_t rev, mono_t now,
                      struct view_convergence *ret)
{
    mono_t gone_before = {now.ns - c->config.node_grace.ns};
    struct nodes_except except = {.count = 0};

    if (m)
        except = (struct nodes_except){m->is.rollout.quarantined, m->is.rollout.quarantined_count};
    nodes_convergence(&c->nodes, rev, gone_before, &except, ret);
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* Two machines' clocks may disagree, and a node may have been faster than the news of the order. */
static double ms_between(mono_t from, mono_t to)
{
    return mono_before(from, to) ? dur_in_ms(mono_sub(to, from)) : 0.0;
}

/* The nearest rank: a measured value, never one in between. */
static double quantile_ms(mono_t from, const mono_t *at, unsigned count, unsigned percent)
{
    return ms_between(from, at[(count * percent + 99) / 100 - 1]);
}

static void measure_from(const struct core *c, const struct takeover *t, mono_t from,
                         struct view_measured *ret)
{
    CLEANUP(xfreep) mono_t *at = NULL;
    unsigned count;

    *ret = (struct view_measured){.all = -1.0, .p50 = -1.0, .p99 = -1.0, .last_node = ""};
    if (!t->all_served)
        return;
    ret->all = ms_between(from, t->served);
    count = nodes_acks(&c->nodes, t->rev, t->served, &at, &ret->last_node);
    if (count == 0)
        return;
    ret->p50 = quantile_ms(from, at, count, 50);
    ret->p99 = quantile_ms(from, at, count, 99);
}

void convergence_measure(const struct core *c, const struct migration *m, struct view_measured *ret)
{
    measure_from(c, &m->takeover, m->takeover.ordered, ret);
}

void convergence_measure_fall(const struct core *c, const struct migration *m,
                              struct view_measured *ret)
{
    const struct takeover *t = &m->takeover;
    dur_t ago = wall_sub(c->clock, m->is.rollout.last_rollback.ordered_at);

    /* Ordered elsewhere, or before this process began: only the wall clocks span both. */
    measure_from(c, t, t->fall_ordered_here ? t->fall_ordered : (mono_t){c->mono.ns - ago.ns}, ret);
}
