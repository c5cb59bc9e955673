/* SPDX-License-Identifier: Apache-2.0 */
/* A dry run tells whom it would reach: node by node, told by cluster. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

static void joins(struct rig *r, const char *name, const char *labels)
{
    struct core_node node = {.name = rig_name(name), .connected = true};
    struct core_event ev = {.kind = EV_NODE, .node = &node};
    struct err err;

    assert_ok(labels_parse(str_of(labels), &node.labels, &err), &err);
    node.serving_rev = core_revision(r->core);
    rig_step(r, &ev);
}

static struct rig *fleet(void)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN_ORDERS);
    joins(r, "n1", "cluster=eu-1,zone=a");
    joins(r, "n2", "cluster=us-1");
    joins(r, "n3", "cluster=eu-1,zone=b");
    joins(r, "n4", "zone=a");
    return r;
}

static const struct core_reach *dry(struct rig *r, struct core_command cmd)
{
    cmd.dry_run = true;
    rig_does(r, cmd);
    assert_non_null(r->u.change);
    return r->u.change->clusters;
}

static void check(const struct core_reach *c, const char *cluster, unsigned nodes, double share)
{
    assert_non_null(c);
    assert_string_equal(c->cluster, cluster);
    assert_int_equal(c->nodes, nodes);
    assert_float_equal(c->share, share, 1e-9);
}

static void test_clusters_are_counted_by_name(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = fleet();
    const struct core_reach *c =
        dry(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_NEW});

    check(c, "", 1, 100);
    check(c->next, "eu-1", 2, 100);
    check(c->next->next, "us-1", 1, 100);
    assert_null(c->next->next->next);
    assert_int_equal(r->u.change->nodes, 4);
    assert_float_equal(r->u.change->share_affected, 100, 1e-9);
}

static void test_who_left_is_not_reached(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = fleet();

    rig_node_leaves(r, "n4");
    check(dry(r, (struct core_command){.kind = CMD_START}), "eu-1", 2, 0);
    assert_int_equal(r->u.change->nodes, 3);
}

static void test_without_nodes_it_is_what_one_would_serve(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    rig_apply_text(r, PLAN_ORDERS);
    assert_null(dry(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_NEW}));
    assert_int_equal(r->u.change->nodes, 0);
    assert_float_equal(r->u.change->share_affected, 100, 1e-9);
}

static void test_who_really_changes_something_is_not_counted(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = fleet();

    rig_does(r, (struct core_command){.kind = CMD_START});
    assert_null(r->u.change->clusters);
    assert_int_equal(r->u.change->nodes, 4);
}

/* Of a stage that is prepared first, and reaches cluster by cluster: what its entry would change.
 */
static void test_a_stage_that_is_prepared_first(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    const struct core_reach *c;

    rig_apply_text(r, PLAN_WAVES);
    joins(r, "n1", "cluster=a");
    joins(r, "n2", "cluster=b");
    check(dry(r, (struct core_command){.kind = CMD_START}), "a", 1, 10);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_tell(r, JOB_READY, true, "connected");
    joins(r, "n1", "cluster=a");
    joins(r, "n2", "cluster=b");
    rig_wait(r, 6);
    rig_tell(r, JOB_READY, false, "the connection is refused");
    rig_expect(r, 1, PHASE_READY);
    c = dry(r, (struct core_command){.kind = CMD_PROMOTE, .to_stage = 2});
    check(c, "a", 1, 40);
    check(c->next, "b", 0, 0);
    rig_expect(r, 1, PHASE_READY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clusters_are_counted_by_name),
        cmocka_unit_test(test_who_left_is_not_reached),
        cmocka_unit_test(test_without_nodes_it_is_what_one_would_serve),
        cmocka_unit_test(test_who_really_changes_something_is_not_counted),
        cmocka_unit_test(test_a_stage_that_is_prepared_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
