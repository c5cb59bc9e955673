/* SPDX-License-Identifier: Apache-2.0 */
/* Stage machine: one rollout through the stages of its plan.
 *
 *                     promote, or by itself: the next stage
 *                 ┌──────────────────────────────────────────┐
 *                 ▼                                          │
 *   PENDING ─► CONVERGING ─► BAKING ──► READY ───────────────┤
 *                 ▲ ▲          │          (next asks)        │
 *                 │ └──────────┘ weight, override: bake again│
 *                 │                                          ▼
 *                 │                              COMPLETED (no next stage)
 *   rollback, emergency, trigger: from everywhere
 *                 ▼
 *            ROLLING_BACK ─► ROLLED_BACK ─► CONVERGING (start, promote, weight)
 *                 │  ▲           ▲
 *                 ▼  │           │ late nodes arrive after all
 *            ROLLBACK_FAILED ────┘        ABORTED, PAUSED: by the operator
 *
 * What holds in each phase, checked by stage_invariant():
 *
 *   every phase                        under an emergency order: stage 0 and weight 0
 *   PENDING, ABORTED                   stage 0 and weight 0
 *   CONVERGING, BAKING, READY, PAUSED  a stage is entered
 *   PAUSED                             resume leads to CONVERGING, BAKING or READY
 *   COMPLETED                          a stage is entered, its weight is not set by hand
 *   the three of a rollback            at stage 0, weight 0
 *
 * A command whose row is held by its guard, or whose pair stands in the ignore table, is refused:
 * refuse.c finds the words. */
#include "coordinator/core/stage_fsm.h"

#define TO(phase) SM_TO(PHASE_##phase)
/* From every phase: an operator may order these whatever is going on. */
#define FALLS (TO(ROLLING_BACK) | TO(ABORTED))

/* Allowed next phases, and the flags, one line per phase of stage_states.h. */
/* clang-format off */
#define NEXT_PENDING         TO(CONVERGING) | FALLS
#define NEXT_CONVERGING      TO(BAKING) | TO(PAUSED) | FALLS
#define NEXT_BAKING          TO(CONVERGING) | TO(READY) | TO(COMPLETED) | TO(PAUSED) | FALLS
#define NEXT_READY           TO(CONVERGING) | TO(COMPLETED) | TO(PAUSED) | FALLS
#define NEXT_PAUSED          TO(CONVERGING) | TO(BAKING) | TO(READY) | FALLS
#define NEXT_COMPLETED       TO(CONVERGING) | FALLS
#define NEXT_ROLLING_BACK    TO(ROLLED_BACK) | TO(ROLLBACK_FAILED) | TO(ABORTED)
#define NEXT_ROLLED_BACK     TO(CONVERGING) | FALLS
#define NEXT_ROLLBACK_FAILED TO(ROLLED_BACK) | FALLS
#define NEXT_ABORTED         TO(CONVERGING) | TO(ROLLING_BACK)

#define WORD_WAITING "waiting"
#define WORD_RUNNING "running"
#define WORD_DONE    "done"
#define WORD_FALLING "falling"

#define FLAGS_PENDING         SM_INITIAL
#define FLAGS_CONVERGING      0
#define FLAGS_BAKING          0
#define FLAGS_READY           0
#define FLAGS_PAUSED          0
#define FLAGS_COMPLETED       SM_FINAL
#define FLAGS_ROLLING_BACK    0
#define FLAGS_ROLLED_BACK     0
#define FLAGS_ROLLBACK_FAILED 0
#define FLAGS_ABORTED         SM_FINAL
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

/* Nothing speaks against more traffic on new. */
static bool may_rise(const struct stage_facts *f)
{
    return !f->emergency && !f->violating && !f->held_back;
}

