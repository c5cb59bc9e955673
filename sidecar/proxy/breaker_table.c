/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker's states, rows and what must hold in each. */
#include "sidecar/proxy/breaker_table.h"

static const char *const effect_names[] = {"begin_era", "forget_counts"};

static const char *const event_names[BREAKER_EV_COUNT] = {
    [BREAKER_EV_TROUBLE] = "trouble",
    [BREAKER_EV_PROBE_TROUBLE] = "probe_trouble",
    [BREAKER_EV_PROBE_SUCCESS] = "probe_success",
    [BREAKER_EV_ELAPSED] = "elapsed",
    [BREAKER_EV_ORDER_OPEN] = "order_open",
    [BREAKER_EV_ORDER_CLOSE] = "order_close",
    [BREAKER_EV_ORDER_PROBE] = "order_probe",
    [BREAKER_EV_ORDER_RESET] = "order_reset",
};

#define CLOSED      BREAKER_ST_CLOSED
#define OPEN        BREAKER_ST_OPEN
#define HALF_OPEN   BREAKER_ST_HALF_OPEN
#define RAMPING     BREAKER_ST_RAMPING
#define HELD_OPEN   BREAKER_ST_HELD_OPEN
#define HELD_CLOSED BREAKER_ST_HELD_CLOSED
#define HELD        (SM_TO(HELD_OPEN) | SM_TO(HELD_CLOSED))

static const struct sm_state states[BREAKER_ST_COUNT] = {
    [CLOSED] = {"closed", "running", SM_TO(OPEN) | HELD, SM_INITIAL,
                "new gets its share, and how it does is counted"},
    [OPEN] = {"open", "failed", SM_TO(HALF_OPEN) | SM_TO(CLOSED) | HELD, 0,
              "nothing goes to new until open_for is over"},
    [HALF_OPEN] = {"half_open", "waiting", SM_TO(OPEN) | SM_TO(CLOSED) | SM_TO(RAMPING) | HELD, 0,
                   "a capped number of probes goes to new"},
    [RAMPING] = {"ramping", "running", SM_TO(OPEN) | SM_TO(CLOSED) | HELD, 0,
                 "new's share rises from a few percent to its whole, the same keys first"},
    [HELD_OPEN] = {"held_open", "failed", SM_TO(HALF_OPEN) | SM_TO(CLOSED) | SM_TO(HELD_CLOSED), 0,
                   "nothing goes to new until another order"},
    [HELD_CLOSED] = {"held_closed", "running", SM_TO(CLOSED) | SM_TO(HELD_OPEN), 0,
                     "new gets its share until another order, whatever happens"},
};

static bool limit_is_reached(const void *facts)
{
    const struct breaker_facts *f = facts;

    return f->limit_reached;
}

static bool open_is_over(const void *facts)
{
    const struct breaker_facts *f = facts;

    return f->open_is_over;
}

static bool ramps(const void *facts)
{
    const struct breaker_facts *f = facts;

    return f->ramps;
}

static bool ramps_not(const void *facts)
{
    return !ramps(facts);
}

static bool ramp_is_over(const void *facts)
{
    const struct breaker_facts *f = facts;

    return f->ramp_is_over;
}

#define IF(guard) guard, #guard
#define ALWAYS    NULL, NULL

enum { ERA = BREAKER_FX_ERA, FORGET = BREAKER_FX_FORGET };

static const char too_many[] = "errors or slow answers of new reached a limit inside the window";
static const char ordered_open[] = "an order opens it until another one";
static const char ordered_closed[] = "an order closes it until another one";
static const char ordered_reset[] = "an order closes it with nothing counted";
static const char ordered_probe[] = "an order lets probes go to new";

