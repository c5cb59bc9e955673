/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/compare_rule.h"

#include <math.h>

/* ---- paths ----------------------------------------------------------------------------------- */

static size_t name_length(struct str s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] != '.' && s.p[n] != '[')
        n++;
    return n;
}

static const char *read_name(struct str *s, struct compare_path_part *ret)
{
    size_t dots = str_starts(*s, STR("..")) ? 2 : 1;

    *s = (struct str){s->p + dots, s->n - dots};
    ret->name = (struct str){s->p, name_length(*s)};
    if (ret->name.n == 0)
        return "a name has to follow '.'";
    *s = (struct str){s->p + ret->name.n, s->n - ret->name.n};
    ret->kind = dots == 2 ? COMPARE_PART_DEEP : COMPARE_PART_NAME;
    if (!str_eq(ret->name, STR("*")))
        return NULL;
    ret->kind = COMPARE_PART_ANY_NAME;
    return dots == 1 ? NULL : "'..' needs a name, and '*' is none";
}

static const char *read_item(struct str *s, struct compare_path_part *ret)
{
    struct str inside, rest;

    if (!str_cut((struct str){s->p + 1, s->n - 1}, ']', &inside, &rest))
        return "a '[' is not closed";
    *s = rest;
    ret->kind = COMPARE_PART_ANY_ITEM;
    if (str_eq(inside, STR("*")))
        return NULL;
    ret->kind = COMPARE_PART_ITEM;
    if (!str_to_u64(inside, UINT32_MAX, &ret->item))
        return "between '[' and ']' stands a number from 0 or '*'";
    return NULL;
}

const char *compare_path_parse(struct str text, struct compare_path *ret)
{
    struct str rest = {text.p + 1, text.n - 1};

    ret->count = 0;
    if (text.n == 0 || text.p[0] != '$')
        return "a path begins with '$', as in \"$.items[*].price\" or \"$..id\"";
    while (rest.n > 0) {
        struct compare_path_part *part = &ret->part[ret->count];
        const char *why;

        if (ret->count == COMPARE_PATH_PARTS_MAX)
            return "the path has too many parts";
        if (rest.p[0] == '.')
            why = read_name(&rest, part);
        else if (rest.p[0] == '[')
            why = read_item(&rest, part);
        else
            why = "after '$' and ']' follows '.' or '['";
        if (why)
            return why;
        ret->count++;
    }
    return NULL;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static const char *find_field_fault(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            !strchr("!#$%&'*+-.^_`|~", c))
            return "that is no name of a field";
    }
    return name.n > 0 ? NULL : "a field's name is missing";
}

static const char *find_place_fault(struct str place)
{
    static const struct str header = {"header ", 7};
    struct compare_path path;

    if (str_eq(place, STR("status")) || str_eq(place, STR("grpc-status")) ||
        str_eq(place, STR("body")))
        return NULL;
    if (str_starts(place, header))
        return find_field_fault((struct str){place.p + header.n, place.n - header.n});
    return compare_path_parse(place, &path);
}

static const char *find_fault(const struct compare_rule *rule)
{
    struct str place = str_of(rule->path);
    struct compare_path path;

    switch (rule->kind) {
    case COMPARE_HEADER:
        return find_field_fault(place);
    case COMPARE_IGNORE:
    case COMPARE_CRITICAL:
    case COMPARE_COSMETIC:
        return find_place_fault(place);
    case COMPARE_TOLERANCE:
        if (!isfinite(rule->tolerance) || rule->tolerance <= 0)
            return "a tolerance is a number above 0";
        return compare_path_parse(place, &path);
    case COMPARE_UNORDERED:
        return compare_path_parse(place, &path);
    case COMPARE_RULE_COUNT:
        break;
    }
    return "its kind is unknown";
}

int compare_rule_check(const struct compare_rule *rule, struct err *err)
{
    const char *why = find_fault(rule);
    char shown[SHOW_SIZE];

    if (!why)
        return 0;
    return err_set(err, ERR_INVALID, "%s: %s", ids_show(str_of(rule->path), shown), why);
}
