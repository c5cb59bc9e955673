/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/service/registry.h"

#include "tests/lib/unit.h"

static struct fleet_node node_of(const char *name, uint64_t rev)
{
    struct fleet_node n = {.connected = true, .same_incarnation = true, .serving_rev = rev};

    assert_true(str_copy(str_of(name), n.name.s, NAME_SIZE));
    return n;
}

static const struct name c1 = {"c-1"}, c2 = {"c-2"};

static enum registry_news say(struct registry *r, const struct name *coordinator,
                              struct fleet_node n, dur_t at)
{
    n.since = (mono_t){at.ns};
    return registry_update(r, coordinator, &n, n.since);
}

static void put(struct registry *r, struct fleet_node n, dur_t at)
{
    assert_int_equal(say(r, &c1, n, at), REGISTRY_TAKEN);
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
    struct fleet_report report = {.node = {"n1"}, .now = {12, 3, 2}};
    struct fleet_node n = node_of("n1", 1);

    assert_false(registry_report(r, &c1, &report, (mono_t){0})); /* nobody knows the node */
    put(r, n, dur_s(0));
    assert_true(registry_report(r, &c1, &report, (mono_t){0}));
    assert_int_equal(registry_find(r, "n1")->now.client_connections, 12);
    assert_int_equal(registry_find(r, "n1")->now.endpoints_healthy, 2);
    n.connected = false;
    put(r, n, dur_s(1));
    assert_int_equal(registry_find(r, "n1")->now.client_connections, 0);
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

/* ---- at several coordinators ----------------------------------------------------------------- */

static struct fleet_node process_of(const char *boot, uint64_t dial)
{
    struct fleet_node n = node_of("n1", 1);

    str_fmt(n.boot, sizeof(n.boot), "%s", boot);
    n.dial = dial;
    return n;
}

static struct fleet_node left(struct fleet_node n, const char *why)
{
    n.connected = false;
    str_fmt(n.why_gone, sizeof(n.why_gone), "%s", why);
    return n;
}

static const char *place(struct registry *r)
{
    const struct registry_node *n = registry_find(r, "n1");

    return n->node.connected ? n->coordinator.s : "";
}

static void a_node_that_moves_is_where_its_newest_connection_is(void **state UNUSED)
{
    struct registry *r = registry_new();
    struct fleet_node first = process_of("b1", 1), second = process_of("b1", 2);

    put(r, first, dur_s(0));
    assert_int_equal(say(r, &c2, second, dur_s(1)), REGISTRY_TAKEN);
    assert_string_equal(place(r), "c-2");
    /* What the first one still has to say comes late. */
    assert_int_equal(say(r, &c1, first, dur_s(1)), REGISTRY_OLD);
    assert_int_equal(say(r, &c1, left(first, "moved"), dur_s(1)), REGISTRY_OLD);
    assert_string_equal(place(r), "c-2");
    assert_int_equal(registry_count_at(r, &c1), 0);
    assert_int_equal(registry_count_at(r, &c2), 1);

    assert_int_equal(say(r, &c2, left(second, "gone"), dur_s(2)), REGISTRY_TAKEN);
    assert_int_equal(say(r, &c1, first, dur_s(3)), REGISTRY_OLD);
    assert_string_equal(place(r), "");
    assert_int_equal(registry_count_at(r, &c2), 0);
    registry_free(r);
}

static void of_two_processes_the_first_keeps_the_name_while_it_is_alive(void **state UNUSED)
{
    struct fleet_report report = {.node = {"n1"}};
    struct fleet_node first = process_of("b1", 1), second = process_of("b2", 9);
    struct registry *r = registry_new();

    put(r, first, dur_s(0));
    assert_int_equal(say(r, &c2, second, dur_ms(2999)), REGISTRY_TWICE);
    assert_true(registry_report(r, &c1, &report, (mono_t){dur_ms(2000).ns}));
    assert_false(registry_report(r, &c2, &report, (mono_t){dur_ms(4000).ns}));
    assert_int_equal(say(r, &c2, second, dur_ms(4999)), REGISTRY_TWICE);
    assert_string_equal(registry_find(r, "n1")->node.boot, "b1");
    assert_string_equal(place(r), "c-1");
    assert_int_equal(say(r, &c2, left(second, "refused"), dur_ms(4999)), REGISTRY_OLD);

    assert_int_equal(say(r, &c2, second, dur_ms(5000)), REGISTRY_TAKEN);
    assert_string_equal(place(r), "c-2");
    registry_free(r);
}

static void a_process_that_was_started_anew_may_come_elsewhere(void **state UNUSED)
{
    struct registry *r = registry_new();
    struct fleet_node first = process_of("b1", 5), second = process_of("b2", 1);

    put(r, first, dur_s(0));
    put(r, left(first, "it died"), dur_ms(1));
    assert_int_equal(say(r, &c2, second, dur_ms(2)), REGISTRY_TAKEN);
    assert_string_equal(place(r), "c-2");
    registry_free(r);
}

static void of_a_node_that_left_only_that_is_new(void **state UNUSED)
{
    struct registry *r = registry_new();
    struct fleet_node n = process_of("b1", 5), gone = {.name = {"n1"}};
    const struct registry_node *known;

    str_fmt(n.address, sizeof(n.address), "10.0.0.1:80");
    put(r, n, dur_s(0));
    str_fmt(gone.why_gone, sizeof(gone.why_gone), "the link was lost");
    put(r, gone, dur_s(7));
    known = registry_find(r, "n1");
    assert_false(known->node.connected);
    assert_string_equal(known->node.address, "10.0.0.1:80");
    assert_string_equal(known->node.boot, "b1");
    assert_string_equal(known->node.why_gone, "the link was lost");
    assert_int_equal(known->node.since.ns, dur_s(7).ns);
    registry_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_is_what_it_serves),
        cmocka_unit_test(nodes_are_listed_by_name),
        cmocka_unit_test(a_report_tells_open_connections_and_leaving_ends_them),
        cmocka_unit_test(nodes_that_left_long_ago_make_room),
        cmocka_unit_test(a_node_that_moves_is_where_its_newest_connection_is),
        cmocka_unit_test(of_two_processes_the_first_keeps_the_name_while_it_is_alive),
        cmocka_unit_test(a_process_that_was_started_anew_may_come_elsewhere),
        cmocka_unit_test(of_a_node_that_left_only_that_is_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
