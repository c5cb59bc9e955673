/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes found out by comparing the systems' answers to one migration's requests: sums by time
 * for a day (sums.h), and the newest differences for people. In memory only. Pure. owner: its
 * migration. */
#pragma once

#include "common/base/clock.h"
#include "common/model/stats.h"
#include "coordinator/core/sums.h"

/* Differences that are kept; older ones make room. */
#define COMPARED_EXAMPLES_MAX 64

struct compared_example {
    struct name node;
    struct discrepancy what;
};

struct compared {
    struct compare_stats total; /* since the start */
    /* private */
    struct sums sums;
    struct compared_example *example; /* owned ring; NULL: nothing differed */
    unsigned examples;                /* ever */
};

void compared_deinit(struct compared *c);
/* Forget the periods; the sum since the start and the examples stay. */
void compared_clear(struct compared *c);

/* A report that arrived at `at`. With `judged` it also counts in the window. */
void compared_add(struct compared *c, mono_t at, const struct compare_stats *stats, bool judged);
/* Of a stretch that ended at `at`, told of at `now`: in the window only. */
void compared_add_past(struct compared *c, mono_t now, mono_t at,
                       const struct compare_stats *stats);
void compared_add_example(struct compared *c, const struct name *node,
                          const struct discrepancy *what);

/* Sum over the last `window`, at most a day, and so much more as the oldest period that it touches
 * goes back. */
void compared_window(const struct compared *c, mono_t now, dur_t window, struct compare_stats *ret);
/* The `nth` newest, from 0; NULL past the oldest. Borrowed. */
const struct compared_example *compared_example(const struct compared *c, unsigned nth);
