/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"

#define FIRST_CAP 64

void buf_init(struct buf *b, size_t max)
{
    *b = BUF_INIT(max);
}

void buf_deinit(struct buf *b)
{
    free(b->data);
    buf_init(b, b->max);
}

/* `cap` counts the terminating NUL, `max` does not. */
char *buf_reserve(struct buf *b, size_t n)
{
    if (n > b->max - b->len)
        return NULL;

    size_t need = b->len + n + 1;
    if (need > b->cap) {
        size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap;
        while (cap < need)
            cap *= 2;
        if (cap - 1 > b->max)
            cap = b->max + 1;
        b->data = xrealloc(b->data, cap);
        b->cap = cap;
        b->data[b->len] = '\0';
    }
    return b->data + b->len;
}

bool buf_add(struct buf *b, const void *p, size_t n)
{
    char *dst = buf_reserve(b, n);

    if (!dst)
        return false;
    if (n > 0)
        memcpy(dst, p, n);
    dst[n] = '\0';
    b->len += n;
    return true;
}

bool buf_add_str(struct buf *b, struct str s)
{
    return buf_add(b, s.p, s.n);
}

bool buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bool fitted = buf_vaddf(b, fmt, ap);
    va_end(ap);
    return fitted;
}

bool buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;

    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);

    char *dst = n < 0 ? NULL : buf_reserve(b, (size_t)n);
    if (!dst)
        return false;
    vsnprintf(dst, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
    return true;
}

const char *buf_text(const struct buf *b)
{
    if (!b->data)
        return "";
    b->data[b->len] = '\0'; /* callers of buf_reserve() write the bytes, not the end */
    return b->data;
}

char *buf_steal(struct buf *b)
{
    if (!b->data)
        return xstrdup("");
    b->data[b->len] = '\0';
    b->len = b->cap = 0;
    return steal(b->data);
}