static const struct sm_row rows[] = {
    {CLOSED, BREAKER_EV_TROUBLE, IF(limit_is_reached), OPEN, ERA, too_many},
    {CLOSED, BREAKER_EV_PROBE_TROUBLE, IF(limit_is_reached), OPEN, ERA, too_many},
    {CLOSED, BREAKER_EV_ORDER_OPEN, ALWAYS, HELD_OPEN, ERA, ordered_open},
    {CLOSED, BREAKER_EV_ORDER_CLOSE, ALWAYS, HELD_CLOSED, 0, ordered_closed},
    {CLOSED, BREAKER_EV_ORDER_RESET, ALWAYS, SM_STAY, FORGET, ordered_reset},

    {OPEN, BREAKER_EV_ELAPSED, IF(open_is_over), HALF_OPEN, 0,
     "open_for is over, probes may go to new"},
    {OPEN, BREAKER_EV_ORDER_OPEN, ALWAYS, HELD_OPEN, 0, ordered_open},
    {OPEN, BREAKER_EV_ORDER_CLOSE, ALWAYS, HELD_CLOSED, 0, ordered_closed},
    {OPEN, BREAKER_EV_ORDER_PROBE, ALWAYS, HALF_OPEN, 0, ordered_probe},
    {OPEN, BREAKER_EV_ORDER_RESET, ALWAYS, CLOSED, FORGET, ordered_reset},

    {HALF_OPEN, BREAKER_EV_PROBE_TROUBLE, ALWAYS, OPEN, ERA, "a probe failed"},
    {HALF_OPEN, BREAKER_EV_PROBE_SUCCESS, IF(ramps), RAMPING, FORGET, "a probe succeeded"},
    {HALF_OPEN, BREAKER_EV_PROBE_SUCCESS, IF(ramps_not), CLOSED, FORGET, "a probe succeeded"},
    {HALF_OPEN, BREAKER_EV_ORDER_OPEN, ALWAYS, HELD_OPEN, ERA, ordered_open},
    {HALF_OPEN, BREAKER_EV_ORDER_CLOSE, ALWAYS, HELD_CLOSED, 0, ordered_closed},
    {HALF_OPEN, BREAKER_EV_ORDER_RESET, ALWAYS, CLOSED, FORGET, ordered_reset},

    {RAMPING, BREAKER_EV_TROUBLE, IF(limit_is_reached), OPEN, ERA, too_many},
    {RAMPING, BREAKER_EV_PROBE_TROUBLE, IF(limit_is_reached), OPEN, ERA, too_many},
    {RAMPING, BREAKER_EV_ELAPSED, IF(ramp_is_over), CLOSED, 0, "new has its whole share again"},
    {RAMPING, BREAKER_EV_ORDER_OPEN, ALWAYS, HELD_OPEN, ERA, ordered_open},
    {RAMPING, BREAKER_EV_ORDER_CLOSE, ALWAYS, HELD_CLOSED, 0, ordered_closed},
    {RAMPING, BREAKER_EV_ORDER_RESET, ALWAYS, CLOSED, FORGET, ordered_reset},

    {HELD_OPEN, BREAKER_EV_ORDER_CLOSE, ALWAYS, HELD_CLOSED, 0, ordered_closed},
    {HELD_OPEN, BREAKER_EV_ORDER_PROBE, ALWAYS, HALF_OPEN, 0, ordered_probe},
    {HELD_OPEN, BREAKER_EV_ORDER_RESET, ALWAYS, CLOSED, FORGET, ordered_reset},

    {HELD_CLOSED, BREAKER_EV_ORDER_OPEN, ALWAYS, HELD_OPEN, ERA, ordered_open},
    {HELD_CLOSED, BREAKER_EV_ORDER_PROBE, ALWAYS, CLOSED, FORGET, "an order lets it go by itself"},
    {HELD_CLOSED, BREAKER_EV_ORDER_RESET, ALWAYS, CLOSED, FORGET, ordered_reset},
};

static const char held[] = "an order holds it";

static const struct sm_ignore ignored[] = {
    {CLOSED, BREAKER_EV_PROBE_SUCCESS, "another probe closed it before"},
    {CLOSED, BREAKER_EV_ELAPSED, "nothing waits for time"},
    {CLOSED, BREAKER_EV_ORDER_PROBE, "new has its share, nothing is to be found out"},
    {OPEN, BREAKER_EV_TROUBLE, "sent before it opened"},
    {OPEN, BREAKER_EV_PROBE_TROUBLE, "another probe opened it before"},
    {OPEN, BREAKER_EV_PROBE_SUCCESS, "another probe failed before"},
    {HALF_OPEN, BREAKER_EV_TROUBLE, "no probe: while it only watches, others go to new"},
    {HALF_OPEN, BREAKER_EV_ELAPSED, "waits for a probe, not for time"},
    {HALF_OPEN, BREAKER_EV_ORDER_PROBE, "probes go to new already"},
    {RAMPING, BREAKER_EV_PROBE_SUCCESS, "another probe succeeded before"},
    {RAMPING, BREAKER_EV_ORDER_PROBE, "more than probes goes to new already"},
    {HELD_OPEN, BREAKER_EV_TROUBLE, held},
    {HELD_OPEN, BREAKER_EV_PROBE_TROUBLE, held},
    {HELD_OPEN, BREAKER_EV_PROBE_SUCCESS, held},
    {HELD_OPEN, BREAKER_EV_ELAPSED, held},
    {HELD_OPEN, BREAKER_EV_ORDER_OPEN, "held open already"},
    {HELD_CLOSED, BREAKER_EV_TROUBLE, held},
    {HELD_CLOSED, BREAKER_EV_PROBE_TROUBLE, held},
    {HELD_CLOSED, BREAKER_EV_PROBE_SUCCESS, held},
    {HELD_CLOSED, BREAKER_EV_ELAPSED, held},
    {HELD_CLOSED, BREAKER_EV_ORDER_CLOSE, "held closed already"},
};

static bool breaker_invariant(int state, const void *facts, const char **ret_why)
{
    const struct breaker_facts *f = facts;
    const char *why = NULL;

    if (state == HALF_OPEN && f->probes > f->probes_max)
        why = "more probes are out than there are slots";
    if ((state == HELD_OPEN) != (f->order == BREAKER_ORDER_OPEN))
        why = "held open without the order, or not held with it";
    if ((state == HELD_CLOSED) != (f->order == BREAKER_ORDER_CLOSE))
        why = "held closed without the order, or not held with it";
    if (state == RAMPING && !f->ramps)
        why = "ramps, though it is to close at once";
    if (!why)
        return true;
    *ret_why = why;
    return false;
}

const struct sm_machine breaker_machine = {
    .name = "breaker",
    .help = "whether new is well enough to be sent requests",
    .states = states,
    .state_count = ARRAY_LEN(states),
    .events = event_names,
    .event_count = ARRAY_LEN(event_names),
    .rows = rows,
    .row_count = ARRAY_LEN(rows),
    .ignored = ignored,
    .ignored_count = ARRAY_LEN(ignored),
    .effects = effect_names,
    .effect_count = ARRAY_LEN(effect_names),
    .invariant = breaker_invariant,
};
