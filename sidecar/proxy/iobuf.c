/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/iobuf.h"

#include "common/base/check.h"
#include "common/base/mem.h"

void iobuf_pool_init(struct iobuf_pool *p, size_t size)
{
    *p = (struct iobuf_pool){.size = size};
}

static void free_some(struct iobuf_pool *p, unsigned count)
{
    for (; count > 0 && p->free; count--) {
        struct iobuf *b = p->free;

        p->free = b->next;
        p->free_count--;
        xfreep(&b);
    }
}

void iobuf_pool_deinit(struct iobuf_pool *p)
{
    free_some(p, p->free_count);
}

struct iobuf *iobuf_take(struct iobuf_pool *p)
{
    struct iobuf *b = p->free;

    if (b) {
        p->free = b->next;
        p->free_count--;
        if (p->free_count < p->unused)
            p->unused = p->free_count;
    } else {
        /* Not zeroed: most requests touch only the first page. */
        b = xrealloc(NULL, sizeof *b + p->size);
        p->unused = 0;
    }
    b->start = b->end = 0;
    return b;
}

void iobuf_give(struct iobuf_pool *p, struct iobuf **b)
{
    if (!*b)
        return;
    (*b)->next = p->free;
    p->free = *b;
    p->free_count++;
    *b = NULL;
}

void iobuf_trim(struct iobuf_pool *p)
{
    free_some(p, (p->unused + 1) / 2);
    p->unused = p->free_count;
}

void iobuf_compact(struct iobuf *b, uint32_t from)
{
    CHECK(from <= b->start);
    if (from == 0)
        return;
    memmove(b->data, b->data + from, b->end - from);
    b->start -= from;
    b->end -= from;
}
