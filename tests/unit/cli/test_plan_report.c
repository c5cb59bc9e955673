/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include "cli/plan_report.h"
#include "tests/unit/common/model/plan_rich.h"

#define TEXT_LIMIT (64u << 10)

static void lints(const char *text, const char *environment, const char *expected)
{
    CLEANUP(json_freep) struct json *report = plan_report_lint(str_of(text), "p.yaml", environment);
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_LIMIT);

    plan_report_lint_text(report, &b);
    assert_string_equal(buf_text(&b), expected);
}

#define CAREFUL                                                               \
    "  triggers: {errorRate: 1%}\n"                                           \
    "  stages: [{name: half, weight: 50, bake: 1h, gate: {errorRate: 1%}},\n" \
    "           {name: all, weight: 100, bake: 1h, gate: {errorRate: 1%}}]\n"

static void a_plan_is_linted_in_all_its_environments(void **state UNUSED)
{
    lints(RICH_HEAD CAREFUL, NULL, "p.yaml: nothing looks wrong\n");
    lints(RICH_HEAD CAREFUL "  environments: {prod: {triggers: null}, lab: {}}\n", NULL,
          "warning: spec.triggers: there are none: nothing rolls back by itself, in environment "
          "prod\n");
    lints(RICH_HEAD CAREFUL "  environments: {prod: {triggers: null}, lab: {}}\n", "lab",
          "p.yaml: nothing looks wrong\n");
    lints(RICH_HEAD CAREFUL "  environment: required\n  environments: {prod: {stages: [{}]}}\n",
          NULL,
          "error: p.yaml:13: spec.stages[0]: \"name\" is missing (and 1 more problem), in "
          "environment "
          "prod\n");
}

static void a_warning_of_the_plan_is_not_told_again_for_each_environment(void **state UNUSED)
{
    lints(RICH_HEAD
          "  environments: {prod: {}, lab: {}}\n"
          "  stages: [{name: a, weight: 50, bake: 1h, gate: {errorRate: 1%}},\n"
          "           {name: b, weight: 100, gate: {errorRate: 1%}}]\n",
          NULL, "warning: spec.triggers: there are none: nothing rolls back by itself\n");
}

static void a_text_that_is_no_plan_is_an_error(void **state UNUSED)
{
    lints("a: [", NULL,
          "error: p.yaml:2: did not find expected node content, while parsing a flow node\n");
    lints("spec: {environments: 7, environment: required}", NULL,
          "error: p.yaml:1: spec.environment: required, and spec.environments has "
          "none\n");
}

static struct plan *parse(const char *text)
{
    struct plan *p = NULL;
    struct err err;

    assert_ok(plan_parse(str_of(text), "p.yaml", &p, &err), &err);
    return p;
}

static void differences_have_two_sides(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *a = parse(RICH_HEAD "  stages: [{name: a, weight: 10}]\n");
    CLEANUP(plan_freep)
    struct plan *b = parse(RICH_HEAD "  stages: [{name: a, weight: 20, bake: 1m}]\n");
    CLEANUP(json_freep)
    struct json *same = plan_report_diff(a, a), *report = plan_report_diff(a, b);
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(TEXT_LIMIT);

    plan_report_diff_text(same, &text);
    assert_string_equal(buf_text(&text), "orders: as in force\n");
    buf_clear(&text);
    plan_report_diff_text(report, &text);
    assert_string_equal(buf_text(&text),
                        "spec.stages[0].weight\n"
                        "  - 10\n"
                        "  + 20\n"
                        "spec.stages[0].bake\n"
                        "  + \"1m\"\n");
    buf_clear(&text);
    assert_true(json_print(report, false, &text));
    assert_string_equal(buf_text(&text),
                        "{\"migration\":\"orders\",\"differences\":["
                        "{\"path\":\"spec.stages[0].weight\",\"before\":10,\"after\":20},"
                        "{\"path\":\"spec.stages[0].bake\",\"after\":\"1m\"}]}");
}

static void what_was_set_by_hand_stands_below(void **state UNUSED)
{
    static const char by_hand[] =
        "[{\"setting\":\"mirror\",\"value\":\"25 %\",\"plan\":\"100 %\",\"operator\":\"alice\","
        "\"time\":\"2026-11-21T10:10:00.000Z\",\"command\":\"switchyard set mirror orders "
        "--default\"},"
        "{\"setting\":\"override\",\"value\":\"legacy\",\"plan\":\"none\",\"operator\":\"\","
        "\"command\":\"switchyard set override orders none\"}]";
    CLEANUP(plan_freep) struct plan *a = parse(RICH_HEAD "  stages: [{name: a, weight: 10}]\n");
    CLEANUP(json_freep) struct json *report = plan_report_diff(a, a);
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(TEXT_LIMIT);
    struct json *list;
    struct err err;

    assert_ok(json_parse(str_of(by_hand), &list, &err), &err);
    json_set(report, "byHand", list);
    plan_report_diff_text(report, &text);
    assert_string_equal(
        buf_text(&text),
        "orders: as in force\n"
        "by hand: mirror 25 %, where the plan says 100 %; by alice at 2026-11-21T10:10:00.000Z; "
        "`switchyard set mirror orders --default` ends it\n"
        "by hand: override legacy, where the plan says none; "
        "`switchyard set override orders none` ends it\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_linted_in_all_its_environments),
        cmocka_unit_test(a_warning_of_the_plan_is_not_told_again_for_each_environment),
        cmocka_unit_test(a_text_that_is_no_plan_is_an_error),
        cmocka_unit_test(differences_have_two_sides),
        cmocka_unit_test(what_was_set_by_hand_stands_below),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
