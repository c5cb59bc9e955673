/* SPDX-License-Identifier: Apache-2.0 */
/* Mergeable log-linear latency histogram: fixed memory, a relative error of at most 1/16 per value.
 *
 * Values are microseconds. Each power of two is cut into 8 equal buckets; below 16 us buckets are
 * exact. Values past the top land in the last bucket. The bucket layout is part of the fleet
 * protocol: never change it under the same field number. Pure. */
#pragma once

#include <stdint.h>

#include "common/base/clock.h"

#define HIST_SUB     8
#define HIST_BUCKETS 200 /* covers up to 2^27 us (134 s) */

struct hist {
    uint64_t count;
    uint64_t sum_us;
    uint32_t bucket[HIST_BUCKETS]; /* saturating */
};

unsigned hist_bucket_of(uint64_t us);
/* The middle of bucket `i` in microseconds. */
double hist_bucket_mid(unsigned i);
/* The first value above bucket `i`, in microseconds. */
uint64_t hist_bucket_end(unsigned i);

static inline void hist_add(struct hist *h, uint64_t us)
{
    h->count++;
    h->sum_us += us;
    uint32_t *n = &h->bucket[hist_bucket_of(us)];
    *n += *n != UINT32_MAX;
}

/* The sum of both in `into`: what one histogram would hold that had seen all values. */
void hist_merge(struct hist *into, const struct hist *from);
void hist_reset(struct hist *h);

/* The q-quantile (0..1) in milliseconds, interpolated inside its bucket; 0 when empty. */
double hist_quantile_ms(const struct hist *h, double q);
/* How many values it holds, and of them above `us`, as a quantile would tell: interpolated inside
 * a bucket, rounded down. */
uint64_t hist_total(const struct hist *h);
uint64_t hist_above(const struct hist *h, double us);
double hist_mean_ms(const struct hist *h);
