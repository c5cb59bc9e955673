/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet: who counts, who lags, who is gone; and that thousands of nodes are cheap. */
#include "coordinator/core/nodes.h"
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define GRACE dur_s(30)

static mono_t at(int64_t s)
{
    return (mono_t){(1000 + s) * 1000000000};
}

static struct node_change see(struct nodes *n, const char *name, bool connected, uint64_t rev,
                              int64_t s)
{
    struct core_node seen = {.connected = connected, .serving_rev = rev};
    struct node_change change;

    seen.name = rig_name(name);
    assert_true(nodes_update(n, &seen, at(s), &change));
    return change;
}

static void test_nodes_join_serve_and_leave(void **state UNUSED)
{
    struct nodes n = {.by_name = NULL};
    struct node_change change = see(&n, "n1", true, 0, 0);

    assert_false(change.was_connected);
    assert_true(change.is_connected);
    change = see(&n, "n1", true, 5, 1);
    assert_int_equal(change.old_rev, 0);
    assert_int_equal(change.new_rev, 5);
    assert_int_equal(nodes_counted(&n), 1);
    assert_int_equal(nodes_serving(&n, 5), 1);
    assert_int_equal(nodes_serving(&n, 6), 0);
    see(&n, "n1", false, 0, 2);
    assert_int_equal(nodes_counted(&n), 1);
    assert_int_equal(nodes_serving(&n, 5), 0);
    assert_int_equal(nodes_expire(&n, GRACE, at(31)), 0);
    assert_int_equal(nodes_expire(&n, GRACE, at(32)), 1);
    assert_int_equal(nodes_counted(&n), 0);
    see(&n, "n1", true, 5, 40);
    assert_int_equal(nodes_counted(&n), 1);
    nodes_deinit(&n);
}

static void test_a_stranger_that_leaves_is_nobody(void **state UNUSED)
{
    struct nodes n = {.by_name = NULL};

    assert_null(see(&n, "n1", false, 0, 0).node);
    assert_int_equal(nodes_counted(&n), 0);
    nodes_deinit(&n);
}

static void test_labels_are_those_told_last(void **state UNUSED)
{
    struct nodes n = {.by_name = NULL};
    struct core_node seen = {.name = rig_name("n1"), .connected = true};
    struct node_change change;
    struct err err;

    assert_int_equal(labels_parse(str_of("cluster=eu-1"), &seen.labels, &err), 0);
    assert_true(nodes_update(&n, &seen, at(0), &change));
    see(&n, "n2", true, 0, 0);
    assert_string_equal(labels_get(node_labels(change.node), "cluster"), "eu-1");
    assert_int_equal(node_labels(nodes_find(&n, "n2"))->count, 0);
    see(&n, "n1", false, 0, 1);
    assert_string_equal(labels_get(node_labels(change.node), "cluster"), "eu-1");
    see(&n, "n1", true, 0, 2);
    assert_null(labels_get(node_labels(change.node), "cluster"));
    nodes_deinit(&n);
}

static void test_laggards_are_listed_worst_first(void **state UNUSED)
{
    struct nodes n = {.by_name = NULL};
    struct view_convergence c;
    char text[TEXT_SIZE];

    see(&n, "good", true, 9, 0);
    see(&n, "b", true, 5, 0);
    see(&n, "a", true, 5, 0);
    see(&n, "older", true, 2, 0);
    see(&n, "left", true, 9, 0);
    see(&n, "left", false, 9, 1);
    nodes_convergence(&n, 9, at(0), NULL, &c);
    assert_int_equal(c.nodes, 5);
    assert_int_equal(c.serving, 1);
    assert_int_equal(c.lagging, 4);
    assert_int_equal(c.laggard_count, 4);
    assert_string_equal(c.laggard[0], "left");
    assert_string_equal(c.laggard[1], "older");
    assert_string_equal(c.laggard[2], "a");
    assert_string_equal(c.laggard[3], "b");
    assert_string_equal(nodes_laggards_text(&c, text), "left, older, a and 1 more");
    /* Its time is over, though no tick has said so yet. */
    nodes_convergence(&n, 9, at(1), NULL, &c);
    assert_int_equal(c.nodes, 4);
    nodes_deinit(&n);
}

