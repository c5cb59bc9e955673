/* SPDX-License-Identifier: Apache-2.0 */
/* A rollback rehearsed on a part of the fleet: who is moved, what is measured, what ends it. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define PLAN_DRILLED                                       \
    PLAN_HEAD("orders", "/orders")                         \
    PLAN_TRIGGERS                                          \
    "  drill: {maxAge: 30d, within: 500ms}\n"              \
    "  rollback: {deadline: 10s}\n"                        \
    "  stages:\n"                                          \
    "    - {name: canary, weight: 10, approval: manual}\n" \
    "    - {name: half, weight: 50, approval: manual}\n"   \
    "    - {name: all, weight: 100, approval: manual}\n"

#define CANARY "cluster=canary"

/* n1 and n2 are canaries, n3 is not; the first stage is entered and ready. */
static int setup(void **state)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN_DRILLED);
    rig_node_of(r, "n1", CANARY, 0);
    rig_node_of(r, "n2", CANARY, 0);
    rig_node_of(r, "n3", "cluster=eu", 0);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_node_of(r, "n1", CANARY, core_revision(r->core));
    rig_node_of(r, "n2", CANARY, core_revision(r->core));
    rig_node_of(r, "n3", "cluster=eu", core_revision(r->core));
    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_READY);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void drill(struct rig *r, const char *scope)
{
    rig_does(r, (struct core_command){.kind = CMD_DRILL, .scope = scope});
}

static void serves(struct rig *r, const char *name, int64_t after_ms)
{
    rig_sleep_ms(r, after_ms);
    rig_node_of(r, name, name[1] == '3' ? "cluster=eu" : CANARY, core_revision(r->core));
}

static const struct rollout *rollout(struct rig *r)
{
    return rig_status(r, "orders").rollout;
}

static struct route route(struct rig *r)
{
    struct route route;

    assert_true(core_compile(r->core, "orders", &route));
    return route;
}

static void expect_drill(struct rig *r, enum drill_state state)
{
    if (rollout(r)->drill_state != state)
        fail_msg("the drill is %s, expected %s; why: %s", drill_state_name(rollout(r)->drill_state),
                 drill_state_name(state), rollout(r)->drill.why);
}

static void test_a_drill_is_rehearsed_measured_and_restored(void **state)
{
    struct rig *r = *state;
    uint64_t before = core_revision(r->core);

    drill(r, "cluster=canary");
    expect_drill(r, DRILL_REHEARSING);
    assert_true(core_revision(r->core) > before);
    assert_string_equal(route(r).drill.text, "cluster=canary");
    assert_int_equal(route(r).weight_bp, 1000);
    assert_string_equal(r->u.change->summary,
                        "orders rehearses a rollback on 2 nodes, cluster=canary");
    assert_int_equal(r->u.change->nodes, 2);
    assert_float_equal(r->u.change->share_affected, 10.0 * 2 / 3, 0.01);

    serves(r, "n1", 40);
    expect_drill(r, DRILL_REHEARSING);
    serves(r, "n2", 60);
    expect_drill(r, DRILL_RESTORING);
    assert_string_equal(route(r).drill.text, "");
    assert_float_equal(rollout(r)->drill.measured_ms, 100.0, 0.01);

    serves(r, "n2", 30);
    serves(r, "n1", 20);
    expect_drill(r, DRILL_IDLE);
    assert_true(rollout(r)->drill.passed);
    assert_float_equal(rollout(r)->drill.restored_ms, 50.0, 0.01);
    assert_int_equal(rollout(r)->drill.nodes, 2);
    rig_expect(r, 1, PHASE_READY);
}

static void test_its_course_stands_in_the_history(void **state)
{
    struct rig *r = *state;
    const struct history_entry *entry[2];

    drill(r, "cluster=canary");
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    assert_int_equal(view_history(r->core, "orders", entry, 2), 2);
    assert_string_equal(entry[1]->event, "drill_started");
    assert_string_equal(entry[1]->operator_name, "ann");
    assert_string_equal(entry[0]->event, "drill_ended");
    assert_string_equal(entry[0]->operator_name, "switchyard");
    assert_string_equal(entry[0]->reason,
                        "the drill of cluster=canary passed: 2 nodes in 20 ms, and back in 20 ms");
}

