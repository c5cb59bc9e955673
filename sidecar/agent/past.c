/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/agent/past.h"

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/mem.h"

/* Of one route at all its limits, as bytes: names, sums, and each place of three histograms. */
#define ROUTE_BYTES_MAX (6u << 10)

struct bucket {
    mono_t end;
    dur_t interval;
    uint64_t revision;
    size_t size;
    uint8_t bytes[];
};

/* The one that is being filled. */
struct filling {
    mono_t end;
    dur_t interval; /* 0: nothing was added */
    uint64_t revision;
    struct route_stats *stats; /* owned; routes with requests */
    size_t count;
};

struct past {
    struct bucket **ring;  /* owned; bucket n stands at n modulo ring_size */
    uint64_t ring_size;    /* a power of two */
    uint64_t first, after; /* numbers of the oldest bucket and of the one to come */
    size_t bytes, max_bytes;
    char incarnation[sizeof((struct ruleset *)0)->incarnation];
    struct filling now;
};

struct past *past_new(size_t max_bytes)
{
    struct past *p = xnew(struct past);

    p->max_bytes = max_bytes;
    return p;
}

static struct bucket **slot(struct past *p, uint64_t number)
{
    return &p->ring[number & (p->ring_size - 1)];
}

static void drop_oldest(struct past *p)
{
    struct bucket *b = steal(*slot(p, p->first));

    p->first++;
    p->bytes -= sizeof *b + b->size;
    xfreep(&b);
}

static void widen(struct past *p)
{
    uint64_t size = p->ring_size ? 2 * p->ring_size : 64;
    struct bucket **ring = xcalloc(size, sizeof(struct bucket *));

    for (uint64_t n = p->first; n < p->after; n++)
        ring[n & (size - 1)] = *slot(p, n);
    xfreep(&p->ring);
    p->ring = ring;
    p->ring_size = size;
}

static void append(struct past *p, struct bucket *b)
{
    if (p->after - p->first == p->ring_size)
        widen(p);
    *slot(p, p->after++) = b;
    p->bytes += sizeof *b + b->size;
}

struct past *past_free(struct past *p)
{
    if (!p)
        return NULL;
    while (p->first < p->after)
        drop_oldest(p);
    xfreep(&p->ring);
    xfreep(&p->now.stats);
    xfreep(&p);
    return NULL;
}

size_t past_bytes(const struct past *p)
{
    return p->bytes;
}

/* ---- counters as bytes ----------------------------------------------------------------------- */

/* Numbers are seven bits per byte, the lowest first; the eighth says that more follow. */
static void put_number(struct buf *b, uint64_t n)
{
    char byte[10];
    size_t i = 0;

    for (; n > 0x7f; n >>= 7)
        byte[i++] = (char)(n | 0x80);
    byte[i++] = (char)n;
    CHECK(buf_add(b, byte, i));
}

static uint64_t get_number(const uint8_t **at)
{
    uint64_t n = 0;
    unsigned shift = 0;

    for (; **at & 0x80; shift += 7)
        n |= (uint64_t)(*(*at)++ & 0x7f) << shift;
    return n | (uint64_t) * (*at)++ << shift;
}

/* The places that are not zero, each as the distance from the one before, and at the end 0. */
static void put_latency(struct buf *b, const struct hist *h)
{
    unsigned last = 0;

    put_number(b, h->sum_us);
    put_number(b, h->count);
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        if (h->bucket[i] == 0)
            continue;
        put_number(b, i + 1 - last);
        put_number(b, h->bucket[i]);
        last = i + 1;
    }
    put_number(b, 0);
}

static void get_latency(const uint8_t **at, struct hist *ret)
{
    uint64_t place = 0, step;

    ret->sum_us = get_number(at);
    ret->count = get_number(at);
    while ((step = get_number(at)) > 0) {
        place += step;
        CHECK(place <= HIST_BUCKETS);
        ret->bucket[place - 1] = (uint32_t)get_number(at);
    }
}

