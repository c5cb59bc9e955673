/* SPDX-License-Identifier: Apache-2.0 */
/* Fleet breaker machine: one word for the breakers of all nodes.
 *
 *             new fails on the fleet           its time is over
 *   CLOSED ◄─┐ ───────────────────────► OPEN ───────────────────► HALF_OPEN
 *            │                           ▲                         │  │
 *            │                           └── new fails once more ──┘  │
 *            └───────────── enough nodes have closed theirs ──────────┘
 *
 *   any ── open ──► FORCED_OPEN    any ── close ──► FORCED_CLOSED    any ── reset ──► CLOSED
 *
 * What holds in each state, checked by fleet_breaker_invariant():
 *
 *   CLOSED         the latest order, if there was one, leaves nodes to themselves
 *   OPEN           the latest order opens, and a time until new is tried again stands
 *   HALF_OPEN      the latest order makes nodes try
 *   FORCED_OPEN    the latest order opens
 *   FORCED_CLOSED  the latest order closes
 *
 * A rollout that falls has its answer, so what opened by itself ends. What an operator opened stays
 * open through rollbacks: it is the safe side. What is held closed is an operator's bet on new, and
 * a fall ends it, as it ends an override to new. Nobody is left without an answer: while legacy is
 * forbidden the breaker of the fleet is not open. */
#include "coordinator/core/fleet_breaker_fsm.h"

#define TO(state) SM_TO(FLEET_BREAKER_##state)

#define NEXT_CLOSED        TO(FORCED_OPEN) | TO(FORCED_CLOSED) | TO(OPEN)
#define NEXT_FORCED_OPEN   TO(FORCED_CLOSED) | TO(CLOSED)
#define NEXT_FORCED_CLOSED TO(FORCED_OPEN) | TO(CLOSED)
#define NEXT_OPEN          TO(HALF_OPEN) | TO(CLOSED) | TO(FORCED_OPEN) | TO(FORCED_CLOSED)
#define NEXT_HALF_OPEN     TO(OPEN) | TO(CLOSED) | TO(FORCED_OPEN) | TO(FORCED_CLOSED)

#define WORD_WAITING "waiting"
#define WORD_RUNNING "running"

#define FLAGS_CLOSED        SM_INITIAL | SM_FINAL
#define FLAGS_FORCED_OPEN   0
#define FLAGS_FORCED_CLOSED 0
#define FLAGS_OPEN          0
#define FLAGS_HALF_OPEN     0