/* The others get the decision as well, and nobody waits for them. */
static void test_only_the_scope_is_waited_for(void **state)
{
    struct rig *r = *state;

    drill(r, "name=n3");
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    expect_drill(r, DRILL_REHEARSING);
    serves(r, "n3", 10);
    expect_drill(r, DRILL_RESTORING);
    assert_float_equal(rollout(r)->drill.measured_ms, 30.0, 0.01);
}

static void test_in_shadow_nobody_is_moved(void **state)
{
    struct rig *r = *state;
    uint64_t before = core_revision(r->core);
    unsigned published = r->published;

    rig_does(r, (struct core_command){.kind = CMD_DRILL, .scope = "*", .shadow = true});
    expect_drill(r, DRILL_REHEARSING);
    assert_true(core_revision(r->core) > before);
    assert_int_equal(r->published, published + 1);
    assert_string_equal(route(r).drill.text, "");
    assert_float_equal(r->u.change->share_affected, 0.0, 0.001);
    before = core_revision(r->core);
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    serves(r, "n3", 10);
    expect_drill(r, DRILL_RESTORING);
    assert_true(core_revision(r->core) > before);
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    serves(r, "n3", 10);
    expect_drill(r, DRILL_IDLE);
    assert_true(rollout(r)->drill.passed && rollout(r)->drill.shadow);
}

static void test_a_slow_one_fails_with_what_it_took(void **state)
{
    struct rig *r = *state;

    drill(r, "cluster=canary");
    serves(r, "n1", 10);
    serves(r, "n2", 790);
    expect_drill(r, DRILL_RESTORING);
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    expect_drill(r, DRILL_IDLE);
    assert_false(rollout(r)->drill.passed);
    assert_string_equal(rollout(r)->drill.why, "it took 800 ms, and 500ms was asked for");
    assert_float_equal(rollout(r)->drill.measured_ms, 800.0, 0.01);
}

static void test_the_operator_may_ask_for_another_bound(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_DRILL, .scope = CANARY, .within_ms = 900});
    serves(r, "n1", 10);
    serves(r, "n2", 790);
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    assert_true(rollout(r)->drill.passed);
}

static void test_a_node_that_lags_fails_it_and_is_named(void **state)
{
    struct rig *r = *state;

    drill(r, "cluster=canary");
    serves(r, "n1", 10);
    rig_wait(r, 10);
    expect_drill(r, DRILL_RESTORING);
    assert_string_equal(rollout(r)->drill.why,
                        "nodes of the scope did not take the rehearsal over in time: n2");
    assert_string_equal(route(r).drill.text, "");
    rig_wait(r, 10);
    expect_drill(r, DRILL_IDLE);
    assert_false(rollout(r)->drill.passed);
    assert_float_equal(rollout(r)->drill.measured_ms, -1.0, 0.01);
    assert_string_equal(rollout(r)->drill.why,
                        "nodes of the scope did not take the rehearsal over in time: n2");
}

static void test_nodes_that_do_not_come_back_fail_it(void **state)
{
    struct rig *r = *state;

    drill(r, "cluster=canary");
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    rig_wait(r, 11);
    expect_drill(r, DRILL_IDLE);
    assert_false(rollout(r)->drill.passed);
    assert_float_equal(rollout(r)->drill.measured_ms, 20.0, 0.01);
    assert_float_equal(rollout(r)->drill.restored_ms, -1.0, 0.01);
    assert_string_equal(rollout(r)->drill.why,
                        "nodes of the scope did not come back in time: n1, n2");
}

/* A scope is whoever matches now: nodes that come, go, or change their labels on the way. */
static void test_the_scope_is_counted_as_it_is(void **state)
{
    struct rig *r = *state;

    drill(r, "cluster=canary");
    rig_node_of(r, "n4", CANARY, 0);
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    expect_drill(r, DRILL_REHEARSING);
    rig_node_of(r, "n4", "cluster=eu", 0);
    rig_tick(r);
    expect_drill(r, DRILL_RESTORING);
    rig_node_leaves(r, "n2");
    serves(r, "n1", 10);
    expect_drill(r, DRILL_RESTORING);
    serves(r, "n2", 10);
    expect_drill(r, DRILL_IDLE);
    assert_true(rollout(r)->drill.passed);
}

static void test_a_scope_that_dies_ends_by_the_deadline(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_DRILL, .scope = "name=n3", .within_ms = 60000});
    rig_node_leaves(r, "n3");
    rig_wait(r, 40);
    rig_node_leaves(r, "n3"); /* gone by now: it counts no more than before */
    expect_drill(r, DRILL_REHEARSING);
    rig_wait(r, 90);
    expect_drill(r, DRILL_IDLE);
    assert_false(rollout(r)->drill.passed);
}

