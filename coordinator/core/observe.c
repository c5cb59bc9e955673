/* SPDX-License-Identifier: Apache-2.0 */
/* core_load(), core_loaded() and core_observe(): what the store holds becomes the state, or says
 * why it cannot. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/convergence.h"
#include "coordinator/core/drafts.h"
#include "coordinator/core/drill_watch.h"
#include "coordinator/core/events_watch.h"
#include "coordinator/core/fleet_breaker_watch.h"
#include "coordinator/core/past.h"
#include "coordinator/core/staging.h"

/* ---- one migration --------------------------------------------------------------------------- */

/* What the draft holds moves over; what it replaces goes with the draft. */
static void swap_contents(struct migration *m, struct draft *d)
{
    const struct durable was = m->is;
    const struct history history = m->history;
    const struct event_log events = m->events;
    const struct days days = m->days;

    m->is = d->is;
    m->is.machine = was.machine;
    if (m->is.rollout.phase != was.rollout.phase)
        sm_init(&m->is.machine, &stage_machine, (int)m->is.rollout.phase);
    m->is.drill = was.drill;
    if (m->is.rollout.drill_state != was.rollout.drill_state)
        sm_init(&m->is.drill, &drill_machine, (int)m->is.rollout.drill_state);
    m->is.breaker = was.breaker;
    if (m->is.rollout.breaker.state != was.rollout.breaker.state)
        sm_init(&m->is.breaker, &fleet_breaker_machine, (int)m->is.rollout.breaker.state);
    d->is = was;
    m->history = d->history;
    d->history = history;
    m->events = d->events;
    d->events = events;
    m->days = d->days;
    d->days = days;
    m->plan_rev = d->plan_rev;
    m->rollout_rev = d->rollout_rev;
    m->order_rev = d->order_rev;
}

/* Another rollback than the one that was known. */
static bool has_fallen(const struct rollout *was, const struct rollout *is)
{
    return phase_coarse(is->phase) == COARSE_FALLING &&
           is->last_rollback.ordered_at.ns != was->last_rollback.ordered_at.ns;
}

static bool begins_to_bake(const struct rollout *was, const struct rollout *is)
{
    return is->phase == PHASE_BAKING && was->phase != PHASE_BAKING && was->phase != PHASE_PAUSED;
}

/* How long the gate of the current stage was watched before this process began: since the phase
 * began, or since the latest decision. A clock that jumped counts for nothing, or an hour. */
static dur_t watched_before(const struct core *c, const struct rollout *r)
{
    wall_t since = wall_before(r->since, r->decided_at) ? r->decided_at : r->since;
    dur_t before = wall_sub(c->clock, since);

    if (!wall_is_set(since) || before.ns < 0)
        return dur_ns(0);
    return before.ns > PAST_MAX.ns ? PAST_MAX : before;
}

/* The migration has a plan. Returns whether nodes have to hear of it. */
static bool take_over(struct core *c, struct migration *m, const struct durable *was, uint64_t rev)
{
    bool differs = m->slot < 0 || compile_differs(was, &m->is);
    bool decided;

    if (m->slot < 0)
        state_take_slot(c, m);
    /* Changed by hand, in a record that still names an earlier decision. */
    if (differs && rev <= m->takeover.rev)
        rev = m->rollout_rev > m->plan_rev ? m->rollout_rev : m->plan_rev;
    decided = rev > m->takeover.rev;
    if (decided) {
        convergence_found(c, m, rev, has_fallen(&was->rollout, &m->is.rollout));
        fleet_breaker_found(c, m);
    } else {
        convergence_look(c, m);
    }
    convergence_name(c, m);
    if (begins_to_bake(&was->rollout, &m->is.rollout))
        m->takeover.watched_since = c->mono;
    if (c->loading)
        m->takeover.watched_before = watched_before(c, &m->is.rollout);
    drill_watch_found(c, m, &was->rollout);
    return differs || decided;
}

/* It has no plan. Returns whether nodes have to hear of it. */
static bool leave(struct core *c, struct migration *m, uint64_t rev)
{
    bool had = m->slot >= 0;

    if (had)
        state_leave_slot(c, m);
    if (had && rev > c->revision)
        c->revision = rev;
    return had;
}

