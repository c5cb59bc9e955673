/* SPDX-License-Identifier: Apache-2.0 */
/* Varints: the counters, then the buckets from the first that is used to the last. */
#include "coordinator/core/packed.h"

#include "common/base/mem.h"

#define COUNTERS   (SYSTEM_COUNTERS + 2)
#define VARINT_MAX 10
#define SIZE_MAX_  ((COUNTERS + 2) * VARINT_MAX + HIST_BUCKETS * 5)

struct packed {
    uint8_t byte[1];
};

static size_t put(uint8_t *dst, uint64_t v)
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        dst[n++] = (uint8_t)(v | 0x80);
    dst[n++] = (uint8_t)v;
    return n;
}

static uint64_t get(const uint8_t **p)
{
    uint64_t v = *(*p)++;

    if (v < 0x80)
        return v;
    v &= 0x7f;
    for (unsigned shift = 7;; shift += 7) {
        uint64_t byte = *(*p)++;

        v |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return v;
    }
}

struct packed *packed_new(const struct system_stats *s)
{
#define X(name) , s->name
    const uint64_t counter[COUNTERS] = {s->latency.count, s->latency.sum_us SYSTEM_COUNTS(X)};
#undef X
    unsigned from = 0, end = HIST_BUCKETS;
    uint8_t text[SIZE_MAX_];
    struct packed *p;
    size_t n = 0;

    while (from < end && s->latency.bucket[from] == 0)
        from++;
    while (end > from && s->latency.bucket[end - 1] == 0)
        end--;
    for (unsigned i = 0; i < COUNTERS; i++)
        n += put(text + n, counter[i]);
    n += put(text + n, from);
    n += put(text + n, end);
    for (unsigned i = from; i < end; i++)
        n += put(text + n, s->latency.bucket[i]);
    p = xalloc(n);
    memcpy(p, text, n);
    return p;
}

void packed_merge(const struct packed *packed, struct system_stats *into)
{
    const uint8_t *p = packed->byte;
#define X(name) , &into->name
    uint64_t *const counter[COUNTERS] = {&into->latency.count,
                                         &into->latency.sum_us SYSTEM_COUNTS(X)};
#undef X
    unsigned from, end;

    for (unsigned i = 0; i < COUNTERS; i++)
        *counter[i] += get(&p);
    from = (unsigned)get(&p);
    end = (unsigned)get(&p);
    for (unsigned i = from; i < end; i++) {
        uint32_t *b = &into->latency.bucket[i];

        if (__builtin_add_overflow(*b, (uint32_t)get(&p), b))
            *b = UINT32_MAX;
    }
}
