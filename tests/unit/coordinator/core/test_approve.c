/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals and freezes as an operator meets them: what is refused, what waits, what goes on by
 * itself. The rig's clock begins on Saturday, 2026-11-21, at 10:00 UTC. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define STAGES                                       \
    "  stages:\n"                                    \
    "    - {name: canary, weight: 10}\n"             \
    "    - {name: half, weight: 50, approvers: 2}\n" \
    "    - {name: all, weight: 100}\n"

#define PLAN_APPROVED PLAN_HEAD("orders", "/orders") STAGES
#define PLAN_FROZEN                                                                    \
    PLAN_HEAD("orders", "/orders")                                                     \
    "  freeze: [{from: Sat 10:00, until: Sat 10:10, reason: \"the release train\"}]\n" \
    "  stages:\n"                                                                      \
    "    - {name: canary, weight: 10}\n"                                               \
    "    - {name: all, weight: 100}\n"

static int setup(void **state)
{
    *state = rig_new();
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static struct core_command approve(const char *who, const char *stage)
{
    return (struct core_command){
        .kind = CMD_APPROVE, .operator_name = who, .to_stage_name = stage, .reason = "CHG-1"};
}

/* The first stage is entered, served, and done. */
static void begin(struct rig *r, const char *plan)
{
    rig_apply_text(r, plan);
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 2);
    rig_wait(r, 1);
}

static const struct rollout *rollout(struct rig *r)
{
    return rig_status(r, "orders").rollout;
}

static void test_a_stage_waits_for_its_approvals_and_goes_on_by_itself(void **state)
{
    struct rig *r = *state;

    begin(r, PLAN_APPROVED);
    rig_expect(r, 1, PHASE_READY);
    assert_non_null(strstr(rollout(r)->why, "half needs 2 approvals and has none"));
    assert_string_equal(rig_status(r, "orders").suggested_command,
                        "switchyard approve orders --stage half --reason TEXT");
    rig_does(r, approve("ann", NULL));
    assert_string_equal(r->u.change->summary, "half of orders is approved by ann: 1 of 2");
    rig_wait(r, 2);
    rig_expect(r, 1, PHASE_READY);
    rig_refuses(r, (struct core_command){.kind = CMD_PROMOTE},
                "half needs 2 approvals and has 1 (ann) / switchyard approve orders --stage half "
                "--reason TEXT");
    rig_does(r, approve("bob", "half"));
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_CONVERGING);
    assert_int_equal(rollout(r)->approval_count, 0);
}

static void test_the_same_operator_counts_once(void **state)
{
    struct rig *r = *state;
    unsigned saves;

    begin(r, PLAN_APPROVED);
    rig_does(r, approve("ann", "half"));
    saves = r->saves;
    rig_does(r, approve("ann", "2"));
    assert_string_equal(r->u.change->summary,
                        "ann has approved it before; half of orders is approved by ann: 1 of 2");
    assert_int_equal(r->saves, saves);
}

static void test_a_stage_that_is_skipped_needs_its_approvals_too(void **state)
{
    struct rig *r = *state;

    begin(r, PLAN_APPROVED);
    rig_refuses(r, (struct core_command){.kind = CMD_PROMOTE, .to_stage = 3},
                "half needs 2 approvals and has none");
}

static void test_what_cannot_be_approved_is_refused(void **state)
{
    struct rig *r = *state;

    begin(r, PLAN_APPROVED);
    rig_refuses(r, approve("ann", "canary"), "orders has entered canary already");
    rig_refuses(r, approve("ann", "all"), "stage all of orders asks for no approvals");
    rig_refuses(r, approve("ann", "haf"), "did you mean \"half\"?");
    rig_refuses(r, approve("ann", "9"), "plan orders has no stage 9 to approve");
    rig_refuses(r, (struct core_command){.kind = CMD_APPROVE, .operator_name = "ann", .reason = ""},
                "approved needs a reason");
}

