/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/h2/h2_queue.h"

/* Up to here memory is kept for the next bytes. */
#define KEEP 4096

void h2_queue_init(struct h2_queue *q, size_t max)
{
    buf_init(&q->buf, max);
    q->at = 0;
}

void h2_queue_deinit(struct h2_queue *q)
{
    buf_deinit(&q->buf);
    q->at = 0;
}

static void close_gap(struct h2_queue *q)
{
    memmove(q->buf.data, q->buf.data + q->at, h2_queue_size(q));
    q->buf.len -= q->at;
    q->at = 0;
}

bool h2_queue_add(struct h2_queue *q, struct str bytes)
{
    if (bytes.n == 0)
        return true;
    if (bytes.n > h2_queue_room(q))
        return false;
    if (q->at > 0 && q->buf.len + bytes.n >= q->buf.cap) /* which counts the NUL */
        close_gap(q);
    return buf_add_str(&q->buf, bytes);
}

static void forget(struct h2_queue *q)
{
    q->at = 0;
    if (q->buf.cap > KEEP)
        buf_deinit(&q->buf);
    else
        buf_clear(&q->buf);
}

void h2_queue_drop(struct h2_queue *q, size_t size)
{
    q->at += size;
    if (q->at == q->buf.len && q->buf.data)
        forget(q);
}

size_t h2_queue_take(struct h2_queue *q, void *dst, size_t size)
{
    size_t n = h2_queue_size(q);

    if (n > size)
        n = size;
    if (n == 0)
        return 0;
    memcpy(dst, q->buf.data + q->at, n);
    h2_queue_drop(q, n);
    return n;
}
