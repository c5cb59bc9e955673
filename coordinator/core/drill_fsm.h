/* SPDX-License-Identifier: Apache-2.0 */
/* The machine of a drill: states of common/model/drill_states.h, events, and what follows.
 *
 * Guards read `struct drill_facts` only; drill.c collects them and carries the effects out. Pure.
 */
#pragma once

#include "common/fsm/sm.h"
#include "common/model/rollout.h"

/*   X(ID, name) */
#define DRILL_EVENTS(X)       \
    X(BEGIN, "begin")         \
    X(CONVERGED, "converged") \
    X(DEADLINE, "deadline")   \
    X(FALL, "fall")

enum drill_event {
#define X(id, name) DRILL_EV_##id,
    DRILL_EVENTS(X)
#undef X
        DRILL_EVENT_COUNT
};

/*   X(ID, name): bit ID is 1 << its place */
#define DRILL_EFFECTS(X)    \
    X(OPEN, "open")         \
    X(MEASURE, "measure")   \
    X(FAIL, "fail")         \
    X(REHEARSE, "rehearse") \
    X(RESTORE, "restore")   \
    X(CLOSE, "close")

enum drill_effect_bit {
#define X(id, name) DRILL_FX_BIT_##id,
    DRILL_EFFECTS(X)
#undef X
        DRILL_FX_COUNT
};

enum {
#define X(id, name) DRILL_FX_##id = 1u << DRILL_FX_BIT_##id,
    DRILL_EFFECTS(X)
#undef X
};

/* Everything the guards and the invariant may look at, from one consistent read. */
struct drill_facts {
    bool on_stage;   /* a stage is entered and the rollout does not fall */
    bool overridden; /* everything is sent to one system */
    bool forbidden;  /* nodes would be moved to a legacy that is forbidden */
    bool populated;  /* a connected node belongs to the scope */
    bool converged;  /* every node of the scope serves the decision of the part that runs */
    bool late;       /* that part's deadline is over */
    bool waking;     /* the coordinator started a moment ago: nodes may still come back */
    bool open;       /* the record of the drill has a beginning and no end */
};

extern const struct sm_machine drill_machine;