/* ---- what ends it at once -------------------------------------------------------------------- */

static void expect_cut_short(struct rig *r, struct core_command fall, unsigned stage,
                             enum rollout_phase phase)
{
    drill(r, "cluster=canary");
    serves(r, "n1", 10);
    rig_does(r, fall);
    rig_expect(r, stage, phase);
    expect_drill(r, DRILL_IDLE);
    assert_false(rollout(r)->drill.passed);
    assert_string_equal(rollout(r)->drill.why, "the rollout fell in earnest");
    assert_string_equal(route(r).drill.text, "");
    assert_true(wall_is_set(rollout(r)->drill.ended_at));
}

static void test_a_rollback_ends_it(void **state)
{
    expect_cut_short(*state, (struct core_command){.kind = CMD_ROLLBACK}, 0, PHASE_ROLLING_BACK);
}

static void test_an_abort_ends_it(void **state)
{
    expect_cut_short(*state, (struct core_command){.kind = CMD_ABORT}, 0, PHASE_ABORTED);
}

static void test_an_emergency_ends_it(void **state)
{
    expect_cut_short(*state, (struct core_command){.kind = CMD_EMERGENCY}, 0, PHASE_ROLLING_BACK);
}

static void test_a_trigger_ends_it(void **state)
{
    struct rig *r = *state;

    drill(r, "cluster=canary");
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    serves(r, "n1", 10);
    expect_drill(r, DRILL_RESTORING);
    rig_node_of(r, "n3", "cluster=eu", core_revision(r->core));
    rig_report(r, "n3", "orders", rig_stats(0, 0, 5), rig_stats(1, 0, 5));
    rig_sleep_ms(r, 500);
    rig_report(r, "n3", "orders", rig_stats(100, 0, 5), rig_stats(100, 60, 5));
    rig_wait(r, 1);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    expect_drill(r, DRILL_IDLE);
}

/* ---- what it goes with ----------------------------------------------------------------------- */

static void test_nothing_rises_during_a_drill(void **state)
{
    struct rig *r = *state;

    drill(r, "cluster=canary");
    rig_refuses(r, (struct core_command){.kind = CMD_PROMOTE},
                "a drill is rehearsing; nothing rises until it is over");
    rig_refuses(r, (struct core_command){.kind = CMD_SET_WEIGHT, .weight_bp = 2000},
                "nothing rises until it is over");
    rig_refuses(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_NEW},
                "nothing rises until it is over");
    rig_does(r, (struct core_command){.kind = CMD_SET_WEIGHT, .weight_bp = 500});
    assert_string_equal(route(r).drill.text, "cluster=canary");
}

/* A stage counts as taken over when its nodes serve it, not when they rehearse going back. */
static void test_a_stage_does_not_converge_by_a_drill(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_SET_WEIGHT, .weight_bp = 500});
    rig_expect(r, 1, PHASE_CONVERGING);
    drill(r, "name=n1");
    serves(r, "n3", 1);
    serves(r, "n2", 1);
    serves(r, "n1", 1);
    expect_drill(r, DRILL_RESTORING);
    rig_expect(r, 1, PHASE_CONVERGING);
    serves(r, "n1", 1);
    expect_drill(r, DRILL_IDLE);
    serves(r, "n3", 1);
    serves(r, "n2", 1);
    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_READY);
}

static void test_a_raise_needs_a_drill_that_passed(void **state)
{
    struct rig *r = *state;

    rig_refuses(r, (struct core_command){.kind = CMD_PROMOTE},
                "the plan asks for a drill in the last 30d, and there was none / switchyard drill "
                "orders --scope SELECTOR --reason TEXT");
    assert_string_equal(rig_status(r, "orders").suggested_command,
                        "switchyard drill orders --scope SELECTOR --reason TEXT");
    drill(r, "cluster=canary");
    serves(r, "n1", 10);
    serves(r, "n2", 790);
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    rig_refuses(r, (struct core_command){.kind = CMD_PROMOTE},
                "the latest drill did not pass: it took 800 ms, and 500ms was asked for");
    drill(r, "cluster=canary");
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    serves(r, "n1", 10);
    serves(r, "n2", 10);
    assert_string_equal(rig_status(r, "orders").suggested_command, "switchyard promote orders");
    rig_sleep_ms(r, 29 * INT64_C(86400000));
    rig_does(r, (struct core_command){.kind = CMD_PROMOTE, .dry_run = true});
    rig_sleep_ms(r, 2 * INT64_C(86400000));
    rig_refuses(r, (struct core_command){.kind = CMD_PROMOTE},
                "the latest drill was 31d ago, and the plan asks for one in the last 30d");
}

