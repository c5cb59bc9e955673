/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes reported of one migration, by time, and the sum since the start. Sums and histograms
 * only, so reports of any number of nodes merge in any order.
 *
 * A day is kept at four levels: seconds for two minutes, ten seconds for an hour, minutes for six
 * hours, ten minutes for a day. What is reported falls into the second that runs; a period that is
 * over is packed, and added to the one above it. So a report costs one addition, and memory is
 * taken only where something was reported, by how much its latencies spread. Pure. owner: the
 * core. */
#pragma once

#include "common/base/clock.h"
#include "common/model/stats.h"

#define SAMPLES_SECONDS 120

struct sample_bucket {
    int64_t period; /* number of the second, minute, ... on the monotonic clock */
    mono_t first;   /* arrival of the earliest report in it */
    struct system_stats stats;
};

struct samples;

struct samples *samples_new(void);
struct samples *samples_free(struct samples *s); /* tolerates NULL; returns NULL */

/* `stats` is indexed by enum system. Time does not run backwards. Empty intervals cost nothing. */
void samples_add(struct samples *s, mono_t at, const struct system_stats stats[SYSTEM_COUNT]);
/* The same of a stretch that ended at `at`, told of at `now`: never in the place of a younger
 * period, and not in the sum since the start. What is older than a day is forgotten already. */
void samples_add_past(struct samples *s, mono_t now, mono_t at,
                      const struct system_stats stats[SYSTEM_COUNT]);
/* Forget everything but the sum since the start. */
void samples_clear(struct samples *s);

/* Sum over the last `window`, at most a day, cut at the borders of the finest level that reaches
 * that far: up to two minutes at seconds, up to an hour at ten seconds, up to six at minutes. The
 * period that has begun counts in full. */
void samples_window(const struct samples *s, enum system system, mono_t now, dur_t window,
                    struct system_stats *ret);
const struct system_stats *samples_total(const struct samples *s, enum system system);

/* The second that began `ago` seconds before the current one; false when nothing was reported. */
bool samples_second(const struct samples *s, enum system system, mono_t now, unsigned ago,
                    struct sample_bucket *ret) MUST_CHECK;
