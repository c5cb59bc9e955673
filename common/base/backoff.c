/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/backoff.h"

#include "common/base/check.h"

void backoff_init(struct backoff *b, dur_t base, dur_t cap)
{
    CHECK(base.ns > 0 && cap.ns >= base.ns && cap.ns <= INT64_MAX / 3);
    *b = (struct backoff){.base = base, .cap = cap, .last = base};
}

dur_t backoff_next(struct backoff *b, struct rng *r)
{
    uint64_t span = (uint64_t)(3 * b->last.ns - b->base.ns);
    int64_t delay = b->base.ns + (int64_t)rng_below(r, span + 1);

    b->last.ns = delay < b->cap.ns ? delay : b->cap.ns;
    return b->last;
}

void backoff_reset(struct backoff *b)
{
    b->last = b->base;
}