static void test_only_twenty_laggards_are_listed(void **state UNUSED)
{
    struct nodes n = {.by_name = NULL};
    struct view_convergence c;
    char name[NAME_SIZE];

    for (unsigned i = 0; i < 100; i++) {
        str_fmt(name, sizeof name, "n%u", i);
        see(&n, name, true, 100 - i, 0);
    }
    nodes_convergence(&n, 1000, at(0), NULL, &c);
    assert_int_equal(c.lagging, 100);
    assert_int_equal(c.laggard_count, LAGGARDS_MAX);
    assert_string_equal(c.laggard[0], "n99");
    assert_string_equal(c.laggard[LAGGARDS_MAX - 1], "n80");
    nodes_deinit(&n);
}

static void test_gone_nodes_are_named(void **state UNUSED)
{
    struct nodes n = {.by_name = NULL};
    char text[TEXT_SIZE];

    see(&n, "n1", true, 1, 0);
    see(&n, "n2", true, 1, 0);
    see(&n, "n1", false, 1, 10);
    see(&n, "n2", false, 1, 20);
    assert_string_equal(nodes_gone_text(&n, at(0), text), "");
    nodes_expire(&n, GRACE, at(100));
    assert_string_equal(nodes_gone_text(&n, at(15), text), "n2");
    nodes_deinit(&n);
}

/* A node acknowledges again and again; asked for is when it began to serve a decision. */
static void test_acknowledgements_are_dated(void **state UNUSED)
{
    struct nodes n = {.by_name = NULL};
    const char *last;
    mono_t *list;

    see(&n, "n1", true, 5, 1);
    see(&n, "n1", true, 7, 2);
    see(&n, "n1", true, 7, 3);
    see(&n, "n2", true, 6, 4);
    see(&n, "n3", true, 5, 5);
    see(&n, "n4", true, 6, 6);
    see(&n, "n4", false, 6, 7);
    assert_int_equal(nodes_acks(&n, 6, at(9), &list, &last), 2);
    assert_int_equal(list[0].ns, at(2).ns);
    assert_int_equal(list[1].ns, at(4).ns);
    assert_string_equal(last, "n2");
    free(list);
    assert_int_equal(nodes_acks(&n, 6, at(3), &list, &last), 1);
    assert_string_equal(last, "n1");
    free(list);
    /* It lost what it served, and took it anew. */
    see(&n, "n2", true, 2, 20);
    see(&n, "n2", true, 6, 21);
    assert_int_equal(nodes_acks(&n, 6, at(30), &list, &last), 2);
    assert_int_equal(list[1].ns, at(21).ns);
    free(list);
    nodes_deinit(&n);
}

static void test_what_a_breaker_was_goes_with_its_slot(void **state UNUSED)
{
    const struct breaker_seen seen = {.errors = 5};
    struct nodes n = {.by_name = NULL};
    struct node *node;

    see(&n, "n1", true, 1, 0);
    node = nodes_find(&n, "n1");
    assert_int_equal(node_breaker(node, 3), BREAKER_DISABLED);
    node_set_breaker(node, 3, BREAKER_OPEN);
    node_set_breaker_seen(node, 3, &seen);
    assert_int_equal(node_breaker(node, 4), BREAKER_DISABLED);
    assert_int_equal(node_breaker_seen(node, 3)->errors, 5);
    nodes_forget_slot(&n, 3);
    assert_int_equal(node_breaker(node, 3), BREAKER_DISABLED);
    assert_int_equal(node_breaker_seen(node, 3)->errors, 0);
    nodes_deinit(&n);
}

