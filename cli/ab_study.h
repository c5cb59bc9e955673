/* SPDX-License-Identifier: Apache-2.0 */
/* What an A/B run finds out: the same requests answered by both systems, compared by the plan's
 * rules, with both systems' times beside each other. Pure. */
#pragma once

#include "common/base/hist.h"
#include "common/base/json.h"
#include "common/compare/compare.h"
#include "sidecar.pb-c.h"

#define AB_PLACES_MAX 64

/* One place at which answers differ, with the first example of it. */
struct ab_place {
    bool critical;
    uint64_t count; /* requests */
    char request[DISCREPANCY_PATH_SIZE];
    struct compare_difference first;
};

struct ab_side {
    uint64_t answered; /* with any status */
    uint64_t errors;   /* not answered, or with 5xx */
    struct hist took;  /* of answered ones */
};

struct ab_study {
    const struct compare_rule *rule; /* borrowed */
    unsigned rule_count;
    uint64_t runs;
    uint64_t equal, cosmetic, critical, not_compared; /* add up to `runs` */
    struct ab_side side[SYSTEM_COUNT];
    struct ab_place place[AB_PLACES_MAX];
    unsigned place_count;
    uint64_t elsewhere; /* differences at further places */
};

/* `request` is for people: "GET /orders/17". */
void ab_study_add(struct ab_study *s, const char *request, const Switchyard__V1__ProbeResult *r);
/* Every request was answered by both, and nothing critical differs. */
bool ab_study_is_good(const struct ab_study *s);
