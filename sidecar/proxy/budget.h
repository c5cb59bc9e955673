/* SPDX-License-Identifier: Apache-2.0 */
/* How many second tries a lane may make of its requests to new, so that a new that fails everything
 * does not put the double load on legacy. Counted over ten seconds, lane by lane: requests spread
 * evenly enough, and nothing is shared. Pure. */
#pragma once

#include <stdint.h>

#include "common/base/clock.h"

#define BUDGET_SLICES 10 /* of a second */
/* So many are free in any ten seconds: a share of few requests would be none. */
#define BUDGET_FREE 10u

struct budget {
    mono_t start; /* of slice[0], the current one */
    struct {
        uint32_t requests;
        uint32_t tries;
    } slice[BUDGET_SLICES];
};

/* A request goes to new. */
void budget_count(struct budget *b, mono_t now);
/* May another one be tried a second time? `share_bp` of the requests may. */
bool budget_allows(struct budget *b, uint32_t share_bp, mono_t now);
/* One is. */
void budget_spend(struct budget *b, mono_t now);
