/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/convergence.h"

void convergence_decided(struct core *c, struct migration *m, uint64_t rev)
{
    m->takeover.rev = rev;
    m->takeover.ordered = c->mono;
    m->takeover.ordered_here = true;
    m->takeover.serving = nodes_serving(&c->nodes, rev);
    m->takeover.all_serve = false;
    m->takeover.all_served = false;
    m->is.rollout.decision_rev = rev;
    samples_clear(m->judged);
    if (rev > c->revision)
        c->revision = rev;
}

void convergence_look(struct core *c, struct migration *m)
{
    struct takeover *t = &m->takeover;
    bool all = t->serving > 0 && t->serving == nodes_counted(&c->nodes);
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
    if (nodes_counted(&c->nodes) > 0)
        return m->takeover.all_serve;
    return falling && mono_sub(c->mono, m->takeover.ordered).ns >= c->config.node_grace.ns;
}

void convergence_list(const struct core *c, uint64_t rev, mono_t now, struct view_convergence *ret)
{
    mono_t gone_before = {now.ns - c->config.node_grace.ns};

    nodes_convergence(&c->nodes, rev, gone_before, ret);
}

static double ms_between(mono_t from, mono_t to)
{
    return (double)mono_sub(to, from).ns / 1e6;
}

double convergence_measured_ms(const struct takeover *t)
{
    return t->all_served ? ms_between(t->ordered, t->served) : -1.0;
}

double convergence_fall_ms(const struct core *c, const struct migration *m)
{
    const struct takeover *t = &m->takeover;
    const struct rollback_record *fall = &m->is.rollout.last_rollback;

    if (!t->all_served)
        return -1.0;
    if (t->fall_ordered_here)
        return ms_between(t->fall_ordered, t->served);
    /* Ordered before this process began: only the wall clock spans both. */
    return (double)(wall_sub(c->now, fall->ordered_at).ns - mono_sub(c->mono, t->served).ns) / 1e6;
}
