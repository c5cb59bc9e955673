/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts with random traffic, judged as the coordinator judges: the same samples, the same
 * triggers, a report each second. What is random comes from a seed. Pure. */
#pragma once

#include "common/model/plan.h"

/* What requests meet. Latencies are log-normal: a median of 20 ms, a p99 of 103 ms. */
struct study_world {
    unsigned per_second;        /* requests to new */
    unsigned legacy_per_second; /* and to legacy */
    double errors;              /* share of legacy's requests that fail */
    double worse;               /* so many times as many of new's fail */
    double slower;              /* so many times as long takes new; 0: nobody measures latencies */
};

struct study;

struct study *study_new(uint64_t seed);
struct study *study_free(struct study *s); /* returns NULL */

/* One rollout of `seconds`, judged each `every` of them: after how many seconds a trigger fires; 0:
 * none does. */
unsigned study_rollout(struct study *s, const struct plan_limits *triggers,
                       const struct study_world *world, unsigned seconds, unsigned every);
