/* SPDX-License-Identifier: Apache-2.0 */
/* Rules' paths, and which of them have come how far on the way down a JSON text. Pure. */
#pragma once

#include "common/model/compare_rule.h"

struct path_rule {
    enum compare_rule_kind kind;
    double tolerance;
    struct compare_path path;
};

struct path_rules {
    struct path_rule rule[COMPARE_RULES_MAX];
    unsigned count;
    bool names_critical;
};

/* Those of the rules that are about places in JSON. */
void path_rules_init(struct path_rules *ret, const struct compare_rule *rules, unsigned count);

/* A place, and what the rules say of it. `reached` is private. */
struct path_place {
    uint32_t reached[COMPARE_RULES_MAX]; /* bit i: the rule's first i parts lead here */
    enum compare_rule_kind class;        /* IGNORE, CRITICAL, COSMETIC; COMPARE_RULE_COUNT: none */
    bool unordered;
    double tolerance; /* 0: none */
};

void path_root(const struct path_rules *r, struct path_place *ret);
/* The member `key` (p is not NULL) or the item `index` of the place. */
void path_enter(const struct path_rules *r, const struct path_place *from, struct str key,
                uint64_t index, struct path_place *ret);
