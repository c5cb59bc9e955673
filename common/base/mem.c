/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

static void *need(void *p, size_t count, size_t size)
{
    if (UNLIKELY(!p))
        check_die("out of memory: could not allocate %zu x %zu bytes", count, size);
    return p;
}

void *xalloc(size_t size)
{
    return xcalloc(1, size);
}

void *xcalloc(size_t count, size_t size)
{
    /* calloc(0) may return NULL; callers are promised a pointer. */
    if (count == 0 || size == 0)
        count = size = 1;
    return need(calloc(count, size), count, size);
}

void *xrealloc(void *p, size_t size)
{
    return need(realloc(p, size), 1, size);
}

char *xstrdup(const char *s)
{
    return xmemdup(s, strlen(s) + 1);
}

void *xmemdup(const void *p, size_t size)
{
    void *copy = xalloc(size);

    if (size > 0)
        memcpy(copy, p, size);
    return copy;
}

void xfreep(void *pointer_to_pointer)
{
    void **p = pointer_to_pointer;

    free(*p);
    *p = NULL;
}
