/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/rollout.h"

static const struct {
    const char *name;
    enum phase_coarse coarse;
    const char *help;
} phases[PHASE_COUNT] = {
#define X(id, name, coarse, help) [PHASE_##id] = {name, COARSE_##coarse, help},
    ROLLOUT_PHASES(X)
#undef X
};

const char *phase_name(enum rollout_phase p)
{
    return (unsigned)p < PHASE_COUNT ? phases[p].name : "?";
}

const char *phase_help(enum rollout_phase p)
{
    return (unsigned)p < PHASE_COUNT ? phases[p].help : "?";
}

enum phase_coarse phase_coarse(enum rollout_phase p)
{
    return (unsigned)p < PHASE_COUNT ? phases[p].coarse : COARSE_WAITING;
}

bool phase_parse(struct str s, enum rollout_phase *ret)
{
    for (unsigned i = 0; i < PHASE_COUNT; i++) {
        if (str_eq(s, str_of(phases[i].name))) {
            *ret = (enum rollout_phase)i;
            return true;
        }
    }
    return false;
}

static const char *const drill_states[DRILL_STATE_COUNT] = {
#define X(id, name, coarse, help) [DRILL_##id] = name,
    DRILL_STATES(X)
#undef X
};

const char *drill_state_name(enum drill_state s)
{
    return (unsigned)s < DRILL_STATE_COUNT ? drill_states[s] : "?";
}

bool drill_state_parse(struct str s, enum drill_state *ret)
{
    for (unsigned i = 0; i < DRILL_STATE_COUNT; i++) {
        if (str_eq(s, str_of(drill_states[i]))) {
            *ret = (enum drill_state)i;
            return true;
        }
    }
    return false;
}

/* The place of `s` among `count` names, or -1. */
static int place_of(struct str s, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (str_eq(s, str_of(names[i])))
            return (int)i;
    return -1;
}

static const char *const fleet_breaker_states[FLEET_BREAKER_STATE_COUNT] = {
#define X(id, name, coarse, help) [FLEET_BREAKER_##id] = name,
    FLEET_BREAKER_STATES(X)
#undef X
};

const char *fleet_breaker_state_name(enum fleet_breaker_state s)
{
    return (unsigned)s < FLEET_BREAKER_STATE_COUNT ? fleet_breaker_states[s] : "?";
}

bool fleet_breaker_state_parse(struct str s, enum fleet_breaker_state *ret)
{
    int place = place_of(s, fleet_breaker_states, FLEET_BREAKER_STATE_COUNT);

    *ret = place < 0 ? FLEET_BREAKER_CLOSED : (enum fleet_breaker_state)place;
    return place >= 0;
}

static const char *const breaker_orders[BREAKER_ORDER_COUNT] = {
    [BREAKER_ORDER_NONE] = "none",   [BREAKER_ORDER_OPEN] = "open",
    [BREAKER_ORDER_CLOSE] = "close", [BREAKER_ORDER_PROBE] = "probe",
    [BREAKER_ORDER_RESET] = "reset",
};

const char *breaker_order_name(enum breaker_order o)
{
    return (unsigned)o < BREAKER_ORDER_COUNT ? breaker_orders[o] : "?";
}

bool breaker_order_parse(struct str s, enum breaker_order *ret)
{
    int place = place_of(s, breaker_orders, BREAKER_ORDER_COUNT);

    *ret = place < 0 ? BREAKER_ORDER_NONE : (enum breaker_order)place;
    return place >= 0;
}
