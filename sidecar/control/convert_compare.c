/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/convert_compare.h"

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