static void test_it_goes_on_after_a_restart(void **state)
{
    struct rig *r = *state;

    drill(r, "cluster=canary");
    serves(r, "n1", 10);
    rig_restart(r);
    expect_drill(r, DRILL_REHEARSING);
    rig_node_of(r, "n1", CANARY, core_revision(r->core));
    rig_node_of(r, "n2", CANARY, core_revision(r->core));
    rig_node_of(r, "n3", "cluster=eu", core_revision(r->core));
    rig_wait(r, 6);
    expect_drill(r, DRILL_RESTORING);
    assert_true(rollout(r)->drill.measured_ms >= 10.0);
    rig_restart(r);
    expect_drill(r, DRILL_RESTORING);
    serves(r, "n1", 1);
    serves(r, "n2", 1);
    rig_wait(r, 6);
    expect_drill(r, DRILL_IDLE);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void test_refusals_say_what_to_type(void **state)
{
    struct rig *r = *state;

    rig_refuses(r, (struct core_command){.kind = CMD_DRILL}, "a drill needs a scope");
    rig_refuses(r, (struct core_command){.kind = CMD_DRILL, .scope = "canary"}, "scope: selector");
    rig_refuses(r, (struct core_command){.kind = CMD_DRILL, .scope = "cluster=us"},
                "no connected node is in the scope cluster=us / switchyard get nodes");
    rig_refuses(r, (struct core_command){.kind = CMD_DRILL, .scope = CANARY, .reason = ""},
                "needs a reason");
    rig_refuses(r, (struct core_command){.kind = CMD_DRILL, .scope = CANARY, .within_ms = 3600001},
                "60 minutes at most");
    drill(r, "cluster=canary");
    rig_refuses(r, (struct core_command){.kind = CMD_DRILL, .scope = CANARY},
                "orders is in a drill of cluster=canary already, ordered by ann");
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK});
    rig_refuses(r, (struct core_command){.kind = CMD_DRILL, .scope = CANARY},
                "orders is rolling_back in earnest");
    serves(r, "n1", 1);
    serves(r, "n2", 1);
    serves(r, "n3", 1);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    rig_refuses(r, (struct core_command){.kind = CMD_DRILL, .scope = CANARY},
                "orders is at no stage: there is nothing to rehearse / switchyard start orders");
}

static void test_under_an_override_a_drill_shows_nothing(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_LEGACY});
    rig_refuses(r, (struct core_command){.kind = CMD_DRILL, .scope = CANARY},
                "the override of orders sends everything to legacy");
}

static void test_a_dry_run_drills_nothing(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_DRILL, .scope = CANARY, .dry_run = true});
    expect_drill(r, DRILL_IDLE);
    assert_false(rollout(r)->drill.present);
    assert_int_equal(r->u.change->nodes, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_drill_is_rehearsed_measured_and_restored),
        TEST(test_its_course_stands_in_the_history),
        TEST(test_only_the_scope_is_waited_for),
        TEST(test_in_shadow_nobody_is_moved),
        TEST(test_a_slow_one_fails_with_what_it_took),
        TEST(test_the_operator_may_ask_for_another_bound),
        TEST(test_a_node_that_lags_fails_it_and_is_named),
        TEST(test_nodes_that_do_not_come_back_fail_it),
        TEST(test_the_scope_is_counted_as_it_is),
        TEST(test_a_scope_that_dies_ends_by_the_deadline),
        TEST(test_a_rollback_ends_it),
        TEST(test_an_abort_ends_it),
        TEST(test_an_emergency_ends_it),
        TEST(test_a_trigger_ends_it),
        TEST(test_nothing_rises_during_a_drill),
        TEST(test_a_stage_does_not_converge_by_a_drill),
        TEST(test_a_raise_needs_a_drill_that_passed),
        TEST(test_it_goes_on_after_a_restart),
        TEST(test_refusals_say_what_to_type),
        TEST(test_under_an_override_a_drill_shows_nothing),
        TEST(test_a_dry_run_drills_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
