/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/facts.h"

#include "coordinator/core/clock_jumps.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/convergence.h"
#include "coordinator/core/gates.h"
#include "coordinator/core/holdback.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/retire.h"
#include "coordinator/core/waves.h"

static const struct plan_stage *current_stage(const struct durable *d)
{
    unsigned n = d->rollout.stage;

    return n >= 1 && n <= d->plan->stage_count ? &d->plan->stage[n - 1] : NULL;
}

/* A gate is watched from convergence on, or from a later decision that changed what is measured.
 * The time before this process began counts only with what every node measured in it. */
static dur_t watched(const struct core *c, const struct migration *m, const struct durable *d,
                     mono_t now)
{
    const struct takeover *t = &m->takeover;
    mono_t since = mono_before(t->watched_since, t->ordered) ? t->ordered : t->watched_since;
    dur_t here = mono_sub(now, since);

    if (d->rollout.phase == PHASE_CONVERGING)
        return dur_ns(0);
    return c->nodes.asked + c->nodes.silent > 0 ? here : dur_ns(here.ns + t->watched_before.ns);
}

static void hold_for_pasts(const struct core *c, struct view_gate *g)
{
    char names[TEXT_SIZE];

    if (!nodes_asked_text(&c->nodes, names)[0])
        return;
    g->verdict = VERDICT_HOLD;
    str_fmt(g->text, sizeof g->text, "waiting for what %s measured before", names);
}

/* By what is stored, so that a restart does not begin anew. */
static dur_t baking(const struct core *c, const struct durable *d, mono_t now)
{
    wall_t at = clock_at(c, now);
    const struct rollout *r = &d->rollout;

    if (r->phase != PHASE_BAKING || wall_before(at, r->since))
        return dur_ns(0);
    return wall_sub(at, r->since);
}

static struct gates_grounds grounds_of(const struct core *c, const struct migration *m,
                                       const struct durable *d, mono_t now,
                                       enum core_job_kind checks)
{
    return (struct gates_grounds){
        .samples = m->judged,
        .beside = m->beyond,
        .measured = m->measured,
        .compared = d->plan->route.compare.sample_bp ? &m->compared : NULL,
        .found = jobs_found(m, checks),
        .now = now,
        .watched = watched(c, m, d, now),
        .baking = baking(c, d, now),
    };
}

void facts_gate(const struct core *c, const struct migration *m, const struct durable *d,
                mono_t now, struct view_gate *ret)
{
    const struct gates_grounds grounds = grounds_of(c, m, d, now, JOB_GATE);
    const struct plan_stage *stage = current_stage(d);

    *ret = (struct view_gate){.verdict = VERDICT_NONE};
    if (!stage || !stage->has_gate)
        return;
    gates_gate(&stage->gate, &grounds, ret);
    hold_for_pasts(c, ret);
}

unsigned facts_trigger_to(const struct durable *d)
{
    unsigned to = d->plan->rollback_to;
    unsigned below = waves_remain(d) ? d->rollout.base_stage + 1 : d->rollout.stage;

    return to < below ? moves_down_from(d, to) : 0;
}

/* Nodes that wait for their wave send what the stage before it sends. They are judged by
 * themselves, too: neither hides what the other sees. */
static void look_beyond(const struct migration *m, const struct durable *d,
                        const struct gates_grounds *reached, struct view_gate *trigger)
{
    struct gates_grounds grounds = *reached;
    struct view_gate beyond;

    if (trigger->verdict == VERDICT_FAIL || !waves_remain(d) || waves_base_weight(d) == 0)
        return;
    grounds.samples = m->beyond;
    grounds.beside = m->judged;
    gates_trigger(&d->plan->triggers, &grounds, &beyond);
    if (beyond.verdict != VERDICT_FAIL)
        return;
    gates_say_beyond(&beyond);
    *trigger = beyond;
}

/* Only with traffic on new. A gate that is to roll a quiet stage back does it as a trigger. */
void facts_trigger(const struct core *c, const struct migration *m, const struct durable *d,
                   mono_t now, struct view_gate *ret)
{
    const struct gates_grounds grounds = grounds_of(c, m, d, now, JOB_TRIGGER);
    const struct plan_stage *stage = current_stage(d);
    struct view_gate gate;

    *ret = (struct view_gate){.verdict = VERDICT_NONE};
    if (compile_effective_bp(d) == 0)
        return;
    if (d->plan->has_triggers) {
        gates_trigger(&d->plan->triggers, &grounds, ret);
        look_beyond(m, d, &grounds, ret);
    }
    if (!stage || !stage->has_gate || stage->gate.quiet != QUIET_ROLLBACK)
        return;
    facts_gate(c, m, d, now, &gate);
    gates_add_quiet(&gate, ret);
}

