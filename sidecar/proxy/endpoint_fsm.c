/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/endpoint_fsm.h"

#include "sidecar/proxy/balance.h"

/* ---- the tables ------------------------------------------------------------------------------ */

enum { FX_LEAVE_OUT = 1u << 0, FX_FORGET = 1u << 1 };

static const char *const effect_names[] = {"set_ejection", "forget_failures"};

static const char *const event_names[ENDPOINT_EV_COUNT] = {
    [ENDPOINT_EV_FAILURE] = "failure",           [ENDPOINT_EV_CHECK_FAILED] = "check_failed",
    [ENDPOINT_EV_CHECK_PASSED] = "check_passed", [ENDPOINT_EV_UNCHECKED] = "unchecked",
    [ENDPOINT_EV_ELAPSED] = "elapsed",
};

static const struct sm_state states[ENDPOINT_STATE_COUNT] = {
    [ENDPOINT_WARMING] = {"warming", "running",
                          SM_TO(ENDPOINT_HEALTHY) | SM_TO(ENDPOINT_EJECTED) |
                              SM_TO(ENDPOINT_FAILING),
                          SM_INITIAL, "new or back: its share of the requests grows"},
    [ENDPOINT_HEALTHY] = {"healthy", "running", SM_TO(ENDPOINT_EJECTED) | SM_TO(ENDPOINT_FAILING),
                          SM_INITIAL, "it has its full share of the requests"},
    [ENDPOINT_EJECTED] = {"ejected", "waiting", SM_TO(ENDPOINT_WARMING) | SM_TO(ENDPOINT_FAILING),
                          0, "left out for a while, after requests that failed"},
    [ENDPOINT_FAILING] = {"failing", "failed", SM_TO(ENDPOINT_WARMING), 0,
                          "left out until its checks pass"},
};

static bool can_be_spared(const void *facts)
{
    const struct endpoint_facts *f = facts;

    return f->limit_reached && f->others_stand;
}

static bool checks_settled(const void *facts)
{
    const struct endpoint_facts *f = facts;

    return f->checks_settled;
}

static bool time_is_over(const void *facts)
{
    const struct endpoint_facts *f = facts;

    return f->time_is_over;
}

#define LIMIT   can_be_spared, "limit_reached_and_others_stand"
#define SETTLED checks_settled, "checks_settled"
#define OVER    time_is_over, "time_is_over"

static const struct sm_row rows[] = {
    {ENDPOINT_WARMING, ENDPOINT_EV_FAILURE, LIMIT, ENDPOINT_EJECTED, FX_LEAVE_OUT,
     "requests on it failed in a row, while its share still grew"},
    {ENDPOINT_WARMING, ENDPOINT_EV_CHECK_FAILED, SETTLED, ENDPOINT_FAILING, 0,
     "its checks failed in a row"},
    {ENDPOINT_WARMING, ENDPOINT_EV_ELAPSED, OVER, ENDPOINT_HEALTHY, 0,
     "it has had a growing share for long enough"},
    {ENDPOINT_HEALTHY, ENDPOINT_EV_FAILURE, LIMIT, ENDPOINT_EJECTED, FX_LEAVE_OUT,
     "requests on it failed in a row"},
    {ENDPOINT_HEALTHY, ENDPOINT_EV_CHECK_FAILED, SETTLED, ENDPOINT_FAILING, 0,
     "its checks failed in a row"},
    {ENDPOINT_EJECTED, ENDPOINT_EV_CHECK_FAILED, SETTLED, ENDPOINT_FAILING, 0,
     "its checks fail as its requests did"},
    {ENDPOINT_EJECTED, ENDPOINT_EV_ELAPSED, OVER, ENDPOINT_WARMING, FX_FORGET,
     "it was left out for its time, and is tried again"},
    {ENDPOINT_FAILING, ENDPOINT_EV_CHECK_PASSED, SETTLED, ENDPOINT_WARMING, FX_FORGET,
     "its checks passed in a row"},
    {ENDPOINT_FAILING, ENDPOINT_EV_UNCHECKED, NULL, NULL, ENDPOINT_WARMING, FX_FORGET,
     "nobody checks it any more, requests will tell"},
};

