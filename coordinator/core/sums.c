/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/sums.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/periods.h"

struct level {
    int64_t period_ns;
    int64_t size; /* periods that are kept */
};

static const struct level fine = {INT64_C(10000000000), 360};
static const struct level coarse = {INT64_C(600000000000), 144};

#define NEVER INT64_MIN

/* ---- periods --------------------------------------------------------------------------------- */

static size_t period_words(const struct sums *s)
{
    return s->counters + 1u;
}

static uint64_t *place_of(const struct sums *s, const struct level *l, uint64_t *ring,
                          int64_t number)
{
    return ring + (size_t)period_place(number, l->size) * period_words(s);
}

static void begin_period(const struct sums *s, uint64_t *period, int64_t number)
{
    memset(period, 0, period_words(s) * sizeof *period);
    *period = (uint64_t)number;
}

static void forget(const struct sums *s, const struct level *l, uint64_t *ring)
{
    for (int64_t i = 0; ring && i < l->size; i++)
        begin_period(s, place_of(s, l, ring, i), NEVER);
}

static uint64_t *new_ring(const struct sums *s, const struct level *l)
{
    uint64_t *ring = xcalloc((size_t)l->size * period_words(s), sizeof *ring);

    forget(s, l, ring);
    return ring;
}

static void add_at(const struct sums *s, const struct level *l, uint64_t *ring, mono_t at,
                   const uint64_t *counter)
{
    int64_t number = period_number(at, l->period_ns);
    uint64_t *period = place_of(s, l, ring, number);

    if ((int64_t)*period > number)
        return;
    if ((int64_t)*period < number)
        begin_period(s, period, number);
    for (unsigned i = 0; i < s->counters; i++)
        period[i + 1] += counter[i];
}

/* ---- counting -------------------------------------------------------------------------------- */

void sums_add(struct sums *s, mono_t at, const void *row, unsigned counters)
{
    if (!s->fine) {
        s->counters = counters;
        s->fine = new_ring(s, &fine);
        s->coarse = new_ring(s, &coarse);
    }
    CHECK(s->counters == counters);
    add_at(s, &fine, s->fine, at, row);
    add_at(s, &coarse, s->coarse, at, row);
}

void sums_add_past(struct sums *s, mono_t now, mono_t at, const void *row, unsigned counters)
{
    if (mono_sub(now, at).ns < coarse.size * coarse.period_ns)
        sums_add(s, at, row, counters);
}

void sums_window(const struct sums *s, mono_t now, dur_t window, void *ret_row, unsigned counters)
{
    const struct level *l = window.ns <= fine.size * fine.period_ns ? &fine : &coarse;
    uint64_t *ring = l == &fine ? s->fine : s->coarse;
    int64_t last = period_number(now, l->period_ns);
    int64_t count = (window.ns + l->period_ns - 1) / l->period_ns + 1;
    uint64_t *ret = ret_row;

    memset(ret, 0, counters * sizeof *ret);
    CHECK(!ring || s->counters == counters);
    if (count > l->size)
        count = l->size;
    for (int64_t i = 0; ring && i < count; i++) {
        const uint64_t *period = place_of(s, l, ring, last - i);

        for (unsigned k = 0; (int64_t)*period == last - i && k < counters; k++)
            ret[k] += period[k + 1];
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void sums_clear(struct sums *s)
{
    forget(s, &fine, s->fine);
    forget(s, &coarse, s->coarse);
}

void sums_deinit(struct sums *s)
{
    free(s->fine);
    free(s->coarse);
    *s = (struct sums){.counters = 0};
}
