/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured, in the text form that Prometheus reads (version 0.0.4). A page is made when it
 * is asked for: families in any order, all samples of one together.
 *
 * Every function appends to the buffer and does nothing once that is full; metrics_end() says
 * whether all of it is there. Pure. */
#pragma once

#include "common/base/buf.h"
#include "common/base/hist.h"
#include "common/base/metrics_tbl.h"

enum metric {
#define X(id, name, type, labels, help) METRIC_##id,
    METRICS(X)
#undef X
        METRIC_COUNT
};

const char *metric_name(enum metric m);
const char *metric_type(enum metric m);   /* "counter", "gauge", "histogram" */
const char *metric_labels(enum metric m); /* their names; "": none */
const char *metric_help(enum metric m);

/* Latencies as counters that only rise: bounds are powers of two of a microsecond, on which the
 * buckets of struct hist begin, so that nothing is guessed. */
#define METRIC_LE_FIRST 8u  /* 2^8 us */
#define METRIC_LE_COUNT 18u /* up to 2^25 us, 34 s */
struct metric_hist {
    uint64_t at_most[METRIC_LE_COUNT]; /* of this bound and not of the one before */
    uint64_t count, sum_us;
};
void metric_hist_add(struct metric_hist *into, const struct hist *more);

struct metrics {
    struct buf *to; /* borrowed */
    enum metric family;
    bool full;
};
static inline void metrics_begin(struct metrics *m, struct buf *to)
{
    *m = (struct metrics){.to = to};
}
/* Whether everything fitted. */
static inline bool metrics_end(const struct metrics *m)
{
    return !m->full;
}

/* The samples that follow are of this one. */
void metrics_family(struct metrics *m, enum metric family);
/* `labels` as they are written, `a="b",c="d"`, or "": values hold no quotes, backslashes or line
 * ends. */
void metrics_count(struct metrics *m, uint64_t value, const char *labels, ...) PRINTF(3, 4);
void metrics_value(struct metrics *m, double value, const char *labels, ...) PRINTF(3, 4);
/* `labels` is not empty. */
void metrics_hist(struct metrics *m, const struct metric_hist *h, const char *labels, ...)
    PRINTF(3, 4);
