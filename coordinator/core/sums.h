/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of counters by time, for a day: in periods of ten seconds for an hour and of ten minutes for
 * a day. A row of counters is so many uint64_t, always as many in one object. In memory only,
 * and none until something was counted. Pure. */
#pragma once

#include <stdint.h>

#include "common/base/clock.h"

/* Zero at first. */
struct sums {
    uint64_t *fine, *coarse; /* owned rings: the number of a period, then its counters */
    unsigned counters;       /* of a period */
};

void sums_deinit(struct sums *s);
/* Forget all periods. */
void sums_clear(struct sums *s);

/* Counted at `at`; never in the place of a younger period. */
void sums_add(struct sums *s, mono_t at, const void *row, unsigned counters);
/* As much of a stretch that ended at `at`, told of at `now`: nothing when that is a day ago. */
void sums_add_past(struct sums *s, mono_t now, mono_t at, const void *row, unsigned counters);

/* Sums over the last `window`, at most a day, and so much more as the oldest period that it touches
 * goes back. */
void sums_window(const struct sums *s, mono_t now, dur_t window, void *ret_row, unsigned counters);
