/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to requests: sums and histograms that add up in any order. */
#pragma once

#include "common/base/hist.h"
#include "common/model/ids.h"

struct system_stats {
    uint64_t requests;  /* sent to this system, whatever came of them */
    uint64_t errors;    /* connect errors, timeouts, broken answers, 5xx */
    uint64_t fallbacks; /* of these errors, answered by legacy in the same request */
    uint64_t timeouts;
    uint64_t connect_errors;
    struct hist latency; /* request sent to end of answer; of answered requests */
};

enum breaker_state {
    BREAKER_DISABLED,
    BREAKER_CLOSED,
    BREAKER_HALF_OPEN,
    BREAKER_OPEN,
    BREAKER_STATE_COUNT
};

const char *breaker_state_name(
    enum breaker_state s); /* "disabled", "closed", "half_open", "open" */
bool breaker_state_parse(struct str s, enum breaker_state *ret) MUST_CHECK;

/* One migration on one node over one interval. */
struct route_stats {
    struct name migration;
    struct system_stats system[SYSTEM_COUNT]; /* [SYSTEM_LEGACY], [SYSTEM_NEW] */
    enum breaker_state breaker;
};

/* What one part of a node's past may hold at most: kept by who sends it, checked by who takes it.
 */
#define PAST_PART_BUCKETS_MAX 400u
#define PAST_PART_STATS_MAX   2048u /* routes of all its buckets */

/* Add up in any order, as the counters of nodes and intervals arrive. */
void system_stats_merge(struct system_stats *into, const struct system_stats *from);
bool system_stats_is_empty(const struct system_stats *s);
