/* SPDX-License-Identifier: Apache-2.0 */
/* A rollback that some nodes did not take over: tried again, with what is wrong said, and ended
 * without those that an operator gives up for now. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define NODES 4

#define CMD(command_kind, ...) ((struct core_command){.kind = CMD_##command_kind, ##__VA_ARGS__})

/* An emergency that n1 and n2 serve; n3 serves what was before, n4 has left. */
static struct rig *falling(void)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN_ORDERS);
    rig_all_serve(r, NODES);
    rig_does(r, CMD(START));
    rig_all_serve(r, NODES);
    rig_wait(r, 1);
    rig_all_serve(r, NODES);
    rig_expect(r, 2, PHASE_BAKING);
    rig_does(r, CMD(EMERGENCY));
    rig_all_serve(r, 2);
    rig_node_leaves(r, "n4");
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    return r;
}

/* Its deadline has passed; n4 left late enough to count still. */
static struct rig *failed(void)
{
    struct rig *r = falling();

    rig_node(r, "n4", 1);
    rig_wait(r, 29);
    rig_node_leaves(r, "n4");
    rig_wait(r, 2);
    rig_expect(r, 0, PHASE_ROLLBACK_FAILED);
    return r;
}

static const char *summary(const struct rig *r)
{
    assert_non_null(r->u.change);
    return r->u.change->summary;
}

static const struct history_entry *newest(const struct rig *r)
{
    const struct history_entry *e = NULL;

    assert_int_equal(view_history(r->core, "orders", &e, 1), 1);
    return e;
}

static struct core_command quarantine(const char *const *name, unsigned count)
{
    return CMD(RECOVER, .quarantine = name, .quarantine_count = count, .reason = "disks");
}

/* ---- trying again ---------------------------------------------------------------------------- */

static void test_elsewhere_there_is_nothing_to_recover(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    uint64_t rev;

    rig_apply_text(r, PLAN_ORDERS);
    rev = r->rev;
    rig_does(r, CMD(RECOVER));
    assert_string_equal(summary(r), "there is nothing to recover: orders is pending");
    assert_int_equal(r->rev, rev);
    rig_refuses(r, CMD(RECOVER, .migration = "order"), "did you mean \"orders\"?");
}

static void test_it_is_sent_once_more_and_has_time_anew(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed();
    uint64_t decision = core_decision_rev(r->core, "orders");
    struct view_status s;

    rig_does(r, CMD(RECOVER, .reason = "the network is back"));
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    assert_non_null(r->u.publish);
    assert_true(core_decision_rev(r->core, "orders") > decision);
    assert_holds(summary(r),
                 "orders is rolled back once more; 2 of 4 nodes did not serve it: "
                 "n4 (left 2s ago), n3 (serves revision ");
    s = rig_status(r, "orders");
    assert_int_equal(s.rollout->deadline.ns, wall_add(r->now, dur_s(30)).ns);
    assert_int_equal(s.rollout->last_rollback.deadline.ns, s.rollout->deadline.ns);
    assert_int_equal(s.convergence.lagging, NODES);
    assert_int_equal(s.rollbacks_today, 1);
    assert_string_equal(newest(r)->event, "recover");
    assert_string_equal(newest(r)->reason, "the network is back");
    /* Everybody is there now; the time since the order is what counts. */
    rig_all_serve(r, NODES);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    assert_float_equal(rig_status(r, "orders").rollout->last_rollback.measured_ms, 31000.0, 1.0);
}

/* The second try fails like the first, and there may be a third. */
static void test_it_can_fail_again(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed();

    rig_does(r, CMD(RECOVER));
    rig_wait(r, 29);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    rig_wait(r, 2);
    rig_expect(r, 0, PHASE_ROLLBACK_FAILED);
    assert_string_equal(rig_status(r, "orders").suggested_command, "switchyard recover orders");
    rig_does(r, CMD(RECOVER));
    rig_expect(r, 0, PHASE_ROLLING_BACK);
}

static void test_a_dry_run_tells_and_does_nothing(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed();
    uint64_t rev = r->rev;

    rig_does(r, CMD(RECOVER, .dry_run = true, .quarantine_laggards = true));
    assert_holds(summary(r), "not counting n3, n4, in quarantine");
    assert_int_equal(r->rev, rev);
    rig_expect(r, 0, PHASE_ROLLBACK_FAILED);
    assert_int_equal(rig_status(r, "orders").quarantined_count, 0);
}

/* ---- quarantine ------------------------------------------------------------------------------ */

static void test_a_quarantine_needs_a_reason_and_a_known_name(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = falling();
    static const char *const typo[] = {"n33"}, *const stranger[] = {"checkout-eu-1"};
    static const char *const n3[] = {"n3"};

    rig_refuses(r, CMD(RECOVER, .quarantine = n3, .quarantine_count = 1, .reason = ""),
                "a quarantine needs a reason");
    rig_refuses(r, CMD(RECOVER, .quarantine_laggards = true, .reason = ""), "--reason TEXT");
    rig_refuses(r, quarantine(typo, 1), "did you mean \"n3\"?");
    rig_refuses(r, quarantine(stranger, 1), "switchyard get nodes");
}

