/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/service/registry.h"

#include "tests/lib/unit.h"

static struct fleet_node node_of(const char *name, uint64_t rev)
{
    struct fleet_node n = {.connected = true, .same_incarnation = true, .serving_rev = rev};

    assert_true(str_copy(str_of(name), n.name.s, NAME_SIZE));
    return n;
}

static void put(struct registry *r, struct fleet_node n, dur_t at)
{
    n.since = (mono_t){at.ns};
    registry_update(r, &n, n.since);
}

static enum node_state state_of(struct registry *r, const char *name, uint64_t target)
{
    return registry_state(registry_find(r, name), target);
}

static void a_node_is_what_it_serves(void **state UNUSED)
{
    struct registry *r = registry_new();
    struct fleet_node other = node_of("other", 900);
    struct fleet_node gone = node_of("gone", 7);
    unsigned count[NODE_STATE_COUNT];

    other.same_incarnation = false;
    gone.connected = false;
    put(r, node_of("ahead", 9), dur_s(0));
    put(r, node_of("behind", 6), dur_s(0));
    put(r, node_of("empty", 0), dur_s(0));
    put(r, other, dur_s(0));
    put(r, gone, dur_s(0));
    assert_int_equal(state_of(r, "ahead", 7), NODE_SERVING);
    assert_int_equal(state_of(r, "behind", 7), NODE_LAGGING);
    assert_int_equal(state_of(r, "empty", 7), NODE_STALE);
    assert_int_equal(state_of(r, "other", 7), NODE_STALE);
    assert_int_equal(state_of(r, "gone", 7), NODE_GONE);
    assert_int_equal(state_of(r, "empty", 0), NODE_SERVING); /* there is nothing to serve */
    assert_int_equal(state_of(r, "other", 0), NODE_STALE);

    registry_count_states(r, 7, count);
    assert_int_equal(count[NODE_SERVING], 1);
    assert_int_equal(count[NODE_STALE], 2);
    registry_free(r);
}

static void nodes_are_listed_by_name(void **state UNUSED)
{
    static const char *const names[] = {"n2", "n10", "a", "z", "m"};
    static const char *const sorted[] = {"a", "m", "n10", "n2", "z"};
    struct registry *r = registry_new();
    const struct registry_node *n = NULL;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put(r, node_of(names[i], 1), dur_s(0));
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
        n = registry_next(r, n);
        assert_string_equal(n->node.name.s, sorted[i]);
    }
    assert_null(registry_next(r, n));
    registry_free(r);
}

static void a_report_tells_open_connections_and_leaving_ends_them(void **state UNUSED)
{
    struct registry *r = registry_new();
    struct fleet_report report = {.node = {"n1"}, .client_connections = 12};
    struct fleet_node n = node_of("n1", 1);

    registry_report(r, &report); /* of a node that nobody knows */
    put(r, n, dur_s(0));
    registry_report(r, &report);
    assert_int_equal(registry_find(r, "n1")->client_connections, 12);
    n.connected = false;
    put(r, n, dur_s(1));
    assert_int_equal(registry_find(r, "n1")->client_connections, 0);
    registry_free(r);
}

static void nodes_that_left_long_ago_make_room(void **state UNUSED)
{
    struct registry *r = registry_new();
    struct fleet_node old = node_of("old", 1), young = node_of("young", 1);

    old.connected = young.connected = false;
    put(r, old, dur_s(0));
    put(r, young, dur_s(REGISTRY_GONE_KEPT_S));
    put(r, node_of("new", 1), dur_s(REGISTRY_GONE_KEPT_S + 100));
    assert_null(registry_find(r, "old"));
    assert_non_null(registry_find(r, "young"));
    assert_int_equal(registry_count(r), 2);
    registry_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_is_what_it_serves),
        cmocka_unit_test(nodes_are_listed_by_name),
        cmocka_unit_test(a_report_tells_open_connections_and_leaving_ends_them),
        cmocka_unit_test(nodes_that_left_long_ago_make_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
