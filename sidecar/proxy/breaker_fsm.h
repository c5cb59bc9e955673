/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker of one migration's new system, as a table. Pure: handed instants, no lock.
 *
 *   CLOSED ──too many errors, or slow answers──► OPEN ──open_for is over──► HALF_OPEN
 *      ▲                                          ▲ ▲                        │     │
 *      │                                          │ └─────a probe failed─────┘     │
 *      └──re_ramp is over── RAMPING ──too many────┘                                │
 *                              ▲                                                   │
 *                              └───────────────────a probe succeeded───────────────┘
 *
 * CLOSED       new gets its share; what becomes of requests is counted over a sliding window.
 * OPEN         nothing goes to new.
 * HALF_OPEN    at most `half_open_requests` requests at a time go to new, the rest to legacy. Each
 *              of them holds a probe slot, which comes back however it ends.
 * RAMPING      new's share rises from a few percent to its whole over `re_ramp`, always the same
 *              keys first. Counted as if closed; the limit of errors is as much smaller as the
 *              share is, but one error alone never opens it. Left out when re_ramp is 0.
 * HELD_OPEN, HELD_CLOSED   by an order, until another one.
 *
 * A request belongs to the era in which it was let through: each opening begins one. How it ended
 * says nothing about another era, so what was sent to a new that was ill opens nothing when it is
 * well again. */
#pragma once

#include "common/fsm/sm.h"
#include "common/model/ruleset.h"
#include "common/model/stats.h"
#include "sidecar/proxy/breaker_window.h"

/* New's share where a re-ramp begins. */
#define BREAKER_RAMP_FLOOR_BP 500u
/* Half open for so long, requests that nobody could rescue may be probes, too. */
#define BREAKER_PROBE_PATIENCE dur_s(5)

enum breaker_fsm_state {
    BREAKER_ST_CLOSED,
    BREAKER_ST_OPEN,
    BREAKER_ST_HALF_OPEN,
    BREAKER_ST_RAMPING,
    BREAKER_ST_HELD_OPEN,
    BREAKER_ST_HELD_CLOSED,
    BREAKER_ST_COUNT
};

enum breaker_event {
    BREAKER_EV_TROUBLE,       /* a request to new failed, or was answered slowly */
    BREAKER_EV_PROBE_TROUBLE, /* one with a slot did */
    BREAKER_EV_PROBE_SUCCESS, /* one with a slot was answered well */
    BREAKER_EV_ELAPSED,       /* time has passed */
    BREAKER_EV_ORDER_OPEN,
    BREAKER_EV_ORDER_CLOSE,
    BREAKER_EV_ORDER_PROBE,
    BREAKER_EV_ORDER_RESET,
    BREAKER_EV_COUNT
};

struct breaker_facts {
    bool limit_reached; /* in the window, this request included */
    bool open_is_over;
    bool ramps; /* it re-ramps before it is closed */
    bool ramp_is_over;
    enum breaker_order order; /* the last obeyed */
    unsigned probes;          /* slots taken */
    unsigned probes_max;
};

extern const struct sm_machine breaker_machine;

struct breaker_fsm {
    struct sm sm;
    struct route_breaker config;
    struct breaker_window window;
    mono_t since; /* in this state */
    uint32_t era; /* from 0; how often it opened */
    enum breaker_cause cause;
    enum breaker_order order; /* the last obeyed, and its number */
    uint64_t order_number;
    unsigned probes;     /* slots taken */
    unsigned probes_max; /* at most; above the limit for as long as it takes after a lowering */
};

/* Obeys the order in `config`, too. */
void breaker_fsm_init(struct breaker_fsm *b, const struct route_breaker *config, mono_t now,
                      wall_t wall);
/* New limits from now on; state and counts stay, unless it has an order that was not obeyed yet. */
void breaker_fsm_configure(struct breaker_fsm *b, const struct route_breaker *config, mono_t now,
                           wall_t wall);

/* Time has passed: the window slides, and what waits for time moves on. */
void breaker_fsm_elapse(struct breaker_fsm *b, mono_t now, wall_t wall);
/* When breaker_fsm_elapse() or breaker_fsm_share() has something new to say; INT64_MAX: never. */
mono_t breaker_fsm_wake(const struct breaker_fsm *b, mono_t now);
/* As people are told: RAMPING is half open. */
enum breaker_state breaker_state_shown(enum breaker_fsm_state s);
/* Of its weight that new gets, in basis points; rises in steps of a hundredth. */
uint32_t breaker_fsm_share(const struct breaker_fsm *b, mono_t now);
dur_t breaker_fsm_window(const struct breaker_fsm *b);

/* Half-open: take a slot; false when none is free. A request that is not `rescuable` leaves them to
 * those that are, for a while. */
bool breaker_fsm_take_probe(struct breaker_fsm *b, bool rescuable, mono_t now) MUST_CHECK;

enum breaker_outcome { BREAKER_SUCCESS, BREAKER_SLOW, BREAKER_ERROR, BREAKER_ABANDONED };

/* How a request of `era` to new ended; with `probe` its slot comes back. */
void breaker_fsm_report(struct breaker_fsm *b, enum breaker_outcome outcome, bool probe,
                        uint32_t era, mono_t now, wall_t wall);
/* Good answers that were counted elsewhere. */
void breaker_fsm_add_good(struct breaker_fsm *b, uint64_t count);
/* For reports; all but `watching`. */
void breaker_fsm_see(const struct breaker_fsm *b, mono_t now, struct breaker_seen *ret);
