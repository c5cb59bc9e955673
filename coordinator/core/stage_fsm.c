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
 * The guards are in stage_guards.c; pairs (phase, event) that lead nowhere, and what is said of
 * them, in stage_ignored.h; what holds in each phase, in stage_invariant.c. A command whose row is
 * held by its guard, or whose pair leads nowhere, is refused: refuse.c finds the words. */
#include "coordinator/core/stage_fsm.h"

#include "coordinator/core/stage_guards.h"
#include "coordinator/core/stage_ignored.h"
#include "coordinator/core/stage_invariant.h"

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

#define G(guard) stage_guard_##guard, #guard
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
/* clang-format on */

static const struct sm_ignore stage_ignored[] = {
#define X(phase, event, why) {PHASE_##phase, STAGE_##event, why},
    STAGE_IGNORED(X)
#undef X
};

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
