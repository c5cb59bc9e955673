/* SPDX-License-Identifier: Apache-2.0 */
/* Whole rollouts without a driver: 0 to 100 %, a bad release, rollbacks, emergency orders, and a
 * coordinator that dies after every single write and goes on where it was. The rig compares the
 * core after every write with one that starts from what was stored. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define NODES 3

static void healthy_traffic(struct rig *r, unsigned seconds)
{
    char node[NAME_SIZE];

    for (unsigned s = 0; s < seconds; s++) {
        for (unsigned i = 1; i <= NODES; i++) {
            str_fmt(node, sizeof node, "n%u", i);
            rig_report(r, node, "orders", rig_stats(90, 0, 5), rig_stats(10, 0, 6));
        }
        rig_wait(r, 1);
    }
}

static void start(struct rig *r)
{
    rig_apply_text(r, PLAN_ORDERS);
    rig_all_serve(r, NODES);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_expect(r, 1, PHASE_CONVERGING);
}

/* Until canary bakes. */
static void to_canary(struct rig *r)
{
    start(r);
    rig_all_serve(r, NODES);
    rig_expect(r, 1, PHASE_BAKING);
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_CONVERGING);
    rig_all_serve(r, NODES);
    rig_expect(r, 2, PHASE_BAKING);
}

static void to_completed(struct rig *r)
{
    to_canary(r);
    healthy_traffic(r, 12);
    rig_expect(r, 2, PHASE_READY);
    rig_does(r, (struct core_command){.kind = CMD_PROMOTE});
    rig_all_serve(r, NODES);
    rig_expect(r, 3, PHASE_BAKING);
    healthy_traffic(r, 6);
    rig_expect(r, 3, PHASE_READY);
    rig_does(r, (struct core_command){.kind = CMD_PROMOTE});
    rig_all_serve(r, NODES);
    rig_wait(r, 1);
    rig_expect(r, 4, PHASE_COMPLETED);
}

static void test_a_plan_walks_to_the_end(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct view_status s;

    to_completed(r);
    s = rig_status(r, "orders");
    assert_int_equal(s.effective_weight_bp, 10000);
    assert_int_equal(s.convergence.serving, NODES);
    assert_string_equal(s.suggested_command, "");
}

/* A bad release: the trigger rolls back, says why, and measures how long it took. */
static void test_a_trigger_rolls_back_and_is_measured(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    const struct rollback_record *fall;
    struct view_status s;

    to_canary(r);
    healthy_traffic(r, 3);
    rig_report(r, "n1", "orders", rig_stats(90, 0, 5), rig_stats(10, 2, 6));
    rig_expect(r, 2, PHASE_BAKING);
    rig_sleep_ms(r, 200);
    rig_report(r, "n2", "orders", rig_stats(90, 0, 5), rig_stats(10, 10, 6));
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    assert_int_equal(rig_status(r, "orders").effective_weight_bp, 0);
    assert_float_equal(rig_status(r, "orders").rollout->last_rollback.measured_ms, -1.0, 0.0);

    rig_sleep_ms(r, 40);
    rig_all_serve(r, 2);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    rig_sleep_ms(r, 2);
    rig_all_serve(r, NODES);
    rig_expect(r, 0, PHASE_ROLLED_BACK);

    s = rig_status(r, "orders");
    fall = &s.rollout->last_rollback;
    assert_string_equal(fall->operator_name, "switchyard");
    assert_int_equal(fall->violation_count, 1);
    assert_string_equal(fall->violation[0],
                        "error rate of new 15.0 % over the last 10s exceeds 5 % (12 of 80 "
                        "requests, at least 5.3 % with 99.9 % confidence)");
    assert_float_equal(fall->detect_ms, 200.0, 0.001);
    assert_float_equal(fall->measured_ms, 42.0, 0.001);
    assert_float_equal(fall->p50_ms, 40.0, 0.001);
    assert_float_equal(fall->p99_ms, 42.0, 0.001);
    assert_string_equal(fall->last_node.s, "n3");
    assert_int_equal(wall_sub(fall->deadline, fall->ordered_at).ns, dur_s(30).ns);
    assert_int_equal(fall->from_stage, 2);
    assert_int_equal(s.rollbacks_today, 1);
    assert_string_equal(s.suggested_command, "switchyard start orders");
    assert_float_equal(rig_measured_of(r->core, "orders").all, 42.0, 0.001);
}