static bool is_falling(enum rollout_phase phase)
{
    return phase == PHASE_ROLLING_BACK || phase == PHASE_ROLLBACK_FAILED;
}

static bool is_over(wall_t until, wall_t now)
{
    return !wall_is_set(until) || !wall_before(now, until);
}

/* Would the command send more keys to new than now? */
static bool raises(const struct durable *d, const struct move *move)
{
    struct durable after = *d;

    if (move->event == STAGE_WEIGHT)
        after.rollout.weight_bp = move->weight_bp;
    if (move->event == STAGE_OVERRIDE)
        after.rollout.override = move->system;
    return compile_effective_bp(&after) > compile_effective_bp(d) ||
           after.rollout.weight_bp > d->rollout.weight_bp ||
           (move->event == STAGE_OVERRIDE && move->system == SYSTEM_NEW);
}

/* Under an override to legacy no gate sees anything of new: it cannot stand in the way of the share
 * that it has let pass before. */
static bool lifts_override_to_legacy(const struct durable *d, const struct move *move)
{
    return move->event == STAGE_OVERRIDE && move->system == SYSTEM_NONE &&
           d->rollout.override == SYSTEM_LEGACY;
}

/* A weight or an override enters no stage; what happens by itself enters the next one. */
static unsigned entered_by(const struct durable *d, const struct move *move)
{
    const struct rollout *r = &d->rollout;

    if (move->event == STAGE_PREPARED || move->event == STAGE_UNPREPARED)
        return r->entering_stage;
    if (move->event == STAGE_REVIEW)
        return waves_remain(d) ? 0 : r->stage + 1;
    if (move->event == STAGE_START || move->event == STAGE_PROMOTE || move->event == STAGE_FULL)
        return move->to_stage > r->stage ? move->to_stage : 0;
    return 0;
}

bool facts_held_back(const struct core *c, const struct durable *d, const struct move *move,
                     char *ret_why, char *ret_hint)
{
    return holdback(d, entered_by(d, move), c->clock, ret_why, ret_hint);
}

/* Nodes that the stage has not reached are at an earlier one, which must not become a raise. */
static bool goes_down(const struct durable *d, unsigned to_stage)
{
    return to_stage < d->rollout.stage && (!waves_remain(d) || to_stage <= d->rollout.base_stage);
}

void facts_stored(const struct durable *d, struct stage_facts *ret)
{
    const struct rollout *r = &d->rollout;
    const struct plan *plan = d->plan;
    const struct plan_wave *wave = waves_next(d);

    *ret = (struct stage_facts){
        .on_stage = r->stage > 0,
        .weightless = r->weight_bp == 0,
        .has_next = r->stage < plan->stage_count,
        .next_asks = r->stage < plan->stage_count && plan->stage[r->stage].approval,
        .more_waves = wave,
        .wave_asks = wave && wave->approval,
        .by_hand = r->weight_by_hand,
        .overridden = r->override != SYSTEM_NONE,
        .emergency = d->order.active,
        .last_step = moves_step_target(d) == 0,
        .barred = r->barred,
        .entering = r->entering_stage > r->stage && r->entering_stage <= plan->stage_count,
        .resume = r->resume_phase,
    };
}

void facts_collect(const struct core *c, const struct migration *m, const struct durable *d,
                   const struct move *move, struct stage_facts *ret)
{
    const struct rollout *r = &d->rollout;
    char why[TEXT_SIZE], hint[TEXT_SIZE];
    struct view_gate trigger, gate;

    facts_trigger(c, m, d, c->mono, &trigger);
    facts_gate(c, m, d, c->mono, &gate);
    facts_stored(d, ret);
    ret->violating = trigger.verdict == VERDICT_FAIL;
    ret->converged =
        r->drill_state == DRILL_IDLE && convergence_reached(c, m, is_falling(r->phase));
    ret->baked = is_over(r->bake_until, c->clock);
    ret->gate_open = r->full || gate.verdict == VERDICT_NONE || gate.verdict == VERDICT_PASS ||
                     lifts_override_to_legacy(d, move);
    ret->gate_fails = !r->full && gate.verdict == VERDICT_FAIL;
    ret->tended = jobs_tended(m, d);
    ret->held_back = facts_held_back(c, d, move, why, hint);
    ret->late = wall_is_set(r->deadline) && is_over(r->deadline, c->clock);
    ret->step_due = is_over(r->step_at, c->clock);
    ret->waking = mono_before(c->mono, c->awake);
    ret->raises = raises(d, move);
    ret->may_retire = move->event == STAGE_DECOMMISSION &&
                      retire_check(d, c->clock, move->checklist_done, NULL) == 0;
    ret->goes_down = goes_down(d, move->to_stage);
    ret->prepares = jobs_needed(d->plan, entered_by(d, move));
    ret->prepared = jobs_prepared(m, d);
    ret->unprepared = jobs_unprepared(m, d);
}
