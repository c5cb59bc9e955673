/* SPDX-License-Identifier: Apache-2.0 */
/* What operators have set over the plan: each kind with both values, who did it, and the command
 * that ends it. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define PLAN                                                                                \
    PLAN_HEAD("orders", "/orders")                                                          \
    "  breaker: {errors: 5}\n"                                                              \
    "  flags: {fast: false}\n"                                                              \
    "  stages:\n"                                                                           \
    "    - {name: canary, weight: 10, mirror: 30, flags: {fast: true}, approval: manual}\n" \
    "    - {name: all, weight: 100, approval: manual}\n"

static int setup(void **state)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN);
    rig_all_serve(r, 1);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 1);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void expect(struct rig *r, const char *setting, const char *value, const char *plan,
                   const char *end)
{
    struct view_by_hand v[VIEW_BY_HAND_MAX];

    assert_int_equal(view_by_hand(r->core, "orders", v), 1);
    assert_string_equal(v[0].setting, setting);
    assert_string_equal(v[0].value, value);
    assert_string_equal(v[0].plan, plan);
    assert_string_equal(v[0].end, end);
    assert_non_null(v[0].order);
    assert_true(v[0].order->operator_name[0]);
}

static void expect_none(struct rig *r)
{
    struct view_by_hand v[VIEW_BY_HAND_MAX];

    assert_int_equal(view_by_hand(r->core, "orders", v), 0);
}

static void test_a_plan_alone_has_nothing_over_it(void **state)
{
    struct view_by_hand v[VIEW_BY_HAND_MAX];
    struct rig *r = *state;

    expect_none(r);
    assert_int_equal(view_by_hand(r->core, "nobody", v), 0);
}

static void test_a_weight_is_ended_by_that_of_the_stage(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_SET_WEIGHT, .weight_bp = 250});
    expect(r, "weight", "2.5 %", "10 %", "switchyard set weight orders 10");
    rig_does(r, (struct core_command){.kind = CMD_SET_WEIGHT, .weight_bp = 1000});
    expect_none(r);
}

static void test_an_override_is_ended_by_none(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_LEGACY});
    expect(r, "override", "legacy", "none", "switchyard set override orders none");
    rig_does(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_NONE});
    expect_none(r);
}

static void test_a_share_of_copies_is_ended_by_default(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_SET_MIRROR, .mirror_bp = 0});
    expect(r, "mirror", "0 %", "30 %", "switchyard set mirror orders --default");
    rig_does(r, (struct core_command){.kind = CMD_SET_MIRROR, .by_plan = true});
    expect_none(r);
}

static void test_settings_of_the_breaker_stand_together(void **state)
{
    static const struct core_setting two[] = {{"errors", "7"}, {"window", "60s"}};
    struct rig *r = *state;

    rig_does(r, (struct core_command){
                    .kind = CMD_BREAKER_TUNE, .setting = two, .settings = ARRAY_LEN(two)});
    expect(r, "breaker", "errors=7 window=1m", "errors=5 window=5m",
           "switchyard breaker tune orders --default");
    rig_does(r, (struct core_command){.kind = CMD_BREAKER_TUNE, .by_plan = true});
    expect_none(r);
}

static void test_flags_are_ended_together(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_SET_FLAG, .flag = "fast", .flag_value = "false"});
    expect(r, "flags", "fast=false", "fast=true", "switchyard set flag orders --all --default");
    rig_does(r, (struct core_command){.kind = CMD_SET_FLAG, .all = true, .flag_value = ""});
    expect_none(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_plan_alone_has_nothing_over_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_weight_is_ended_by_that_of_the_stage, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_override_is_ended_by_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_share_of_copies_is_ended_by_default, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_flags_are_ended_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings_of_the_breaker_stand_together, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