/* What was measured before the rollback says nothing about the stage that was rolled back to. */
static void test_old_errors_do_not_fire_twice(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    rig_apply_text(r, PLAN_HEAD("orders", "/orders") "  triggers: {errorRate: 5%, minRequests: 20, "
                                                     "window: 10s, rollbackTo: shadow}\n" PLAN_STAGES);
    rig_all_serve(r, NODES);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, NODES);
    rig_wait(r, 1);
    rig_all_serve(r, NODES);
    healthy_traffic(r, 2);
    rig_report(r, "n1", "orders", rig_stats(90, 0, 5), rig_stats(100, 100, 6));
    rig_expect(r, 1, PHASE_ROLLING_BACK);
    rig_all_serve(r, NODES);
    rig_expect(r, 1, PHASE_ROLLED_BACK);

    rig_does(r, (struct core_command){.kind = CMD_PROMOTE, .to_stage = 2});
    rig_all_serve(r, NODES);
    /* Covers the time before n1 served canary: counted as statistics, not judged. */
    rig_report(r, "n1", "orders", rig_stats(90, 0, 5), rig_stats(100, 100, 6));
    rig_expect(r, 2, PHASE_BAKING);
    rig_wait(r, 1);
    rig_report(r, "n1", "orders", rig_stats(90, 0, 5), rig_stats(100, 100, 6));
    rig_expect(r, 1, PHASE_ROLLING_BACK);
}

static void test_a_rollback_names_its_laggards(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    to_completed(r);
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK, .to_stage = 1, .reason = "slow"});
    rig_expect(r, 1, PHASE_ROLLING_BACK);
    rig_all_serve(r, 2);
    rig_wait(r, 29);
    rig_expect(r, 1, PHASE_ROLLING_BACK);
    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_ROLLBACK_FAILED);
    assert_string_equal(rig_status(r, "orders").rollout->why,
                        "nodes still lag after the rollback's deadline: n3");
    assert_float_equal(rig_measured_of(r->core, "orders").all, -1.0, 0.0);
    rig_refuses(r, (struct core_command){.kind = CMD_PROMOTE},
                "have not acknowledged the rollback");

    rig_all_serve(r, NODES);
    rig_expect(r, 1, PHASE_ROLLED_BACK);
    assert_float_equal(rig_status(r, "orders").rollout->last_rollback.measured_ms, 30000.0, 1.0);
}

static void test_an_emergency_beats_everything_until_cleared(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    const struct core_command emergency = {.kind = CMD_EMERGENCY, .reason = "checkout is down"};
    struct view_status s;
    struct emergency order;

    to_completed(r);
    rig_does(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_NEW});
    rig_does(r, emergency);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    s = rig_status(r, "orders");
    assert_int_equal(s.effective_weight_bp, 0);
    assert_int_equal(s.rollout->override, SYSTEM_NONE);
    assert_true(core_emergency(r->core, "orders", &order));
    assert_true(order.active && order.epoch == 1);
    assert_string_equal(order.reason, "checkout is down");
    assert_true(s.rollout->last_rollback.emergency);

    rig_refuses(r, (struct core_command){.kind = CMD_START}, "switchyard rollback orders --clear");
    rig_refuses(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_NEW},
                "an emergency order is active");
    rig_sleep_ms(r, 12);
    rig_all_serve(r, NODES);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    assert_float_equal(rig_status(r, "orders").rollout->last_rollback.measured_ms, 12.0, 0.001);

    rig_does(r, emergency);
    assert_true(core_emergency(r->core, "orders", &order));
    assert_int_equal(order.epoch, 2);
    rig_all_serve(r, NODES);
    rig_does(r, (struct core_command){.kind = CMD_CLEAR, .reason = "fixed"});
    assert_true(core_emergency(r->core, "orders", &order));
    assert_true(!order.active && order.epoch == 3);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    rig_refuses(r, (struct core_command){.kind = CMD_CLEAR}, "no emergency order is active");
    rig_does(r, (struct core_command){.kind = CMD_START});
}

