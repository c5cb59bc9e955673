/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that come in behind and go out in front. Its memory goes when it is empty and was large. */
#pragma once

#include "common/base/buf.h"

struct h2_queue {
    struct buf buf;
    size_t at; /* the first byte that is still here */
};

static inline struct str h2_queue_view(const struct h2_queue *q)
{
    if (!q->buf.data)
        return (struct str){NULL, 0};
    return (struct str){q->buf.data + q->at, q->buf.len - q->at};
}
static inline size_t h2_queue_size(const struct h2_queue *q)
{
    return q->buf.len - q->at;
}
static inline size_t h2_queue_room(const struct h2_queue *q)
{
    return q->buf.max - h2_queue_size(q);
}

void h2_queue_init(struct h2_queue *q, size_t max);
void h2_queue_deinit(struct h2_queue *q);
/* False, with nothing added, when the maximum would be passed. */
bool h2_queue_add(struct h2_queue *q, struct str bytes) MUST_CHECK;
/* Copy up to `size` bytes from the front to `dst` and forget them. */
size_t h2_queue_take(struct h2_queue *q, void *dst, size_t size);
/* The same without a copy. */
void h2_queue_drop(struct h2_queue *q, size_t size);
