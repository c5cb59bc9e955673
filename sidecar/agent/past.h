/* SPDX-License-Identifier: Apache-2.0 */
/* What the node measured in the last hour, for a coordinator that was not there to hear it. Pure
 * but for memory.
 *
 * Counters are added up in buckets of at most ten seconds, in which one revision was served, and
 * kept as bytes: histograms are mostly zeroes. Bounded by age and by size; the oldest go first. */
#pragma once

#include "common/model/stats.h"
#include "sidecar/agent/epoch.h"

#define PAST_SPAN   dur_s(3600)
#define PAST_BUCKET dur_s(10)

struct past;

/* `max_bytes`: of all buckets. */
struct past *past_new(size_t max_bytes) MUST_CHECK;
struct past *past_free(struct past *p); /* tolerates NULL; returns NULL */
static inline void past_freep(struct past **p)
{
    *p = past_free(*p);
}

/* Add the counters of an interval that ended now, during which `served` was served. Buckets of
 * another store's history lose their revision. */
void past_add(struct past *p, mono_t now, dur_t interval, const struct position *served,
              const struct route_stats *stats, size_t count);

/* Where a reader stands; zeroed memory is the beginning. */
struct past_cursor {
    uint64_t bucket;
    size_t offset;
};

/* One route of one bucket, or a bucket in which no request came. */
struct past_item {
    mono_t end;
    dur_t interval;
    uint64_t revision; /* 0: of another store's history, or none */
    bool first;        /* of its bucket */
    bool has_stats;
    struct route_stats stats;
};

/* The next item among the buckets that ended after `oldest`, oldest first; false: that was all
 * until now, and what is added later begins a new bucket. Buckets that went meanwhile are passed
 * over. */
bool past_read(struct past *p, struct past_cursor *c, mono_t oldest, struct past_item *ret);

/* In use by closed buckets. */
size_t past_bytes(const struct past *p);
