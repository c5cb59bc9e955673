/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that new gets no traffic in: they hold, go on with a warning, or fall, as the plan says,
 * counted from when all nodes served them. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define QUIET_PLAN(policy)                                                                      \
    PLAN_HEAD("orders", "/orders")                                                              \
    "  stages:\n"                                                                               \
    "    - name: canary\n      weight: 10\n"                                                    \
    "      gate: {errorRate: 1%, minRequests: 20, for: 5s, noTraffic: {after: 30s, do: " policy \
    "}}\n"                                                                                      \
    "    - {name: all, weight: 100, approval: manual}\n"

static struct rig *baking(const char *plan)
{
    struct rig *r = rig_new();

    rig_apply_text(r, plan);
    rig_all_serve(r, 1);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_wait(r, 60);
    rig_expect(r, 1, PHASE_CONVERGING);
    rig_all_serve(r, 1);
    rig_expect(r, 1, PHASE_BAKING);
    rig_wait(r, 29);
    rig_expect(r, 1, PHASE_BAKING);
    return r;
}

/* A node's first report after a decision covers a time before it, and is not judged. */
static void traffic(struct rig *r)
{
    for (int i = 0; i < 2; i++)
        rig_report(r, "n1", "orders", rig_stats(90, 0, 5), rig_stats(30, 0, 6));
}

static bool warned(const struct rig *r, const char *words)
{
    for (const struct core_tell *t = r->u.tell; t; t = t->next)
        if (t->level == LOG_WARN && strstr(t->text, words))
            return true;
    return false;
}

static void test_it_holds_and_says_so(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking(QUIET_PLAN("hold"));
    struct view_gate gate;

    rig_wait(r, 600);
    rig_expect(r, 1, PHASE_BAKING);
    gate = rig_status(r, "orders").gate;
    assert_int_equal(gate.verdict, VERDICT_HOLD);
    assert_true(gate.quiet);
    traffic(r);
    rig_tick(r);
    rig_expect(r, 1, PHASE_READY);
}

static void test_it_goes_on_with_a_warning(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking(QUIET_PLAN("warn"));

    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_READY);
    assert_true(warned(r, "the plan lets it go on"));
}

static void test_it_is_rolled_back(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking(QUIET_PLAN("rollback"));
    struct view_status s;

    rig_wait(r, 1);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    s = rig_status(r, "orders");
    assert_string_equal(s.rollout->last_rollback.violation[0],
                        "0 of 20 requests on new over the last 5s, 30s after the stage has been "
                        "served: too few to judge by, and the plan rolls it back");
    assert_string_equal(s.rollout->last_rollback.operator_name, "switchyard");
}

/* The deadline is the wall clock's, but who just started looks for a whole window first. */
static void test_a_restart_does_not_begin_anew(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking(QUIET_PLAN("rollback"));

    rig_restart(r);
    rig_all_serve(r, 1);
    rig_expect(r, 1, PHASE_BAKING);
    rig_wait(r, 10);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
}

static void test_traffic_in_time_is_no_silence(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking(QUIET_PLAN("rollback"));

    traffic(r);
    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_READY);
    rig_wait(r, 600);
    rig_expect(r, 1, PHASE_READY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_holds_and_says_so),
        cmocka_unit_test(test_it_goes_on_with_a_warning),
        cmocka_unit_test(test_it_is_rolled_back),
        cmocka_unit_test(test_a_restart_does_not_begin_anew),
        cmocka_unit_test(test_traffic_in_time_is_no_silence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
