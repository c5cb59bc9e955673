/* SPDX-License-Identifier: Apache-2.0 */
/* Drill machine: a rollback rehearsed on a part of the fleet, and taken back.
 *
 *            begin              every node of the scope serves it, or the deadline
 *   IDLE ───────────► REHEARSING ───────────────────────────────► RESTORING
 *    ▲                    │                                           │
 *    │  the rollout falls │    every node serves again, the deadline, │
 *    └────────────────────┴──────────── or the rollout falls ─────────┘
 *
 * What holds in each state, checked by drill_invariant():
 *
 *   IDLE                   no record of a drill is open
 *   REHEARSING, RESTORING  a record is open; a stage is entered and the rollout does not fall
 *
 * In REHEARSING the decision holds the scope (a drill in shadow only repeats the decision), in
 * RESTORING it does not any more. What was ordered is taken back whether or not it was reached. */
#include "coordinator/core/drill_fsm.h"

#define TO(state) SM_TO(DRILL_##state)

#define NEXT_IDLE       TO(REHEARSING)
#define NEXT_REHEARSING TO(RESTORING) | TO(IDLE)
#define NEXT_RESTORING  TO(IDLE)

#define WORD_WAITING "waiting"
#define WORD_RUNNING "running"

#define FLAGS_IDLE       SM_INITIAL | SM_FINAL
#define FLAGS_REHEARSING 0
#define FLAGS_RESTORING  0

static const struct sm_state drill_states[DRILL_STATE_COUNT] = {
#define X(id, name, coarse, help) [DRILL_##id] = {name, WORD_##coarse, NEXT_##id, FLAGS_##id, help},
    DRILL_STATES(X)
#undef X
};

static const char *const drill_events[DRILL_EVENT_COUNT] = {
#define X(id, name) [DRILL_EV_##id] = name,
    DRILL_EVENTS(X)
#undef X
};

static const char *const drill_effects[DRILL_FX_COUNT] = {
#define X(id, name) [DRILL_FX_BIT_##id] = name,
    DRILL_EFFECTS(X)
#undef X
};

/* ---- guards ---------------------------------------------------------------------------------- */

#define GUARD(name, expression)              \
    static bool name(const void *facts)      \
    {                                        \
        const struct drill_facts *f = facts; \
        return (expression);                 \
    }

GUARD(may_begin, f->on_stage && !f->overridden && !f->forbidden && f->populated)
GUARD(all_serve, f->converged && !f->waking)
GUARD(too_late, f->late && !f->converged && !f->waking)

/* ---- rows ------------------------------------------------------------------------------------ */

#define G(guard) guard, #guard
#define ALWAYS   NULL, NULL
#define FX(id)   DRILL_FX_##id

/* clang-format off */
static const struct sm_row drill_rows[] = {
    /* state            event               guard         next              effects                       why */
    {DRILL_IDLE,       DRILL_EV_BEGIN,     G(may_begin), DRILL_REHEARSING, FX(OPEN) | FX(REHEARSE),      "an operator ordered a drill"},

    {DRILL_REHEARSING, DRILL_EV_CONVERGED, G(all_serve), DRILL_RESTORING,  FX(MEASURE) | FX(RESTORE),    "every node of the scope serves the rehearsal"},
    {DRILL_REHEARSING, DRILL_EV_DEADLINE,  G(too_late),  DRILL_RESTORING,  FX(FAIL) | FX(RESTORE),       "nodes of the scope did not take the rehearsal over in time"},
    {DRILL_REHEARSING, DRILL_EV_FALL,      ALWAYS,       DRILL_IDLE,       FX(FAIL) | FX(CLOSE),         "the rollout fell in earnest"},

    {DRILL_RESTORING,  DRILL_EV_CONVERGED, G(all_serve), DRILL_IDLE,       FX(MEASURE) | FX(CLOSE),      "every node of the scope serves again what it served before"},
    {DRILL_RESTORING,  DRILL_EV_DEADLINE,  G(too_late),  DRILL_IDLE,       FX(FAIL) | FX(CLOSE),         "nodes of the scope did not come back in time"},
    {DRILL_RESTORING,  DRILL_EV_FALL,      ALWAYS,       DRILL_IDLE,       FX(FAIL) | FX(CLOSE),         "the rollout fell in earnest"},
};
/* clang-format on */

/* For begin, `why` is the refusal; command_drill.c puts the migration's name in front. */
static const struct sm_ignore drill_ignored[] = {
    {DRILL_IDLE, DRILL_EV_CONVERGED, "nothing waits for the nodes"},
    {DRILL_IDLE, DRILL_EV_DEADLINE, "no deadline runs"},
    {DRILL_IDLE, DRILL_EV_FALL, "no drill runs"},
    {DRILL_REHEARSING, DRILL_EV_BEGIN, "is in a drill already"},
    {DRILL_RESTORING, DRILL_EV_BEGIN, "is in a drill already"},
};

/* ---- invariant ------------------------------------------------------------------------------- */

static bool drill_invariant(int state, const void *facts, const char **ret_why)
{
    const struct drill_facts *f = facts;
    const char *why = NULL;

    if (state == DRILL_IDLE)
        why = f->open ? "no drill runs and its record has no end" : NULL;
    else if (!f->open)
        why = "a drill runs without a record of its beginning";
    else if (!f->on_stage)
        why = "a drill runs while no stage is entered, or the rollout falls";
    if (why)
        *ret_why = why;
    return !why;
}

const struct sm_machine drill_machine = {
    .name = "drill",
    .help = "one rehearsal of a rollback, and its taking back",
    .states = drill_states,
    .state_count = DRILL_STATE_COUNT,
    .events = drill_events,
    .event_count = DRILL_EVENT_COUNT,
    .rows = drill_rows,
    .row_count = ARRAY_LEN(drill_rows),
    .ignored = drill_ignored,
    .ignored_count = ARRAY_LEN(drill_ignored),
    .effects = drill_effects,
    .effect_count = DRILL_FX_COUNT,
    .invariant = drill_invariant,
};