static void test_a_rollback_ends_without_those_in_quarantine(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed();
    static const char *const names[] = {"n3", "n1"};
    struct view_status s;

    rig_does(r, quarantine(names, 2));
    assert_holds(summary(r), "n4 (left 2s ago); not counting n3, in quarantine");
    assert_string_equal(newest(r)->event, "quarantine");
    assert_string_equal(newest(r)->reason, "disks (n3)");
    s = rig_status(r, "orders");
    assert_int_equal(s.quarantined_count, 1); /* n1 serves: there is nothing to excuse */
    assert_string_equal(s.quarantined[0].s, "n3");
    assert_int_equal(s.convergence.nodes, 3);

    rig_all_serve(r, 2);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    rig_node(r, "n4", core_revision(r->core));
    rig_tick(r);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    assert_holds(rig_status(r, "orders").rollout->why, "not counting n3, in quarantine");
    assert_int_equal(rig_status(r, "orders").convergence.lagging, 0);
}

static void test_all_laggards_at_once(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed();

    rig_does(r, CMD(RECOVER, .quarantine_laggards = true));
    assert_int_equal(rig_status(r, "orders").quarantined_count, 2);
    rig_all_serve(r, 2);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
}

/* Nobody else is left: as with no node at all, the rollback ends after the grace. */
static void test_a_whole_fleet_in_quarantine(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    rig_apply_text(r, PLAN_ORDERS);
    rig_all_serve(r, 2);
    rig_does(r, CMD(START));
    rig_does(r, CMD(EMERGENCY));
    rig_does(r, CMD(RECOVER, .quarantine_laggards = true));
    rig_wait(r, 29);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    rig_wait(r, 1);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
}

/* It serves after all: it counts again, by itself, and is stored so. */
static void test_a_quarantine_ends_by_serving(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed();

    rig_does(r, CMD(RECOVER, .quarantine_laggards = true));
    rig_all_serve(r, 2);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    rig_restart(r);
    assert_int_equal(rig_status(r, "orders").quarantined_count, 2);
    rig_all_serve(r, 3);
    rig_tick(r);
    assert_int_equal(rig_status(r, "orders").quarantined_count, 1);
    assert_string_equal(rig_status(r, "orders").quarantined[0].s, "n4");
    assert_null(r->u.publish);
    rig_node(r, "n4", 1);
    assert_int_equal(rig_status(r, "orders").convergence.nodes, 3);
    rig_node(r, "n4", core_revision(r->core));
    rig_tick(r);
    assert_int_equal(rig_status(r, "orders").quarantined_count, 0);
    assert_int_equal(rig_status(r, "orders").convergence.nodes, 4);
}

/* The next start waits for those in quarantine as little, and forgets those that are gone. */
static void test_the_next_start_forgets_who_is_gone(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed();

    rig_does(r, CMD(RECOVER, .quarantine_laggards = true));
    rig_all_serve(r, 2);
    rig_does(r, CMD(CLEAR));
    rig_all_serve(r, 2);
    rig_wait(r, 31);
    rig_does(r, CMD(START));
    assert_int_equal(rig_status(r, "orders").quarantined_count, 1);
    assert_string_equal(rig_status(r, "orders").quarantined[0].s, "n3");
    rig_all_serve(r, 2);
    rig_expect(r, 1, PHASE_BAKING);
}

static void test_a_quarantine_has_room_for_so_many(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    rig_apply_text(r, PLAN_ORDERS);
    r->unchecked = true;
    rig_all_serve(r, QUARANTINE_MAX + 1);
    rig_does(r, CMD(EMERGENCY));
    rig_refuses(r, CMD(RECOVER, .quarantine_laggards = true), "no more than 64 nodes of orders");
    rig_all_serve(r, 1);
    rig_does(r, CMD(RECOVER, .quarantine_laggards = true));
    assert_int_equal(rig_status(r, "orders").quarantined_count, QUARANTINE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elsewhere_there_is_nothing_to_recover),
        cmocka_unit_test(test_it_is_sent_once_more_and_has_time_anew),
        cmocka_unit_test(test_it_can_fail_again),
        cmocka_unit_test(test_a_dry_run_tells_and_does_nothing),
        cmocka_unit_test(test_a_quarantine_needs_a_reason_and_a_known_name),
        cmocka_unit_test(test_a_rollback_ends_without_those_in_quarantine),
        cmocka_unit_test(test_all_laggards_at_once),
        cmocka_unit_test(test_a_whole_fleet_in_quarantine),
        cmocka_unit_test(test_a_quarantine_ends_by_serving),
        cmocka_unit_test(test_the_next_start_forgets_who_is_gone),
        cmocka_unit_test(test_a_quarantine_has_room_for_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
