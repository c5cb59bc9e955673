/* SPDX-License-Identifier: Apache-2.0 */
/* A small complete machine for the tests of the engine: a door with a lock. */
#pragma once

#include "common/fsm/sm.h"

enum door_state { DOOR_CLOSED, DOOR_OPEN, DOOR_LOCKED, DOOR_GONE, DOOR_STATES };
enum door_event { EV_PUSH, EV_KEY, EV_FIRE, DOOR_EVENTS };
enum door_effect { FX_BELL = 1u << 0, FX_REPORT = 1u << 1 };

struct door_facts {
    bool has_key;
    bool broken; /* breaks the invariant of OPEN */
};

static bool has_key(const void *facts)
{
    return ((const struct door_facts *)facts)->has_key;
}

static bool invariant(int state, const void *facts, const char **ret_why)
{
    *ret_why = "an open door is not broken";
    return state != DOOR_OPEN || !((const struct door_facts *)facts)->broken;
}

static const struct sm_state door_states[DOOR_STATES] = {
    [DOOR_CLOSED] = {"closed", "waiting", SM_TO(DOOR_OPEN) | SM_TO(DOOR_LOCKED) | SM_TO(DOOR_GONE),
                     SM_INITIAL, "nobody is \"inside\""},
    [DOOR_OPEN] = {"open", "running", SM_TO(DOOR_CLOSED) | SM_TO(DOOR_GONE), 0,
                   "air | people pass"},
    [DOOR_LOCKED] = {"locked", "waiting", SM_TO(DOOR_CLOSED) | SM_TO(DOOR_GONE), 0,
                     "needs the key"},
    [DOOR_GONE] = {"gone", "done", 0, SM_FINAL, "the frame is left"},
};

static const char *const door_events[DOOR_EVENTS] = {"push", "key", "fire"};
static const char *const door_effects[] = {"bell", "report"};

static const struct sm_row door_rows[] = {
    {DOOR_CLOSED, EV_PUSH, NULL, NULL, DOOR_OPEN, FX_BELL, "somebody pushed"},
    {DOOR_CLOSED, EV_KEY, has_key, "has_key", DOOR_LOCKED, 0, "the key was turned"},
    {DOOR_CLOSED, EV_FIRE, NULL, NULL, DOOR_GONE, FX_BELL | FX_REPORT, "it burned"},
    {DOOR_OPEN, EV_PUSH, NULL, NULL, DOOR_CLOSED, 0, "somebody pushed back"},
    {DOOR_OPEN, EV_FIRE, NULL, NULL, DOOR_GONE, FX_REPORT, "it burned"},
    {DOOR_LOCKED, EV_PUSH, NULL, NULL, SM_STAY, FX_BELL, "it is locked, the bell rings"},
    {DOOR_LOCKED, EV_KEY, has_key, "has_key", DOOR_CLOSED, 0, "the key was turned"},
    {DOOR_LOCKED, EV_KEY, NULL, NULL, SM_STAY, FX_BELL, "the wrong key"},
    {DOOR_LOCKED, EV_FIRE, NULL, NULL, DOOR_GONE, FX_REPORT, "it burned"},
};

static const struct sm_ignore door_ignored[] = {
    {DOOR_OPEN, EV_KEY, "the bolt meets air"},
    {DOOR_GONE, EV_PUSH, "nothing to push"},
    {DOOR_GONE, EV_KEY, "nothing to lock"},
    {DOOR_GONE, EV_FIRE, "nothing to burn"},
};

static const struct sm_machine door = {
    .name = "door",
    .help = "Who may pass.",
    .states = door_states,
    .state_count = DOOR_STATES,
    .events = door_events,
    .event_count = DOOR_EVENTS,
    .rows = door_rows,
    .row_count = ARRAY_LEN(door_rows),
    .ignored = door_ignored,
    .ignored_count = ARRAY_LEN(door_ignored),
    .effects = door_effects,
    .effect_count = ARRAY_LEN(door_effects),
    .invariant = invariant,
};
