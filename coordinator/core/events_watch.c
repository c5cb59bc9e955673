/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/events_watch.h"

#include "coordinator/core/events.h"
#include "coordinator/core/facts.h"

static bool is_kind(const struct event *e, enum event_kind kind)
{
    return strcmp(e->kind, event_kind_name(kind)) == 0;
}

/* ---- gates ----------------------------------------------------------------------------------- */

static const struct {
    enum verdict verdict;
    enum event_kind kind;
} verdicts[] = {
    {VERDICT_PASS, EVENT_GATE_PASSED},
    {VERDICT_FAIL, EVENT_GATE_FAILED},
    {VERDICT_HOLD, EVENT_GATE_HELD},
};

static enum verdict verdict_of(const struct event *e)
{
    for (unsigned i = 0; i < ARRAY_LEN(verdicts); i++)
        if (is_kind(e, verdicts[i].kind))
            return verdicts[i].verdict;
    return VERDICT_NONE;
}

static enum event_kind kind_of(enum verdict v)
{
    for (unsigned i = 0; i < ARRAY_LEN(verdicts); i++)
        if (verdicts[i].verdict == v)
            return verdicts[i].kind;
    return EVENT_KIND_COUNT;
}

/* The gate's latest verdict that was told of since the nodes converged on what it judges. */
static enum verdict told_verdict(const struct event_log *l, wall_t *ret_time)
{
    *ret_time = (wall_t){0};
    for (unsigned i = l->entries; i-- > 0;) {
        const struct event_batch *b = l->entry[i].batch;

        for (unsigned j = b->count; j-- > 0;) {
            enum verdict v = verdict_of(&b->event[j]);

            if (v == VERDICT_NONE && !is_kind(&b->event[j], EVENT_CONVERGED))
                continue;
            *ret_time = b->event[j].time;
            return v;
        }
    }
    return VERDICT_NONE;
}

/* A gate that has just begun to be watched holds, which is no news. */
static bool is_news(const struct core *c, const struct migration *m, enum verdict was,
                    enum verdict is)
{
    wall_t until = m->is.rollout.bake_until;
    bool baked = !wall_is_set(until) || !wall_before(c->clock, until);

    if (is == VERDICT_NONE || is == was)
        return false;
    return is != VERDICT_HOLD || was != VERDICT_NONE || baked;
}

static const char *gate_text(const struct view_gate *g)
{
    return g->text[0] ? g->text : "all of its limits hold";
}

/* Short of EVENTS_WATCH_EVERY after the latest one; a clock that was put back delays nothing. */
static bool too_soon(const struct core *c, wall_t told)
{
    dur_t since = wall_sub(c->now, told);

    return wall_is_set(told) && since.ns >= 0 && since.ns < EVENTS_WATCH_EVERY.ns;
}

static bool is_judged(const struct migration *m)
{
    return m->is.rollout.phase == PHASE_BAKING || m->is.rollout.phase == PHASE_READY;
}

/* VERDICT_NONE: nothing to tell. */
static enum verdict gate_news(const struct core *c, const struct migration *m, bool debounced,
                              struct view_gate *ret)
{
    enum verdict was;
    wall_t told;

    if (!is_judged(m) || c->nodes.asked > 0 || mono_before(c->mono, c->awake))
        return VERDICT_NONE;
    was = told_verdict(&m->events, &told);
    if (debounced && was != VERDICT_NONE && too_soon(c, told))
        return VERDICT_NONE;
    facts_gate(c, m, &m->is, c->mono, ret);
    return is_news(c, m, was, ret->verdict) ? ret->verdict : VERDICT_NONE;
}

static void say_gate(struct core *c, struct staged *s, const struct view_gate *gate,
                     struct core_update *u)
{
    events_say(c, u, s, kind_of(gate->verdict), "", update_fmt(u, "%s", gate_text(gate)));
}

void events_watch_gate(struct core *c, struct staged *s, struct core_update *u)
{
    struct view_gate gate;

    if (gate_news(c, s->m, false, &gate) != VERDICT_NONE)
        say_gate(c, s, &gate, u);
}

/* ---- breakers -------------------------------------------------------------------------------- */

void events_watch_breaker(struct core *c, struct migration *m, const struct node *node)
{
    struct event_watch *w = &m->watch;

    if (w->breakers_due || !node_breaker_is_news(node, m->slot))
        return;
    w->breakers_due = true;
    w->breakers_at = mono_add(c->mono, EVENTS_WATCH_GATHER);
    if (mono_before(w->breakers_at, w->breakers_next))
        w->breakers_at = w->breakers_next;
}

static void say_breakers(struct core *c, struct staged *s, bool open, struct core_update *u)
{
    enum event_kind kind = open ? EVENT_BREAKER_OPENED : EVENT_BREAKER_CLOSED;
    const char *first;
    unsigned n = nodes_breaker_news(&c->nodes, s->m->slot, open, &first);

    if (n == 1)
        events_say(
            c, u, s, kind, first,
            update_fmt(u, open ? "%s sends everything to legacy" : "%s sends to new again", first));
    else if (n > 1)
        events_say(c, u, s, kind, "",
                   update_fmt(u,
                              open ? "%u nodes send everything to legacy, %s among them"
                                   : "%u nodes send to new again, %s among them",
                              n, first));
}

static bool breakers_due(const struct core *c, const struct migration *m)
{
    return m->watch.breakers_due && !mono_before(c->mono, m->watch.breakers_at);
}

void events_watch_told(struct core *c, struct migration *m, const struct event_batch *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (!is_kind(&b->event[i], EVENT_BREAKER_OPENED) &&
            !is_kind(&b->event[i], EVENT_BREAKER_CLOSED))
            continue;
        if (m->slot >= 0)
            nodes_breaker_told(&c->nodes, m->slot);
        m->watch.breakers_due = false;
        m->watch.breakers_next = mono_add(c->mono, EVENTS_WATCH_EVERY);
        return;
    }
}

/* Some have gone back to what was told of them. */
static bool breakers_differ(const struct core *c, const struct migration *m)
{
    const char *first;

    return nodes_breaker_news(&c->nodes, m->slot, true, &first) > 0 ||
           nodes_breaker_news(&c->nodes, m->slot, false, &first) > 0;
}

/* ---- both ------------------------------------------------------------------------------------ */

void events_watch(struct core *c, struct migration *m, struct staged *s, struct core_update *u)
{
    bool breakers = breakers_due(c, m), gate_is_news;
    struct view_gate gate;

    if (!c->leads)
        return;
    if (breakers)
        breakers = m->watch.breakers_due = breakers_differ(c, m);
    gate_is_news = !s && gate_news(c, m, true, &gate) != VERDICT_NONE;
    if (!gate_is_news && !breakers)
        return;
    if (!s)
        s = staging_begin(c, m);
    if (gate_is_news)
        say_gate(c, s, &gate, u);
    if (!breakers)
        return;
    say_breakers(c, s, true, u);
    say_breakers(c, s, false, u);
}
