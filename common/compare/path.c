/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compare/path.h"

void path_rules_init(struct path_rules *ret, const struct compare_rule *rules, unsigned count)
{
    ret->count = 0;
    ret->names_critical = false;
    for (unsigned i = 0; i < count && i < COMPARE_RULES_MAX; i++) {
        struct path_rule *rule = &ret->rule[ret->count];

        if (rules[i].kind == COMPARE_HEADER ||
            compare_path_parse(str_of(rules[i].path), &rule->path))
            continue;
        rule->kind = rules[i].kind;
        rule->tolerance = rules[i].tolerance;
        ret->names_critical |= rule->kind == COMPARE_CRITICAL;
        ret->count++;
    }
}

/* ---- following ------------------------------------------------------------------------------- */

static bool part_matches(const struct compare_path_part *part, struct str key, uint64_t index)
{
    switch (part->kind) {
    case COMPARE_PART_NAME:
    case COMPARE_PART_DEEP:
        return key.p && str_eq(part->name, key);
    case COMPARE_PART_ANY_NAME:
        return key.p != NULL;
    case COMPARE_PART_ITEM:
        return !key.p && part->item == index;
    case COMPARE_PART_ANY_ITEM:
        return !key.p;
    }
    return false;
}

static uint32_t step(const struct compare_path *path, uint32_t reached, struct str key,
                     uint64_t index)
{
    uint32_t next = 0;

    for (unsigned i = 0; i < path->count; i++) {
        const struct compare_path_part *part = &path->part[i];

        if (!(reached >> i & 1))
            continue;
        if (part->kind == COMPARE_PART_DEEP)
            next |= 1u << i;
        if (part_matches(part, key, index))
            next |= 1u << (i + 1);
    }
    return next;
}

static unsigned rank(enum compare_rule_kind class)
{
    return class == COMPARE_IGNORE ? 3 : class == COMPARE_COSMETIC ? 2 : class == COMPARE_CRITICAL;
}

/* What the rules that end here say; `inherited` when none classes the place itself. */
static void judge(const struct path_rules *r, enum compare_rule_kind inherited,
                  struct path_place *place)
{
    enum compare_rule_kind own = COMPARE_RULE_COUNT;

    place->unordered = false;
    place->tolerance = 0;
    for (unsigned i = 0; i < r->count; i++) {
        const struct path_rule *rule = &r->rule[i];

        if (!(place->reached[i] >> rule->path.count & 1))
            continue;
        if (rank(rule->kind) > rank(own))
            own = rule->kind;
        place->unordered |= rule->kind == COMPARE_UNORDERED;
        if (rule->kind == COMPARE_TOLERANCE && rule->tolerance > place->tolerance)
            place->tolerance = rule->tolerance;
    }
    place->class = own != COMPARE_RULE_COUNT ? own : inherited;
}

void path_root(const struct path_rules *r, struct path_place *ret)
{
    for (unsigned i = 0; i < r->count; i++)
        ret->reached[i] = 1;
    judge(r, COMPARE_RULE_COUNT, ret);
}

void path_enter(const struct path_rules *r, const struct path_place *from, struct str key,
                uint64_t index, struct path_place *ret)
{
    for (unsigned i = 0; i < r->count; i++)
        ret->reached[i] =
            from->reached[i] ? step(&r->rule[i].path, from->reached[i], key, index) : 0;
    judge(r, from->class, ret);
}