GUARD(calm, may_rise(f))
GUARD(calm_at_zero, !f->on_stage && may_rise(f))
GUARD(next_is_open, f->on_stage && f->has_next && may_rise(f))
GUARD(next_is_earned, f->has_next && f->baked && f->gate_open && may_rise(f))
GUARD(share_may_change, !f->raises || may_rise(f))
GUARD(stage_share_may_change, f->on_stage && (!f->raises || may_rise(f)))
GUARD(goes_down, f->goes_down)
GUARD(violating, f->violating)
GUARD(all_serve, f->converged && !f->waking)
GUARD(too_late, f->late && !f->converged && !f->waking)
GUARD(resumes_converging, f->resume == PHASE_CONVERGING)
GUARD(resumes_baking, f->resume == PHASE_BAKING)
GUARD(resumes_ready, f->resume == PHASE_READY)

/* What a stage has to show before anything moves on by itself. An override hides the stage's own
 * traffic, so nothing is proven under it. */
static bool is_settled(const struct stage_facts *f)
{
    return f->baked && f->gate_open && !f->overridden && !f->violating && !f->waking;
}

static bool asks_nobody(const struct stage_facts *f)
{
    return is_settled(f) && f->has_next && !f->next_asks && !f->by_hand;
}

GUARD(next_by_itself, asks_nobody(f) && !f->held_back)
GUARD(next_is_held_back, asks_nobody(f) && f->held_back)
GUARD(next_by_operator, is_settled(f) && (f->by_hand || (f->has_next && f->next_asks)))
GUARD(at_the_end, is_settled(f) && !f->has_next && !f->by_hand)

/* ---- rows ------------------------------------------------------------------------------------ */

#define G(guard) guard, #guard
#define ALWAYS   NULL, NULL

