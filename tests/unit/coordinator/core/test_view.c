/* SPDX-License-Identifier: Apache-2.0 */
/* What operators see: status, statistics, convergence and measured times. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define NODES 3

static struct rig *at_canary(void)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN_ORDERS);
    rig_all_serve(r, NODES);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, NODES);
    rig_wait(r, 1);
    rig_all_serve(r, NODES);
    rig_expect(r, 2, PHASE_BAKING);
    return r;
}

static struct view_stats stats(struct rig *r, dur_t window)
{
    struct view_stats s;
    struct err err;

    assert_ok(view_stats(r->core, "orders", window, r->mono, &s, &err), &err);
    return s;
}

static void test_stats_are_all_reports(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_canary();

    /* The first covers a time before the node served canary: it counts here, and is not judged. */
    rig_report(r, "n1", "orders", rig_stats(90, 1, 5), rig_stats(10, 2, 6));
    rig_wait(r, 5);
    rig_report(r, "n1", "orders", rig_stats(90, 0, 5), rig_stats(10, 0, 6));
    /* It left before it was heard of: when it comes back its past has this. */
    rig_report(r, "stranger", "orders", rig_stats(1, 0, 5), rig_stats(0, 0, 6));
    assert_int_equal(stats(r, dur_s(0)).system[SYSTEM_NEW].requests, 20);
    assert_int_equal(stats(r, dur_s(0)).system[SYSTEM_NEW].errors, 2);
    assert_int_equal(stats(r, dur_s(0)).system[SYSTEM_LEGACY].requests, 180);
    assert_int_equal(stats(r, dur_s(2)).system[SYSTEM_NEW].requests, 10);
    assert_float_equal(rig_status(r, "orders").gate.check[0].value, 10.0, 0.0);
    assert_int_equal(stats(r, dur_s(2)).window.ns, dur_s(2).ns);
    dur_t so_far = stats(r, dur_s(0)).window;
    rig_wait(r, 60);
    assert_int_equal(stats(r, dur_s(0)).window.ns, so_far.ns + dur_s(60).ns);
    assert_int_equal(stats(r, dur_s(10)).system[SYSTEM_NEW].requests, 0);
    assert_int_equal(stats(r, dur_s(0)).system[SYSTEM_NEW].requests, 20);
}

static void test_reports_of_unknown_migrations_are_dropped(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_canary();

    rig_report(r, "n1", "baskets", rig_stats(90, 1, 5), rig_stats(10, 2, 6));
    assert_null(r->u.save);
    assert_int_equal(stats(r, dur_s(0)).system[SYSTEM_NEW].requests, 0);
}

static void test_unknown_names_are_not_found(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_canary();
    const struct history_entry *entry;
    struct view_status status;
    struct view_stats s;
    struct route route;
    struct emergency order;
    struct err err;

    assert_fails(view_status(r->core, "ordres", r->now, r->mono, &status, &err), ERR_NOT_FOUND);
    assert_holds(err.hint, "\"orders\"");
    assert_fails(view_stats(r->core, "ordres", dur_s(0), r->mono, &s, &err), ERR_NOT_FOUND);
    assert_int_equal(view_history(r->core, "ordres", &entry, 1), 0);
    assert_float_equal(rig_measured_of(r->core, "ordres").all, -1.0, 0.0);
    assert_false(core_compile(r->core, "ordres", &route));
    assert_false(core_emergency(r->core, "orders", &order));
}

static void test_convergence_asks_for_decisions_only(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_canary();
    uint64_t decision = core_decision_rev(r->core, "orders");
    struct view_convergence c;

    /* A pause is stored and decides nothing: waiting for its revision must not take for ever. */
    rig_does(r, (struct core_command){.kind = CMD_PAUSE});
    assert_true(r->rev > decision);
    assert_int_equal(core_decision_rev(r->core, "orders"), decision);
    view_convergence(r->core, "orders", r->rev, r->mono, &c);
    assert_int_equal(c.serving, NODES);
    view_convergence(r->core, "", 0, r->mono, &c);
    assert_int_equal(c.serving, NODES);
    rig_does(r, (struct core_command){.kind = CMD_ABORT});
    view_convergence(r->core, "orders", decision, r->mono, &c);
    assert_int_equal(c.serving, NODES);
    view_convergence(r->core, "orders", r->rev, r->mono, &c);
    assert_int_equal(c.lagging, NODES);
    view_convergence(r->core, "", 0, r->mono, &c);
    assert_int_equal(c.lagging, NODES);
}