static const struct sm_state fleet_breaker_states[FLEET_BREAKER_STATE_COUNT] = {
#define X(id, name, coarse, help) \
    [FLEET_BREAKER_##id] = {name, WORD_##coarse, NEXT_##id, FLAGS_##id, help},
    FLEET_BREAKER_STATES(X)
#undef X
};

static const char *const fleet_breaker_events[FLEET_BREAKER_EVENT_COUNT] = {
#define X(id, name) [FLEET_BREAKER_EV_##id] = name,
    FLEET_BREAKER_EVENTS(X)
#undef X
};

static const char *const fleet_breaker_effects[FLEET_BREAKER_FX_COUNT] = {
#define X(id, name) [FLEET_BREAKER_FX_BIT_##id] = name,
    FLEET_BREAKER_EFFECTS(X)
#undef X
};

/* ---- guards ---------------------------------------------------------------------------------- */

#define GUARD(name, expression)                      \
    static bool name(const void *facts)              \
    {                                                \
        const struct fleet_breaker_facts *f = facts; \
        return (expression);                         \
    }

GUARD(may_open, f->present && !f->forbidden)
GUARD(may_not_open, !f->present || f->forbidden)
GUARD(present, f->present)
GUARD(may_trip, f->armed && f->sick && !f->waking)
GUARD(is_due, f->armed && f->due)
GUARD(is_well, f->armed && f->well && !f->waking)
GUARD(disarmed, !f->armed)
GUARD(absent, !f->present)

/* ---- rows ------------------------------------------------------------------------------------ */

#define G(guard)  guard, #guard
#define ALWAYS    NULL, NULL
#define S(state)  FLEET_BREAKER_##state
#define EV(event) FLEET_BREAKER_EV_##event
#define FX(id)    FLEET_BREAKER_FX_##id

/* clang-format off */
static const struct sm_row fleet_breaker_rows[] = {
    /* state           event       guard            next              effects           why */
    {S(CLOSED),        EV(OPEN),   G(may_open),     S(FORCED_OPEN),   FX(ORDER_OPEN),   "an operator opened it on every node"},
    {S(CLOSED),        EV(CLOSE),  G(present),      S(FORCED_CLOSED), FX(ORDER_CLOSE),  "an operator holds it closed on every node"},
    {S(CLOSED),        EV(RESET),  G(present),      SM_STAY,          FX(ORDER_RESET),  "an operator closed it on every node, with nothing counted"},

    {S(CLOSED), EV(TRIP), G(may_trip), S(OPEN), FX(ORDER_OPEN) | FX(WAIT), "new fails on the fleet"},

    {S(OPEN), EV(DEADLINE), G(is_due), S(HALF_OPEN), FX(ORDER_PROBE), "its time is over, and every node tries new"},
    {S(OPEN), EV(OPEN), G(may_open), S(FORCED_OPEN), FX(ORDER_OPEN), "an operator opened it on every node"},
    {S(OPEN), EV(CLOSE), G(present), S(FORCED_CLOSED), FX(ORDER_CLOSE), "an operator holds it closed on every node"},
    {S(OPEN), EV(RESET), G(present), S(CLOSED), FX(ORDER_RESET), "an operator closed it on every node, with nothing counted"},
    {S(OPEN), EV(FALL), ALWAYS, S(CLOSED), FX(ORDER_PROBE), "the rollout fell, and nodes decide by themselves"},
    {S(OPEN), EV(DISARM), G(disarmed), S(CLOSED), FX(ORDER_PROBE), "the fleet opens nothing by itself any more"},

    {S(HALF_OPEN), EV(TRIP), G(may_trip), S(OPEN), FX(ORDER_OPEN) | FX(WAIT), "new still fails on the fleet"},
    {S(HALF_OPEN), EV(RECOVERED), G(is_well), S(CLOSED), 0, "enough nodes have closed theirs again"},
    {S(HALF_OPEN), EV(OPEN), G(may_open), S(FORCED_OPEN), FX(ORDER_OPEN), "an operator opened it on every node"},
    {S(HALF_OPEN), EV(CLOSE), G(present), S(FORCED_CLOSED), FX(ORDER_CLOSE), "an operator holds it closed on every node"},
    {S(HALF_OPEN), EV(RESET), G(present), S(CLOSED), FX(ORDER_RESET), "an operator closed it on every node, with nothing counted"},
    {S(HALF_OPEN), EV(FALL), ALWAYS, S(CLOSED), 0, "the rollout fell, and nodes decide by themselves"},
    {S(HALF_OPEN), EV(DISARM), G(disarmed), S(CLOSED), 0, "the fleet opens nothing by itself any more"},

    {S(FORCED_OPEN),   EV(CLOSE),  G(present),      S(FORCED_CLOSED), FX(ORDER_CLOSE),  "an operator holds it closed on every node"},
    {S(FORCED_OPEN),   EV(RESET),  G(present),      S(CLOSED),        FX(ORDER_RESET),  "an operator closed it on every node, with nothing counted"},
    {S(FORCED_OPEN),   EV(DISARM), G(may_not_open), S(CLOSED),        FX(ORDER_PROBE),  "legacy is forbidden now, or there is no breaker any more"},

    {S(FORCED_CLOSED), EV(OPEN),   G(may_open),     S(FORCED_OPEN),   FX(ORDER_OPEN),   "an operator opened it on every node"},
    {S(FORCED_CLOSED), EV(RESET),  G(present),      S(CLOSED),        FX(ORDER_RESET),  "an operator closed it on every node, with nothing counted"},
    {S(FORCED_CLOSED), EV(FALL),   ALWAYS,          S(CLOSED),        FX(ORDER_RESET),  "the rollout fell, and nothing holds new up any more"},
    {S(FORCED_CLOSED), EV(DISARM), G(absent),       S(CLOSED),        FX(ORDER_RESET),  "there is no breaker any more"},
};
/* clang-format on */

/* For orders, `why` is what the operator reads; command_breaker.c puts the migration's name in
 * front. */
static const struct sm_ignore fleet_breaker_ignored[] = {
    {S(CLOSED), EV(FALL), "nodes decide by themselves already"},
    {S(CLOSED), EV(DISARM), "nodes decide by themselves already"},
    {S(CLOSED), EV(DEADLINE), "no time runs"},
    {S(CLOSED), EV(RECOVERED), "nothing has to recover"},
    {S(OPEN), EV(TRIP), "is open on every node already"},
    {S(OPEN), EV(RECOVERED), "nobody asks new for anything"},
    {S(HALF_OPEN), EV(DEADLINE), "no time runs"},
    {S(FORCED_OPEN), EV(TRIP), "an operator has decided"},
    {S(FORCED_OPEN), EV(DEADLINE), "an operator has decided"},
    {S(FORCED_OPEN), EV(RECOVERED), "an operator has decided"},
    {S(FORCED_CLOSED), EV(TRIP), "an operator has decided"},
    {S(FORCED_CLOSED), EV(DEADLINE), "an operator has decided"},
    {S(FORCED_CLOSED), EV(RECOVERED), "an operator has decided"},
    {S(FORCED_OPEN), EV(OPEN), "is open on every node already"},
    {S(FORCED_OPEN), EV(FALL), "what an operator opened stays open"},
    {S(FORCED_CLOSED), EV(CLOSE), "is held closed on every node already"},
};

/* ---- invariant ------------------------------------------------------------------------------- */

static bool fleet_breaker_invariant(int state, const void *facts, const char **ret_why)
{
    const struct fleet_breaker_facts *f = facts;
    bool opens = f->order == BREAKER_ORDER_OPEN, closes = f->order == BREAKER_ORDER_CLOSE;
    const char *why = NULL;

    if (opens != (state == FLEET_BREAKER_FORCED_OPEN || state == FLEET_BREAKER_OPEN))
        why = opens ? "the latest order opens the breakers of a fleet that is not open"
                    : "the fleet is open and the latest order is another";
    else if (closes != (state == FLEET_BREAKER_FORCED_CLOSED))
        why = closes ? "the latest order holds breakers closed, and nobody wants that any more"
                     : "the fleet is held closed and the latest order is another";
    else if (f->waits != (state == FLEET_BREAKER_OPEN))
        why = f->waits ? "a time stands that nobody waits for"
                       : "the fleet is open by itself, and for no time";
    else if (state == FLEET_BREAKER_HALF_OPEN && f->order != BREAKER_ORDER_PROBE)
        why = "the fleet is half open and the latest order is another";
    if (why)
        *ret_why = why;
    return !why;
}

const struct sm_machine fleet_breaker_machine = {
    .name = "fleet_breaker",
    .help = "the word that goes to the breakers of all nodes of one migration",
    .states = fleet_breaker_states,
    .state_count = FLEET_BREAKER_STATE_COUNT,
    .events = fleet_breaker_events,
    .event_count = FLEET_BREAKER_EVENT_COUNT,
    .rows = fleet_breaker_rows,
    .row_count = ARRAY_LEN(fleet_breaker_rows),
    .ignored = fleet_breaker_ignored,
    .ignored_count = ARRAY_LEN(fleet_breaker_ignored),
    .effects = fleet_breaker_effects,
    .effect_count = FLEET_BREAKER_FX_COUNT,
    .invariant = fleet_breaker_invariant,
};
