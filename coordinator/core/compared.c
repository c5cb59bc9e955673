/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/compared.h"

#include <stdlib.h>

#include "common/base/mem.h"

#define COUNTERS (sizeof(struct compare_stats) / sizeof(uint64_t))

void compared_add(struct compared *c, mono_t at, const struct compare_stats *stats, bool judged)
{
    if (compare_stats_is_empty(stats))
        return;
    compare_stats_merge(&c->total, stats);
    if (judged)
        sums_add(&c->sums, at, stats, COUNTERS);
}

void compared_add_past(struct compared *c, mono_t now, mono_t at, const struct compare_stats *stats)
{
    if (!compare_stats_is_empty(stats))
        sums_add_past(&c->sums, now, at, stats, COUNTERS);
}

void compared_window(const struct compared *c, mono_t now, dur_t window, struct compare_stats *ret)
{
    sums_window(&c->sums, now, window, ret, COUNTERS);
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
    sums_clear(&c->sums);
}

void compared_deinit(struct compared *c)
{
    sums_deinit(&c->sums);
    free(c->example);
    *c = (struct compared){.examples = 0};
}
