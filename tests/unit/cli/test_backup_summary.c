/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/backup_summary.h"

#include "tests/lib/unit.h"

#define KEY(rest) "/switchyard/v1/" rest

static struct json *summary_of(struct backup_kv *kv, unsigned count)
{
    struct backup b = {.head = {.created_at = {1795255624123000000},
                                .incarnation = "5f0c1d",
                                .revision = 90,
                                .keys = count},
                       .kv = kv};

    return backup_summary(&b);
}

static void assert_summary(struct backup_kv *kv, unsigned count, const char *plans)
{
    CLEANUP(json_freep) struct json *j = summary_of(kv, count);
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(10000);

    assert_true(json_print(json_get(j, "plans"), false, &b));
    assert_string_equal(buf_text(&b), plans);
}

#define PLAN(name, phase, stage, weight, emergency, history)                                    \
    "{\"name\":\"" name "\",\"phase\":\"" phase "\",\"stage\":\"" stage "\",\"weight\":" weight \
    ",\"emergency\":" emergency ",\"history\":" history "}"

static void plans_are_told_in_the_order_of_their_names(void **state UNUSED)
{
    struct backup_kv kv[] = {
        {KEY("history/b/000000000001"), STR("{}"), 1},
        {KEY("plans/b"), STR("{}"), 1},
        {KEY("plans/a"), STR("{}"), 2},
        {KEY("rollouts/b"),
         STR("{\"phase\":\"baking\",\"stageName\":\"half\",\"weight\":50,\"more\":1}"), 3},
        {KEY("emergency/a"), STR("{\"active\":true}"), 4},
        {KEY("history/b/000000000002"), STR("{}"), 5},
    };

    assert_summary(kv, ARRAY_LEN(kv),
                   "[" PLAN("a", "", "", "0", "true", "0") "," PLAN("b", "baking", "half", "50",
                                                                    "false", "2") "]");
}

static void what_outlives_its_plan_is_left_out(void **state UNUSED)
{
    struct backup_kv kv[] = {{KEY("emergency/gone"), STR("{\"active\":true}"), 4}};

    assert_summary(kv, ARRAY_LEN(kv), "[]");
    assert_summary(NULL, 0, "[]");
}

static void records_that_are_not_understood_are_no_reason_to_fail(void **state UNUSED)
{
    struct backup_kv kv[] = {{KEY("plans/a"), STR("?"), 1},
                             {KEY("rollouts/a"), STR("[7"), 1},
                             {KEY("emergency/a"), STR(""), 1},
                             {KEY("plans/"), STR(""), 1}};

    assert_summary(
        kv, ARRAY_LEN(kv),
        "[" PLAN("", "", "", "0", "false", "0") "," PLAN("a", "", "", "0", "false", "0") "]");
}

static void the_head_is_told(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *j = summary_of(NULL, 0);

    assert_string_equal(json_get_string(j, "createdAt", ""), "2026-11-21T10:07:04.123Z");
    assert_string_equal(json_get_string(j, "incarnation", ""), "5f0c1d");
    assert_int_equal(json_get_u64(j, "revision", 0), 90);
    assert_int_equal(json_get_u64(j, "keys", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_told_in_the_order_of_their_names),
        cmocka_unit_test(what_outlives_its_plan_is_left_out),
        cmocka_unit_test(records_that_are_not_understood_are_no_reason_to_fail),
        cmocka_unit_test(the_head_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