static void test_an_emergency_for_all_is_one_transaction(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    unsigned saves;

    to_canary(r);
    rig_apply_text(r, PLAN_BASKETS);
    saves = r->saves;
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY, .all = true, .migration = ""});
    assert_int_equal(r->saves, saves + 1);
    assert_string_equal(r->u.change->migration.s, "baskets");
    assert_string_equal(r->u.change->next->migration.s, "orders");
    assert_null(r->u.change->next->next);
    assert_float_equal(r->u.change->next->share_affected, 10.0, 0.0001);
    assert_int_equal(r->u.change->next->nodes, NODES);
}

/* Nodes have seen an order that this store has never heard of, for instance from the CLI's side
 * door. */
static void test_epochs_rise_above_what_nodes_have_seen(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct core_node n = {.name = rig_name("n9"), .connected = true, .newest_epoch_seen = 41};
    struct emergency order;

    to_canary(r);
    rig_step(r, &(struct core_event){.kind = EV_NODE, .node = &n});
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    assert_true(core_emergency(r->core, "orders", &order));
    assert_int_equal(order.epoch, 42);
}

/* Each write is followed by the coordinator's death; the nodes come back to the new one. */
static void test_a_rollout_survives_a_death_after_every_write(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    unsigned restarts = 0, saves = 0;

    rig_apply_text(r, PLAN_ORDERS);
    rig_restart(r);
    rig_all_serve(r, NODES);
    rig_does(r, (struct core_command){.kind = CMD_START});
    for (unsigned second = 0; second < 400; second++) {
        enum rollout_phase phase = rig_status(r, "orders").rollout->phase;

        if (phase == PHASE_COMPLETED)
            break;
        if (r->saves != saves) {
            saves = r->saves;
            restarts++;
            rig_restart(r);
        }
        rig_all_serve(r, NODES);
        healthy_traffic(r, 1);
        if (phase == PHASE_READY)
            rig_run(r, (struct core_command){.kind = CMD_PROMOTE});
    }
    rig_expect(r, 4, PHASE_COMPLETED);
    assert_true(restarts >= 9);
}

/* Neither the rest of a bake time nor a rollback's clock starts anew with the coordinator. */
static void test_deadlines_survive_a_restart(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    to_completed(r);
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK, .to_stage = 0, .reason = "bad"});
    rig_all_serve(r, 1);
    rig_wait(r, 20);
    rig_restart(r);
    rig_all_serve(r, 2);
    rig_node(r, "n3", 1);
    rig_wait(r, 9);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    rig_wait(r, 1);
    rig_expect(r, 0, PHASE_ROLLBACK_FAILED);
    rig_restart(r);
    assert_float_equal(rig_measured_of(r->core, "orders").all, -1.0, 0.0);
    rig_all_serve(r, NODES);
    rig_wait(r, 6);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    assert_float_equal(rig_measured_of(r->core, "orders").all, 30000.0, 1.0);
    /* Measured across two restarts, by the wall clock. */
    assert_float_equal(rig_status(r, "orders").rollout->last_rollback.measured_ms, 30000.0, 1.0);
}

/* Right after a start the first node that comes back is not the whole fleet. */
static void test_nothing_converges_while_nodes_come_back(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    start(r);
    rig_restart(r);
    rig_all_serve(r, 1);
    rig_wait(r, 3);
    rig_expect(r, 1, PHASE_CONVERGING);
    rig_node(r, "n2", 1);
    rig_wait(r, 3);
    rig_expect(r, 1, PHASE_CONVERGING);
    rig_all_serve(r, 2);
    rig_expect(r, 1, PHASE_BAKING);
}

