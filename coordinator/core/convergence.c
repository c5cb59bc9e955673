/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/convergence.h"

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
    double ms;

    if (!t->all_served)
        return -1.0;
    if (t->fall_ordered_here)
        return ms_between(t->fall_ordered, t->served);
    /* Ordered elsewhere, or before this process began: only the wall clocks span both. */
    ms = (double)(wall_sub(c->now, fall->ordered_at).ns - mono_sub(c->mono, t->served).ns) / 1e6;
    return ms > 0.0 ? ms : 0.0;
}
