/* SPDX-License-Identifier: Apache-2.0 */
/* Counters in few bytes, for periods that are over: most of a histogram's buckets are empty, and
 * what they hold is small. Pure. */
#pragma once

#include "common/model/stats.h"

struct packed;

/* Owned by the caller; free() it. */
struct packed *packed_new(const struct system_stats *stats);
/* Add what it holds. */
void packed_merge(const struct packed *p, struct system_stats *into);