static void test_a_failed_store_changes_nothing(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    unsigned published;

    to_canary(r);
    r->disk_full = true;
    published = r->published;
    assert_int_equal(rig_run(r, (struct core_command){.kind = CMD_EMERGENCY}), ERR_EXHAUSTED);
    assert_null(r->u.change);
    assert_int_equal(r->published, published);
    rig_expect(r, 2, PHASE_BAKING);
    healthy_traffic(r, 12);
    rig_expect(r, 2, PHASE_BAKING);
    r->disk_full = false;
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_READY);
}

static void test_a_foreign_writer_is_noticed(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct rig_kv *kv;

    to_canary(r);
    kv = rig_find(r, "/switchyard/v1/rollouts/orders");
    assert_non_null(kv);
    kv->rev = ++r->rev;
    assert_int_equal(rig_run(r, (struct core_command){.kind = CMD_PAUSE}), ERR_CONFLICT);
    rig_restart(r);
    assert_int_equal(rig_run(r, (struct core_command){.kind = CMD_PAUSE}), ERR_NONE);
}

static void test_a_rollback_without_any_node_waits_for_the_grace(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    rig_apply_text(r, PLAN_ORDERS);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_wait(r, 100);
    rig_expect(r, 1, PHASE_CONVERGING);
    rig_refuses(r, (struct core_command){.kind = CMD_PROMOTE}, "no node is connected");
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    rig_wait(r, 29);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    rig_wait(r, 1);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    assert_string_equal(rig_status(r, "orders").rollout->why,
                        "every node serves what was rolled back to: no node is connected");
    assert_float_equal(rig_status(r, "orders").rollout->last_rollback.measured_ms, -1.0, 0.0);
}

/* The last node left a while ago: once it is gone, nobody serves new and nobody is waited for any
 * longer. */
static void test_a_rollback_ends_when_the_last_node_is_gone(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    to_canary(r);
    for (unsigned i = 1; i <= NODES; i++) {
        char name[NAME_SIZE];

        str_fmt(name, sizeof name, "n%u", i);
        rig_node_leaves(r, name);
    }
    rig_wait(r, 10);
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    rig_wait(r, 29);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    rig_wait(r, 1);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
}

static void test_a_node_that_left_holds_a_stage_up_until_it_is_gone(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    start(r);
    rig_all_serve(r, 2);
    rig_node_leaves(r, "n3");
    rig_wait(r, 29);
    rig_expect(r, 1, PHASE_CONVERGING);
    assert_int_equal(rig_status(r, "orders").convergence.lagging, 1);
    assert_string_equal(rig_status(r, "orders").convergence.laggard[0], "n3");
    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_BAKING);
    assert_string_equal(rig_status(r, "orders").rollout->why,
                        "every node serves the stage: not counting n3, gone");
    assert_int_equal(rig_status(r, "orders").convergence.nodes, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plan_walks_to_the_end),
        cmocka_unit_test(test_a_trigger_rolls_back_and_is_measured),
        cmocka_unit_test(test_old_errors_do_not_fire_twice),
        cmocka_unit_test(test_a_rollback_names_its_laggards),
        cmocka_unit_test(test_an_emergency_beats_everything_until_cleared),
        cmocka_unit_test(test_an_emergency_for_all_is_one_transaction),
        cmocka_unit_test(test_epochs_rise_above_what_nodes_have_seen),
        cmocka_unit_test(test_a_rollout_survives_a_death_after_every_write),
        cmocka_unit_test(test_deadlines_survive_a_restart),
        cmocka_unit_test(test_nothing_converges_while_nodes_come_back),
        cmocka_unit_test(test_a_failed_store_changes_nothing),
        cmocka_unit_test(test_a_foreign_writer_is_noticed),
        cmocka_unit_test(test_a_rollback_without_any_node_waits_for_the_grace),
        cmocka_unit_test(test_a_rollback_ends_when_the_last_node_is_gone),
        cmocka_unit_test(test_a_node_that_left_holds_a_stage_up_until_it_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
