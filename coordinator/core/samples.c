/* SPDX-License-Identifier: Apache-2.0 */
/* Of each level one period is open, the others are packed. A period of a level holds what was
 * reported in those of the level below that are over; what is still open there is added when
 * somebody asks. Triggers and gates ask ten times a second, so what the packed ones of their
 * windows come to is remembered until another period is packed. */
#include "coordinator/core/samples.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/packed.h"
#include "coordinator/core/periods.h"

#define NS_PER_S  INT64_C(1000000000)
#define FORGOTTEN INT64_MIN
#define SUMS_KEPT 2 /* windows asked for in turn: a trigger's and a gate's */

static const struct {
    int64_t period_ns;
    unsigned size; /* periods that are kept */
} levels[] = {
    {NS_PER_S, SAMPLES_SECONDS},
    {10 * NS_PER_S, 360},
    {60 * NS_PER_S, 360},
    {600 * NS_PER_S, 144},
};
#define LEVELS ((unsigned)ARRAY_LEN(levels))

struct cell {
    int64_t period; /* means nothing without `packed` */
    mono_t first;
    struct packed *packed; /* owned; NULL: nothing */
};

/* What the packed periods of a window came to. */
struct sum {
    unsigned level;
    int64_t first, last; /* periods */
    uint64_t changes;    /* of the level by then; 0: nothing is remembered here */
    struct system_stats stats;
};

struct sums {
    struct sum sum[SUMS_KEPT];
    unsigned next; /* to be replaced */
};

/* One system. */
struct series {
    struct cell *cell[LEVELS]; /* owned rings */
    uint64_t changes[LEVELS];  /* of the ring; never 0 */
    struct sample_bucket open[LEVELS];
    struct system_stats total;
    struct sums *sums; /* owned; changes nothing that can be seen */
};

struct samples {
    struct series system[SYSTEM_COUNT];
};

/* ---- periods --------------------------------------------------------------------------------- */

static int64_t period_at(unsigned level, int64_t ns)
{
    return period_number((mono_t){ns}, levels[level].period_ns);
}

static struct cell *cell_of(const struct series *s, unsigned level, int64_t period)
{
    return &s->cell[level][period_place(period, levels[level].size)];
}

static void forget(struct cell *c)
{
    free(c->packed);
    *c = (struct cell){.packed = NULL};
}

/* ---- adding ---------------------------------------------------------------------------------- */

static void keep(struct series *s, unsigned level, const struct sample_bucket *b)
{
    struct cell *c = cell_of(s, level, b->period);

    free(c->packed);
    *c = (struct cell){b->period, b->first, packed_new(&b->stats)};
    s->changes[level]++;
}

static void close_period(struct series *s, unsigned level);

/* Add to the period of the level that is open, or is to be. */
static void add_open(struct series *s, unsigned level, mono_t at, const struct system_stats *stats)
{
    struct sample_bucket *open = &s->open[level];
    int64_t period = period_at(level, at.ns);

    if (open->period != period) {
        close_period(s, level);
        open->period = period;
        open->first = at;
        open->stats = *stats;
    } else {
        system_stats_merge(&open->stats, stats);
    }
}

static void close_period(struct series *s, unsigned level)
{
    struct sample_bucket *open = &s->open[level];

    if (open->period == FORGOTTEN)
        return;
    keep(s, level, open);
    if (level + 1 < LEVELS)
        add_open(s, level + 1, open->first, &open->stats);
    open->period = FORGOTTEN;
}

/* Close what is over. */
static void roll(struct series *s, mono_t now)
{
    for (unsigned level = 0; level < LEVELS; level++)
        if (s->open[level].period < period_at(level, now.ns))
            close_period(s, level);
}

void samples_add(struct samples *s, mono_t at, const struct system_stats stats[SYSTEM_COUNT])
{
    CHECK(at.ns >= 0);
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        if (system_stats_is_empty(&stats[i]))
            continue;
        add_open(&s->system[i], 0, at, &stats[i]);
        system_stats_merge(&s->system[i].total, &stats[i]);
    }
}

/* Into a period that is over. */
static void add_closed(struct series *s, unsigned level, mono_t now, mono_t at,
                       const struct system_stats *stats)
{
    int64_t period = period_at(level, at.ns);
    struct sample_bucket b = {.period = period, .first = at, .stats = *stats};
    struct cell *c = cell_of(s, level, period);

    if (period_at(level, now.ns) - period >= (int64_t)levels[level].size ||
        (c->packed && c->period > period))
        return;
    if (c->packed && c->period == period) {
        packed_merge(c->packed, &b.stats);
        b.first = c->first;
    }
    keep(s, level, &b);
}

