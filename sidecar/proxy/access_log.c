/* SPDX-License-Identifier: Apache-2.0 */
/* The rings. One lane writes `head`, one reader `tail`; both only rise. */
#include "sidecar/proxy/access_log.h"

#include <stdatomic.h>

#include "common/base/mem.h"
#include "sidecar/proxy/conn.h"

struct access_ring {
    const struct access_log *log; /* borrowed */
    char *data;
    struct buf line;
    _Atomic uint64_t lost;
    /* Apart, so that the reader does not slow the lane. */
    _Alignas(64) _Atomic uint64_t head;
    _Alignas(64) _Atomic uint64_t tail;
};

struct access_log {
    uint32_t sample;
    bool with_query;
    struct access_ring *ring[PROXY_THREADS_MAX]; /* NULL: not asked for */
};

struct access_log *access_log_new(uint32_t sample, bool with_query)
{
    struct access_log *log = xnew(struct access_log);

    log->sample = sample;
    log->with_query = with_query;
    return log;
}

void access_log_free(struct access_log *log)
{
    if (!log)
        return;
    for (unsigned i = 0; i < PROXY_THREADS_MAX; i++) {
        if (!log->ring[i])
            continue;
        xfreep(&log->ring[i]->data);
        buf_deinit(&log->ring[i]->line);
        xfreep(&log->ring[i]);
    }
    xfreep(&log);
}

struct access_ring *access_log_ring(struct access_log *log, unsigned index)
{
    struct access_ring **ring = &log->ring[index];

    if (!*ring) {
        *ring = xnew(struct access_ring);
        (*ring)->log = log;
        (*ring)->data = xrealloc(NULL, ACCESS_RING_SIZE);
        buf_init(&(*ring)->line, ACCESS_LINE_MAX);
    }
    return *ring;
}

uint64_t access_log_lost(const struct access_log *log)
{
    uint64_t lost = 0;

    for (unsigned i = 0; i < PROXY_THREADS_MAX; i++) {
        if (log->ring[i])
            lost += atomic_load_explicit(&log->ring[i]->lost, memory_order_relaxed);
    }
    return lost;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void lose_one(struct access_ring *ring)
{
    atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
}

static void put(struct access_ring *ring, struct str line)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    size_t at = head % ACCESS_RING_SIZE;
    size_t first = ACCESS_RING_SIZE - at < line.n ? ACCESS_RING_SIZE - at : line.n;

    if (ACCESS_RING_SIZE - (head - tail) < line.n) {
        lose_one(ring);
        return;
    }
    memcpy(ring->data + at, line.p, first);
    memcpy(ring->data, line.p + first, line.n - first);
    atomic_store_explicit(&ring->head, head + line.n, memory_order_release);
}

/* Failed for its client, or rescued: what one looks for in the log. */
static bool failed(const struct conn *c)
{
    const struct request *req = c->req;

    return req->failure != FAILURE_NONE || req->rescued ||
           (req->answered ? conn_answer_failed(req) : c->status >= 500);
}

void access_log_note(struct access_ring *ring, const struct conn *c, struct rng *rng)
{
    const struct access_log *log = ring->log;

    if (!failed(c) && rng_below(rng, ACCESS_ALL) >= log->sample)
        return;
    if (access_log_format(c, log->with_query, &ring->line))
        put(ring, buf_view(&ring->line));
    else
        lose_one(ring);
}

char *access_log_origin(struct access_ring *ring, const struct conn *c)
{
    if (access_log_format_origin(c, ring->log->with_query, &ring->line))
        return xstrdup(buf_text(&ring->line));
    lose_one(ring);
    return NULL;
}

void access_log_note_end(struct access_ring *ring, const struct access_end *end, struct rng *rng)
{
    const bool well = !ending_is_failure(end->ending) && !end->rescued;

    if (well && rng_below(rng, ACCESS_ALL) >= ring->log->sample)
        return;
    if (access_log_format_end(end, &ring->line))
        put(ring, buf_view(&ring->line));
    else
        lose_one(ring);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void drain_ring(struct access_ring *ring, bool (*write)(void *ctx, struct str piece),
                       void *ctx)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    bool written = true;

    while (tail < head && written) {
        size_t at = tail % ACCESS_RING_SIZE;
        size_t n = ACCESS_RING_SIZE - at < head - tail ? ACCESS_RING_SIZE - at : head - tail;

        written = write(ctx, (struct str){ring->data + at, n});
        tail += n;
    }
    atomic_store_explicit(&ring->tail, head, memory_order_release);
}

void access_log_drain(struct access_log *log, bool (*write)(void *ctx, struct str piece), void *ctx)
{
    for (unsigned i = 0; i < PROXY_THREADS_MAX; i++) {
        if (log->ring[i])
            drain_ring(log->ring[i], write, ctx);
    }
}
