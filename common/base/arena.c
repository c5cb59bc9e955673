/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

#define BLOCK_SIZE 4096 /* of the first block; each further one is twice as large */
#define BLOCK_LAST (64 * 1024)
#define ALIGN      alignof(max_align_t)

struct arena_block {
    struct arena_block *older;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

void arena_deinit(struct arena *a)
{
    while (a->top) {
        struct arena_block *older = a->top->older;
        free(a->top);
        a->top = older;
    }
    a->used = 0;
}

static struct arena_block *add_block(struct arena *a, size_t need)
{
    size_t size = a->top ? a->top->size * 2 : BLOCK_SIZE;

    if (size > BLOCK_LAST)
        size = BLOCK_LAST;
    if (size < need)
        size = need;
    struct arena_block *block = xalloc(sizeof *block + size);
    block->older = a->top;
    block->size = size;
    a->top = block;
    return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > a->max)
        return NULL; /* also keeps the rounding below from wrapping */
    size_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (rounded == 0)
        rounded = ALIGN;
    if (a->used > a->max || rounded > a->max - a->used)
        return NULL;

    struct arena_block *block = a->top;
    if (!block || rounded > block->size - block->used)
        block = add_block(a, rounded);
    void *p = block->bytes + block->used;
    block->used += rounded;
    a->used += rounded;
    return memset(p, 0, size);
}

char *arena_strdup(struct arena *a, struct str s)
{
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

    if (p && s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);

    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (!p)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->top, a->top ? a->top->used : 0, a->used};
}

void arena_release(struct arena *a, struct arena_mark mark)
{
    while (a->top != mark.block) {
        CHECK(a->top); /* the mark is of this arena, and older than what is released */
        struct arena_block *older = a->top->older;
        free(a->top);
        a->top = older;
    }
    if (a->top)
        a->top->used = mark.block_used;
    a->used = mark.used;
}

void arena_reset(struct arena *a)
{
    struct arena_block *kept = a->top;

    if (kept) {
        a->top = kept->older;
        kept->older = NULL;
        kept->used = 0;
    }
    arena_deinit(a);
    a->top = kept;
}
