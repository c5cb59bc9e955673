/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers of one size from a free list. A connection holds one only while bytes are in it, so that
 * idle ones cost nothing. owner: lane. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"

struct iobuf {
    struct iobuf *next; /* in the free list */
    uint32_t start;     /* content is data[start..end) */
    uint32_t end;
    char data[];
};

struct iobuf_pool {
    size_t size;        /* of `data` */
    struct iobuf *free; /* the one used last comes first: it is the one in the cache */
    unsigned free_count;
    unsigned unused; /* fewest free ones since the last iobuf_trim() */
};

void iobuf_pool_init(struct iobuf_pool *p, size_t size);
/* Every buffer must be back. */
void iobuf_pool_deinit(struct iobuf_pool *p);

struct iobuf *iobuf_take(struct iobuf_pool *p) MUST_CHECK;
/* Gives *b back and leaves NULL; tolerates NULL there. */
void iobuf_give(struct iobuf_pool *p, struct iobuf **b);
/* Now and then: free half of the buffers that nobody needed since the last call. */
void iobuf_trim(struct iobuf_pool *p);

static inline struct str iobuf_view(const struct iobuf *b)
{
    return b ? (struct str){b->data + b->start, b->end - b->start} : (struct str){NULL, 0};
}
static inline bool iobuf_is_empty(const struct iobuf *b)
{
    return !b || b->start == b->end;
}
static inline size_t iobuf_room(const struct iobuf_pool *p, const struct iobuf *b)
{
    return b ? p->size - b->end : p->size;
}
/* Move the bytes from `from` on to the buffer's front: content then begins `start - from` behind
 * it. */
void iobuf_compact(struct iobuf *b, uint32_t from);
