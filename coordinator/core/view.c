/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/core_view.h"

#include "coordinator/core/clock_jumps.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/convergence.h"
#include "coordinator/core/facts.h"
#include "coordinator/core/holdback.h"
#include "coordinator/core/mirror.h"
#include "coordinator/core/retire.h"
#include "coordinator/core/suggest.h"
#include "coordinator/core/view_breaker.h"
#include "coordinator/core/waves.h"

static bool has_mirror(const struct migration *m)
{
    return plan_mirrors(m->is.plan) || m->is.rollout.mirror_by_hand ||
           !mirror_stats_is_empty(&m->mirrored);
}

/* Of the requests that may be copied, as nodes do it. */
static uint32_t compared_share(const struct durable *d)
{
    const struct route_compare *how = &d->plan->route.compare;
    const bool off = d->order.active || d->rollout.override != SYSTEM_NONE ||
                     compile_forbids_legacy(d) || d->rollout.weight_bp > how->off_above_bp;

    return off ? 0 : how->sample_bp;
}

int view_status(const struct core *c, const char *migration, wall_t now, mono_t mono,
                struct view_status *ret, struct err *err)
{
    struct migration *m;
    int r = state_get(c, migration, &m, err);

    if (r < 0)
        return r;
    *ret = (struct view_status){
        .plan = m->is.plan,
        .rollout = &m->is.rollout,
        .emergency = m->is.order.epoch ? &m->is.order : NULL,
        .effective_weight_bp = compile_effective_bp(&m->is),
        .compared_bp = compared_share(&m->is),
        .mirrored = has_mirror(m) ? &m->mirrored : NULL,
        .rollbacks_today = moves_rollbacks_on(&m->is.rollout, now),
        .quarantined = m->is.rollout.quarantined,
        .quarantined_count = m->is.rollout.quarantined_count,
        .trigger_to = facts_trigger_to(&m->is),
        .more_waves = waves_remain(&m->is),
        .suggested_next_weight_bp = suggest_weight_bp(m->is.plan, &m->is.rollout),
    };
    ret->may_retire = wall_is_set(m->is.rollout.standby_until) &&
                      retire_check(&m->is, clock_at(c, mono), true, NULL) == 0;
    ret->freeze = plan_frozen(m->is.plan, now, &ret->frozen_until);
    holdback_list(&m->is, m->is.rollout.stage + 1, now, ret->holdback);
    mirror_look(&m->is, &ret->mirror);
    view_breakers_of(c, m, ret);
    ret->underway = nodes_underway(&c->nodes, m->slot);
    convergence_list(c, m, m->takeover.rev, mono, &ret->convergence);
    facts_gate(c, m, &m->is, mono, &ret->gate);
    facts_trigger(c, m, &m->is, mono, &ret->trigger);
    suggest_command(ret, ret->suggested_command);
    return 0;
}

unsigned view_quarantined(const struct core *c, const char *migration, const struct name **ret)
{
    const struct migration *m = state_find(c, migration);

    *ret = m ? m->is.rollout.quarantined : NULL;
    return m ? m->is.rollout.quarantined_count : 0;
}

int view_holdbacks(const struct core *c, const char *migration, unsigned to_stage, wall_t now,
                   struct view_holdback *ret, struct err *err)
{
    struct migration *m;
    int r = state_get(c, migration, &m, err);

    if (r == 0)
        holdback_list(&m->is, to_stage, now, ret);
    return r;
}

int view_stats(const struct core *c, const char *migration, dur_t window, mono_t mono,
               struct view_stats *ret, struct err *err)
{
    struct migration *m;
    int r = state_get(c, migration, &m, err);

    if (r < 0)
        return r;
    ret->window = window.ns ? window : mono_sub(mono, c->started);
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        if (window.ns == 0)
            ret->system[i] = *samples_total(m->stats, (enum system)i);
        else
            samples_window(m->stats, (enum system)i, mono, window, &ret->system[i]);
    }
    ret->mirror = m->mirrored;
    if (window.ns > 0)
        sums_window(&m->mirrored_lately, mono, window, &ret->mirror, MIRROR_COUNTERS);
    ret->over_budget = m->over_budget;
    if (window.ns > 0)
        sums_window(&m->over_budget_lately, mono, window, &ret->over_budget, 1);
    return 0;
}

int view_compared(const struct core *c, const char *migration, dur_t window, mono_t mono,
                  struct view_compared *ret, struct err *err)
{
    struct migration *m;
    int r = state_get(c, migration, &m, err);

    if (r < 0)
        return r;
    ret->how = &m->is.plan->route.compare;
    ret->off = compile_effective_bp(&m->is) > ret->how->off_above_bp;
    ret->total = m->compared.total;
    ret->window = window;
    compared_window(&m->compared, mono, window, &ret->recent);
    return 0;
}

unsigned view_discrepancies(const struct core *c, const char *migration,
                            const struct compared_example **ret, unsigned max)
{
    const struct migration *m = state_find(c, migration);
    unsigned count = 0;

    while (m && count < max && (ret[count] = compared_example(&m->compared, count)))
        count++;
    return count;
}

unsigned view_history(const struct core *c, const char *migration, const struct history_entry **ret,
                      unsigned max)
{
    const struct migration *m = state_find(c, migration);
    unsigned count = 0;

    for (unsigned i = m ? m->history.count : 0; i-- > 0 && count < max;)
        ret[count++] = &m->history.item[i]->entry;
    return count;
}

bool view_has_request(const struct core *c, const char *migration, const char *request)
{
    const struct migration *m = state_find(c, migration);

    return m && history_has_request(&m->history, request);
}

bool view_is_fall(const struct history_entry *e)
{
    return history_is_fall(e);
}

unsigned view_days(const struct core *c, const char *migration, int64_t from, struct view_day *ret,
                   unsigned max)
{
    const struct migration *m = state_find(c, migration);
    unsigned count = 0;

    for (unsigned i = 0; m && i < m->days.count && count < max; i++) {
        if (m->days.day[i].day < from)
            continue;
        ret[count].day = m->days.day[i].day;
        day_sum(&m->days.day[i], &ret[count++].total);
    }
    return count;
}

/* Revisions that were no decision reach no node: what is asked for is at most the latest decision.
 * Of those that this replica has not seen yet it cannot know. */
static uint64_t awaited(const struct core *c, uint64_t rev, uint64_t decision)
{
    if (rev > c->known)
        return rev;
    return rev == 0 || rev > decision ? decision : rev;
}

void view_convergence(const struct core *c, const char *migration, uint64_t rev, mono_t now,
                      struct view_convergence *ret)
{
    uint64_t decision = migration[0] ? core_decision_rev(c, migration) : c->revision;

    convergence_list(c, state_find(c, migration), awaited(c, rev, decision), now, ret);
}

/* What was measured before this process began, or by another coordinator, is in the record. */
static void recorded(const struct rollout *r, struct view_measured *ret)
{
    const struct rollback_record *fall = &r->last_rollback;

    if (r->phase != PHASE_ROLLED_BACK)
        return;
    *ret = (struct view_measured){.all = fall->measured_ms,
                                  .p50 = fall->p50_ms,
                                  .p99 = fall->p99_ms,
                                  .last_node = fall->last_node.s};
}

void view_measured(const struct core *c, const char *migration, struct view_measured *ret)
{
    const struct migration *m = state_find(c, migration);

    *ret = (struct view_measured){.all = -1.0, .p50 = -1.0, .p99 = -1.0, .last_node = ""};
    if (m && m->takeover.ordered_here)
        convergence_measure(c, m, ret);
    else if (m)
        recorded(&m->is.rollout, ret);
}
