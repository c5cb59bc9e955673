/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/samples.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

#define NS_PER_S   INT64_C(1000000000)
#define NS_PER_MIN (60 * NS_PER_S)
#define FORGOTTEN  INT64_MIN

/* One level of one system. */
struct ring {
    int64_t period_ns;
    unsigned size;
    struct sample_bucket **bucket; /* owned, each NULL until used */
};

struct series {
    struct ring seconds;
    struct ring minutes;
    struct system_stats total;
};

struct samples {
    struct series system[SYSTEM_COUNT];
};

static void ring_init(struct ring *r, int64_t period_ns, unsigned size)
{
    *r = (struct ring){.period_ns = period_ns,
                       .size = size,
                       .bucket = xcalloc(size, sizeof(struct sample_bucket *))};
}

static void ring_deinit(struct ring *r)
{
    for (unsigned i = 0; i < r->size; i++)
        free(r->bucket[i]);
    free(r->bucket);
}

static void ring_clear(struct ring *r)
{
    for (unsigned i = 0; i < r->size; i++)
        if (r->bucket[i])
            r->bucket[i]->period = FORGOTTEN;
}

/* Rounded down: the past may lie before the machine's clock began. */
static int64_t ring_period(const struct ring *r, mono_t at)
{
    return at.ns / r->period_ns - (at.ns % r->period_ns < 0);
}

static struct sample_bucket **ring_slot(const struct ring *r, int64_t period)
{
    int64_t at = period % (int64_t)r->size;

    return &r->bucket[at < 0 ? at + (int64_t)r->size : at];
}

static void ring_add(struct ring *r, mono_t at, const struct system_stats *stats)
{
    int64_t period = ring_period(r, at);
    struct sample_bucket **slot = ring_slot(r, period);

    if (!*slot) {
        *slot = xnew(struct sample_bucket);
        (*slot)->period = FORGOTTEN;
    }
    if ((*slot)->period != period)
        **slot = (struct sample_bucket){.period = period, .first = at};
    system_stats_merge(&(*slot)->stats, stats);
}

static void ring_add_past(struct ring *r, mono_t now, mono_t at, const struct system_stats *stats)
{
    int64_t period = ring_period(r, at);
    const struct sample_bucket *there = *ring_slot(r, period);

    if (ring_period(r, now) - period >= (int64_t)r->size || (there && there->period > period))
        return;
    ring_add(r, at, stats);
}

static const struct sample_bucket *ring_get(const struct ring *r, int64_t period)
{
    const struct sample_bucket *b = *ring_slot(r, period);

    return b && b->period == period ? b : NULL;
}

static void ring_sum(const struct ring *r, mono_t now, dur_t window, struct system_stats *into)
{
    int64_t last = ring_period(r, now);
    int64_t count = (window.ns + r->period_ns - 1) / r->period_ns;

    if (count > r->size)
        count = r->size;
    for (int64_t i = 0; i < count; i++) {
        const struct sample_bucket *b = ring_get(r, last - i);

        if (b)
            system_stats_merge(into, &b->stats);
    }
}

struct samples *samples_new(void)
{
    struct samples *s = xnew(struct samples);

    for (int i = 0; i < SYSTEM_COUNT; i++) {
        ring_init(&s->system[i].seconds, NS_PER_S, SAMPLES_SECONDS);
        ring_init(&s->system[i].minutes, NS_PER_MIN, SAMPLES_MINUTES);
    }
    return s;
}

struct samples *samples_free(struct samples *s)
{
    if (!s)
        return NULL;
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        ring_deinit(&s->system[i].seconds);
        ring_deinit(&s->system[i].minutes);
    }
    free(s);
    return NULL;
}

void samples_add(struct samples *s, mono_t at, const struct system_stats stats[SYSTEM_COUNT])
{
    CHECK(at.ns >= 0);
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        if (system_stats_is_empty(&stats[i]))
            continue;
        ring_add(&s->system[i].seconds, at, &stats[i]);
        ring_add(&s->system[i].minutes, at, &stats[i]);
        system_stats_merge(&s->system[i].total, &stats[i]);
    }
}

void samples_add_past(struct samples *s, mono_t now, mono_t at,
                      const struct system_stats stats[SYSTEM_COUNT])
{
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        if (system_stats_is_empty(&stats[i]))
            continue;
        ring_add_past(&s->system[i].seconds, now, at, &stats[i]);
        ring_add_past(&s->system[i].minutes, now, at, &stats[i]);
    }
}

void samples_clear(struct samples *s)
{
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        ring_clear(&s->system[i].seconds);
        ring_clear(&s->system[i].minutes);
    }
}

void samples_window(const struct samples *s, enum system system, mono_t now, dur_t window,
                    struct system_stats *ret)
{
    const struct series *of = &s->system[system];
    bool fine = window.ns <= SAMPLES_SECONDS * NS_PER_S;

    memset(ret, 0, sizeof *ret);
    ring_sum(fine ? &of->seconds : &of->minutes, now, window, ret);
}

const struct system_stats *samples_total(const struct samples *s, enum system system)
{
    return &s->system[system].total;
}

const struct sample_bucket *samples_second(const struct samples *s, enum system system, mono_t now,
                                           unsigned ago)
{
    const struct ring *r = &s->system[system].seconds;

    return ago < r->size ? ring_get(r, ring_period(r, now) - ago) : NULL;
}
