/* SPDX-License-Identifier: Apache-2.0 */
/* How one endpoint of a system is, as a table. Pure: handed instants, no lock.
 *
 *   WARMING ──slow start is over──► HEALTHY
 *    ▲ ▲ │                            │ │
 *    │ │ └──────failures in a row─────┤ │
 *    │ └─time is over── EJECTED ◄─────┘ │
 *    └──checks pass──── FAILING ◄───────┘ checks fail, from any state
 *
 * WARMING  new or back: its share grows.
 * HEALTHY  has its full share.
 * EJECTED  failed requests, and is left out for a while, longer each time.
 * FAILING  failed its checks, and is left out until they pass. */
#pragma once

#include "common/fsm/sm.h"

#define ENDPOINT_FAILURES 5 /* in a row, and it is ejected */
/* Of these, one that held up its request until the connect timeout is all: the next request would
 * be held up, too. */
#define ENDPOINT_UNREACHED ENDPOINT_FAILURES
#define ENDPOINT_FAILS     2 /* checks in a row, and it is failing */
#define ENDPOINT_PASSES    2 /* checks in a row, and it is back */
/* Doubles with each ejection, up to the longest; a minute of health, and it starts over. */
#define ENDPOINT_EJECT_FIRST   dur_s(2)
#define ENDPOINT_EJECT_LONGEST dur_s(60)

enum endpoint_state {
    ENDPOINT_WARMING,
    ENDPOINT_HEALTHY,
    ENDPOINT_EJECTED,
    ENDPOINT_FAILING,
    ENDPOINT_STATE_COUNT
};

enum endpoint_event {
    ENDPOINT_EV_FAILURE,      /* a request failed on it */
    ENDPOINT_EV_CHECK_FAILED, /* a check of its own did */
    ENDPOINT_EV_CHECK_PASSED,
    ENDPOINT_EV_UNCHECKED, /* nobody checks it any more */
    ENDPOINT_EV_ELAPSED,   /* time has passed */
    ENDPOINT_EV_COUNT
};

struct endpoint_facts {
    bool limit_reached;  /* failures in a row, this one included */
    bool others_stand;   /* it can be spared: no more than half of its system is ejected then */
    bool checks_settled; /* as many checks in a row ended like this one as it takes */
    bool time_is_over;   /* of the slow start, or of the ejection */
};

extern const struct sm_machine endpoint_machine;

struct endpoint_fsm {
    struct sm sm;
    mono_t since;       /* in this state */
    dur_t ejected_for;  /* the latest time; 0: never, or long ago */
    unsigned failures;  /* in a row */
    unsigned check_run; /* checks in a row that ended alike */
    bool check_passed;  /* the latest */
};

void endpoint_fsm_init(struct endpoint_fsm *e, enum endpoint_state state, mono_t now);

/* A request failed on it, and counts as so many that did: one, or ENDPOINT_UNREACHED. */
void endpoint_fsm_fail(struct endpoint_fsm *e, unsigned count, bool others_stand, mono_t now,
                       wall_t wall);
void endpoint_fsm_check(struct endpoint_fsm *e, bool passed, mono_t now, wall_t wall);
void endpoint_fsm_uncheck(struct endpoint_fsm *e, mono_t now, wall_t wall);
/* Move on with time. */
void endpoint_fsm_tick(struct endpoint_fsm *e, mono_t now, wall_t wall);

static inline enum endpoint_state endpoint_fsm_state(const struct endpoint_fsm *e)
{
    return (enum endpoint_state)e->sm.state;
}