/* A level has not been given what is open below it. */
static void add_past(struct series *s, mono_t now, mono_t at, const struct system_stats *stats)
{
    roll(s, now);
    for (unsigned level = 0; level < LEVELS; level++) {
        if (period_at(level, at.ns) == period_at(level, now.ns)) {
            add_open(s, level, at, stats);
            return;
        }
        add_closed(s, level, now, at, stats);
    }
}

void samples_add_past(struct samples *s, mono_t now, mono_t at,
                      const struct system_stats stats[SYSTEM_COUNT])
{
    for (int i = 0; i < SYSTEM_COUNT; i++)
        if (!system_stats_is_empty(&stats[i]))
            add_past(&s->system[i], now, at, &stats[i]);
}

/* ---- reading --------------------------------------------------------------------------------- */

static unsigned level_for(dur_t window)
{
    unsigned level = 0;

    while (level + 1 < LEVELS && levels[level].size * levels[level].period_ns < window.ns)
        level++;
    return level;
}

/* Into an empty sum. */
static void add_up(const struct series *s, struct sum *sum)
{
    for (int64_t period = sum->first; period <= sum->last; period++) {
        const struct cell *c = cell_of(s, sum->level, period);

        if (c->packed && c->period == period)
            packed_merge(c->packed, &sum->stats);
    }
}

static const struct system_stats *sum_of(const struct series *s, unsigned level, int64_t first,
                                         int64_t last)
{
    struct sums *sums = s->sums;
    struct sum *sum;

    for (unsigned i = 0; i < SUMS_KEPT; i++) {
        sum = &sums->sum[i];
        if (sum->changes == s->changes[level] && sum->level == level && sum->first == first &&
            sum->last == last)
            return &sum->stats;
    }
    sum = &sums->sum[sums->next++ % SUMS_KEPT];
    *sum = (struct sum){.level = level, .first = first, .last = last, .changes = s->changes[level]};
    add_up(s, sum);
    return &sum->stats;
}

void samples_window(const struct samples *samples, enum system system, mono_t now, dur_t window,
                    struct system_stats *ret)
{
    const struct series *s = &samples->system[system];
    unsigned level = level_for(window);
    int64_t of = levels[level].period_ns, last = period_at(level, now.ns);
    int64_t count = (window.ns + of - 1) / of;

    if (count > levels[level].size)
        count = levels[level].size;
    *ret = *sum_of(s, level, last - count + 1, last);
    for (unsigned i = 0; i <= level; i++) {
        const struct sample_bucket *open = &s->open[i];

        if (open->period != FORGOTTEN && period_at(level, open->first.ns) > last - count)
            system_stats_merge(ret, &open->stats);
    }
}

const struct system_stats *samples_total(const struct samples *s, enum system system)
{
    return &s->system[system].total;
}

bool samples_second(const struct samples *samples, enum system system, mono_t now, unsigned ago,
                    struct sample_bucket *ret)
{
    const struct series *s = &samples->system[system];
    int64_t period = period_at(0, now.ns) - ago;
    const struct cell *c = cell_of(s, 0, period);

    if (ago >= SAMPLES_SECONDS)
        return false;
    if (s->open[0].period == period) {
        *ret = s->open[0];
        return true;
    }
    if (!c->packed || c->period != period)
        return false;
    *ret = (struct sample_bucket){.period = period, .first = c->first};
    packed_merge(c->packed, &ret->stats);
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void init(struct series *s)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        s->cell[level] = xcalloc(levels[level].size, sizeof(struct cell));
        s->changes[level] = 1;
        s->open[level].period = FORGOTTEN;
    }
    s->sums = xnew(struct sums);
}

struct samples *samples_new(void)
{
    struct samples *s = xnew(struct samples);

    for (int i = 0; i < SYSTEM_COUNT; i++)
        init(&s->system[i]);
    return s;
}

static void clear(struct series *s)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        for (unsigned i = 0; i < levels[level].size; i++)
            forget(&s->cell[level][i]);
        s->changes[level]++;
        s->open[level].period = FORGOTTEN;
    }
}

static void deinit(struct series *s)
{
    clear(s);
    for (unsigned level = 0; level < LEVELS; level++)
        free(s->cell[level]);
    free(s->sums);
}

void samples_clear(struct samples *s)
{
    for (int i = 0; i < SYSTEM_COUNT; i++)
        clear(&s->system[i]);
}

struct samples *samples_free(struct samples *s)
{
    if (!s)
        return NULL;
    for (int i = 0; i < SYSTEM_COUNT; i++)
        deinit(&s->system[i]);
    free(s);
    return NULL;
}
