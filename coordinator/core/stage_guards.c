/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/stage_guards.h"

#include "coordinator/core/stage_fsm.h"

static bool may_rise(const struct stage_facts *f)
{
    return !f->emergency && !f->violating && !f->held_back;
}

/* What a stage has to show before anything moves on by itself. An override hides the stage's own
 * traffic, so nothing is proven under it. */
static bool is_settled(const struct stage_facts *f)
{
    return f->baked && f->gate_open && !f->overridden && !f->violating && !f->waking;
}

static bool stage_is_over(const struct stage_facts *f)
{
    return is_settled(f) && !f->more_waves && f->tended;
}

/* An operator, asked for or by the weight, is not needed for the next one. */
static bool wave_follows(const struct stage_facts *f)
{
    return is_settled(f) && f->more_waves && !f->wave_asks && !f->by_hand;
}

static bool next_follows(const struct stage_facts *f)
{
    return stage_is_over(f) && f->has_next && !f->next_asks && !f->by_hand;
}

static bool may_follow(const struct stage_facts *f)
{
    return may_rise(f) && !f->barred;
}

/* To the next stage, when an operator says so: `earned` by the bake, or settled before. */
static bool stage_is_free(const struct stage_facts *f)
{
    return f->on_stage && !f->more_waves && f->has_next && f->gate_open && may_rise(f);
}

static bool stage_has_earned(const struct stage_facts *f)
{
    return stage_is_free(f) && f->baked && f->tended;
}

static bool share_is_free(const struct stage_facts *f)
{
    return !f->raises || (f->gate_open && may_rise(f));
}

/* Prepared, and yet not to be entered. A gate that has too little to judge by is waited for. */
static bool is_barred(const struct stage_facts *f)
{
    return f->prepared && !f->emergency && !f->violating && (f->held_back || f->gate_fails);
}

#define GUARD(name, expression)              \
    STAGE_GUARD(name)                        \
    {                                        \
        const struct stage_facts *f = facts; \
        return (expression);                 \
    }

GUARD(starts_at_once, !f->on_stage && !f->prepares && may_rise(f))
GUARD(starts_with_checks, !f->on_stage && f->prepares && may_rise(f))
GUARD(wave_is_earned, f->more_waves && f->baked && f->gate_open && may_rise(f))
GUARD(wave_is_open, f->on_stage && f->more_waves && f->gate_open && may_rise(f))
GUARD(stage_is_earned, stage_has_earned(f) && !f->prepares)
GUARD(checks_are_earned, stage_has_earned(f) && f->prepares)
GUARD(stage_is_open, stage_is_free(f) && !f->prepares)
GUARD(checks_are_open, stage_is_free(f) && f->prepares)
GUARD(may_skip, (f->on_stage && may_rise(f)))
GUARD(may_skip_ahead, (f->has_next && may_rise(f)))
GUARD(may_enter, f->prepared && f->gate_open && !f->gate_fails && !f->waking && may_rise(f))
GUARD(barred_on_stage, is_barred(f) && f->on_stage)
GUARD(barred_at_zero, is_barred(f) && !f->on_stage)
GUARD(fails_on_stage, f->unprepared && f->on_stage)
GUARD(fails_at_zero, f->unprepared && !f->on_stage)
GUARD(steps_down, !f->last_step)
GUARD(steps_out, f->last_step)
GUARD(step_is_due, f->step_due && !f->last_step)
GUARD(last_step_is_due, f->step_due && f->last_step)
GUARD(share_may_change, share_is_free(f))
GUARD(stage_share_may_change, (f->on_stage && share_is_free(f)))
GUARD(zero_share_may_change, !f->on_stage && share_is_free(f))
GUARD(share_falls, !f->raises)
GUARD(goes_down, f->goes_down)
GUARD(violating, f->violating)
GUARD(may_retire, f->may_retire)
GUARD(all_serve, f->converged && !f->waking)
GUARD(too_late, f->late && !f->converged && !f->waking)
GUARD(resumes_preparing, f->resume == PHASE_PREPARING)
GUARD(resumes_converging, f->resume == PHASE_CONVERGING)
GUARD(resumes_baking, f->resume == PHASE_BAKING)
GUARD(resumes_ready, f->resume == PHASE_READY)
GUARD(wave_by_itself, wave_follows(f) && may_follow(f))
GUARD(wave_is_held, wave_follows(f) && f->held_back)
GUARD(wave_by_operator, is_settled(f) && f->more_waves && (f->wave_asks || f->by_hand))
GUARD(next_by_itself, next_follows(f) && !f->prepares && may_follow(f))
GUARD(next_with_checks, next_follows(f) && f->prepares && may_follow(f))
GUARD(next_is_held, next_follows(f) && f->held_back)
GUARD(next_by_operator, stage_is_over(f) && (f->by_hand || (f->has_next && f->next_asks)))
GUARD(at_the_end, stage_is_over(f) && !f->has_next && !f->by_hand)
