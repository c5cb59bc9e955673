/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes reported of one migration, by time: seconds for the last two minutes, minutes for the
 * last day, and the sum since the start. Sums and histograms only, so reports of any number of
 * nodes merge in any order. Buckets are allocated when something falls into them. Pure. owner: the
 * core. */
#pragma once

#include "common/base/clock.h"
#include "common/model/stats.h"

#define SAMPLES_SECONDS 120
#define SAMPLES_MINUTES 1440

struct sample_bucket {
    int64_t period; /* number of the second or minute on the monotonic clock */
    mono_t first;   /* arrival of the earliest report in it */
    struct system_stats stats;
};

struct samples;

struct samples *samples_new(void);
struct samples *samples_free(struct samples *s); /* tolerates NULL; returns NULL */

/* `stats` is indexed by enum system. Empty intervals cost nothing. */
void samples_add(struct samples *s, mono_t at, const struct system_stats stats[SYSTEM_COUNT]);
/* The same of a stretch that ended at `at`, told of at `now`: never in the place of a younger
 * period, and not in the sum since the start. What lies before the rings is forgotten already. */
void samples_add_past(struct samples *s, mono_t now, mono_t at,
                      const struct system_stats stats[SYSTEM_COUNT]);
/* Forget everything but the sum since the start; memory is kept. */
void samples_clear(struct samples *s);

/* Sum over the last `window`, at most a day. Up to two minutes it is cut at seconds, beyond at
 * minutes, and the period that has begun counts in full. */
void samples_window(const struct samples *s, enum system system, mono_t now, dur_t window,
                    struct system_stats *ret);
const struct system_stats *samples_total(const struct samples *s, enum system system);

/* The bucket of the second that began `ago` seconds before the current one; NULL when nothing was
 * reported. */
const struct sample_bucket *samples_second(const struct samples *s, enum system system, mono_t now,
                                           unsigned ago);
