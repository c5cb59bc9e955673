/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer that is created with its maximum: the answer to "a peer sizes this".
 * Content is always followed by a NUL that does not count. owner: whoever embeds it. */
#pragma once

#include <stdarg.h>

#include "common/base/str.h"

struct buf {
    char *data; /* owned; NULL while empty */
    size_t len;
    size_t cap;
    size_t max;
};

#define BUF_INIT(maximum) \
    (struct buf)          \
    {                     \
        .max = (maximum)  \
    }

void buf_init(struct buf *b, size_t max);
void buf_deinit(struct buf *b); /* frees and leaves an empty buffer with the same maximum */
static inline void buf_deinitp(struct buf *b)
{
    buf_deinit(b);
}
static inline void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

/* Append. False, with nothing appended, when the maximum would be passed. */
bool buf_add(struct buf *b, const void *p, size_t n) MUST_CHECK;
bool buf_add_str(struct buf *b, struct str s) MUST_CHECK;
bool buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
bool buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);

/* Make room for `n` more bytes and return where they go (then add to len), or NULL past the
 * maximum. */
char *buf_reserve(struct buf *b, size_t n) MUST_CHECK;

static inline struct str buf_view(const struct buf *b)
{
    return (struct str){b->data, b->len};
}
/* The content as a C string; "" while empty. */
const char *buf_text(const struct buf *b);
/* Hand the memory on (free with free()); the buffer is empty afterwards. Never NULL. */
char *buf_steal(struct buf *b);
