/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/fleet/fleet_wire_compare.h"

#include "coordinator/fleet/fleet_wire.h"

static const Switchyard__V1__CompareRule__Kind kinds[COMPARE_RULE_COUNT] = {
    [COMPARE_HEADER] = SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_HEADER,
    [COMPARE_IGNORE] = SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_IGNORE,
    [COMPARE_CRITICAL] = SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_CRITICAL,
    [COMPARE_COSMETIC] = SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_COSMETIC,
    [COMPARE_UNORDERED] = SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_UNORDERED,
    [COMPARE_TOLERANCE] = SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_TOLERANCE,
};

Switchyard__V1__Compare *fleet_wire_compare(struct route_compare *c, struct compare_message *ret)
{
    Switchyard__V1__Compare *m = &ret->m;

    if (c->sample_bp == 0)
        return NULL;
    switchyard__v1__compare__init(m);
    m->sample_bp = c->sample_bp;
    m->noise_bp = c->noise_bp;
    m->off_above_bp = c->off_above_bp;
    m->max_body_bytes = c->max_body;
    for (unsigned i = 0; i < c->rule_count; i++) {
        switchyard__v1__compare_rule__init(&ret->rule[i]);
        ret->rule[i].kind = kinds[c->rule[i].kind];
        ret->rule[i].path = c->rule[i].path;
        ret->rule[i].tolerance = c->rule[i].tolerance;
        ret->at[i] = &ret->rule[i];
    }
    m->rules = ret->at;
    m->n_rules = c->rule_count;
    return m;
}

static void take_counters(const Switchyard__V1__CompareReport *m, struct compare_stats *ret)
{
    if (!m)
        return;
    *ret = (struct compare_stats){
        .compared = m->compared,
        .equal = m->equal,
        .cosmetic = m->cosmetic,
        .critical = m->critical,
        .noise_compared = m->noise_compared,
        .noise_differed = m->noise_differed,
        .skipped = m->skipped,
        .overhead_us = m->overhead_us,
    };
}

static void take_discrepancy(const Switchyard__V1__Discrepancy *m, struct discrepancy *ret)
{
    const int64_t max = INT64_MAX / 1000000;

    ret->at.ns = m->at_unix_ms > 0 && m->at_unix_ms < max ? m->at_unix_ms * 1000000 : 0;
    ret->critical = m->critical;
    fleet_wire_text(m->request, ret->request, sizeof ret->request);
    fleet_wire_text(m->where, ret->where, sizeof ret->where);
    fleet_wire_text(m->legacy, ret->legacy, sizeof ret->legacy);
    fleet_wire_text(m->new_, ret->new_value, sizeof ret->new_value);
}

void fleet_wire_compared(const Switchyard__V1__RouteReport *m, struct route_stats *ret)
{
    take_counters(m->compare, &ret->compare);
    for (size_t i = 0; i < m->n_discrepancies && i < DISCREPANCIES_MAX; i++)
        take_discrepancy(m->discrepancies[i], &ret->discrepancy[ret->discrepancy_count++]);
}