/* `was`: what was known of them. */
static void look_at_events(struct core *c, struct migration *m, const struct event_log *was)
{
    uint64_t known = event_log_last(was);

    for (unsigned i = m->events.entries; i-- > 0;) {
        const struct event_log_entry *e = &m->events.entry[i];

        if (e->rev > c->events_rev)
            c->events_rev = e->rev;
        if (e->batch->first <= known)
            return;
        events_watch_told(c, m, e->batch);
    }
}

/* When it went: of a key that is missing in the whole of the store only the time of the reading is
 * known, but whoever deletes a plan leaves a mark (`marked`, its revision). All replicas must take
 * the same. */
static uint64_t gone_with(const struct draft *d, uint64_t marked)
{
    uint64_t known = d->m && d->m->rollout_rev > 0 ? d->m->rollout_rev : UINT64_MAX;

    return marked > known && marked < d->removed_rev ? marked : d->removed_rev;
}

/* `u` NULL: nobody has to be told. */
static void install(struct core *c, struct draft *d, uint64_t marked, struct core_update *u)
{
    uint64_t rev = draft_decision_rev(d, c->incarnation), gone = gone_with(d, marked);
    struct migration *m = d->m;
    bool news;

    if (!m) {
        m = migration_new(&d->name);
        state_add(c, m);
    }
    swap_contents(m, d);
    news = m->is.plan ? take_over(c, m, &d->is, rev) : leave(c, m, gone);
    if (news && u)
        update_publish(u, &m->name, !m->is.plan);
    look_at_events(c, m, &d->events);
    if (!m->is.plan && m->order_rev == 0 && m->history.count == 0 && m->events.entries == 0)
        state_remove(c, m, d->removed_rev);
}

static void install_all(struct core *c, struct drafts *d, uint64_t rev, struct core_update *u)
{
    struct draft *draft, *next;

    HASH_ITER (hh, d->by_name, draft, next) {
        if (draft->changed)
            install(c, draft, d->removed_rev, u);
    }
    if (d->removed_rev > c->revision)
        c->revision = d->removed_rev;
    if (rev > c->known)
        c->known = rev;
}

/* ---- the contract ---------------------------------------------------------------------------- */

int core_load(struct core *c, const char *key, struct str value, uint64_t rev, struct err *err)
{
    if (!c->loading)
        c->loading = xnew(struct drafts);
    return drafts_take(c->loading, c, &(struct core_kv){key, value, rev}, err);
}

int core_loaded(struct core *c, const char *incarnation, uint64_t rev, struct err *err)
{
    struct drafts none = {.by_name = NULL};
    struct drafts *d = c->loading ? c->loading : &none;
    int r = drafts_check(d, c, err);

    if (r < 0)
        return r;
    str_fmt(c->incarnation, sizeof c->incarnation, "%s", incarnation);
    install_all(c, d, rev, NULL);
    c->loading = drafts_free(c->loading);
    if (c->migrations > 0)
        c->awake = mono_add(c->mono, c->config.startup_grace);
    return 0;
}

/* What is gone makes room first: of a plan that came back a core may know a whole other history. */
static int draft_all(const struct core *c, const struct core_kv *kv, unsigned count, bool whole,
                     uint64_t rev, struct drafts *ret, struct err *err)
{
    for (unsigned i = 0; i < count && whole; i++)
        drafts_see(ret, c, kv[i].key);
    if (whole)
        drafts_whole(ret, c, rev);
    for (unsigned i = 0; i < 2 * count; i++) {
        const struct core_kv *k = &kv[i % count];
        int r = !k->value.p == (i < count) ? drafts_take(ret, c, k, err) : 0;

        if (r < 0)
            return r;
    }
    return drafts_check(ret, c, err);
}

int core_observe(struct core *c, const struct core_kv *kv, unsigned count, bool whole, uint64_t rev,
                 struct core_update *ret_update, struct err *err)
{
    CLEANUP(drafts_freep) struct drafts *d = xnew(struct drafts);
    int r;

    CHECK(!c->staged && !c->loading);
    core_update_reset(ret_update);
    r = draft_all(c, kv, count, whole, rev, d, err);
    if (r == 0)
        install_all(c, d, rev, ret_update);
    return r;
}