static void test_room_for_approvals_ends(void **state)
{
    struct rig *r = *state;
    char who[NAME_SIZE];

    begin(r, PLAN_APPROVED);
    for (unsigned i = 0; i < APPROVALS_MAX; i++) {
        struct core_command cmd = approve(who, "half");

        str_fmt(who, sizeof who, "op%u", i);
        /* So that it does not go on by itself. */
        if (i == 0)
            rig_does(r, (struct core_command){.kind = CMD_PAUSE});
        rig_does(r, cmd);
    }
    rig_refuses(r, approve("one-more", "half"), "orders has 16 approvals already");
}

static void test_a_fall_and_a_changed_plan_drop_them(void **state)
{
    struct rig *r = *state;

    begin(r, PLAN_APPROVED);
    rig_does(r, approve("ann", "half"));
    rig_apply_text(r, PLAN_HEAD("orders", "/orders") "  standby: {for: 7d}\n" STAGES);
    assert_non_null(strstr(r->u.change->summary, "its approvals are dropped"));
    assert_int_equal(rollout(r)->approval_count, 0);
    rig_does(r, approve("ann", "half"));
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK});
    assert_int_equal(rollout(r)->approval_count, 0);
}

/* ---- freezes --------------------------------------------------------------------------------- */

static void test_nothing_starts_in_a_freeze(void **state)
{
    struct rig *r = *state;

    rig_apply_text(r, PLAN_FROZEN);
    rig_refuses(r, (struct core_command){.kind = CMD_START},
                "orders is held back: frozen until 2026-11-21T10:10Z: the release train / "
                "switchyard status orders --watch");
    assert_string_equal(rig_status(r, "orders").suggested_command, "");
    assert_non_null(rig_status(r, "orders").freeze);
    rig_wait(r, 601);
    assert_null(rig_status(r, "orders").freeze);
    rig_does(r, (struct core_command){.kind = CMD_START});
}

static void test_a_rollout_waits_for_the_end_of_a_freeze(void **state)
{
    struct rig *r = *state;

    r->now = wall_add(r->now, dur_s(-1));
    rig_apply_text(r, PLAN_FROZEN);
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_sleep_ms(r, 1000);
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_READY);
    assert_non_null(strstr(rollout(r)->why, "frozen until 2026-11-21T10:10Z: the release train"));
    rig_refuses(r, (struct core_command){.kind = CMD_SET_WEIGHT, .weight_bp = 1100}, "frozen");
    rig_refuses(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_NEW}, "frozen");
    rig_wait(r, 598);
    rig_expect(r, 1, PHASE_READY);
    rig_wait(r, 2);
    rig_expect(r, 2, PHASE_CONVERGING);
}

static void test_going_down_is_allowed_in_a_freeze(void **state)
{
    struct rig *r = *state;

    r->now = wall_add(r->now, dur_s(-1));
    rig_apply_text(r, PLAN_FROZEN);
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 2);
    rig_wait(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_SET_WEIGHT, .weight_bp = 500});
    rig_does(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_LEGACY});
    /* Back to new is a raise. */
    rig_refuses(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_NONE},
                "frozen");
    rig_does(r, (struct core_command){.kind = CMD_PAUSE});
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    rig_does(r, (struct core_command){.kind = CMD_CLEAR});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stage_waits_for_its_approvals_and_goes_on_by_itself),
        TEST(test_the_same_operator_counts_once),
        TEST(test_a_stage_that_is_skipped_needs_its_approvals_too),
        TEST(test_what_cannot_be_approved_is_refused),
        TEST(test_room_for_approvals_ends),
        TEST(test_a_fall_and_a_changed_plan_drop_them),
        TEST(test_nothing_starts_in_a_freeze),
        TEST(test_a_rollout_waits_for_the_end_of_a_freeze),
        TEST(test_going_down_is_allowed_in_a_freeze),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
