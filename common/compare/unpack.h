/* SPDX-License-Identifier: Apache-2.0 */
/* What gzip (RFC 1952) and deflate (RFC 1950; some send RFC 1951 alone under that name) packed.
 * Pure. Time and memory are bounded whatever the bytes say: no more than the beginning is kept, and
 * no more is unpacked than the limits below. */
#pragma once

#include "common/base/buf.h"

/* Past either of them it is too large: a body that was made to be. */
#define UNPACK_MAX       (2u << 20)
#define UNPACK_RATIO_MAX 128u
/* So much may come of any body, however short: the ratio is of no interest yet. */
#define UNPACK_FREE (256u << 10)

enum unpack_format { UNPACK_GZIP, UNPACK_DEFLATE };

enum { UNPACK_BROKEN = 1, UNPACK_TOO_LARGE };

struct unpacked {
    struct buf head; /* the first bytes, up to its maximum */
    uint64_t size;   /* of all of it */
    uint64_t hash;   /* of all of it, once it is longer than the maximum of `head` */
};

/* 0, UNPACK_BROKEN (also when its end is missing, or more follows it), or UNPACK_TOO_LARGE. `ret`
 * comes empty, with the maximum of its `head`. */
int unpack(enum unpack_format format, struct str packed, struct unpacked *ret) MUST_CHECK;
