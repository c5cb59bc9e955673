/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a drill: enum, stable name (stored and printed), coarse state, help. Names are
 * append-only. */
#pragma once

#define DRILL_STATES(X)                                                                            \
    X(IDLE, "idle", WAITING, "nobody rehearses")                                                   \
    X(REHEARSING, "rehearsing", RUNNING, "the scope is ordered to legacy; its nodes are measured") \
    X(RESTORING, "restoring", RUNNING, "the scope takes back what it served before")

enum drill_state {
#define X(id, name, coarse, help) DRILL_##id,
    DRILL_STATES(X)
#undef X
        DRILL_STATE_COUNT
};