/* A system without requests is one zero. */
static void put_system(struct buf *b, const struct system_stats *s)
{
    put_number(b, !system_stats_is_empty(s));
    if (system_stats_is_empty(s))
        return;
#define X(name) put_number(b, s->name);
    SYSTEM_COUNTS(X)
#undef X
    put_latency(b, &s->latency);
}

static void get_system(const uint8_t **at, struct system_stats *ret)
{
    if (get_number(at) == 0)
        return;
#define X(name) ret->name = get_number(at);
    SYSTEM_COUNTS(X)
#undef X
    get_latency(at, &ret->latency);
}

/* A route of which nothing was to be copied is one zero. */
static void put_mirror(struct buf *b, const struct mirror_stats *s)
{
    put_number(b, !mirror_stats_is_empty(s));
    if (mirror_stats_is_empty(s))
        return;
#define X(name) put_number(b, s->name);
    MIRROR_COUNTS(X)
#undef X
    put_latency(b, &s->latency);
}

static void get_mirror(const uint8_t **at, struct mirror_stats *ret)
{
    if (get_number(at) == 0)
        return;
#define X(name) ret->name = get_number(at);
    MIRROR_COUNTS(X)
#undef X
    get_latency(at, &ret->latency);
}

/* A route of which nothing was compared is one zero. */
static void put_compared(struct buf *b, const struct compare_stats *s)
{
    put_number(b, !compare_stats_is_empty(s));
    if (compare_stats_is_empty(s))
        return;
    put_number(b, s->compared);
    put_number(b, s->equal);
    put_number(b, s->cosmetic);
    put_number(b, s->critical);
    put_number(b, s->noise_compared);
    put_number(b, s->noise_differed);
    put_number(b, s->skipped);
    put_number(b, s->overhead_us);
}

static void get_compared(const uint8_t **at, struct compare_stats *ret)
{
    if (get_number(at) == 0)
        return;
    ret->compared = get_number(at);
    ret->equal = get_number(at);
    ret->cosmetic = get_number(at);
    ret->critical = get_number(at);
    ret->noise_compared = get_number(at);
    ret->noise_differed = get_number(at);
    ret->skipped = get_number(at);
    ret->overhead_us = get_number(at);
}

static void put_route(struct buf *b, const struct route_stats *s)
{
    size_t n = strlen(s->migration.s);

    put_number(b, n);
    CHECK(buf_add(b, s->migration.s, n));
    put_number(b, s->breaker);
    put_system(b, &s->system[SYSTEM_LEGACY]);
    put_system(b, &s->system[SYSTEM_NEW]);
    put_mirror(b, &s->mirror);
    put_compared(b, &s->compare);
}

static void get_route(const uint8_t **at, struct route_stats *ret)
{
    size_t n = get_number(at);

    *ret = (struct route_stats){.breaker = BREAKER_DISABLED};
    CHECK(n < NAME_SIZE);
    memcpy(ret->migration.s, *at, n);
    *at += n;
    ret->breaker = (enum breaker_state)get_number(at);
    get_system(at, &ret->system[SYSTEM_LEGACY]);
    get_system(at, &ret->system[SYSTEM_NEW]);
    get_mirror(at, &ret->mirror);
    get_compared(at, &ret->compare);
}

/* ---- filling --------------------------------------------------------------------------------- */

static void drop_old(struct past *p, mono_t now)
{
    while (p->first < p->after &&
           (p->bytes > p->max_bytes || mono_sub(now, (*slot(p, p->first))->end).ns > PAST_SPAN.ns))
        drop_oldest(p);
}

