/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decide/bucket.h"

#include "common/base/hash.h"

uint32_t bucket_of(struct str salt, struct str key)
{
    return (uint32_t)(((uint64_t)hash_murmur3_32(salt, key) * BUCKETS) >> 32);
}