static void test_a_measured_time_is_kept_when_nodes_join_later(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_canary();

    rig_does(r, (struct core_command){.kind = CMD_ABORT});
    assert_float_equal(rig_measured_of(r->core, "orders").all, -1.0, 0.0);
    assert_string_equal(rig_measured_of(r->core, "orders").last_node, "");
    rig_sleep_ms(r, 33);
    rig_all_serve(r, NODES);
    assert_float_equal(rig_measured_of(r->core, "orders").all, 33.0, 1e-6);
    assert_float_equal(rig_measured_of(r->core, "orders").p50, 33.0, 1e-6);
    rig_wait(r, 10);
    rig_node(r, "n9", 0);
    rig_node(r, "n9", core_revision(r->core));
    assert_float_equal(rig_measured_of(r->core, "orders").all, 33.0, 1e-6);
    assert_float_equal(rig_measured_of(r->core, "orders").p99, 33.0, 1e-6);
}

static void test_what_nodes_serve_is_compiled_from_the_state(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_canary();
    struct route route;

    assert_true(core_compile(r->core, "orders", &route));
    assert_string_equal(route.migration.s, "orders");
    assert_string_equal(route.path_prefix, "/orders");
    assert_string_equal(route.stage, "canary");
    assert_int_equal(route.weight_bp, 1000);
    assert_int_equal(route.override, SYSTEM_NONE);
    rig_does(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_LEGACY});
    assert_true(core_compile(r->core, "orders", &route));
    assert_int_equal(route.override, SYSTEM_LEGACY);
    assert_int_equal(route.weight_bp, 1000);
}

static void test_suggestions_lead_through_a_rollout(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_canary();

    assert_string_equal(rig_status(r, "orders").suggested_command, "");
    assert_int_equal(rig_status(r, "orders").suggested_next_weight_bp, 2500);
    rig_does(r, (struct core_command){.kind = CMD_PAUSE});
    assert_string_equal(rig_status(r, "orders").suggested_command, "switchyard resume orders");
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK, .to_stage = 1});
    assert_string_equal(rig_status(r, "orders").suggested_command, "");
    rig_all_serve(r, 2);
    rig_wait(r, 31);
    assert_string_equal(rig_status(r, "orders").suggested_command, "switchyard recover orders");
    rig_all_serve(r, NODES);
    assert_string_equal(rig_status(r, "orders").suggested_command, "switchyard promote orders");
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    rig_all_serve(r, NODES);
    assert_string_equal(rig_status(r, "orders").suggested_command,
                        "switchyard rollback orders --clear --reason TEXT");
}

#define PLAN_FALLS_TO(stage)                                                       \
    PLAN_HEAD("orders", "/orders")                                                 \
    "  triggers: {errorRate: 5%, minRequests: 20, window: 10s, rollbackTo: " stage \
    "}"                                                                            \
    "\n" PLAN_STAGES

/* The status tells the stage that a trigger would choose: of a rollback to the stage itself there
 * is none, so it goes all the way. */
static void test_where_a_trigger_falls_to(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_canary();

    assert_int_equal(rig_status(r, "orders").trigger_to, 0);
    rig_apply_text(r, PLAN_FALLS_TO("1"));
    assert_int_equal(rig_status(r, "orders").trigger_to, 1);
    rig_apply_text(r, PLAN_FALLS_TO("2"));
    assert_int_equal(rig_status(r, "orders").trigger_to, 0);
    rig_report(r, "n1", "orders", rig_stats(90, 0, 5), rig_stats(100, 100, 6));
    rig_wait(r, 1);
    rig_report(r, "n1", "orders", rig_stats(90, 0, 5), rig_stats(100, 100, 6));
    rig_expect(r, 0, PHASE_ROLLING_BACK);
}

/* Nor to one that would take more than is left by hand. */
static void test_a_trigger_falls_below_a_weight_by_hand(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_canary();

    rig_apply_text(r, PLAN_FALLS_TO("2"));
    rig_does(r, (struct core_command){.kind = CMD_PROMOTE, .full = true});
    assert_int_equal(rig_status(r, "orders").trigger_to, 2);
    rig_does(r, (struct core_command){.kind = CMD_SET_WEIGHT, .weight_bp = 500});
    assert_int_equal(rig_status(r, "orders").trigger_to, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_are_all_reports),
        cmocka_unit_test(test_reports_of_unknown_migrations_are_dropped),
        cmocka_unit_test(test_unknown_names_are_not_found),
        cmocka_unit_test(test_convergence_asks_for_decisions_only),
        cmocka_unit_test(test_a_measured_time_is_kept_when_nodes_join_later),
        cmocka_unit_test(test_what_nodes_serve_is_compiled_from_the_state),
        cmocka_unit_test(test_suggestions_lead_through_a_rollout),
        cmocka_unit_test(test_where_a_trigger_falls_to),
        cmocka_unit_test(test_a_trigger_falls_below_a_weight_by_hand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
