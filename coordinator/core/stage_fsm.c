/* SPDX-License-Identifier: Apache-2.0 */
/* Stage machine: one rollout through the stages of its plan, and each stage through its waves.
 *
 *            a failed check          promote, or by itself: the next stage
 *        ┌───────────◄─────────┐ ┌───────────────────────────────────────────┐
 *        ▼       with checks   │ ▼                                           │
 *   PENDING ──────────────► PREPARING ◄──────────── with checks ─────────────┤
 *        │                     │  │ a failed check                           │
 *        │ without             │  └─────────────────────┐                    │
 *        ▼                     ▼                        ▼                    │
 *        └─────────────► CONVERGING ──► BAKING ──────► READY ────────────────┤
 *                          ▲ ▲            │   (next asks, or is held back)   │
 *                          │ └────────────┤ the next wave of the stage       │
 *                          └──────────────┘ weight, override: bake again     │
 *                                                                            ▼
 *                                               COMPLETED (no next wave, no next stage)
 *
 *   rollback, emergency, trigger: from everywhere, for every node of every wave
 *                 ▼
 *            ROLLING_BACK ─► ROLLED_BACK ─► CONVERGING, PREPARING (start, promote, weight)
 *                 │  ▲           ▲
 *                 ▼  │           │ late nodes arrive after all
 *            ROLLBACK_FAILED ────┘        PAUSED, ABORTED: by the operator
 *
 *            RETREATING ─► ABORTED: ended by the operator, a stage at a time
 *
 * What holds in each phase, checked by stage_invariant():
 *
 *   every phase                        under an emergency order: stage 0 and weight 0
 *   PENDING, ABORTED                   stage 0 and weight 0
 *   PREPARING                          a later stage than the current one is to be entered
 *   CONVERGING, BAKING, READY,
 *   RETREATING                         a stage is entered
 *   PAUSED                             resume leads to CONVERGING, BAKING or READY with a stage
 * that is entered, or to PREPARING with one that is to be entered COMPLETED a stage is entered for
 * everybody, its weight is not set by hand the three of a rollback            at stage 0, weight 0
 *
 * DECOMMISSIONED is as COMPLETED, and legacy is forbidden: nothing but an operator leads back.
 *
 * A command whose row is held by its guard, or whose pair stands in the ignore table, is refused:
 * refuse.c finds the words. */
#include "coordinator/core/stage_fsm.h"

#define TO(phase) SM_TO(PHASE_##phase)
/* From every phase: an operator may order these whatever is going on. */
#define FALLS (TO(ROLLING_BACK) | TO(ABORTED))

/* Allowed next phases, and the flags, one line per phase of stage_states.h. */
/* clang-format off */
#define NEXT_PENDING         TO(PREPARING) | TO(CONVERGING) | FALLS
#define NEXT_PREPARING       TO(PENDING) | TO(CONVERGING) | TO(READY) | TO(PAUSED) | TO(RETREATING) | FALLS
#define NEXT_CONVERGING      TO(BAKING) | TO(PAUSED) | TO(RETREATING) | FALLS
#define NEXT_BAKING          TO(PREPARING) | TO(CONVERGING) | TO(READY) | TO(COMPLETED) | TO(PAUSED) | TO(RETREATING) | FALLS
#define NEXT_READY           TO(PREPARING) | TO(CONVERGING) | TO(COMPLETED) | TO(PAUSED) | TO(RETREATING) | FALLS
#define NEXT_PAUSED          TO(PREPARING) | TO(CONVERGING) | TO(BAKING) | TO(READY) | TO(RETREATING) | FALLS
#define NEXT_COMPLETED       TO(PREPARING) | TO(CONVERGING) | TO(RETREATING) | FALLS | TO(DECOMMISSIONED)
#define NEXT_ROLLING_BACK    TO(ROLLED_BACK) | TO(ROLLBACK_FAILED) | TO(ABORTED)
#define NEXT_ROLLED_BACK     TO(PREPARING) | TO(CONVERGING) | TO(RETREATING) | FALLS
#define NEXT_ROLLBACK_FAILED TO(ROLLED_BACK) | FALLS
#define NEXT_RETREATING      FALLS
#define NEXT_ABORTED         TO(PREPARING) | TO(CONVERGING) | TO(ROLLING_BACK)
#define NEXT_DECOMMISSIONED  TO(ROLLING_BACK)

#define WORD_WAITING "waiting"
#define WORD_RUNNING "running"
#define WORD_DONE    "done"
#define WORD_FALLING "falling"

#define FLAGS_PENDING         SM_INITIAL
#define FLAGS_PREPARING       0
#define FLAGS_CONVERGING      0
#define FLAGS_BAKING          0
#define FLAGS_READY           0
#define FLAGS_PAUSED          0
#define FLAGS_COMPLETED       SM_FINAL
#define FLAGS_ROLLING_BACK    0
#define FLAGS_ROLLED_BACK     0
#define FLAGS_ROLLBACK_FAILED 0
#define FLAGS_RETREATING      0
#define FLAGS_ABORTED         SM_FINAL
#define FLAGS_DECOMMISSIONED  SM_FINAL
/* clang-format on */

static const struct sm_state stage_states[PHASE_COUNT] = {
#define X(id, name, coarse, help) [PHASE_##id] = {name, WORD_##coarse, NEXT_##id, FLAGS_##id, help},
    ROLLOUT_PHASES(X)
#undef X
};

static const char *const stage_events[STAGE_EVENT_COUNT] = {
#define X(id, name) [STAGE_##id] = name,
    STAGE_EVENTS(X)
#undef X
};

