/* SPDX-License-Identifier: Apache-2.0 */
/* Delays between attempts with decorrelated jitter: each is uniform in [base, 3 x previous],
 * capped. */
#pragma once

#include "common/base/clock.h"
#include "common/base/rng.h"

struct backoff {
    dur_t base;
    dur_t cap;
    dur_t last;
};

void backoff_init(struct backoff *b, dur_t base, dur_t cap);
dur_t backoff_next(struct backoff *b, struct rng *r);
void backoff_reset(struct backoff *b); /* after a success */
