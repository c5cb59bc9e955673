/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/compare_rule.h"

#include "tests/lib/unit.h"

static void paths_read_into_their_parts(void **state UNUSED)
{
    struct compare_path p;

    assert_null(compare_path_parse(STR("$"), &p));
    assert_int_equal(p.count, 0);
    assert_null(compare_path_parse(STR("$.a.*[*][12]..b"), &p));
    assert_int_equal(p.count, 5);
    assert_int_equal(p.part[0].kind, COMPARE_PART_NAME);
    assert_true(str_eq(p.part[0].name, STR("a")));
    assert_int_equal(p.part[1].kind, COMPARE_PART_ANY_NAME);
    assert_int_equal(p.part[2].kind, COMPARE_PART_ANY_ITEM);
    assert_int_equal(p.part[3].kind, COMPARE_PART_ITEM);
    assert_int_equal(p.part[3].item, 12);
    assert_int_equal(p.part[4].kind, COMPARE_PART_DEEP);
    assert_true(str_eq(p.part[4].name, STR("b")));
}

static void bad_rules_are_refused_with_the_reason(void **state UNUSED)
{
    static const struct {
        struct compare_rule rule;
        const char *why;
    } bad[] = {
        {{COMPARE_IGNORE, "", 0}, "a path begins with '$'"},
        {{COMPARE_IGNORE, "a.b", 0}, "\"a.b\": a path begins with '$'"},
        {{COMPARE_IGNORE, "$a", 0}, "after '$' and ']' follows '.' or '['"},
        {{COMPARE_IGNORE, "$.", 0}, "a name has to follow '.'"},
        {{COMPARE_IGNORE, "$.a..", 0}, "a name has to follow '.'"},
        {{COMPARE_IGNORE, "$..*", 0}, "'..' needs a name"},
        {{COMPARE_IGNORE, "$[1", 0}, "a '[' is not closed"},
        {{COMPARE_IGNORE, "$[-1]", 0}, "between '[' and ']' stands a number"},
        {{COMPARE_IGNORE, "$[]", 0}, "between '[' and ']' stands a number"},
        {{COMPARE_IGNORE, "$[1]a", 0}, "after '$' and ']' follows '.' or '['"},
        {{COMPARE_COSMETIC, "header ", 0}, "a field's name is missing"},
        {{COMPARE_CRITICAL, "header a b", 0}, "that is no name of a field"},
        {{COMPARE_HEADER, "a:", 0}, "that is no name of a field"},
        {{COMPARE_HEADER, "", 0}, "a field's name is missing"},
        {{COMPARE_UNORDERED, "body", 0}, "a path begins with '$'"},
        {{COMPARE_TOLERANCE, "$", 0}, "a tolerance is a number above 0"},
        {{COMPARE_TOLERANCE, "$", -1}, "a tolerance is a number above 0"},
        {{COMPARE_RULE_COUNT, "$", 0}, "its kind is unknown"},
        {{COMPARE_IGNORE, "$.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", 0},
         "the path has too many parts"},
    };
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_fails(compare_rule_check(&bad[i].rule, &err), ERR_INVALID);
        assert_holds(err.msg, bad[i].why);
    }
}

static void good_rules_are_taken(void **state UNUSED)
{
    static const struct compare_rule good[] = {
        {COMPARE_IGNORE, "$", 0},
        {COMPARE_IGNORE, "status", 0},
        {COMPARE_COSMETIC, "grpc-status", 0},
        {COMPARE_COSMETIC, "body", 0},
        {COMPARE_CRITICAL, "header X-Total", 0},
        {COMPARE_HEADER, "ETag", 0},
        {COMPARE_UNORDERED, "$.items", 0},
        {COMPARE_TOLERANCE, "$..p", 0.01},
    };
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_ok(compare_rule_check(&good[i], &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_read_into_their_parts),
        cmocka_unit_test(bad_rules_are_refused_with_the_reason),
        cmocka_unit_test(good_rules_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
