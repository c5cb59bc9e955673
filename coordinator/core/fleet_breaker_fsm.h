/* SPDX-License-Identifier: Apache-2.0 */
/* The machine of the fleet's breaker: states of common/model/fleet_breaker_states.h, events, and
 * what follows.
 *
 * Guards read `struct fleet_breaker_facts` only; fleet_breaker.c collects them and carries the
 * effects out. Pure. */
#pragma once

#include "common/fsm/sm.h"
#include "common/model/rollout.h"

/*   X(ID, name) */
#define FLEET_BREAKER_EVENTS(X) \
    X(OPEN, "open")             \
    X(CLOSE, "close")           \
    X(RESET, "reset")           \
    X(TRIP, "trip")             \
    X(DEADLINE, "deadline")     \
    X(RECOVERED, "recovered")   \
    X(FALL, "fall")             \
    X(DISARM, "disarm")

enum fleet_breaker_event {
#define X(id, name) FLEET_BREAKER_EV_##id,
    FLEET_BREAKER_EVENTS(X)
#undef X
        FLEET_BREAKER_EVENT_COUNT
};

/* Orders to the nodes, and the time until they try new again. X(ID, name): bit ID is 1 << its place
 */
#define FLEET_BREAKER_EFFECTS(X)  \
    X(ORDER_OPEN, "order_open")   \
    X(ORDER_CLOSE, "order_close") \
    X(ORDER_PROBE, "order_probe") \
    X(ORDER_RESET, "order_reset") \
    X(WAIT, "wait")

enum fleet_breaker_effect_bit {
#define X(id, name) FLEET_BREAKER_FX_BIT_##id,
    FLEET_BREAKER_EFFECTS(X)
#undef X
        FLEET_BREAKER_FX_COUNT
};

enum {
#define X(id, name) FLEET_BREAKER_FX_##id = 1u << FLEET_BREAKER_FX_BIT_##id,
    FLEET_BREAKER_EFFECTS(X)
#undef X
};

/* Everything the guards and the invariant may look at, from one consistent read. */
struct fleet_breaker_facts {
    bool present;   /* nodes have a breaker, and it is not switched off */
    bool forbidden; /* legacy is: who may not ask new would get no answer */
    bool armed;     /* it opens by itself: the plan says so, and new is being asked for something */
    bool sick;      /* new fails on the fleet, proven */
    bool well;      /* those that have not come back are no quorum any more */
    bool due;       /* its time is over */
    bool waking;    /* the coordinator started a moment ago: nodes may still come back */
    bool waits;     /* a time until new is tried again stands */
    enum breaker_order order; /* the latest */
};

extern const struct sm_machine fleet_breaker_machine;
