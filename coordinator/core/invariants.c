/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/invariants.h"

#include "coordinator/core/compile.h"
#include "coordinator/core/drill.h"
#include "coordinator/core/drill_watch.h"
#include "coordinator/core/facts.h"
#include "coordinator/core/fleet_breaker.h"

/* Each returns what is broken, or NULL. */
typedef const char *(*promise_fn)(const struct core *c, const struct migration *m);

static const char *one_phase(const struct core *c UNUSED, const struct migration *m)
{
    return m->is.machine.state == (int)m->is.rollout.phase ? NULL
                                                           : "machine and rollout differ in phase";
}

static const char *phase_promise(const struct core *c, const struct migration *m)
{
    const struct move nothing = {.event = STAGE_REVIEW, .reason = ""};
    const char *why = NULL;
    struct stage_facts facts;

    facts_collect(c, m, &m->is, &nothing, &facts);
    if (stage_machine.invariant((int)m->is.rollout.phase, &facts, &why))
        return NULL;
    return why;
}

static const char *one_drill_state(const struct core *c UNUSED, const struct migration *m)
{
    return m->is.drill.state == (int)m->is.rollout.drill_state
               ? NULL
               : "the drill's machine and record differ in state";
}

static const char *drill_promise(const struct core *c UNUSED, const struct migration *m)
{
    const char *why = NULL;
    struct drill_facts facts;

    drill_stored(&m->is, &facts);
    return drill_machine.invariant((int)m->is.rollout.drill_state, &facts, &why) ? NULL : why;
}

static const char *drill_counted(const struct core *c, const struct migration *m)
{
    unsigned counted, serving;

    if (m->is.rollout.drill_state == DRILL_IDLE)
        return NULL;
    drill_watch_count(c, m, &counted, &serving);
    return counted == m->scope.counted && serving == m->scope.serving
               ? NULL
               : "the count of a drill's nodes is wrong";
}

static const char *one_breaker_state(const struct core *c UNUSED, const struct migration *m)
{
    return m->is.breaker.state == (int)m->is.rollout.breaker.state
               ? NULL
               : "the fleet breaker's machine and record differ in state";
}

static const char *breaker_promise(const struct core *c UNUSED, const struct migration *m)
{
    const char *why = NULL;
    struct fleet_breaker_facts facts;

    fleet_breaker_stored(&m->is, &facts);
    return fleet_breaker_machine.invariant((int)m->is.rollout.breaker.state, &facts, &why) ? NULL
                                                                                           : why;
}

static const char *approvals_lie_ahead(const struct core *c UNUSED, const struct migration *m)
{
    const struct rollout *r = &m->is.rollout;

    for (unsigned i = 0; i < r->approval_count; i++)
        if (r->approval[i].stage <= r->stage)
            return "an approval of a stage that is entered";
    return NULL;
}

static const char *weight_in_range(const struct core *c UNUSED, const struct migration *m)
{
    const struct rollout *r = &m->is.rollout;

    if (r->weight_bp > WEIGHT_BP_MAX)
        return "a weight above 100 percent";
    if (!r->weight_by_hand && r->weight_bp != plan_stage_weight_bp(m->is.plan, r->stage))
        return "a weight that is neither the stage's nor set by hand";
    return NULL;
}

static const char *mirror_in_range(const struct core *c UNUSED, const struct migration *m)
{
    const struct rollout *r = &m->is.rollout;

    if (r->mirror_bp > WEIGHT_BP_MAX)
        return "a share of copies above 100 percent";
    return r->mirror_by_hand || r->mirror_bp == 0 ? NULL
                                                  : "a share of copies that nobody set by hand";
}

static const char *order_dominates(const struct core *c UNUSED, const struct migration *m)
{
    if (!m->is.order.active)
        return NULL;
    if (m->is.rollout.override == SYSTEM_NEW)
        return "an override to new under an emergency order";
    return compile_effective_bp(&m->is) == 0 ? NULL : "traffic on new under an emergency order";
}

static const char *serving_counted(const struct core *c, const struct migration *m)
{
    return m->takeover.serving == nodes_serving(&c->nodes, m->takeover.rev)
               ? NULL
               : "the count of serving nodes is wrong";
}

static const char *revisions_in_order(const struct core *c, const struct migration *m)
{
    if (m->plan_rev == 0 || m->rollout_rev == 0)
        return "in use and not stored";
    if (m->takeover.rev > c->revision)
        return "a decision newer than the newest";
    return m->takeover.rev == m->is.rollout.decision_rev ? NULL : "two revisions of one decision";
}

static const char *history_in_order(const struct core *c UNUSED, const struct migration *m)
{
    const struct history *h = &m->history;

    for (unsigned i = 1; i < h->count; i++)
        if (h->item[i - 1]->entry.sequence >= h->item[i]->entry.sequence)
            return "history out of order";
    if (h->count && h->item[h->count - 1]->entry.sequence != m->is.rollout.history_seq)
        return "the newest history entry is not the rollout's";
    return NULL;
}

static const char *events_in_order(const struct core *c, const struct migration *m)
{
    const struct event_log *l = &m->events;
    unsigned events = 0;

    for (unsigned i = 0; i < l->entries; i++) {
        events += l->entry[i].batch->count;
        if (i > 0 && event_batch_last(l->entry[i - 1].batch) >= l->entry[i].batch->first)
            return "events out of order";
        if (i > 0 && l->entry[i - 1].rev >= l->entry[i].rev)
            return "revisions of events out of order";
        if (l->entry[i].rev > c->events_rev)
            return "an event newer than the newest";
    }
    if (events != l->events)
        return "the count of events is wrong";
    return l->entries == 0 || event_log_last(l) == m->is.rollout.event_seq
               ? NULL
               : "the newest event is not the rollout's";
}

int invariants_check(const struct core *c, struct err *err)
{
    static const promise_fn promises[] = {
        one_phase,         phase_promise,      weight_in_range,  order_dominates,
        serving_counted,   revisions_in_order, history_in_order, events_in_order,
        one_drill_state,   drill_promise,      drill_counted,    approvals_lie_ahead,
        one_breaker_state, breaker_promise,    mirror_in_range,
    };

    if (c->staged)
        return err_set(err, ERR_INTERNAL, "a step is neither committed nor abandoned");
    STATE_FOREACH(c, m)
    {
        for (unsigned i = 0; i < ARRAY_LEN(promises); i++) {
            const char *broken = promises[i](c, m);

            if (broken)
                return err_set(err, ERR_INTERNAL, "migration %s: %s", m->name.s, broken);
        }
    }
    return 0;
}