static void close_bucket(struct past *p)
{
    CLEANUP(buf_deinitp) struct buf bytes = BUF_INIT(p->now.count * ROUTE_BYTES_MAX);
    struct bucket *b;

    if (p->now.interval.ns == 0)
        return;
    for (size_t i = 0; i < p->now.count; i++)
        put_route(&bytes, &p->now.stats[i]);
    b = xalloc(sizeof *b + bytes.len);
    b->end = p->now.end;
    b->interval = p->now.interval;
    b->revision = p->now.revision;
    b->size = bytes.len;
    if (bytes.len > 0)
        memcpy(b->bytes, bytes.data, bytes.len);
    append(p, b);
    xfreep(&p->now.stats);
    p->now = (struct filling){.interval = {0}};
    drop_old(p, b->end);
}

static void merge(struct filling *f, const struct route_stats *stats)
{
    struct route_stats *into = NULL;

    if (system_stats_is_empty(&stats->system[SYSTEM_LEGACY]) &&
        system_stats_is_empty(&stats->system[SYSTEM_NEW]) &&
        mirror_stats_is_empty(&stats->mirror) && compare_stats_is_empty(&stats->compare))
        return;
    for (size_t i = 0; i < f->count && !into; i++)
        if (name_eq(&f->stats[i].migration, &stats->migration))
            into = &f->stats[i];
    if (!into) {
        f->stats = xrealloc(f->stats, (f->count + 1) * sizeof *f->stats);
        into = &f->stats[f->count++];
        *into = (struct route_stats){.migration = stats->migration};
    }
    into->breaker = stats->breaker;
    system_stats_merge(&into->system[SYSTEM_LEGACY], &stats->system[SYSTEM_LEGACY]);
    system_stats_merge(&into->system[SYSTEM_NEW], &stats->system[SYSTEM_NEW]);
    mirror_stats_merge(&into->mirror, &stats->mirror);
    compare_stats_merge(&into->compare, &stats->compare);
}

/* Revisions of one store say nothing in another's history. */
static void enter_history(struct past *p, const char *incarnation)
{
    if (strcmp(p->incarnation, incarnation) == 0)
        return;
    close_bucket(p);
    for (uint64_t n = p->first; n < p->after; n++)
        (*slot(p, n))->revision = 0;
    CHECK(str_copy(str_of(incarnation), p->incarnation, sizeof p->incarnation));
}

void past_add(struct past *p, mono_t now, dur_t interval, const struct position *served,
              const struct route_stats *stats, size_t count)
{
    enter_history(p, served->incarnation);
    if (p->now.revision != served->revision || p->now.interval.ns + interval.ns > PAST_BUCKET.ns)
        close_bucket(p);
    p->now.end = now;
    p->now.interval.ns += interval.ns;
    p->now.revision = served->revision;
    for (size_t i = 0; i < count; i++)
        merge(&p->now, &stats[i]);
    drop_old(p, now);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The bucket that the cursor is in or before; NULL: it is at the end. */
static const struct bucket *bucket_at(struct past *p, struct past_cursor *c, mono_t oldest)
{
    if (c->bucket < p->first)
        *c = (struct past_cursor){.bucket = p->first};
    while (c->bucket < p->after && mono_before((*slot(p, c->bucket))->end, oldest))
        *c = (struct past_cursor){.bucket = c->bucket + 1};
    return c->bucket < p->after ? *slot(p, c->bucket) : NULL;
}

bool past_read(struct past *p, struct past_cursor *c, mono_t oldest, struct past_item *ret)
{
    const struct bucket *b = bucket_at(p, c, oldest);
    const uint8_t *at;

    if (!b) {
        close_bucket(p);
        b = bucket_at(p, c, oldest);
    }
    if (!b)
        return false;
    ret->end = b->end;
    ret->interval = b->interval;
    ret->revision = b->revision;
    ret->first = c->offset == 0;
    ret->has_stats = b->size > 0;
    at = b->bytes + c->offset;
    if (ret->has_stats)
        get_route(&at, &ret->stats);
    c->offset = (size_t)(at - b->bytes);
    if (c->offset == b->size)
        *c = (struct past_cursor){.bucket = c->bucket + 1};
    return true;
}
