/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker of one migration's new system, as a table. Pure: handed instants, no lock.
 *
 *   CLOSED ──errors reach the limit──► OPEN ──open_for is over──► HALF_OPEN
 *      ▲                                ▲                          │     │
 *      │                                └──────a probe failed──────┘     │
 *      └───────────────────────────a probe succeeded─────────────────────┘
 *
 * CLOSED     new gets its share; errors are counted over a sliding window.
 * OPEN       nothing goes to new.
 * HALF_OPEN  at most `half_open_requests` requests at a time go to new, the rest to legacy. Each of
 *            them holds a probe slot, which comes back however it ends. */
#pragma once

#include "common/fsm/sm.h"
#include "common/model/ruleset.h"
#include "common/model/stats.h"

/* The window slides in this many steps: memory is fixed, whatever `errors` is. */
#define BREAKER_SLICES 16

enum breaker_fsm_state {
    BREAKER_ST_CLOSED,
    BREAKER_ST_OPEN,
    BREAKER_ST_HALF_OPEN,
    BREAKER_ST_COUNT
};

enum breaker_event {
    BREAKER_EV_ERROR,         /* a request to new failed */
    BREAKER_EV_PROBE_ERROR,   /* one with a slot did */
    BREAKER_EV_PROBE_SUCCESS, /* one with a slot was answered well */
    BREAKER_EV_ELAPSED,       /* time has passed */
    BREAKER_EV_COUNT
};

struct breaker_facts {
    bool limit_reached; /* errors in the window, this one included */
    bool open_is_over;
    unsigned probes; /* slots taken */
    unsigned probes_max;
};

extern const struct sm_machine breaker_machine;

struct breaker_fsm {
    struct sm sm;
    struct route_breaker config;
    mono_t opened_at;
    unsigned probes;     /* slots taken */
    unsigned probes_max; /* at most; above the limit for as long as it takes after a lowering */
    mono_t slice_start;  /* of slice[0], the current one */
    uint32_t slice[BREAKER_SLICES];
};

void breaker_fsm_init(struct breaker_fsm *b, const struct route_breaker *config, mono_t now);
/* New limits from now on; state and counts stay. */
void breaker_fsm_configure(struct breaker_fsm *b, const struct route_breaker *config);

/* Also lets an open breaker go half-open when its time has come. */
enum breaker_state breaker_fsm_state(struct breaker_fsm *b, mono_t now, wall_t wall);
/* When an open breaker goes half-open. */
mono_t breaker_fsm_open_until(const struct breaker_fsm *b);
uint32_t breaker_fsm_errors(const struct breaker_fsm *b);

/* Half-open: take a slot; false when none is free. */
bool breaker_fsm_take_probe(struct breaker_fsm *b) MUST_CHECK;

enum breaker_outcome { BREAKER_SUCCESS, BREAKER_ERROR, BREAKER_ABANDONED };

/* How a request to new ended; with `probe` its slot comes back. */
void breaker_fsm_report(struct breaker_fsm *b, enum breaker_outcome outcome, bool probe, mono_t now,
                        wall_t wall);
