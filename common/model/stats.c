/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/stats.h"

static const char *const breaker_state_names[BREAKER_STATE_COUNT] = {
    [BREAKER_DISABLED] = "disabled",
    [BREAKER_CLOSED] = "closed",
    [BREAKER_HALF_OPEN] = "half_open",
    [BREAKER_OPEN] = "open",
};

const char *breaker_state_name(enum breaker_state s)
{
    return (unsigned)s < BREAKER_STATE_COUNT ? breaker_state_names[s] : "?";
}

bool breaker_state_parse(struct str s, enum breaker_state *ret)
{
    for (unsigned i = 0; i < BREAKER_STATE_COUNT; i++) {
        if (str_eq(s, str_of(breaker_state_names[i]))) {
            *ret = (enum breaker_state)i;
            return true;
        }
    }
    return false;
}

static const char *const breaker_cause_names[BREAKER_CAUSE_COUNT] = {
    [BREAKER_CAUSE_NONE] = "",
    [BREAKER_CAUSE_ERRORS] = "errors",
    [BREAKER_CAUSE_ERROR_RATE] = "error_rate",
    [BREAKER_CAUSE_SLOW_RATE] = "slow_rate",
    [BREAKER_CAUSE_PROBE] = "probe",
    [BREAKER_CAUSE_ORDER] = "order",
};

const char *breaker_cause_name(enum breaker_cause c)
{
    return (unsigned)c < BREAKER_CAUSE_COUNT ? breaker_cause_names[c] : "?";
}

bool breaker_cause_parse(struct str s, enum breaker_cause *ret)
{
    for (unsigned i = 0; i < BREAKER_CAUSE_COUNT; i++) {
        if (str_eq(s, str_of(breaker_cause_names[i]))) {
            *ret = (enum breaker_cause)i;
            return true;
        }
    }
    return false;
}

void system_stats_merge(struct system_stats *into, const struct system_stats *from)
{
#define X(name) into->name += from->name;
    SYSTEM_COUNTS(X)
#undef X
    hist_merge(&into->latency, &from->latency);
}

bool system_stats_is_empty(const struct system_stats *s)
{
    bool empty = !s->latency.count;

#define X(name) empty = empty && !s->name;
    SYSTEM_COUNTS(X)
#undef X
    return empty;
}

void underway_add(struct underway *into, const struct underway *from)
{
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
        into->tunnels[s] += from->tunnels[s];
        into->lasting[s] += from->lasting[s];
    }
}

bool underway_is_nothing(const struct underway *w)
{
    static const struct underway nothing;

    return memcmp(w, &nothing, sizeof nothing) == 0;
}

void mirror_stats_merge(struct mirror_stats *into, const struct mirror_stats *from)
{
#define X(name) into->name += from->name;
    MIRROR_COUNTS(X)
#undef X
    hist_merge(&into->latency, &from->latency);
}

bool mirror_stats_is_empty(const struct mirror_stats *s)
{
    bool empty = true;

#define X(name) empty = empty && !s->name;
    MIRROR_COUNTS(X)
#undef X
    return empty;
}

void mirror_results(const struct mirror_stats *s, struct mirror_count ret[MIRROR_RESULTS])
{
    const struct mirror_count all[MIRROR_RESULTS] = {
        {"2xx", s->answered_2xx}, {"3xx", s->answered_3xx}, {"4xx", s->answered_4xx},
        {"5xx", s->errors},       {"timeout", s->timeouts}, {"failed", s->failed - s->timeouts},
    };

    memcpy(ret, all, sizeof all);
}

void mirror_reasons(const struct mirror_stats *s, struct mirror_count ret[MIRROR_REASONS])
{
    const struct mirror_count all[MIRROR_REASONS] = {
        {"pending", s->dropped_pending},
        {"bytes", s->dropped_bytes},
        {"late", s->dropped_late},
        {"ended", s->dropped - s->dropped_pending - s->dropped_bytes - s->dropped_late},
        {"unsuited", s->unsuited},
    };

    memcpy(ret, all, sizeof all);
}

void compare_stats_merge(struct compare_stats *into, const struct compare_stats *from)
{
    into->compared += from->compared;
    into->equal += from->equal;
    into->cosmetic += from->cosmetic;
    into->critical += from->critical;
    into->noise_compared += from->noise_compared;
    into->noise_differed += from->noise_differed;
    into->skipped += from->skipped;
    into->overhead_us += from->overhead_us;
}

bool compare_stats_is_empty(const struct compare_stats *s)
{
    return !s->compared && !s->noise_compared && !s->skipped && !s->overhead_us;
}

void route_stats_add_discrepancy(struct route_stats *s, const struct discrepancy *d)
{
    struct discrepancy *list = s->discrepancy;
    unsigned out = 0;

    if (s->discrepancy_count == DISCREPANCIES_MAX) {
        while (out < DISCREPANCIES_MAX - 1 && list[out].critical)
            out++;
        if (list[out].critical)
            out = 0;
        s->discrepancy_count--;
        memmove(&list[out], &list[out + 1], (s->discrepancy_count - out) * sizeof *list);
    }
    list[s->discrepancy_count++] = *d;
}
