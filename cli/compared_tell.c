/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/compared_tell.h"

#include <inttypes.h>

#include "cli/cell.h"

bool compared_whole(const Switchyard__V1__Discrepancies *d)
{
    return d && d->recent && d->total;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

static void add_stats(struct buf *b, const char *over, const Switchyard__V1__ComparisonStats *s)
{
    buf_addf(b,
             "%s: %" PRIu64 " answers compared, %" PRIu64 " critical, %" PRIu64
             " cosmetic (%.2f %% differ)",
             over, s->compared, s->critical, s->cosmetic,
             percent(s->critical + s->cosmetic, s->compared));
    if (s->noise_compared)
        buf_addf(b, "; legacy differs from itself in %" PRIu64 " of %" PRIu64 " (%.2f %%)",
                 s->noise_differed, s->noise_compared,
                 percent(s->noise_differed, s->noise_compared));
    if (s->skipped)
        buf_addf(b, "; %" PRIu64 " skipped", s->skipped);
    if (s->compared)
        buf_addf(b, "; %.0f us each", 1000.0 * s->overhead_ms / (double)s->compared);
    buf_addf(b, "\n");
}

void compared_summary(struct buf *b, const Switchyard__V1__Discrepancies *d)
{
    char recent[48];

    if (d->sample <= 0) {
        buf_addf(b,
                 "%s: the plan compares nothing\n"
                 "add `compare: {sample: 10%%}` to it, and apply it\n",
                 d->migration);
        if (d->total->compared == 0)
            return;
    } else {
        buf_addf(b, "%s: %g %% of requests are answered by both systems%s\n", d->migration,
                 d->sample, d->off ? ", but none now" : "");
    }
    if (d->off && d->sample > 0)
        buf_addf(b, "off: the weight of new is above %g %% (compare.offAbove)\n", d->off_above);
    str_fmt(recent, sizeof recent, "last %.0f s, since the latest decision", d->window_s);
    add_stats(b, recent, d->recent);
    add_stats(b, "since start", d->total);
}

static void add_cell(struct buf *b, const char *text, char end)
{
    cell_add(b, text[0] ? text : "-", end);
}

void compared_table(struct buf *b, const Switchyard__V1__Discrepancies *d)
{
    buf_addf(b, "TIME\tNODE\tCLASS\tREQUEST\tWHERE\tLEGACY\tNEW\n");
    for (size_t i = 0; i < d->n_examples; i++) {
        const Switchyard__V1__DiscrepancyExample *e = d->examples[i];

        add_cell(b, e->time, '\t');
        add_cell(b, e->node, '\t');
        add_cell(b, e->class_, '\t');
        add_cell(b, e->request, '\t');
        add_cell(b, e->where, '\t');
        add_cell(b, e->legacy, '\t');
        add_cell(b, e->new_, '\n');
    }
}
