/* SPDX-License-Identifier: Apache-2.0 */
/* Legacy after the last stage: in standby for quiet days, then given up on purpose. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define DAY 86400

#define STAGES "  stages:\n    - {name: half, weight: 50}\n    - {name: all, weight: 100}\n"
#define PLAN_KEPT                  \
    PLAN_HEAD("orders", "/orders") \
    PLAN_TRIGGERS                  \
    "  standby: {for: 7d, checklist: [\"exports read new\", \"backups are off\"]}\n" STAGES

static void pass(struct rig *r, int64_t seconds)
{
    rig_sleep_ms(r, seconds * 1000);
    rig_tick(r);
}

static void complete(struct rig *r)
{
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_COMPLETED);
}

static int setup(void **state)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN_KEPT);
    rig_all_serve(r, 2);
    complete(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static const struct core_command decommission = {.kind = CMD_DECOMMISSION};
static const struct core_command checked = {.kind = CMD_DECOMMISSION, .checklist_done = true};

static bool forbids_legacy(struct rig *r)
{
    struct route route;

    assert_true(core_compile(r->core, "orders", &route));
    return route.forbid_legacy;
}

static void retire(struct rig *r)
{
    pass(r, 7 * DAY);
    rig_does(r, checked);
    rig_expect(r, 2, PHASE_DECOMMISSIONED);
}

static void test_legacy_is_kept_for_the_standby(void **state)
{
    struct rig *r = *state;

    assert_int_equal(rig_status(r, "orders").rollout->standby_until.ns,
                     r->now.ns + dur_s(7 * DAY).ns);
    rig_refuses(r, checked, "legacy of orders is kept in standby until 2026-11-28T10:00Z, 7d more");
    pass(r, 7 * DAY - 60);
    rig_refuses(r, checked, "1m more");
    assert_string_equal(rig_status(r, "orders").suggested_command, "");
    pass(r, 60);
    assert_string_equal(rig_status(r, "orders").suggested_command,
                        "switchyard decommission orders --checklist-done --reason TEXT");
    assert_false(forbids_legacy(r));
    rig_does(r, checked);
    rig_expect(r, 2, PHASE_DECOMMISSIONED);
    assert_true(forbids_legacy(r));
}

static void test_the_checklist_is_listed_until_it_is_done(void **state)
{
    struct rig *r = *state;

    pass(r, 7 * DAY);
    rig_refuses(r, decommission,
                "(1) exports read new, (2) backups are off / switchyard decommission orders "
                "--checklist-done --reason TEXT");
    rig_does(r, checked);
}

static void test_a_rollback_begins_the_standby_anew(void **state)
{
    struct rig *r = *state;

    pass(r, 6 * DAY);
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    rig_does(r, (struct core_command){.kind = CMD_CLEAR});
    rig_all_serve(r, 2);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    assert_false(wall_is_set(rig_status(r, "orders").rollout->standby_until));
    complete(r);
    pass(r, 2 * DAY);
    rig_refuses(r, checked, "5d more: it began anew after the rollback of 2026-11-27");
    pass(r, 5 * DAY);
    rig_does(r, checked);
}

static void test_an_override_begins_the_standby_anew(void **state)
{
    struct rig *r = *state;

    pass(r, 6 * DAY);
    rig_does(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_LEGACY});
    rig_refuses(r, checked, "legacy still serves keys of orders: 0 % of them are on new");
    rig_does(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_NONE});
    rig_refuses(r, checked, "7d more");
}

static void test_a_changed_plan_moves_the_end(void **state)
{
    struct rig *r = *state;

    rig_apply_text(r, PLAN_HEAD("orders", "/orders") PLAN_TRIGGERS "  standby: {for: 8d}\n" STAGES);
    rig_refuses(r, decommission, "8d more");
}

static void test_it_is_refused_before_the_end(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK, .to_stage = 1});
    rig_refuses(r, checked, "orders is rolling back");
    rig_refuses(r, (struct core_command){.kind = CMD_DECOMMISSION, .reason = ""}, "needs a reason");
}

/* What is left: an emergency, a rollback with a reason, and to delete the plan. */
static void test_only_the_way_back_and_out_are_left(void **state)
{
    static const struct core_command refused[] = {
        {.kind = CMD_START},
        {.kind = CMD_PROMOTE},
        {.kind = CMD_PAUSE},
        {.kind = CMD_RESUME},
        {.kind = CMD_ABORT},
        {.kind = CMD_SET_WEIGHT, .weight_bp = 5000},
        {.kind = CMD_SET_OVERRIDE, .system = SYSTEM_LEGACY},
        {.kind = CMD_DECOMMISSION, .checklist_done = true},
        {.kind = CMD_SET_FLAG, .flag = "fast", .flag_value = "true"},
    };
    struct rig *r = *state;

    retire(r);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        rig_refuses(r, refused[i], "decommissioned");
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK, .to_stage = 1});
    rig_expect(r, 1, PHASE_ROLLING_BACK);
    assert_false(forbids_legacy(r));
}

static void test_an_emergency_goes_to_legacy_all_the_same(void **state)
{
    struct rig *r = *state;

    retire(r);
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    assert_false(forbids_legacy(r));
}

/* Nobody is there to take the traffic. */
static void test_no_trigger_sends_traffic_to_what_is_gone(void **state)
{
    struct rig *r = *state;

    retire(r);
    rig_all_serve(r, 2);
    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(1, 0, 5));
    rig_sleep_ms(r, 500);
    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(100, 60, 5));
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_DECOMMISSIONED);
}

static void test_the_plan_can_be_deleted(void **state)
{
    struct rig *r = *state;

    retire(r);
    rig_does(r, (struct core_command){.kind = CMD_DELETE});
    assert_null(core_next_migration(r->core, ""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_legacy_is_kept_for_the_standby),
        TEST(test_the_checklist_is_listed_until_it_is_done),
        TEST(test_a_rollback_begins_the_standby_anew),
        TEST(test_an_override_begins_the_standby_anew),
        TEST(test_a_changed_plan_moves_the_end),
        TEST(test_it_is_refused_before_the_end),
        TEST(test_only_the_way_back_and_out_are_left),
        TEST(test_an_emergency_goes_to_legacy_all_the_same),
        TEST(test_no_trigger_sends_traffic_to_what_is_gone),
        TEST(test_the_plan_can_be_deleted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
