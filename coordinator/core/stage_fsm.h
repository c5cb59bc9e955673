/* SPDX-License-Identifier: Apache-2.0 */
/* The machine of a rollout: phases of common/model/stage_states.h, events, and what follows.
 *
 * Guards read `struct stage_facts` only; facts.h collects them. Effects are names; moves.c carries
 * them out. Pure. */
#pragma once

#include "common/fsm/sm.h"
#include "common/model/rollout.h"

/*   X(ID, name) */
#define STAGE_EVENTS(X)             \
    X(START, "start")               \
    X(PROMOTE, "promote")           \
    X(FULL, "full")                 \
    X(PAUSE, "pause")               \
    X(RESUME, "resume")             \
    X(ABORT, "abort")               \
    X(RETREAT, "retreat")           \
    X(ROLLBACK, "rollback")         \
    X(EMERGENCY, "emergency")       \
    X(WEIGHT, "weight")             \
    X(OVERRIDE, "override")         \
    X(DECOMMISSION, "decommission") \
    X(RECOVER, "recover")           \
    X(TRIGGER, "trigger")           \
    X(PREPARED, "prepared")         \
    X(UNPREPARED, "unprepared")     \
    X(CONVERGED, "converged")       \
    X(DEADLINE, "deadline")         \
    X(REVIEW, "review")

enum stage_event {
#define X(id, name) STAGE_##id,
    STAGE_EVENTS(X)
#undef X
        STAGE_EVENT_COUNT
};

/*   X(ID, name): bit ID is 1 << its place, and effects happen in this order */
#define STAGE_EFFECTS(X)    \
    X(PROVE, "prove")       \
    X(PREPARE, "prepare")   \
    X(BAR, "bar")           \
    X(ENTER, "enter")       \
    X(SKIP, "skip")         \
    X(WAVE, "wave")         \
    X(FALL, "fall")         \
    X(RETREAT, "retreat")   \
    X(STEP, "step")         \
    X(END, "end")           \
    X(WEIGH, "weigh")       \
    X(OVERRIDE, "override") \
    X(BAKE, "bake")         \
    X(AGAIN, "again")       \
    X(HOLD, "hold")         \
    X(RELEASE, "release")   \
    X(STANDBY, "standby")   \
    X(MEASURE, "measure")   \
    X(RETRY, "retry")       \
    X(RECORD, "record")

enum stage_effect_bit {
#define X(id, name) STAGE_FX_BIT_##id,
    STAGE_EFFECTS(X)
#undef X
        STAGE_FX_COUNT
};

enum {
#define X(id, name) FX_##id = 1u << STAGE_FX_BIT_##id,
    STAGE_EFFECTS(X)
#undef X
};

/* Everything the guards and the invariant may look at, from one consistent read. */
struct stage_facts {
    bool on_stage;   /* a stage of the plan is entered: stage > 0 */
    bool weightless; /* the weight of new is 0 */
    bool has_next;   /* a later stage exists */
    bool next_asks;  /* and is entered by an operator only */
    bool more_waves; /* the stage has not reached everybody: a later wave exists */
    bool wave_asks;  /* and is entered by an operator only */
    bool by_hand;    /* the weight is not the stage's */
    bool overridden; /* everything is sent to one system */
    bool emergency;  /* an emergency order is active */
    bool violating;  /* a trigger's limit does not hold */
    bool held_back;  /* a freeze, a missing approval or a drill forbids raises */
    bool converged;  /* every node that counts serves the latest decision */
    bool baked;      /* the bake time is over */
    bool gate_open;  /* there is no gate, or it passes */
    bool gate_fails; /* it is known not to hold */
    bool tended;     /* the hooks after the stage have run, or there are none */
    bool late;       /* the rollback's deadline is over */
    bool step_due;   /* the retreat's next step is */
    bool last_step;  /* and it leads to legacy */
    bool waking;     /* the coordinator started a moment ago: nodes may still come back */
    bool may_retire; /* everything is on new, standby is over, and nothing is left to do */
    bool raises;     /* the command would raise the share of new */
    bool goes_down;  /* the command's stage is before the current one, for every node */
    bool prepares;   /* the stage that would be entered has checks, a backup or hooks before it */
    bool prepared;   /* they have passed */
    bool unprepared; /* one of them has not */
    bool barred;     /* READY after they had not: an operator has to try again */
    bool entering;   /* a later stage is to be entered */
    enum rollout_phase resume; /* while PAUSED: where resume goes */
};

extern const struct sm_machine stage_machine;
