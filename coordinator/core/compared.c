/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/compared.h"

#include <stdlib.h>

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

static int64_t number_of(const struct level *l, mono_t at)
{
    return period_number(at, l->period_ns);
}

static struct compared_period *place_of(const struct level *l, struct compared_period *ring,
                                        int64_t number)
{
    return &ring[period_place(number, l->size)];
}

static void forget(const struct level *l, struct compared_period *ring)
{
    for (int64_t i = 0; ring && i < l->size; i++)
        ring[i] = (struct compared_period){.number = NEVER};
}

static struct compared_period *new_ring(const struct level *l)
{
    struct compared_period *ring = xcalloc((size_t)l->size, sizeof *ring);

    forget(l, ring);
    return ring;
}

/* Never in the place of a younger period. */
static void add_at(const struct level *l, struct compared_period *ring, mono_t at,
                   const struct compare_stats *stats)
{
    int64_t number = number_of(l, at);
    struct compared_period *p = place_of(l, ring, number);

    if (p->number > number)
        return;
    if (p->number < number)
        *p = (struct compared_period){.number = number};
    compare_stats_merge(&p->stats, stats);
}

static void add(struct compared *c, mono_t at, const struct compare_stats *stats)
{
    if (!c->fine) {
        c->fine = new_ring(&fine);
        c->coarse = new_ring(&coarse);
    }
    add_at(&fine, c->fine, at, stats);
    add_at(&coarse, c->coarse, at, stats);
}

void compared_add(struct compared *c, mono_t at, const struct compare_stats *stats, bool judged)
{
    if (compare_stats_is_empty(stats))
        return;
    compare_stats_merge(&c->total, stats);
    if (judged)
        add(c, at, stats);
}

void compared_add_past(struct compared *c, mono_t now, mono_t at, const struct compare_stats *stats)
{
    if (!compare_stats_is_empty(stats) && mono_sub(now, at).ns < coarse.size * coarse.period_ns)
        add(c, at, stats);
}

void compared_window(const struct compared *c, mono_t now, dur_t window, struct compare_stats *ret)
{
    const struct level *l = window.ns <= fine.size * fine.period_ns ? &fine : &coarse;
    struct compared_period *ring = l == &fine ? c->fine : c->coarse;
    int64_t last = number_of(l, now);
    int64_t count = (window.ns + l->period_ns - 1) / l->period_ns + 1;

    *ret = (struct compare_stats){.compared = 0};
    if (count > l->size)
        count = l->size;
    for (int64_t i = 0; ring && i < count; i++) {
        const struct compared_period *p = place_of(l, ring, last - i);

        if (p->number == last - i)
            compare_stats_merge(ret, &p->stats);
    }
}

/* ---- examples -------------------------------------------------------------------------------- */

void compared_add_example(struct compared *c, const struct name *node,
                          const struct discrepancy *what)
{
    if (!c->example)
        c->example = xcalloc(COMPARED_EXAMPLES_MAX, sizeof *c->example);
    c->example[c->examples++ % COMPARED_EXAMPLES_MAX] = (struct compared_example){*node, *what};
}

const struct compared_example *compared_example(const struct compared *c, unsigned nth)
{
    if (nth >= c->examples || nth >= COMPARED_EXAMPLES_MAX)
        return NULL;
    return &c->example[(c->examples - 1 - nth) % COMPARED_EXAMPLES_MAX];
}

/* ---- life ------------------------------------------------------------------------------------ */

void compared_clear(struct compared *c)
{
    forget(&fine, c->fine);
    forget(&coarse, c->coarse);
}

void compared_deinit(struct compared *c)
{
    free(c->fine);
    free(c->coarse);
    free(c->example);
    *c = (struct compared){.examples = 0};
}
