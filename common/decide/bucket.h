/* SPDX-License-Identifier: Apache-2.0 */
/* The one bucketing rule: bucket = (murmur3_32(salt + key) x 10000) >> 32, on new when
 * bucket < weight x 100 (weight in percent). Raising a weight never moves a key back to legacy;
 * lowering it moves only the last ones. A promise: it decides which users are on new. */
#pragma once

#include <stdint.h>

#include "common/base/str.h"

#define BUCKETS 10000u

/* 0 to BUCKETS - 1, the same on every node. No allocation. */
uint32_t bucket_of(struct str salt, struct str key);

static inline bool bucket_on_new(uint32_t bucket, uint32_t weight_bp)
{
    return bucket < weight_bp;
}
