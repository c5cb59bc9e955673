/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/metrics.h"

#include <inttypes.h>
#include <stdio.h>

#define LABELS_SIZE 256

enum kind { COUNTER, GAUGE, HISTOGRAM };

static const struct {
    const char *name;
    enum kind type;
    const char *labels, *help;
} table[] = {
#define X(id, name, type, labels, help) [METRIC_##id] = {name, type, labels, help},
    METRICS(X)
#undef X
};

const char *metric_name(enum metric m)
{
    return table[m].name;
}

const char *metric_type(enum metric m)
{
    static const char *const names[] = {"counter", "gauge", "histogram"};

    return names[table[m].type];
}

const char *metric_labels(enum metric m)
{
    return table[m].labels;
}

const char *metric_help(enum metric m)
{
    return table[m].help;
}

/* ---- histograms ------------------------------------------------------------------------------ */

static unsigned le_of(unsigned bucket)
{
    unsigned le = 0;

    while (le < METRIC_LE_COUNT && hist_bucket_end(bucket) > UINT64_C(1) << (METRIC_LE_FIRST + le))
        le++;
    return le;
}

void metric_hist_add(struct metric_hist *into, const struct hist *more)
{
    if (more->count == 0)
        return;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        unsigned le = more->bucket[i] > 0 ? le_of(i) : METRIC_LE_COUNT;

        if (le < METRIC_LE_COUNT)
            into->at_most[le] += more->bucket[i];
    }
    into->count += more->count;
    into->sum_us += more->sum_us;
}

/* ---- text ------------------------------------------------------------------------------------ */

void metrics_family(struct metrics *m, enum metric family)
{
    m->family = family;
    m->full = m->full || !buf_addf(m->to, "# HELP %s %s\n# TYPE %s %s\n", metric_name(family),
                                   metric_help(family), metric_name(family), metric_type(family));
}

static void write_labels(struct metrics *m, char text[LABELS_SIZE], const char *labels, va_list ap)
    PRINTF(3, 0);

/* Cuts nothing: what does not fit is a page that is too large. */
static void write_labels(struct metrics *m, char text[LABELS_SIZE], const char *labels, va_list ap)
{
    int n = vsnprintf(text, LABELS_SIZE, labels, ap);

    m->full = m->full || n < 0 || n >= LABELS_SIZE;
}

static void write_sample(struct metrics *m, const char *labels, const char *value)
{
    bool some = labels[0] != '\0';

    m->full = m->full || !buf_addf(m->to, "%s%s%s%s %s\n", metric_name(m->family), some ? "{" : "",
                                   labels, some ? "}" : "", value);
}

void metrics_count(struct metrics *m, uint64_t value, const char *labels, ...)
{
    char text[LABELS_SIZE], number[32];
    va_list ap;

    va_start(ap, labels);
    write_labels(m, text, labels, ap);
    va_end(ap);
    str_fmt(number, sizeof number, "%" PRIu64, value);
    write_sample(m, text, number);
}

void metrics_value(struct metrics *m, double value, const char *labels, ...)
{
    char text[LABELS_SIZE], number[32];
    va_list ap;

    va_start(ap, labels);
    write_labels(m, text, labels, ap);
    va_end(ap);
    str_fmt(number, sizeof number, "%.15g", value);
    write_sample(m, text, number);
}

void metrics_hist(struct metrics *m, const struct metric_hist *h, const char *labels, ...)
{
    const char *name = metric_name(m->family);
    char text[LABELS_SIZE];
    uint64_t below = 0;
    va_list ap;

    va_start(ap, labels);
    write_labels(m, text, labels, ap);
    va_end(ap);
    for (unsigned i = 0; i < METRIC_LE_COUNT; i++) {
        double le = (double)(UINT64_C(1) << (METRIC_LE_FIRST + i)) / 1e6;

        below += h->at_most[i];
        m->full = m->full || !buf_addf(m->to, "%s_bucket{%s,le=\"%.9g\"} %" PRIu64 "\n", name, text,
                                       le, below);
    }
    m->full = m->full || !buf_addf(m->to,
                                   "%s_bucket{%s,le=\"+Inf\"} %" PRIu64
                                   "\n%s_sum{%s} %.15g\n"
                                   "%s_count{%s} %" PRIu64 "\n",
                                   name, text, h->count, name, text, (double)h->sum_us / 1e6, name,
                                   text, h->count);
}
