/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that entered at a node: adopted with their words, never against a newer decision, and
 * never as a lifting. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

static void to_canary(struct rig *r)
{
    rig_apply_text(r, PLAN_ORDERS);
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_all_serve(r, 2);
    rig_expect(r, 2, PHASE_BAKING);
}

static struct emergency told_of(uint64_t epoch, bool active)
{
    return (struct emergency){
        .migration = rig_name("orders"),
        .epoch = epoch,
        .active = active,
        .reason = "INC-7",
        .operator_name = "bob",
    };
}

static void tell(struct rig *r, struct emergency told)
{
    struct name node = rig_name("n1");

    rig_step(r, &(struct core_event){.kind = EV_ORDER, .order = {.node = &node, .told = &told}});
}

static struct emergency standing(struct rig *r)
{
    struct emergency order;

    if (!core_emergency(r->core, "orders", &order))
        order = (struct emergency){.epoch = 0};
    return order;
}

static void test_a_nodes_order_becomes_the_migrations_own(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct emergency told = told_of(5, true);
    const struct history_entry *entry[CORE_HISTORY_KEPT];
    unsigned published;

    to_canary(r);
    published = r->published;
    told.ordered_at = (wall_t){r->now.ns - 1234567890};
    tell(r, told);

    rig_expect(r, 0, PHASE_ROLLING_BACK);
    assert_int_equal(r->published, published + 1);
    assert_true(standing(r).active);
    assert_int_equal(standing(r).epoch, 5);
    assert_string_equal(standing(r).reason, "INC-7");
    assert_string_equal(standing(r).operator_name, "bob");
    assert_int_equal(standing(r).ordered_at.ns, told.ordered_at.ns - told.ordered_at.ns % 1000000);
    assert_true(view_history(r->core, "orders", entry, CORE_HISTORY_KEPT) > 0);
    assert_string_equal(entry[0]->event, "emergency_adopted");
    assert_string_equal(entry[0]->operator_name, "bob");
    assert_string_equal(entry[0]->reason, "INC-7");

    rig_all_serve(r, 2);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    assert_true(rig_status(r, "orders").rollout->last_rollback.emergency);
    assert_true(view_history(r->core, "orders", entry, CORE_HISTORY_KEPT) > 0);
    assert_true(entry[0]->measured_ms >= 0);
}

static void test_the_same_order_from_every_node_is_adopted_once(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    unsigned saves;

    to_canary(r);
    tell(r, told_of(5, true));
    saves = r->saves;
    tell(r, told_of(5, true));
    tell(r, told_of(4, true));
    assert_int_equal(r->saves, saves);
    assert_int_equal(rig_recorded(r, "emergency_adopted"), 1);
}

/* It was given to a coordinator without a store, and now another one is asked, too. */
static void test_an_order_that_was_adopted_is_known_by_its_request(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct emergency told = told_of(5, true);
    struct core_command again = {.kind = CMD_EMERGENCY, .request = "4f00"};

    str_fmt(told.request, sizeof told.request, "4f00");
    to_canary(r);
    tell(r, told);
    rig_restart(r);
    rig_does(r, again);
    assert_int_equal(standing(r).epoch, 5);
    rig_does(r, (struct core_command){.kind = CMD_CLEAR});
    rig_does(r, again);
    assert_false(standing(r).active);
}

/* A node that was away during the lifting: the next update lifts its order, not the other way. */
static void test_an_order_older_than_the_lifting_stays_lifted(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    to_canary(r);
    tell(r, told_of(5, true));
    rig_does(r, (struct core_command){.kind = CMD_CLEAR});
    assert_int_equal(standing(r).epoch, 6);
    tell(r, told_of(5, true));
    assert_false(standing(r).active);
    assert_int_equal(standing(r).epoch, 6);
    assert_int_equal(rig_recorded(r, "emergency_adopted"), 1);
}

/* Given on the two sides of a partition: legacy wins, under an epoch that every node obeys. */
static void test_an_order_with_the_epoch_of_the_lifting_wins(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    to_canary(r);
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    rig_does(r, (struct core_command){.kind = CMD_CLEAR});
    assert_int_equal(standing(r).epoch, 2);
    tell(r, told_of(2, true));
    assert_true(standing(r).active);
    assert_int_equal(standing(r).epoch, 3);
}

static void test_nobody_lifts_an_order_through_a_node(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    to_canary(r);
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    tell(r, told_of(9, false));
    assert_true(standing(r).active);
    rig_does(r, (struct core_command){.kind = CMD_CLEAR});
    assert_int_equal(standing(r).epoch, 10); /* which the node obeys */
}

/* The epoch after the last one is 0, which no node obeys and no store can be read with. */
static void test_an_epoch_that_cannot_be_is_ignored(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct core_node liar = {
        .name = rig_name("n1"), .connected = true, .newest_epoch_seen = UINT64_MAX};

    to_canary(r);
    tell(r, told_of(UINT64_MAX, true));
    rig_step(r, &(struct core_event){.kind = EV_NODE, .node = &liar});
    assert_int_equal(rig_recorded(r, "emergency_adopted"), 0);
    assert_int_equal(standing(r).epoch, 0);

    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    assert_true(standing(r).active);
    assert_int_equal(standing(r).epoch, 1);
}

static void test_an_order_for_an_unknown_migration_only_raises_epochs(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    tell(r, told_of(9, true));
    assert_int_equal(r->saves, 0);
    to_canary(r);
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    assert_int_equal(standing(r).epoch, 10);
}

static void test_a_clock_of_a_node_that_is_ahead_is_not_believed(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct emergency told = told_of(5, true);

    to_canary(r);
    told.ordered_at = wall_add(r->now, dur_s(3600));
    tell(r, told);
    assert_int_equal(standing(r).ordered_at.ns, r->now.ns);
}

static void test_a_full_disk_adopts_later(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    to_canary(r);
    r->disk_full = true;
    tell(r, told_of(5, true));
    assert_false(standing(r).active);
    rig_expect(r, 2, PHASE_BAKING);
    r->disk_full = false;
    tell(r, told_of(5, true));
    assert_true(standing(r).active);
    rig_restart(r);
    assert_int_equal(standing(r).epoch, 5);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_nodes_order_becomes_the_migrations_own),
        cmocka_unit_test(test_the_same_order_from_every_node_is_adopted_once),
        cmocka_unit_test(test_an_order_that_was_adopted_is_known_by_its_request),
        cmocka_unit_test(test_an_order_older_than_the_lifting_stays_lifted),
        cmocka_unit_test(test_an_order_with_the_epoch_of_the_lifting_wins),
        cmocka_unit_test(test_nobody_lifts_an_order_through_a_node),
        cmocka_unit_test(test_an_epoch_that_cannot_be_is_ignored),
        cmocka_unit_test(test_an_order_for_an_unknown_migration_only_raises_epochs),
        cmocka_unit_test(test_a_clock_of_a_node_that_is_ahead_is_not_believed),
        cmocka_unit_test(test_a_full_disk_adopts_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
