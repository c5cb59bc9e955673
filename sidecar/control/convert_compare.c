/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/convert_compare.h"

#include "common/base/mem.h"
#include "common/model/compare_rule.h"

static bool take_rule(const Switchyard__V1__CompareRule *m, struct compare_rule *ret)
{
    static const enum compare_rule_kind kinds[] = {
        [SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_HEADER] = COMPARE_HEADER,
        [SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_IGNORE] = COMPARE_IGNORE,
        [SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_CRITICAL] = COMPARE_CRITICAL,
        [SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_COSMETIC] = COMPARE_COSMETIC,
        [SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_UNORDERED] = COMPARE_UNORDERED,
        [SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_TOLERANCE] = COMPARE_TOLERANCE,
    };

    if ((unsigned)m->kind >= ARRAY_LEN(kinds))
        return false;
    ret->kind = kinds[m->kind];
    ret->tolerance = m->tolerance;
    return str_copy(str_of(m->path), ret->path, sizeof ret->path) &&
           compare_rule_check(ret, NULL) == 0;
}

void convert_take_compare(const Switchyard__V1__Compare *m, struct route_compare *ret)
{
    if (!m)
        return;
    ret->sample_bp = m->sample_bp;
    ret->noise_bp = m->noise_bp;
    ret->off_above_bp = m->off_above_bp;
    ret->max_body = m->max_body_bytes;
    for (size_t i = 0; i < m->n_rules && ret->rule_count < COMPARE_RULES_MAX; i++)
        ret->rule_count += take_rule(m->rules[i], &ret->rule[ret->rule_count]);
    for (unsigned i = ret->rule_count; i < COMPARE_RULES_MAX; i++)
        ret->rule[i] = (struct compare_rule){0};
}

/* A discrepancy with its texts, which reports may outlive the statistics with. */
struct given {
    Switchyard__V1__Discrepancy m;
    struct discrepancy text;
};

static Switchyard__V1__Discrepancy *give_discrepancy(const struct discrepancy *d)
{
    struct given *g = xnew(struct given);

    g->text = *d;
    switchyard__v1__discrepancy__init(&g->m);
    g->m.at_unix_ms = d->at.ns / 1000000;
    g->m.critical = d->critical;
    g->m.request = g->text.request;
    g->m.where = g->text.where;
    g->m.legacy = g->text.legacy;
    g->m.new_ = g->text.new_value;
    return &g->m;
}

static Switchyard__V1__CompareReport *give_counters(const struct compare_stats *s)
{
    Switchyard__V1__CompareReport *m;

    if (compare_stats_is_empty(s))
        return NULL;
    m = xnew(Switchyard__V1__CompareReport);
    switchyard__v1__compare_report__init(m);
    m->compared = s->compared;
    m->equal = s->equal;
    m->cosmetic = s->cosmetic;
    m->critical = s->critical;
    m->noise_compared = s->noise_compared;
    m->noise_differed = s->noise_differed;
    m->skipped = s->skipped;
    m->overhead_us = s->overhead_us;
    return m;
}

void convert_give_compared(const struct route_stats *stats, Switchyard__V1__RouteReport *m)
{
    m->compare = give_counters(&stats->compare);
    if (stats->discrepancy_count == 0)
        return;
    m->discrepancies = xcalloc(stats->discrepancy_count, sizeof *m->discrepancies);
    for (unsigned i = 0; i < stats->discrepancy_count; i++)
        m->discrepancies[m->n_discrepancies++] = give_discrepancy(&stats->discrepancy[i]);
}

void convert_drop_compared(Switchyard__V1__RouteReport *m)
{
    xfreep(&m->compare);
    for (size_t i = 0; i < m->n_discrepancies; i++)
        xfreep(&m->discrepancies[i]);
    xfreep(&m->discrepancies);
}