static const char *const stage_effects[STAGE_FX_COUNT] = {
#define X(id, name) [STAGE_FX_BIT_##id] = name,
    STAGE_EFFECTS(X)
#undef X
};

/* ---- guards ---------------------------------------------------------------------------------- */

#define GUARD(name, expression)              \
    static bool name(const void *facts)      \
    {                                        \
        const struct stage_facts *f = facts; \
        return (expression);                 \
    }

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

GUARD(starts_at_once, !f->on_stage && !f->prepares && may_rise(f))
GUARD(starts_with_checks, !f->on_stage && f->prepares && may_rise(f))
GUARD(wave_is_earned, f->more_waves && f->baked && f->gate_open && may_rise(f))
GUARD(wave_is_open, f->on_stage && f->more_waves && f->gate_open && may_rise(f))
GUARD(stage_is_earned, stage_has_earned(f) && !f->prepares)
GUARD(checks_are_earned, stage_has_earned(f) && f->prepares)
GUARD(stage_is_open, stage_is_free(f) && !f->prepares)
GUARD(checks_are_open, stage_is_free(f) && f->prepares)
GUARD(may_skip, f->on_stage &&may_rise(f))
GUARD(may_skip_ahead, f->has_next &&may_rise(f))
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
GUARD(stage_share_may_change, f->on_stage &&share_is_free(f))
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

/* ---- rows ------------------------------------------------------------------------------------ */

#define G(guard) guard, #guard
#define ALWAYS   NULL, NULL

