/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/hist.h"

#include <string.h>

#define EXACT       (2 * HIST_SUB) /* values below have a bucket each */
#define EXACT_POWER 4              /* EXACT == 2^EXACT_POWER */
#define SUB_POWER   3              /* HIST_SUB == 2^SUB_POWER */

_Static_assert(EXACT == 1 << EXACT_POWER && HIST_SUB == 1 << SUB_POWER, "layout");

unsigned hist_bucket_of(uint64_t us)
{
    if (us < EXACT)
        return (unsigned)us;

    unsigned power = 63 - (unsigned)__builtin_clzll(us);
    unsigned sub = (unsigned)(us >> (power - SUB_POWER)) & (HIST_SUB - 1);
    unsigned i = EXACT + (power - EXACT_POWER) * HIST_SUB + sub;
    return i < HIST_BUCKETS ? i : HIST_BUCKETS - 1;
}

/* The first value in bucket `i`. */
static uint64_t bucket_begin(unsigned i)
{
    if (i < EXACT)
        return i;
    unsigned shift = EXACT_POWER + (i - EXACT) / HIST_SUB - SUB_POWER;
    return (uint64_t)(HIST_SUB + (i - EXACT) % HIST_SUB) << shift;
}

uint64_t hist_bucket_end(unsigned i)
{
    return bucket_begin(i + 1);
}

double hist_bucket_mid(unsigned i)
{
    return i < EXACT ? (double)i : (double)(bucket_begin(i) + hist_bucket_end(i)) / 2;
}

/* Without a branch, so that the compiler adds several buckets at once: every report of every node
 * is merged a few times. */
void hist_merge(struct hist *into, const struct hist *from)
{
    into->count += from->count;
    into->sum_us += from->sum_us;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        uint32_t sum = into->bucket[i] + from->bucket[i];

        into->bucket[i] = sum < from->bucket[i] ? UINT32_MAX : sum;
    }
}

void hist_reset(struct hist *h)
{
    memset(h, 0, sizeof *h);
}

/* The buckets' own sum: a report from outside may claim another count. */
uint64_t hist_total(const struct hist *h)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        n += h->bucket[i];
    return n;
}

/* The value at `fraction` of the way through bucket `i`, in milliseconds. */
static double inside(unsigned i, double fraction)
{
    if (i < EXACT)
        return (double)i / 1000;
    double begin = (double)bucket_begin(i);
    return (begin + fraction * ((double)hist_bucket_end(i) - begin)) / 1000;
}

double hist_quantile_ms(const struct hist *h, double q)
{
    double wanted = (double)hist_total(h) * (q < 0 ? 0 : q > 1 ? 1 : q);
    double before = 0;
    unsigned last = HIST_BUCKETS;

    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        double here = h->bucket[i];
        if (here == 0)
            continue;
        if (before + here >= wanted)
            return inside(i, (wanted - before) / here);
        before += here;
        last = i;
    }
    return last < HIST_BUCKETS ? inside(last, 1) : 0;
}

uint64_t hist_above(const struct hist *h, double us)
{
    double n = 0;

    for (unsigned i = HIST_BUCKETS; i-- > 0;) {
        double begin = (double)bucket_begin(i), end = (double)hist_bucket_end(i);

        if (i < EXACT ? begin <= us : end <= us)
            break;
        n += begin >= us || i < EXACT ? h->bucket[i] : h->bucket[i] * (end - us) / (end - begin);
    }
    return (uint64_t)n;
}

double hist_mean_ms(const struct hist *h)
{
    return h->count ? (double)h->sum_us / (double)h->count / 1000 : 0;
}