/* clang-format off */
static const struct sm_row stage_rows[] = {
    /* phase                 event            guard                      next                   effects                           why */
    {PHASE_PENDING,         STAGE_START,     G(calm),                   PHASE_CONVERGING,      FX_ENTER | FX_RECORD,             "an operator started the rollout"},
    {PHASE_PENDING,         STAGE_ABORT,     ALWAYS,                    PHASE_ABORTED,         FX_END | FX_RECORD,               "an operator ended the rollout"},
    {PHASE_PENDING,         STAGE_EMERGENCY, ALWAYS,                    PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an emergency order sends everything to legacy"},
    {PHASE_PENDING,         STAGE_OVERRIDE,  G(share_may_change),       SM_STAY,               FX_OVERRIDE | FX_RECORD,          "an operator set the override"},
    {PHASE_PENDING,         STAGE_TRIGGER,   G(violating),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "a trigger fired"},

    {PHASE_CONVERGING,      STAGE_PAUSE,     ALWAYS,                    PHASE_PAUSED,          FX_HOLD | FX_RECORD,              "an operator paused the rollout"},
    {PHASE_CONVERGING,      STAGE_ABORT,     ALWAYS,                    PHASE_ABORTED,         FX_END | FX_RECORD,               "an operator ended the rollout"},
    {PHASE_CONVERGING,      STAGE_ROLLBACK,  G(goes_down),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an operator ordered a rollback"},
    {PHASE_CONVERGING,      STAGE_EMERGENCY, ALWAYS,                    PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an emergency order sends everything to legacy"},
    {PHASE_CONVERGING,      STAGE_WEIGHT,    G(share_may_change),       SM_STAY,               FX_WEIGH | FX_RECORD,             "an operator set the weight"},
    {PHASE_CONVERGING,      STAGE_OVERRIDE,  G(share_may_change),       SM_STAY,               FX_OVERRIDE | FX_RECORD,          "an operator set the override"},
    {PHASE_CONVERGING,      STAGE_TRIGGER,   G(violating),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "a trigger fired"},
    {PHASE_CONVERGING,      STAGE_CONVERGED, G(all_serve),              PHASE_BAKING,          FX_BAKE,                          "every node serves the stage"},

    {PHASE_BAKING,          STAGE_PROMOTE,   G(next_is_earned),         PHASE_CONVERGING,      FX_ENTER | FX_RECORD,             "an operator promoted the rollout"},
    {PHASE_BAKING,          STAGE_PAUSE,     ALWAYS,                    PHASE_PAUSED,          FX_HOLD | FX_RECORD,              "an operator paused the rollout"},
    {PHASE_BAKING,          STAGE_ABORT,     ALWAYS,                    PHASE_ABORTED,         FX_END | FX_RECORD,               "an operator ended the rollout"},
    {PHASE_BAKING,          STAGE_ROLLBACK,  G(goes_down),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an operator ordered a rollback"},
    {PHASE_BAKING,          STAGE_EMERGENCY, ALWAYS,                    PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an emergency order sends everything to legacy"},
    {PHASE_BAKING,          STAGE_WEIGHT,    G(share_may_change),       PHASE_CONVERGING,      FX_WEIGH | FX_AGAIN | FX_RECORD,  "an operator set the weight"},
    {PHASE_BAKING,          STAGE_OVERRIDE,  G(share_may_change),       PHASE_CONVERGING,      FX_OVERRIDE | FX_AGAIN | FX_RECORD, "an operator set the override"},
    {PHASE_BAKING,          STAGE_TRIGGER,   G(violating),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "a trigger fired"},
    {PHASE_BAKING,          STAGE_REVIEW,    G(next_by_itself),         PHASE_CONVERGING,      FX_ENTER | FX_RECORD,             "the stage has baked, its gate does not object, and the next one needs no approval"},
    {PHASE_BAKING,          STAGE_REVIEW,    G(next_by_operator),       PHASE_READY,           0,                                "the stage has baked and its gate does not object; moving on waits for an operator"},
    {PHASE_BAKING,          STAGE_REVIEW,    G(next_is_held_back),      PHASE_READY,           0,                                "the stage has baked and its gate does not object; the next one waits"},
    {PHASE_BAKING,          STAGE_REVIEW,    G(at_the_end),             PHASE_COMPLETED,       FX_RECORD,                        "the last stage has baked and its gate does not object"},

    {PHASE_READY,           STAGE_PROMOTE,   G(next_is_open),           PHASE_CONVERGING,      FX_ENTER | FX_RECORD,             "an operator promoted the rollout"},
    {PHASE_READY,           STAGE_PAUSE,     ALWAYS,                    PHASE_PAUSED,          FX_HOLD | FX_RECORD,              "an operator paused the rollout"},
    {PHASE_READY,           STAGE_ABORT,     ALWAYS,                    PHASE_ABORTED,         FX_END | FX_RECORD,               "an operator ended the rollout"},
    {PHASE_READY,           STAGE_ROLLBACK,  G(goes_down),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an operator ordered a rollback"},
    {PHASE_READY,           STAGE_EMERGENCY, ALWAYS,                    PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an emergency order sends everything to legacy"},
    {PHASE_READY,           STAGE_WEIGHT,    G(share_may_change),       PHASE_CONVERGING,      FX_WEIGH | FX_AGAIN | FX_RECORD,  "an operator set the weight"},
    {PHASE_READY,           STAGE_OVERRIDE,  G(share_may_change),       PHASE_CONVERGING,      FX_OVERRIDE | FX_AGAIN | FX_RECORD, "an operator set the override"},
    {PHASE_READY,           STAGE_TRIGGER,   G(violating),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "a trigger fired"},
    {PHASE_READY,           STAGE_REVIEW,    G(next_by_itself),         PHASE_CONVERGING,      FX_ENTER | FX_RECORD,             "the next stage waits for nothing any more"},
    {PHASE_READY,           STAGE_REVIEW,    G(at_the_end),             PHASE_COMPLETED,       FX_RECORD,                        "the plan changed: this is the last stage now"},

    {PHASE_PAUSED,          STAGE_RESUME,    G(resumes_converging),     PHASE_CONVERGING,      FX_RELEASE | FX_RECORD,           "an operator resumed the rollout"},
    {PHASE_PAUSED,          STAGE_RESUME,    G(resumes_baking),         PHASE_BAKING,          FX_RELEASE | FX_RECORD,           "an operator resumed the rollout; the rest of the bake time runs"},
    {PHASE_PAUSED,          STAGE_RESUME,    G(resumes_ready),          PHASE_READY,           FX_RELEASE | FX_RECORD,           "an operator resumed the rollout"},
    {PHASE_PAUSED,          STAGE_ABORT,     ALWAYS,                    PHASE_ABORTED,         FX_END | FX_RECORD,               "an operator ended the rollout"},
    {PHASE_PAUSED,          STAGE_ROLLBACK,  G(goes_down),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an operator ordered a rollback"},
    {PHASE_PAUSED,          STAGE_EMERGENCY, ALWAYS,                    PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an emergency order sends everything to legacy"},
    {PHASE_PAUSED,          STAGE_WEIGHT,    G(share_may_change),       SM_STAY,               FX_WEIGH | FX_AGAIN | FX_RECORD,  "an operator set the weight; resume takes it over and bakes again"},
    {PHASE_PAUSED,          STAGE_OVERRIDE,  G(share_may_change),       SM_STAY,               FX_OVERRIDE | FX_AGAIN | FX_RECORD, "an operator set the override; resume takes it over and bakes again"},
    {PHASE_PAUSED,          STAGE_TRIGGER,   G(violating),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "a trigger fired"},

    {PHASE_COMPLETED,       STAGE_PROMOTE,   G(next_is_open),           PHASE_CONVERGING,      FX_ENTER | FX_RECORD,             "an operator promoted the rollout to a stage that the plan has gained"},
    {PHASE_COMPLETED,       STAGE_ABORT,     ALWAYS,                    PHASE_ABORTED,         FX_END | FX_RECORD,               "an operator ended the rollout"},
    {PHASE_COMPLETED,       STAGE_ROLLBACK,  G(goes_down),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an operator ordered a rollback"},
    {PHASE_COMPLETED,       STAGE_EMERGENCY, ALWAYS,                    PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an emergency order sends everything to legacy"},
    {PHASE_COMPLETED,       STAGE_WEIGHT,    G(share_may_change),       PHASE_CONVERGING,      FX_WEIGH | FX_AGAIN | FX_RECORD,  "an operator set the weight"},
    {PHASE_COMPLETED,       STAGE_OVERRIDE,  G(share_may_change),       SM_STAY,               FX_OVERRIDE | FX_RECORD,          "an operator set the override"},
    {PHASE_COMPLETED,       STAGE_TRIGGER,   G(violating),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "a trigger fired"},

    {PHASE_ROLLING_BACK,    STAGE_ABORT,     ALWAYS,                    PHASE_ABORTED,         FX_END | FX_RECORD,               "an operator ended the rollout"},
    {PHASE_ROLLING_BACK,    STAGE_ROLLBACK,  G(goes_down),              SM_STAY,               FX_FALL | FX_RECORD,              "an operator ordered a further rollback"},
    {PHASE_ROLLING_BACK,    STAGE_EMERGENCY, ALWAYS,                    SM_STAY,               FX_FALL | FX_RECORD,              "an emergency order sends everything to legacy"},
    {PHASE_ROLLING_BACK,    STAGE_OVERRIDE,  G(share_may_change),       SM_STAY,               FX_OVERRIDE | FX_RECORD,          "an operator set the override"},
    {PHASE_ROLLING_BACK,    STAGE_RECOVER,   ALWAYS,                    SM_STAY,               FX_RETRY | FX_RECORD,             "an operator tries the rollback once more"},
    {PHASE_ROLLING_BACK,    STAGE_TRIGGER,   G(violating),              SM_STAY,               FX_FALL | FX_RECORD,              "a trigger fired again"},
    {PHASE_ROLLING_BACK,    STAGE_CONVERGED, G(all_serve),              PHASE_ROLLED_BACK,     FX_MEASURE,                       "every node serves what was rolled back to"},
    {PHASE_ROLLING_BACK,    STAGE_DEADLINE,  G(too_late),               PHASE_ROLLBACK_FAILED, 0,                                "nodes still lag after the rollback's deadline"},

    {PHASE_ROLLED_BACK,     STAGE_START,     G(calm_at_zero),           PHASE_CONVERGING,      FX_ENTER | FX_RECORD,             "an operator started the rollout again"},
    {PHASE_ROLLED_BACK,     STAGE_PROMOTE,   G(next_is_open),           PHASE_CONVERGING,      FX_ENTER | FX_RECORD,             "an operator promoted the rollout"},
    {PHASE_ROLLED_BACK,     STAGE_ABORT,     ALWAYS,                    PHASE_ABORTED,         FX_END | FX_RECORD,               "an operator ended the rollout"},
    {PHASE_ROLLED_BACK,     STAGE_ROLLBACK,  G(goes_down),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an operator ordered a further rollback"},
    {PHASE_ROLLED_BACK,     STAGE_EMERGENCY, ALWAYS,                    PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an emergency order sends everything to legacy"},
    {PHASE_ROLLED_BACK,     STAGE_WEIGHT,    G(stage_share_may_change), PHASE_CONVERGING,      FX_WEIGH | FX_AGAIN | FX_RECORD,  "an operator set the weight"},
    {PHASE_ROLLED_BACK,     STAGE_OVERRIDE,  G(share_may_change),       SM_STAY,               FX_OVERRIDE | FX_RECORD,          "an operator set the override"},
    {PHASE_ROLLED_BACK,     STAGE_TRIGGER,   G(violating),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "a trigger fired"},

    {PHASE_ROLLBACK_FAILED, STAGE_ABORT,     ALWAYS,                    PHASE_ABORTED,         FX_END | FX_RECORD,               "an operator ended the rollout"},
    {PHASE_ROLLBACK_FAILED, STAGE_ROLLBACK,  G(goes_down),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an operator ordered a further rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_EMERGENCY, ALWAYS,                    PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an emergency order sends everything to legacy"},
    {PHASE_ROLLBACK_FAILED, STAGE_OVERRIDE,  G(share_may_change),       SM_STAY,               FX_OVERRIDE | FX_RECORD,          "an operator set the override"},
    {PHASE_ROLLBACK_FAILED, STAGE_RECOVER,   ALWAYS,                    PHASE_ROLLING_BACK,    FX_RETRY | FX_RECORD,             "an operator tries the rollback once more"},
    {PHASE_ROLLBACK_FAILED, STAGE_TRIGGER,   G(violating),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "a trigger fired again"},
    {PHASE_ROLLBACK_FAILED, STAGE_CONVERGED, G(all_serve),              PHASE_ROLLED_BACK,     FX_MEASURE,                       "the late nodes serve what was rolled back to"},

    {PHASE_ABORTED,         STAGE_START,     G(calm),                   PHASE_CONVERGING,      FX_ENTER | FX_RECORD,             "an operator started the rollout again"},
    {PHASE_ABORTED,         STAGE_EMERGENCY, ALWAYS,                    PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "an emergency order sends everything to legacy"},
    {PHASE_ABORTED,         STAGE_OVERRIDE,  G(share_may_change),       SM_STAY,               FX_OVERRIDE | FX_RECORD,          "an operator set the override"},
    {PHASE_ABORTED,         STAGE_TRIGGER,   G(violating),              PHASE_ROLLING_BACK,    FX_FALL | FX_RECORD,              "a trigger fired"},
};

/* For commands, `why` is the refusal; refuse.c puts the migration's name in front. */
static const struct sm_ignore stage_ignored[] = {
    {PHASE_PENDING,         STAGE_PROMOTE,   "has not started; start it first"},
    {PHASE_PENDING,         STAGE_PAUSE,     "has not started; there is nothing to pause"},
    {PHASE_PENDING,         STAGE_RESUME,    "is not paused"},
    {PHASE_PENDING,         STAGE_ROLLBACK,  "has not started; everything is on legacy already"},
    {PHASE_PENDING,         STAGE_WEIGHT,    "has not started; start it first"},
    {PHASE_PENDING,         STAGE_RECOVER,   "is not rolling back; there is nothing to recover"},
    {PHASE_PENDING,         STAGE_CONVERGED, "nothing waits for the nodes"},
    {PHASE_PENDING,         STAGE_DEADLINE,  "no deadline runs"},
    {PHASE_PENDING,         STAGE_REVIEW,    "only an operator starts a rollout"},

    {PHASE_CONVERGING,      STAGE_START,     "is started already"},
    {PHASE_CONVERGING,      STAGE_PROMOTE,   "is still taking over its stage"},
    {PHASE_CONVERGING,      STAGE_RESUME,    "is not paused"},
    {PHASE_CONVERGING,      STAGE_RECOVER,   "is not rolling back; there is nothing to recover"},
    {PHASE_CONVERGING,      STAGE_DEADLINE,  "a raise has no deadline: it waits for its nodes"},
    {PHASE_CONVERGING,      STAGE_REVIEW,    "a stage is judged once every node serves it"},

    {PHASE_BAKING,          STAGE_START,     "is started already"},
    {PHASE_BAKING,          STAGE_RESUME,    "is not paused"},
    {PHASE_BAKING,          STAGE_RECOVER,   "is not rolling back; there is nothing to recover"},
    {PHASE_BAKING,          STAGE_CONVERGED, "the stage has converged before; a node that joins later gets it as well"},
    {PHASE_BAKING,          STAGE_DEADLINE,  "no deadline runs"},

    {PHASE_READY,           STAGE_START,     "is started already"},
    {PHASE_READY,           STAGE_RESUME,    "is not paused"},
    {PHASE_READY,           STAGE_RECOVER,   "is not rolling back; there is nothing to recover"},
    {PHASE_READY,           STAGE_CONVERGED, "the stage has converged before"},
    {PHASE_READY,           STAGE_DEADLINE,  "no deadline runs"},

    {PHASE_PAUSED,          STAGE_START,     "is started already, and paused; resume it"},
    {PHASE_PAUSED,          STAGE_PROMOTE,   "is paused; resume it first"},
    {PHASE_PAUSED,          STAGE_PAUSE,     "is paused already"},
    {PHASE_PAUSED,          STAGE_RECOVER,   "is not rolling back; there is nothing to recover"},
    {PHASE_PAUSED,          STAGE_CONVERGED, "resume looks at the nodes again"},
    {PHASE_PAUSED,          STAGE_DEADLINE,  "no deadline runs"},
    {PHASE_PAUSED,          STAGE_REVIEW,    "nothing moves on by itself while paused"},

    {PHASE_COMPLETED,       STAGE_START,     "is completed"},
    {PHASE_COMPLETED,       STAGE_PAUSE,     "is completed; nothing is left to pause"},
    {PHASE_COMPLETED,       STAGE_RESUME,    "is not paused"},
    {PHASE_COMPLETED,       STAGE_RECOVER,   "is not rolling back; there is nothing to recover"},
    {PHASE_COMPLETED,       STAGE_CONVERGED, "the stage has converged before"},
    {PHASE_COMPLETED,       STAGE_DEADLINE,  "no deadline runs"},
    {PHASE_COMPLETED,       STAGE_REVIEW,    "nothing is left to move on to"},

    {PHASE_ROLLING_BACK,    STAGE_START,     "is rolling back; wait until every node has acknowledged"},
    {PHASE_ROLLING_BACK,    STAGE_PROMOTE,   "is rolling back; wait until every node has acknowledged"},
    {PHASE_ROLLING_BACK,    STAGE_PAUSE,     "is rolling back, and a rollback does not pause"},
    {PHASE_ROLLING_BACK,    STAGE_RESUME,    "is not paused"},
    {PHASE_ROLLING_BACK,    STAGE_WEIGHT,    "is rolling back; wait until every node has acknowledged"},
    {PHASE_ROLLING_BACK,    STAGE_REVIEW,    "a rollback ends by acknowledgements or its deadline"},

    {PHASE_ROLLED_BACK,     STAGE_PAUSE,     "is rolled back; nothing moves on by itself"},
    {PHASE_ROLLED_BACK,     STAGE_RESUME,    "is not paused"},
    {PHASE_ROLLED_BACK,     STAGE_RECOVER,   "is not rolling back; there is nothing to recover"},
    {PHASE_ROLLED_BACK,     STAGE_CONVERGED, "the rollback has converged before"},
    {PHASE_ROLLED_BACK,     STAGE_DEADLINE,  "no deadline runs"},
    {PHASE_ROLLED_BACK,     STAGE_REVIEW,    "only an operator raises the share again"},

    {PHASE_ROLLBACK_FAILED, STAGE_START,     "waits for nodes that have not acknowledged the rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_PROMOTE,   "waits for nodes that have not acknowledged the rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_PAUSE,     "waits for nodes that have not acknowledged the rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_RESUME,    "is not paused"},
    {PHASE_ROLLBACK_FAILED, STAGE_WEIGHT,    "waits for nodes that have not acknowledged the rollback"},
    {PHASE_ROLLBACK_FAILED, STAGE_DEADLINE,  "the deadline has been missed already"},
    {PHASE_ROLLBACK_FAILED, STAGE_REVIEW,    "only the late nodes, or an operator, end this"},

    {PHASE_ABORTED,         STAGE_PROMOTE,   "is aborted; start it again first"},
    {PHASE_ABORTED,         STAGE_PAUSE,     "is aborted; there is nothing to pause"},
    {PHASE_ABORTED,         STAGE_RESUME,    "is not paused"},
    {PHASE_ABORTED,         STAGE_ABORT,     "is aborted already"},
    {PHASE_ABORTED,         STAGE_ROLLBACK,  "is aborted; everything is on legacy already"},
    {PHASE_ABORTED,         STAGE_WEIGHT,    "is aborted; start it again first"},
    {PHASE_ABORTED,         STAGE_RECOVER,   "is not rolling back; there is nothing to recover"},
    {PHASE_ABORTED,         STAGE_CONVERGED, "nothing waits for the nodes"},
    {PHASE_ABORTED,         STAGE_DEADLINE,  "no deadline runs"},
    {PHASE_ABORTED,         STAGE_REVIEW,    "nothing moves on by itself"},
};
/* clang-format on */

/* ---- invariant ------------------------------------------------------------------------------- */

static const char *broken_promise(enum rollout_phase phase, const struct stage_facts *f)
{
    if (f->emergency && (f->on_stage || !f->weightless))
        return "an emergency order is active and the rollout is not at stage 0 with weight 0";
    switch (phase) {
    case PHASE_PENDING:
    case PHASE_ABORTED:
        return f->on_stage || !f->weightless ? "not at stage 0 with weight 0" : NULL;
    case PHASE_PAUSED:
        if (f->resume != PHASE_CONVERGING && f->resume != PHASE_BAKING && f->resume != PHASE_READY)
            return "resume leads nowhere";
        return f->on_stage ? NULL : "no stage is entered";
    case PHASE_CONVERGING:
    case PHASE_BAKING:
    case PHASE_READY:
        return f->on_stage ? NULL : "no stage is entered";
    case PHASE_COMPLETED:
        return f->on_stage && !f->by_hand ? NULL : "the weight is not the last stage's";
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
