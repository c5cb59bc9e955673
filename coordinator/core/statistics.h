/* SPDX-License-Identifier: Apache-2.0 */
/* What counts prove. All bounds are exact and one-sided: "at least" and "at most" with a chance of
 * at most `doubt` to be wrong, where doubt is 1 - confidence. Pure. */
#pragma once

#include "common/base/hist.h"

/* The regularised incomplete beta function I_x(a, b), a and b at least 1 and up to 2^41. */
double statistics_beta(double x, double a, double b);

/* The chance to see `k` or more of `n` when each happens with chance `p`. */
double statistics_tail(uint64_t k, uint64_t n, double p);

/* Clopper-Pearson: the share is at least, or at most, this. With n == 0 nothing is known: 0 and 1.
 * `k` is at most `n`, `n` up to 2^40, `doubt` inside (0, 1). */
double statistics_share_low(uint64_t k, uint64_t n, double doubt);
double statistics_share_high(uint64_t k, uint64_t n, double doubt);
/* The smallest `k` of `n` that proves a share above `p`; n + 1 when none does. */
uint64_t statistics_needed(uint64_t n, double p, double doubt);

/* Two counts of rare things, `k` of `n` and `k0` of `n0`: is the first share more than `ratio`
 * times the second? The chance to see this much if it is exactly `ratio` times; 1 when nothing is
 * known. Exact given the sum of both, so no division by the second share. */
double statistics_ratio_tail(uint64_t k, uint64_t n, uint64_t k0, uint64_t n0, double ratio);
/* The ratio is at least this. 0 when nothing is known. */
double statistics_ratio_low(uint64_t k, uint64_t n, uint64_t k0, uint64_t n0, double doubt);

/* Mann-Whitney on two histograms: the chance to see `b` rank this far above `a` when both come from
 * the same distribution. Ties (one bucket) are corrected for; normal approximation with continuity
 * correction. 1 when one of them is empty or all values tie. */
double statistics_slower(const struct hist *a, const struct hist *b);