/* clang-format off */
static const struct sm_row stage_rows[] = {
    /* phase               event             guard                       next                   effects                               why */
    {PHASE_PENDING,         STAGE_START,      G(starts_at_once),          PHASE_CONVERGING,      FX_ENTER | FX_RECORD,                 "an operator started the rollout"},
    {PHASE_PENDING,         STAGE_START,      G(starts_with_checks),      PHASE_PREPARING,       FX_PREPARE | FX_RECORD,               "an operator started the rollout; its first stage is prepared"},
    {PHASE_PENDING,         STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_PENDING,         STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_PENDING,         STAGE_OVERRIDE,   G(share_may_change),        SM_STAY,               FX_OVERRIDE | FX_RECORD,              "an operator set the override"},
    {PHASE_PENDING,         STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired"},

    {PHASE_PREPARING,       STAGE_FULL,       G(may_skip),                PHASE_CONVERGING,      FX_ENTER | FX_SKIP | FX_RECORD,       "an operator promoted the rollout to its last stage at once"},
    {PHASE_PREPARING,       STAGE_PAUSE,      ALWAYS,                     PHASE_PAUSED,          FX_HOLD | FX_RECORD,                  "an operator paused the rollout; resume prepares the stage anew"},
    {PHASE_PREPARING,       STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_PREPARING,       STAGE_RETREAT,    G(steps_down),              PHASE_RETREATING,      FX_RETREAT | FX_STEP | FX_RECORD,     "an operator lets the rollout retreat, a stage at a time"},
    {PHASE_PREPARING,       STAGE_RETREAT,    G(steps_out),               PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout: there was one stage to leave"},
    {PHASE_PREPARING,       STAGE_ROLLBACK,   G(goes_down),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an operator ordered a rollback"},
    {PHASE_PREPARING,       STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_PREPARING,       STAGE_WEIGHT,     G(stage_share_may_change),  PHASE_CONVERGING,      FX_WEIGH | FX_AGAIN | FX_RECORD,      "an operator set the weight; the next stage is not prepared any more"},
    {PHASE_PREPARING,       STAGE_OVERRIDE,   G(stage_share_may_change),  PHASE_CONVERGING,      FX_OVERRIDE | FX_AGAIN | FX_RECORD,   "an operator set the override; the next stage is not prepared any more"},
    {PHASE_PREPARING,       STAGE_OVERRIDE,   G(zero_share_may_change),   SM_STAY,               FX_OVERRIDE | FX_RECORD,              "an operator set the override"},
    {PHASE_PREPARING,       STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired"},
    {PHASE_PREPARING,       STAGE_PREPARED,   G(may_enter),               PHASE_CONVERGING,      FX_ENTER | FX_RECORD,                 "everything before the stage has passed"},
    {PHASE_PREPARING,       STAGE_PREPARED,   G(barred_on_stage),         PHASE_READY,           FX_RECORD,                            "the stage is prepared and may not be entered now"},
    {PHASE_PREPARING,       STAGE_PREPARED,   G(barred_at_zero),          PHASE_PENDING,         FX_RECORD,                            "the stage is prepared and may not be entered now"},
    {PHASE_PREPARING,       STAGE_UNPREPARED, G(fails_on_stage),          PHASE_READY,           FX_BAR | FX_RECORD,                   "the stage is not entered"},
    {PHASE_PREPARING,       STAGE_UNPREPARED, G(fails_at_zero),           PHASE_PENDING,         FX_RECORD,                            "the stage is not entered"},

    {PHASE_CONVERGING,      STAGE_FULL,       G(may_skip),                SM_STAY,               FX_ENTER | FX_SKIP | FX_RECORD,       "an operator promoted the rollout to its last stage at once"},
    {PHASE_CONVERGING,      STAGE_PAUSE,      ALWAYS,                     PHASE_PAUSED,          FX_HOLD | FX_RECORD,                  "an operator paused the rollout"},
    {PHASE_CONVERGING,      STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_CONVERGING,      STAGE_RETREAT,    G(steps_down),              PHASE_RETREATING,      FX_RETREAT | FX_STEP | FX_RECORD,     "an operator lets the rollout retreat, a stage at a time"},
    {PHASE_CONVERGING,      STAGE_RETREAT,    G(steps_out),               PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout: there was one stage to leave"},
    {PHASE_CONVERGING,      STAGE_ROLLBACK,   G(goes_down),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an operator ordered a rollback"},
    {PHASE_CONVERGING,      STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_CONVERGING,      STAGE_WEIGHT,     G(share_may_change),        SM_STAY,               FX_WEIGH | FX_RECORD,                 "an operator set the weight"},
    {PHASE_CONVERGING,      STAGE_OVERRIDE,   G(share_may_change),        SM_STAY,               FX_OVERRIDE | FX_RECORD,              "an operator set the override"},
    {PHASE_CONVERGING,      STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired"},
    {PHASE_CONVERGING,      STAGE_CONVERGED,  G(all_serve),               PHASE_BAKING,          FX_BAKE,                              "every node serves the stage"},

    {PHASE_BAKING,          STAGE_PROMOTE,    G(wave_is_earned),          PHASE_CONVERGING,      FX_WAVE | FX_RECORD,                  "an operator promoted the rollout to the next wave"},
    {PHASE_BAKING,          STAGE_PROMOTE,    G(stage_is_earned),         PHASE_CONVERGING,      FX_PROVE | FX_ENTER | FX_RECORD,      "an operator promoted the rollout"},
    {PHASE_BAKING,          STAGE_PROMOTE,    G(checks_are_earned),       PHASE_PREPARING,       FX_PROVE | FX_PREPARE | FX_RECORD,    "an operator promoted the rollout; the stage is prepared"},
    {PHASE_BAKING,          STAGE_FULL,       G(may_skip),                PHASE_CONVERGING,      FX_ENTER | FX_SKIP | FX_RECORD,       "an operator promoted the rollout to its last stage at once"},
    {PHASE_BAKING,          STAGE_PAUSE,      ALWAYS,                     PHASE_PAUSED,          FX_HOLD | FX_RECORD,                  "an operator paused the rollout"},
    {PHASE_BAKING,          STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_BAKING,          STAGE_RETREAT,    G(steps_down),              PHASE_RETREATING,      FX_RETREAT | FX_STEP | FX_RECORD,     "an operator lets the rollout retreat, a stage at a time"},
    {PHASE_BAKING,          STAGE_RETREAT,    G(steps_out),               PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout: there was one stage to leave"},
    {PHASE_BAKING,          STAGE_ROLLBACK,   G(goes_down),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an operator ordered a rollback"},
    {PHASE_BAKING,          STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_BAKING,          STAGE_WEIGHT,     G(share_may_change),        PHASE_CONVERGING,      FX_WEIGH | FX_AGAIN | FX_RECORD,      "an operator set the weight"},
    {PHASE_BAKING,          STAGE_OVERRIDE,   G(share_may_change),        PHASE_CONVERGING,      FX_OVERRIDE | FX_AGAIN | FX_RECORD,   "an operator set the override"},
    {PHASE_BAKING,          STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired"},
    {PHASE_BAKING,          STAGE_REVIEW,     G(wave_by_itself),          PHASE_CONVERGING,      FX_WAVE | FX_RECORD,                  "the wave has baked, the gate does not object, and the next one needs no approval"},
    {PHASE_BAKING,          STAGE_REVIEW,     G(wave_by_operator),        PHASE_READY,           0,                                    "the wave has baked and the gate does not object; moving on waits for an operator"},
    {PHASE_BAKING,          STAGE_REVIEW,     G(wave_is_held),            PHASE_READY,           0,                                    "the wave has baked and the gate does not object; nothing may rise now"},
    {PHASE_BAKING,          STAGE_REVIEW,     G(next_by_itself),          PHASE_CONVERGING,      FX_PROVE | FX_ENTER | FX_RECORD,      "the stage has baked, its gate does not object, and the next one needs no approval"},
    {PHASE_BAKING,          STAGE_REVIEW,     G(next_with_checks),        PHASE_PREPARING,       FX_PROVE | FX_PREPARE | FX_RECORD,    "the stage has baked and its gate does not object; the next one is prepared"},
    {PHASE_BAKING,          STAGE_REVIEW,     G(next_by_operator),        PHASE_READY,           FX_PROVE,                             "the stage has baked and its gate does not object; moving on waits for an operator"},
    {PHASE_BAKING,          STAGE_REVIEW,     G(next_is_held),            PHASE_READY,           FX_PROVE,                             "the stage has baked and its gate does not object; nothing may rise now"},
    {PHASE_BAKING,          STAGE_REVIEW,     G(at_the_end),              PHASE_COMPLETED,       FX_PROVE | FX_STANDBY | FX_RECORD,                 "the last stage has baked and its gate does not object"},

    {PHASE_READY,           STAGE_PROMOTE,    G(wave_is_open),            PHASE_CONVERGING,      FX_WAVE | FX_RECORD,                  "an operator promoted the rollout to the next wave"},
    {PHASE_READY,           STAGE_PROMOTE,    G(stage_is_open),           PHASE_CONVERGING,      FX_ENTER | FX_RECORD,                 "an operator promoted the rollout"},
    {PHASE_READY,           STAGE_PROMOTE,    G(checks_are_open),         PHASE_PREPARING,       FX_PREPARE | FX_RECORD,               "an operator promoted the rollout; the stage is prepared"},
    {PHASE_READY,           STAGE_FULL,       G(may_skip),                PHASE_CONVERGING,      FX_ENTER | FX_SKIP | FX_RECORD,       "an operator promoted the rollout to its last stage at once"},
    {PHASE_READY,           STAGE_PAUSE,      ALWAYS,                     PHASE_PAUSED,          FX_HOLD | FX_RECORD,                  "an operator paused the rollout"},
    {PHASE_READY,           STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_READY,           STAGE_RETREAT,    G(steps_down),              PHASE_RETREATING,      FX_RETREAT | FX_STEP | FX_RECORD,     "an operator lets the rollout retreat, a stage at a time"},
    {PHASE_READY,           STAGE_RETREAT,    G(steps_out),               PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout: there was one stage to leave"},
    {PHASE_READY,           STAGE_ROLLBACK,   G(goes_down),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an operator ordered a rollback"},
    {PHASE_READY,           STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_READY,           STAGE_WEIGHT,     G(share_may_change),        PHASE_CONVERGING,      FX_WEIGH | FX_AGAIN | FX_RECORD,      "an operator set the weight"},
    {PHASE_READY,           STAGE_OVERRIDE,   G(share_may_change),        PHASE_CONVERGING,      FX_OVERRIDE | FX_AGAIN | FX_RECORD,   "an operator set the override"},
    {PHASE_READY,           STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired"},
    {PHASE_READY,           STAGE_REVIEW,     G(wave_by_itself),          PHASE_CONVERGING,      FX_WAVE | FX_RECORD,                  "nothing holds back the next wave any more"},
    {PHASE_READY,           STAGE_REVIEW,     G(next_by_itself),          PHASE_CONVERGING,      FX_ENTER | FX_RECORD,                 "nothing holds back the next stage any more"},
    {PHASE_READY,           STAGE_REVIEW,     G(next_with_checks),        PHASE_PREPARING,       FX_PREPARE | FX_RECORD,               "nothing holds back the next stage any more; it is prepared"},
    {PHASE_READY,           STAGE_REVIEW,     G(at_the_end),              PHASE_COMPLETED,       FX_PROVE | FX_STANDBY | FX_RECORD,                 "the plan changed: this is the last stage now"},

    {PHASE_PAUSED,          STAGE_RESUME,     G(resumes_preparing),       PHASE_PREPARING,       FX_RELEASE | FX_RECORD,               "an operator resumed the rollout; the stage is prepared anew"},
    {PHASE_PAUSED,          STAGE_RESUME,     G(resumes_converging),      PHASE_CONVERGING,      FX_RELEASE | FX_RECORD,               "an operator resumed the rollout"},
    {PHASE_PAUSED,          STAGE_RESUME,     G(resumes_baking),          PHASE_BAKING,          FX_RELEASE | FX_RECORD,               "an operator resumed the rollout; the rest of the bake time runs"},
    {PHASE_PAUSED,          STAGE_RESUME,     G(resumes_ready),           PHASE_READY,           FX_RELEASE | FX_RECORD,               "an operator resumed the rollout"},
    {PHASE_PAUSED,          STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_PAUSED,          STAGE_RETREAT,    G(steps_down),              PHASE_RETREATING,      FX_RETREAT | FX_STEP | FX_RECORD,     "an operator lets the rollout retreat, a stage at a time"},
    {PHASE_PAUSED,          STAGE_RETREAT,    G(steps_out),               PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout: there was one stage to leave"},
    {PHASE_PAUSED,          STAGE_ROLLBACK,   G(goes_down),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an operator ordered a rollback"},
    {PHASE_PAUSED,          STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_PAUSED,          STAGE_WEIGHT,     G(stage_share_may_change),  SM_STAY,               FX_WEIGH | FX_AGAIN | FX_RECORD,      "an operator set the weight; resume takes it over and bakes again"},
    {PHASE_PAUSED,          STAGE_OVERRIDE,   G(stage_share_may_change),  SM_STAY,               FX_OVERRIDE | FX_AGAIN | FX_RECORD,   "an operator set the override; resume takes it over and bakes again"},
    {PHASE_PAUSED,          STAGE_OVERRIDE,   G(zero_share_may_change),   SM_STAY,               FX_OVERRIDE | FX_RECORD,              "an operator set the override"},
    {PHASE_PAUSED,          STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired"},

    {PHASE_COMPLETED,       STAGE_PROMOTE,    G(stage_is_open),           PHASE_CONVERGING,      FX_ENTER | FX_RECORD,                 "an operator promoted the rollout to a stage that the plan has gained"},
    {PHASE_COMPLETED,       STAGE_PROMOTE,    G(checks_are_open),         PHASE_PREPARING,       FX_PREPARE | FX_RECORD,               "an operator promoted the rollout; the stage is prepared"},
    {PHASE_COMPLETED,       STAGE_FULL,       G(may_skip_ahead),          PHASE_CONVERGING,      FX_ENTER | FX_SKIP | FX_RECORD,       "an operator promoted the rollout to its last stage at once"},
    {PHASE_COMPLETED,       STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_COMPLETED,       STAGE_RETREAT,    G(steps_down),              PHASE_RETREATING,      FX_RETREAT | FX_STEP | FX_RECORD,     "an operator lets the rollout retreat, a stage at a time"},
    {PHASE_COMPLETED,       STAGE_RETREAT,    G(steps_out),               PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout: there was one stage to leave"},
    {PHASE_COMPLETED,       STAGE_ROLLBACK,   G(goes_down),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an operator ordered a rollback"},
    {PHASE_COMPLETED,       STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_COMPLETED,       STAGE_WEIGHT,     G(share_may_change),        PHASE_CONVERGING,      FX_WEIGH | FX_AGAIN | FX_RECORD,      "an operator set the weight"},
    {PHASE_COMPLETED,       STAGE_OVERRIDE,   G(share_may_change),        SM_STAY,               FX_OVERRIDE | FX_STANDBY | FX_RECORD,              "an operator set the override"},
    {PHASE_COMPLETED,       STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired"},
    {PHASE_COMPLETED,       STAGE_DECOMMISSION, G(may_retire),              PHASE_DECOMMISSIONED,  FX_RECORD,                            "an operator gave up legacy"},

    {PHASE_ROLLING_BACK,    STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_ROLLING_BACK,    STAGE_ROLLBACK,   G(goes_down),               SM_STAY,               FX_FALL | FX_RECORD,                  "an operator ordered a further rollback"},
    {PHASE_ROLLING_BACK,    STAGE_EMERGENCY,  ALWAYS,                     SM_STAY,               FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_ROLLING_BACK,    STAGE_OVERRIDE,   G(share_may_change),        SM_STAY,               FX_OVERRIDE | FX_RECORD,              "an operator set the override"},
    {PHASE_ROLLING_BACK,    STAGE_RECOVER,    ALWAYS,                     SM_STAY,               FX_RETRY | FX_RECORD,                 "an operator tries the rollback once more"},
    {PHASE_ROLLING_BACK,    STAGE_TRIGGER,    G(violating),               SM_STAY,               FX_FALL | FX_RECORD,                  "a trigger fired again"},
    {PHASE_ROLLING_BACK,    STAGE_CONVERGED,  G(all_serve),               PHASE_ROLLED_BACK,     FX_MEASURE,                           "every node serves what was rolled back to"},
    {PHASE_ROLLING_BACK,    STAGE_DEADLINE,   G(too_late),                PHASE_ROLLBACK_FAILED, 0,                                    "nodes still lag after the rollback's deadline"},

    {PHASE_ROLLED_BACK,     STAGE_START,      G(starts_at_once),          PHASE_CONVERGING,      FX_ENTER | FX_RECORD,                 "an operator started the rollout again"},
    {PHASE_ROLLED_BACK,     STAGE_START,      G(starts_with_checks),      PHASE_PREPARING,       FX_PREPARE | FX_RECORD,               "an operator started the rollout; its first stage is prepared"},
    {PHASE_ROLLED_BACK,     STAGE_PROMOTE,    G(stage_is_open),           PHASE_CONVERGING,      FX_ENTER | FX_RECORD,                 "an operator promoted the rollout"},
    {PHASE_ROLLED_BACK,     STAGE_PROMOTE,    G(checks_are_open),         PHASE_PREPARING,       FX_PREPARE | FX_RECORD,               "an operator promoted the rollout; the stage is prepared"},
    {PHASE_ROLLED_BACK,     STAGE_FULL,       G(may_skip),                PHASE_CONVERGING,      FX_ENTER | FX_SKIP | FX_RECORD,       "an operator promoted the rollout to its last stage at once"},
    {PHASE_ROLLED_BACK,     STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_ROLLED_BACK,     STAGE_RETREAT,    G(steps_down),              PHASE_RETREATING,      FX_RETREAT | FX_STEP | FX_RECORD,     "an operator lets the rollout retreat, a stage at a time"},
    {PHASE_ROLLED_BACK,     STAGE_RETREAT,    G(steps_out),               PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout: there was one stage to leave"},
    {PHASE_ROLLED_BACK,     STAGE_ROLLBACK,   G(goes_down),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an operator ordered a further rollback"},
    {PHASE_ROLLED_BACK,     STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_ROLLED_BACK,     STAGE_WEIGHT,     G(stage_share_may_change),  PHASE_CONVERGING,      FX_WEIGH | FX_AGAIN | FX_RECORD,      "an operator set the weight"},
    {PHASE_ROLLED_BACK,     STAGE_OVERRIDE,   G(share_may_change),        SM_STAY,               FX_OVERRIDE | FX_RECORD,              "an operator set the override"},
    {PHASE_ROLLED_BACK,     STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired"},

    {PHASE_ROLLBACK_FAILED, STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_ROLLBACK_FAILED, STAGE_ROLLBACK,   G(goes_down),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an operator ordered a further rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_ROLLBACK_FAILED, STAGE_OVERRIDE,   G(share_may_change),        SM_STAY,               FX_OVERRIDE | FX_RECORD,              "an operator set the override"},
    {PHASE_ROLLBACK_FAILED, STAGE_RECOVER,    ALWAYS,                     PHASE_ROLLING_BACK,    FX_RETRY | FX_RECORD,                 "an operator tries the rollback once more"},
    {PHASE_ROLLBACK_FAILED, STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired again"},
    {PHASE_ROLLBACK_FAILED, STAGE_CONVERGED,  G(all_serve),               PHASE_ROLLED_BACK,     FX_MEASURE,                           "the late nodes serve what was rolled back to"},

    {PHASE_RETREATING,      STAGE_ABORT,      ALWAYS,                     PHASE_ABORTED,         FX_END | FX_RECORD,                   "an operator ended the rollout"},
    {PHASE_RETREATING,      STAGE_ROLLBACK,   G(goes_down),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an operator ordered a rollback"},
    {PHASE_RETREATING,      STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_RETREATING,      STAGE_OVERRIDE,   G(share_falls),             SM_STAY,               FX_OVERRIDE | FX_RECORD,              "an operator set the override"},
    {PHASE_RETREATING,      STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired"},
    {PHASE_RETREATING,      STAGE_DEADLINE,   G(step_is_due),             SM_STAY,               FX_STEP | FX_RECORD,                  "the retreat goes on, one stage down"},
    {PHASE_RETREATING,      STAGE_DEADLINE,   G(last_step_is_due),        PHASE_ABORTED,         FX_END | FX_RECORD,                   "the retreat is over"},

    {PHASE_ABORTED,         STAGE_START,      G(starts_at_once),          PHASE_CONVERGING,      FX_ENTER | FX_RECORD,                 "an operator started the rollout again"},
    {PHASE_ABORTED,         STAGE_START,      G(starts_with_checks),      PHASE_PREPARING,       FX_PREPARE | FX_RECORD,               "an operator started the rollout; its first stage is prepared"},
    {PHASE_ABORTED,         STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
    {PHASE_ABORTED,         STAGE_OVERRIDE,   G(share_may_change),        SM_STAY,               FX_OVERRIDE | FX_RECORD,              "an operator set the override"},
    {PHASE_ABORTED,         STAGE_TRIGGER,    G(violating),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "a trigger fired"},

    {PHASE_DECOMMISSIONED,  STAGE_ROLLBACK,   G(goes_down),               PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an operator ordered a rollback to a legacy that had been given up"},
    {PHASE_DECOMMISSIONED,  STAGE_EMERGENCY,  ALWAYS,                     PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,                  "an emergency order sends everything to legacy"},
};

/* For commands, `why` is the refusal; refuse.c puts the migration's name in front. */
static const struct sm_ignore stage_ignored[] = {
    {PHASE_PENDING,         STAGE_PROMOTE,    "has not started; start it first"},
    {PHASE_PENDING,         STAGE_FULL,       "has not started; start it first"},
    {PHASE_PENDING,         STAGE_PAUSE,      "has not started; there is nothing to pause"},
    {PHASE_PENDING,         STAGE_RESUME,     "is not paused"},
    {PHASE_PENDING,         STAGE_RETREAT,    "has not started; abort it without steps"},
    {PHASE_PENDING,         STAGE_ROLLBACK,   "has not started; everything is on legacy already"},
    {PHASE_PENDING,         STAGE_WEIGHT,     "has not started; start it first"},
    {PHASE_PENDING,         STAGE_DECOMMISSION, "has not completed its last stage; legacy is still needed"},
    {PHASE_PENDING,         STAGE_RECOVER,    "is not rolling back; there is nothing to recover"},
    {PHASE_PENDING,         STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_PENDING,         STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_PENDING,         STAGE_CONVERGED,  "nothing waits for the nodes"},
    {PHASE_PENDING,         STAGE_DEADLINE,   "no deadline runs"},
    {PHASE_PENDING,         STAGE_REVIEW,     "only an operator starts a rollout"},

    {PHASE_PREPARING,       STAGE_START,      "is started already"},
    {PHASE_PREPARING,       STAGE_PROMOTE,    "is being prepared for its next stage already"},
    {PHASE_PREPARING,       STAGE_RESUME,     "is not paused"},
    {PHASE_PREPARING,       STAGE_DECOMMISSION, "has not completed its last stage; legacy is still needed"},
    {PHASE_PREPARING,       STAGE_RECOVER,    "is not rolling back; there is nothing to recover"},
    {PHASE_PREPARING,       STAGE_CONVERGED,  "the stage before has converged already"},
    {PHASE_PREPARING,       STAGE_DEADLINE,   "no deadline runs"},
    {PHASE_PREPARING,       STAGE_REVIEW,     "what is being prepared decides"},

    {PHASE_CONVERGING,      STAGE_START,      "is started already"},
    {PHASE_CONVERGING,      STAGE_PROMOTE,    "is still taking over its stage"},
    {PHASE_CONVERGING,      STAGE_RESUME,     "is not paused"},
    {PHASE_CONVERGING,      STAGE_DECOMMISSION, "has not completed its last stage; legacy is still needed"},
    {PHASE_CONVERGING,      STAGE_RECOVER,    "is not rolling back; there is nothing to recover"},
    {PHASE_CONVERGING,      STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_CONVERGING,      STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_CONVERGING,      STAGE_DEADLINE,   "a raise has no deadline: it waits for its nodes"},
    {PHASE_CONVERGING,      STAGE_REVIEW,     "a stage is judged once every node serves it"},

    {PHASE_BAKING,          STAGE_START,      "is started already"},
    {PHASE_BAKING,          STAGE_RESUME,     "is not paused"},
    {PHASE_BAKING,          STAGE_DECOMMISSION, "has not completed its last stage; legacy is still needed"},
    {PHASE_BAKING,          STAGE_RECOVER,    "is not rolling back; there is nothing to recover"},
    {PHASE_BAKING,          STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_BAKING,          STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_BAKING,          STAGE_CONVERGED,  "the stage has converged before; a node that joins later gets it as well"},
    {PHASE_BAKING,          STAGE_DEADLINE,   "no deadline runs"},

    {PHASE_READY,           STAGE_START,      "is started already"},
    {PHASE_READY,           STAGE_RESUME,     "is not paused"},
    {PHASE_READY,           STAGE_DECOMMISSION, "has not completed its last stage; legacy is still needed"},
    {PHASE_READY,           STAGE_RECOVER,    "is not rolling back; there is nothing to recover"},
    {PHASE_READY,           STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_READY,           STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_READY,           STAGE_CONVERGED,  "the stage has converged before"},
    {PHASE_READY,           STAGE_DEADLINE,   "no deadline runs"},

    {PHASE_PAUSED,          STAGE_START,      "is started already, and paused; resume it"},
    {PHASE_PAUSED,          STAGE_PROMOTE,    "is paused; resume it first"},
    {PHASE_PAUSED,          STAGE_FULL,       "is paused; resume it first"},
    {PHASE_PAUSED,          STAGE_PAUSE,      "is paused already"},
    {PHASE_PAUSED,          STAGE_DECOMMISSION, "has not completed its last stage; legacy is still needed"},
    {PHASE_PAUSED,          STAGE_RECOVER,    "is not rolling back; there is nothing to recover"},
    {PHASE_PAUSED,          STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_PAUSED,          STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_PAUSED,          STAGE_CONVERGED,  "resume looks at the nodes again"},
    {PHASE_PAUSED,          STAGE_DEADLINE,   "no deadline runs"},
    {PHASE_PAUSED,          STAGE_REVIEW,     "nothing moves on by itself while paused"},

    {PHASE_COMPLETED,       STAGE_START,      "is completed"},
    {PHASE_COMPLETED,       STAGE_PAUSE,      "is completed; nothing is left to pause"},
    {PHASE_COMPLETED,       STAGE_RESUME,     "is not paused"},
    {PHASE_COMPLETED,       STAGE_RECOVER,    "is not rolling back; there is nothing to recover"},
    {PHASE_COMPLETED,       STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_COMPLETED,       STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_COMPLETED,       STAGE_CONVERGED,  "the stage has converged before"},
    {PHASE_COMPLETED,       STAGE_DEADLINE,   "no deadline runs"},
    {PHASE_COMPLETED,       STAGE_REVIEW,     "nothing is left to move on to"},

    {PHASE_ROLLING_BACK,    STAGE_START,      "is rolling back; wait until every node has acknowledged"},
    {PHASE_ROLLING_BACK,    STAGE_PROMOTE,    "is rolling back; wait until every node has acknowledged"},
    {PHASE_ROLLING_BACK,    STAGE_FULL,       "is rolling back; wait until every node has acknowledged"},
    {PHASE_ROLLING_BACK,    STAGE_PAUSE,      "is rolling back, and a rollback does not pause"},
    {PHASE_ROLLING_BACK,    STAGE_RESUME,     "is not paused"},
    {PHASE_ROLLING_BACK,    STAGE_RETREAT,    "is rolling back already; abort it without steps"},
    {PHASE_ROLLING_BACK,    STAGE_WEIGHT,     "is rolling back; wait until every node has acknowledged"},
    {PHASE_ROLLING_BACK,    STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_ROLLING_BACK,    STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_ROLLING_BACK,    STAGE_DECOMMISSION, "is rolling back; legacy is needed more than ever"},
    {PHASE_ROLLING_BACK,    STAGE_REVIEW,     "a rollback ends by acknowledgements or its deadline"},

    {PHASE_ROLLED_BACK,     STAGE_PAUSE,      "is rolled back; nothing moves on by itself"},
    {PHASE_ROLLED_BACK,     STAGE_RESUME,     "is not paused"},
    {PHASE_ROLLED_BACK,     STAGE_DECOMMISSION, "is rolled back; legacy is needed"},
    {PHASE_ROLLED_BACK,     STAGE_RECOVER,    "is not rolling back; there is nothing to recover"},
    {PHASE_ROLLED_BACK,     STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_ROLLED_BACK,     STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_ROLLED_BACK,     STAGE_CONVERGED,  "the rollback has converged before"},
    {PHASE_ROLLED_BACK,     STAGE_DEADLINE,   "no deadline runs"},
    {PHASE_ROLLED_BACK,     STAGE_REVIEW,     "only an operator raises the share again"},

    {PHASE_ROLLBACK_FAILED, STAGE_START,      "waits for nodes that have not acknowledged the rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_PROMOTE,    "waits for nodes that have not acknowledged the rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_FULL,       "waits for nodes that have not acknowledged the rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_PAUSE,      "waits for nodes that have not acknowledged the rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_RESUME,     "is not paused"},
    {PHASE_ROLLBACK_FAILED, STAGE_RETREAT,    "is rolling back already; abort it without steps"},
    {PHASE_ROLLBACK_FAILED, STAGE_WEIGHT,     "waits for nodes that have not acknowledged the rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_ROLLBACK_FAILED, STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_ROLLBACK_FAILED, STAGE_DEADLINE,   "the deadline has been missed already"},
    {PHASE_ROLLBACK_FAILED, STAGE_DECOMMISSION, "waits for nodes that have not acknowledged the rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_REVIEW,     "only the late nodes, or an operator, end this"},

    {PHASE_RETREATING,      STAGE_START,      "is retreating; abort it, then start it again"},
    {PHASE_RETREATING,      STAGE_PROMOTE,    "is retreating; abort it, then start it again"},
    {PHASE_RETREATING,      STAGE_FULL,       "is retreating; abort it, then start it again"},
    {PHASE_RETREATING,      STAGE_PAUSE,      "is retreating, and a retreat does not pause"},
    {PHASE_RETREATING,      STAGE_RESUME,     "is not paused"},
    {PHASE_RETREATING,      STAGE_RETREAT,    "is retreating already"},
    {PHASE_RETREATING,      STAGE_WEIGHT,     "is retreating; abort it, or roll it back, to go faster"},
    {PHASE_RETREATING,      STAGE_DECOMMISSION, "is retreating to legacy"},
    {PHASE_RETREATING,      STAGE_RECOVER,    "is not rolling back; there is nothing to recover"},
    {PHASE_RETREATING,      STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_RETREATING,      STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_RETREATING,      STAGE_CONVERGED,  "a retreat goes by its deadlines"},
    {PHASE_RETREATING,      STAGE_REVIEW,     "a retreat goes by its deadlines"},

    {PHASE_ABORTED,         STAGE_PROMOTE,    "is aborted; start it again first"},
    {PHASE_ABORTED,         STAGE_FULL,       "is aborted; start it again first"},
    {PHASE_ABORTED,         STAGE_PAUSE,      "is aborted; there is nothing to pause"},
    {PHASE_ABORTED,         STAGE_RESUME,     "is not paused"},
    {PHASE_ABORTED,         STAGE_ABORT,      "is aborted already"},
    {PHASE_ABORTED,         STAGE_RETREAT,    "is aborted already"},
    {PHASE_ABORTED,         STAGE_ROLLBACK,   "is aborted; everything is on legacy already"},
    {PHASE_ABORTED,         STAGE_WEIGHT,     "is aborted; start it again first"},
    {PHASE_ABORTED,         STAGE_DECOMMISSION, "is aborted; everything is on legacy"},
    {PHASE_ABORTED,         STAGE_RECOVER,    "is not rolling back; there is nothing to recover"},
    {PHASE_ABORTED,         STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_ABORTED,         STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_ABORTED,         STAGE_CONVERGED,  "nothing waits for the nodes"},
    {PHASE_ABORTED,         STAGE_DEADLINE,   "no deadline runs"},
    {PHASE_ABORTED,         STAGE_REVIEW,     "nothing moves on by itself"},

    {PHASE_DECOMMISSIONED,  STAGE_START,      "is decommissioned: only a rollback or an emergency leads back"},
    {PHASE_DECOMMISSIONED,  STAGE_PROMOTE,    "is decommissioned: only a rollback or an emergency leads back"},
    {PHASE_DECOMMISSIONED,  STAGE_FULL,       "is decommissioned: only a rollback or an emergency leads back"},
    {PHASE_DECOMMISSIONED,  STAGE_PAUSE,      "is decommissioned: only a rollback or an emergency leads back"},
    {PHASE_DECOMMISSIONED,  STAGE_RESUME,     "is decommissioned: only a rollback or an emergency leads back"},
    {PHASE_DECOMMISSIONED,  STAGE_ABORT,      "is decommissioned: only a rollback or an emergency leads back"},
    {PHASE_DECOMMISSIONED,  STAGE_RETREAT,    "is decommissioned: only a rollback or an emergency leads back"},
    {PHASE_DECOMMISSIONED,  STAGE_WEIGHT,     "is decommissioned: only a rollback or an emergency leads back"},
    {PHASE_DECOMMISSIONED,  STAGE_OVERRIDE,   "is decommissioned: only a rollback or an emergency leads back"},
    {PHASE_DECOMMISSIONED,  STAGE_DECOMMISSION, "is decommissioned already"},
    {PHASE_DECOMMISSIONED,  STAGE_RECOVER,    "is decommissioned; there is nothing to recover"},
    {PHASE_DECOMMISSIONED,  STAGE_TRIGGER,    "legacy may be gone: only an operator sends traffic there"},
    {PHASE_DECOMMISSIONED,  STAGE_PREPARED,   "no stage is being prepared"},
    {PHASE_DECOMMISSIONED,  STAGE_UNPREPARED, "no stage is being prepared"},
    {PHASE_DECOMMISSIONED,  STAGE_CONVERGED,  "nothing waits for the nodes"},
    {PHASE_DECOMMISSIONED,  STAGE_DEADLINE,   "no deadline runs"},
    {PHASE_DECOMMISSIONED,  STAGE_REVIEW,     "nothing is left to move on to"},
};
/* clang-format on */

/* ---- invariant ------------------------------------------------------------------------------- */

static const char *broken_pause(const struct stage_facts *f)
{
    if (f->resume == PHASE_PREPARING)
        return f->entering ? NULL : "resume prepares no stage";
    if (f->resume != PHASE_CONVERGING && f->resume != PHASE_BAKING && f->resume != PHASE_READY)
        return "resume leads nowhere";
    return f->on_stage ? NULL : "no stage is entered";
}

static const char *broken_promise(enum rollout_phase phase, const struct stage_facts *f)
{
    if (f->emergency && (f->on_stage || !f->weightless))
        return "an emergency order is active and the rollout is not at stage 0 with weight 0";
    switch (phase) {
    case PHASE_PENDING:
    case PHASE_ABORTED:
        return f->on_stage || !f->weightless ? "not at stage 0 with weight 0" : NULL;
    case PHASE_PREPARING:
        return f->entering ? NULL : "no later stage is to be entered";
    case PHASE_PAUSED:
        return broken_pause(f);
    case PHASE_CONVERGING:
    case PHASE_BAKING:
    case PHASE_READY:
    case PHASE_RETREATING:
        return f->on_stage ? NULL : "no stage is entered";
    case PHASE_COMPLETED:
    case PHASE_DECOMMISSIONED:
        return f->on_stage && !f->by_hand && !f->more_waves ? NULL
                                                            : "not everybody is on the last stage";
    case PHASE_ROLLING_BACK:
    case PHASE_ROLLED_BACK:
    case PHASE_ROLLBACK_FAILED:
        return f->on_stage || f->weightless ? NULL : "stage 0 with traffic on new";
    case PHASE_COUNT:
        break;
    }
    return "no such phase";
}

static bool stage_invariant(int state, const void *facts, const char **ret_why)
{
    const char *why = broken_promise((enum rollout_phase)state, facts);

    if (why)
        *ret_why = why;
    return !why;
}

const struct sm_machine stage_machine = {
    .name = "stage",
    .help = "one rollout through the stages of its plan",
    .states = stage_states,
    .state_count = PHASE_COUNT,
    .events = stage_events,
    .event_count = STAGE_EVENT_COUNT,
    .rows = stage_rows,
    .row_count = ARRAY_LEN(stage_rows),
    .ignored = stage_ignored,
    .ignored_count = ARRAY_LEN(stage_ignored),
    .effects = stage_effects,
    .effect_count = STAGE_FX_COUNT,
    .invariant = stage_invariant,
};