static const struct sm_ignore ignored[] = {
    {ENDPOINT_WARMING, ENDPOINT_EV_CHECK_PASSED, "it takes requests already"},
    {ENDPOINT_WARMING, ENDPOINT_EV_UNCHECKED, "no check holds it back"},
    {ENDPOINT_HEALTHY, ENDPOINT_EV_CHECK_PASSED, "it takes requests already"},
    {ENDPOINT_HEALTHY, ENDPOINT_EV_UNCHECKED, "no check holds it back"},
    {ENDPOINT_HEALTHY, ENDPOINT_EV_ELAPSED, "nothing waits for time"},
    {ENDPOINT_EJECTED, ENDPOINT_EV_FAILURE, "sent before, or because nobody is well"},
    {ENDPOINT_EJECTED, ENDPOINT_EV_CHECK_PASSED, "requests failed on it: a check proves little"},
    {ENDPOINT_EJECTED, ENDPOINT_EV_UNCHECKED, "no check holds it back"},
    {ENDPOINT_FAILING, ENDPOINT_EV_FAILURE, "sent before, or because nobody is well"},
    {ENDPOINT_FAILING, ENDPOINT_EV_CHECK_FAILED, "it is left out already"},
    {ENDPOINT_FAILING, ENDPOINT_EV_ELAPSED, "waits for checks, not for time"},
};

const struct sm_machine endpoint_machine = {
    .name = "endpoint",
    .help = "whether one endpoint of a system is well enough to be sent requests",
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
};

/* ---- stepping -------------------------------------------------------------------------------- */

void endpoint_fsm_init(struct endpoint_fsm *e, enum endpoint_state state, mono_t now)
{
    *e = (struct endpoint_fsm){.since = now};
    sm_init(&e->sm, &endpoint_machine, (int)state);
}

static dur_t next_ejection(const struct endpoint_fsm *e)
{
    dur_t next = dur_ms(2 * dur_to_ms(e->ejected_for));

    if (next.ns == 0)
        return ENDPOINT_EJECT_FIRST;
    return next.ns < ENDPOINT_EJECT_LONGEST.ns ? next : ENDPOINT_EJECT_LONGEST;
}

static bool is_time_over(const struct endpoint_fsm *e, dur_t in_state)
{
    return in_state.ns >=
           (e->sm.state == ENDPOINT_EJECTED ? e->ejected_for : BALANCE_SLOW_START).ns;
}

static void step(struct endpoint_fsm *e, enum endpoint_event event, bool others_stand, mono_t now,
                 wall_t wall)
{
    const dur_t in_state = mono_sub(now, e->since);
    const struct endpoint_facts facts = {
        .limit_reached = e->failures >= ENDPOINT_FAILURES,
        .others_stand = others_stand,
        .checks_settled = e->check_run >= (e->check_passed ? ENDPOINT_PASSES : ENDPOINT_FAILS),
        .time_is_over = is_time_over(e, in_state),
    };
    const int from = e->sm.state;
    const struct sm_row *row = sm_step(&e->sm, (int)event, &facts, wall, NULL);

    if (!row)
        return;
    e->since = now;
    if (from == ENDPOINT_HEALTHY && in_state.ns >= ENDPOINT_EJECT_LONGEST.ns)
        e->ejected_for = dur_ms(0);
    if (row->effects & FX_LEAVE_OUT)
        e->ejected_for = next_ejection(e);
    if (row->effects & FX_FORGET)
        e->failures = 0;
}

void endpoint_fsm_fail(struct endpoint_fsm *e, unsigned count, bool others_stand, mono_t now,
                       wall_t wall)
{
    e->failures += count;
    if (e->failures > ENDPOINT_FAILURES)
        e->failures = ENDPOINT_FAILURES;
    step(e, ENDPOINT_EV_FAILURE, others_stand, now, wall);
}

void endpoint_fsm_check(struct endpoint_fsm *e, bool passed, mono_t now, wall_t wall)
{
    if (passed != e->check_passed)
        e->check_run = 0;
    e->check_passed = passed;
    if (e->check_run < ENDPOINT_PASSES + ENDPOINT_FAILS)
        e->check_run++;
    step(e, passed ? ENDPOINT_EV_CHECK_PASSED : ENDPOINT_EV_CHECK_FAILED, false, now, wall);
}

void endpoint_fsm_uncheck(struct endpoint_fsm *e, mono_t now, wall_t wall)
{
    e->check_run = 0;
    step(e, ENDPOINT_EV_UNCHECKED, false, now, wall);
}

void endpoint_fsm_tick(struct endpoint_fsm *e, mono_t now, wall_t wall)
{
    step(e, ENDPOINT_EV_ELAPSED, false, now, wall);
}