static void test_what_is_under_way_on_connected_nodes_adds_up(void **state UNUSED)
{
    static const struct underway some = {.tunnels = {[SYSTEM_LEGACY] = 2, [SYSTEM_NEW] = 3},
                                         .lasting = {[SYSTEM_NEW] = 4}};
    static const struct underway none;
    struct nodes n = {.by_name = NULL};
    struct underway sum;

    see(&n, "n1", true, 1, 0);
    see(&n, "n2", true, 1, 0);
    node_set_underway(nodes_find(&n, "n1"), 3, &some);
    node_set_underway(nodes_find(&n, "n2"), 3, &some);
    sum = nodes_underway(&n, 3);
    assert_int_equal(sum.tunnels[SYSTEM_LEGACY], 4);
    assert_int_equal(sum.tunnels[SYSTEM_NEW], 6);
    assert_int_equal(sum.lasting[SYSTEM_LEGACY], 0);
    assert_int_equal(sum.lasting[SYSTEM_NEW], 8);
    sum = nodes_underway(&n, 4);
    assert_true(underway_is_nothing(&sum));
    node_set_underway(nodes_find(&n, "n1"), 3, &none);
    sum = nodes_underway(&n, 3);
    assert_int_equal(sum.tunnels[SYSTEM_NEW], 3);
    assert_int_equal(sum.lasting[SYSTEM_NEW], 4);
    see(&n, "n2", false, 1, 1);
    sum = nodes_underway(&n, 3);
    assert_true(underway_is_nothing(&sum));
    nodes_deinit(&n);
}

/* The fleet has a size; nodes that are gone make room, others do not. */
static void test_a_full_fleet_takes_no_more(void **state UNUSED)
{
    struct nodes n = {.by_name = NULL};
    struct core_node extra = {.name = {.s = "extra"}, .connected = true};
    struct node_change change;
    char name[NAME_SIZE];

    for (unsigned i = 0; i < CORE_NODES_MAX; i++) {
        str_fmt(name, sizeof name, "n%u", i);
        see(&n, name, true, 1, 0);
    }
    assert_false(nodes_update(&n, &extra, at(1), &change));
    see(&n, "n7", false, 1, 2);
    assert_false(nodes_update(&n, &extra, at(3), &change));
    nodes_expire(&n, GRACE, at(60));
    assert_true(nodes_update(&n, &extra, at(61), &change));
    assert_null(nodes_find(&n, "n7"));
    nodes_deinit(&n);
}

/* Every node acknowledges every decision of several migrations; the counters agree with a
 * recount. */
static void test_thousands_of_nodes_converge(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct view_convergence c;

    rig_apply_text(r, PLAN_ORDERS);
    rig_apply_text(r, PLAN_BASKETS);
    r->unchecked = true;
    rig_all_serve(r, 3000);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 2999);
    rig_expect(r, 1, PHASE_CONVERGING);
    view_convergence(r->core, "orders", 0, r->mono, &c);
    assert_int_equal(c.lagging, 1);
    assert_string_equal(c.laggard[0], "n3000");
    r->unchecked = false;
    rig_node(r, "n3000", core_revision(r->core));
    rig_expect(r, 1, PHASE_BAKING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_join_serve_and_leave),
        cmocka_unit_test(test_a_stranger_that_leaves_is_nobody),
        cmocka_unit_test(test_labels_are_those_told_last),
        cmocka_unit_test(test_laggards_are_listed_worst_first),
        cmocka_unit_test(test_only_twenty_laggards_are_listed),
        cmocka_unit_test(test_gone_nodes_are_named),
        cmocka_unit_test(test_acknowledgements_are_dated),
        cmocka_unit_test(test_what_a_breaker_was_goes_with_its_slot),
        cmocka_unit_test(test_what_is_under_way_on_connected_nodes_adds_up),
        cmocka_unit_test(test_a_full_fleet_takes_no_more),
        cmocka_unit_test(test_thousands_of_nodes_converge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
