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
