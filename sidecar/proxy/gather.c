/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/gather.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/base/check.h"

/* Up to here copying is cheaper than another piece in the system call. */
#define COPY_MAX 2048
/* Chunk head, chunk tail and the last chunk. */
#define FRAMING_MAX 64

void gather_init(struct gather *g, char *scratch, size_t size)
{
    g->scratch = scratch;
    g->used = 0;
    g->size = size;
    g->total = 0;
    g->count = 0;
}

char *gather_at(const struct gather *g)
{
    return g->scratch + g->used;
}

static void add_piece(struct gather *g, const char *p, size_t n)
{
    CHECK(g->count < GATHER_PIECES);
    g->piece[g->count++] = (struct iovec){.iov_base = (void *)(uintptr_t)p, .iov_len = n};
    g->total += n;
}

void gather_wrote(struct gather *g, size_t n)
{
    struct iovec *last = g->count > 0 ? &g->piece[g->count - 1] : NULL;
    const char *at = gather_at(g);

    CHECK(n <= g->size - g->used);
    g->used += n;
    if (last && (const char *)last->iov_base + last->iov_len == at) {
        last->iov_len += n;
        g->total += n;
    } else {
        add_piece(g, at, n);
    }
}

size_t gather_room(const struct gather *g)
{
    return g->total + FRAMING_MAX < g->size ? g->size - g->total - FRAMING_MAX : 0;
}

void gather_add(struct gather *g, struct str bytes)
{
    if (bytes.n == 0)
        return;
    if (bytes.n <= COPY_MAX && bytes.n <= g->size - g->used) {
        memcpy(gather_at(g), bytes.p, bytes.n);
        gather_wrote(g, bytes.n);
    } else {
        add_piece(g, bytes.p, bytes.n);
    }
}

static void keep_rest(const struct gather *g, size_t sent, struct iobuf *b)
{
    for (int i = 0; i < g->count; i++) {
        const struct iovec *piece = &g->piece[i];
        size_t skip = sent < piece->iov_len ? sent : piece->iov_len;

        memcpy(b->data + b->end, (const char *)piece->iov_base + skip, piece->iov_len - skip);
        b->end += (uint32_t)(piece->iov_len - skip);
        sent -= skip;
    }
}

enum gather_result gather_send(struct gather *g, struct transport *to, struct iobuf_pool *pool,
                               struct iobuf **pending)
{
    ssize_t sent;

    CHECK(!*pending);
    if (g->total == 0)
        return GATHER_SENT;
    sent = transport_send(to, g->piece, g->count);
    if (sent < 0)
        return GATHER_BROKEN;
    if ((size_t)sent == g->total)
        return GATHER_SENT;
    CHECK(g->total - (size_t)sent <= pool->size);
    *pending = iobuf_take(pool);
    keep_rest(g, (size_t)sent, *pending);
    return GATHER_PENDING;
}

enum gather_result gather_flush(struct transport *to, struct iobuf_pool *pool,
                                struct iobuf **pending)
{
    struct str rest = iobuf_view(*pending);
    struct iovec piece = {.iov_base = (void *)(uintptr_t)rest.p, .iov_len = rest.n};
    ssize_t sent = rest.n > 0 ? transport_send(to, &piece, 1) : 0;

    if (sent < 0)
        return GATHER_BROKEN;
    if (*pending)
        (*pending)->start += (uint32_t)sent;
    if (!iobuf_is_empty(*pending))
        return GATHER_PENDING;
    iobuf_give(pool, pending);
    return GATHER_SENT;
}
