/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker of all nodes: by hand, and what ends it. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define TWO_STAGES                                         \
    "  stages:\n"                                          \
    "    - {name: canary, weight: 10, approval: manual}\n" \
    "    - {name: half, weight: 50, approval: manual}\n"

#define PLAN_WITH_BREAKER          \
    PLAN_HEAD("orders", "/orders") \
    "  breaker: {errors: 5}\n" TWO_STAGES

#define PLAN_WITHOUT_BREAKER       \
    PLAN_HEAD("orders", "/orders") \
    TWO_STAGES

#define PLAN_ENFORCED                                    \
    PLAN_HEAD("orders", "/orders")                       \
    "  breaker: {errors: 5}\n"                           \
    "  stages:\n"                                        \
    "    - {name: half, weight: 50, approval: manual}\n" \
    "    - {name: all, weight: 100, enforce: true, approval: manual}\n"

static void begin(struct rig *r, const char *plan)
{
    rig_apply_text(r, plan);
    rig_node(r, "n1", 0);
    rig_node(r, "n2", 0);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_READY);
}

static int setup(void **state)
{
    struct rig *r = rig_new();

    begin(r, PLAN_WITH_BREAKER);
    *state = r;
    return 0;
}

static int setup_empty(void **state)
{
    *state = rig_new();
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static const struct fleet_breaker *breaker(struct rig *r)
{
    return &rig_status(r, "orders").rollout->breaker;
}

static struct route_breaker ordered(struct rig *r)
{
    struct route route;

    assert_true(core_compile(r->core, "orders", &route));
    return route.breaker;
}

static void expect(struct rig *r, enum fleet_breaker_state state, enum breaker_order order)
{
    if (breaker(r)->state != state)
        fail_msg("the fleet's breaker is %s, expected %s; why: %s",
                 fleet_breaker_state_name(breaker(r)->state), fleet_breaker_state_name(state),
                 breaker(r)->why);
    assert_int_equal(breaker(r)->order, order);
    assert_int_equal(ordered(r).order, order);
    assert_int_equal(ordered(r).order_number, breaker(r)->order_number);
}

static void does(struct rig *r, enum core_command_kind kind)
{
    rig_does(r, (struct core_command){.kind = kind});
}

static void test_an_operator_opens_closes_and_resets_it(void **state)
{
    struct rig *r = *state;
    uint64_t last;

    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_NONE);
    does(r, CMD_BREAKER_OPEN);
    expect(r, FLEET_BREAKER_FORCED_OPEN, BREAKER_ORDER_OPEN);
    assert_string_equal(r->u.change->summary,
                        "the breaker of orders is open on every node: new is asked for nothing");
    assert_float_equal(r->u.change->share_affected, 10.0, 0.001);
    assert_string_equal(breaker(r)->operator_name, "ann");
    assert_string_equal(breaker(r)->why, "an operator opened it on every node: test");
    last = breaker(r)->order_number;

    does(r, CMD_BREAKER_CLOSE);
    expect(r, FLEET_BREAKER_FORCED_CLOSED, BREAKER_ORDER_CLOSE);
    assert_true(breaker(r)->order_number > last);
    last = breaker(r)->order_number;

    does(r, CMD_BREAKER_RESET);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_RESET);
    assert_true(breaker(r)->order_number > last);
    last = breaker(r)->order_number;

    does(r, CMD_BREAKER_RESET); /* once more: what was counted since is forgotten */
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_RESET);
    assert_true(breaker(r)->order_number > last);
    rig_expect(r, 1, PHASE_READY);
}

static void test_an_order_is_a_decision_that_nodes_acknowledge(void **state)
{
    struct rig *r = *state;
    uint64_t before = core_decision_rev(r->core, "orders");

    does(r, CMD_BREAKER_OPEN);
    assert_true(core_decision_rev(r->core, "orders") > before);
    assert_int_equal(rig_status(r, "orders").convergence.serving, 0);
    rig_all_serve(r, 2);
    assert_int_equal(rig_status(r, "orders").convergence.serving, 2);
}

static void test_what_is_so_already_is_no_order(void **state)
{
    struct rig *r = *state;
    uint64_t number;

    does(r, CMD_BREAKER_OPEN);
    number = breaker(r)->order_number;
    does(r, CMD_BREAKER_OPEN);
    assert_null(r->u.save);
    assert_string_equal(r->u.change->summary,
                        "the breaker of orders is open on every node already");
    assert_int_equal(breaker(r)->order_number, number);
}

static void test_a_dry_run_orders_nothing(void **state)
{
    struct rig *r = *state;

    rig_does(r, (struct core_command){.kind = CMD_BREAKER_OPEN, .dry_run = true});
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_NONE);
}

static void test_it_stands_in_the_history(void **state)
{
    struct rig *r = *state;
    const struct history_entry *entry;

    does(r, CMD_BREAKER_OPEN);
    assert_int_equal(view_history(r->core, "orders", &entry, 1), 1);
    assert_string_equal(entry->event, "breaker_open");
    assert_string_equal(entry->operator_name, "ann");
    assert_string_equal(entry->reason, "test");
}

static void test_it_is_refused_without_a_breaker_in_the_plan(void **state)
{
    struct rig *r = *state;

    begin(r, PLAN_WITHOUT_BREAKER);
    rig_refuses(r, (struct core_command){.kind = CMD_BREAKER_OPEN}, "spec.breaker");
    rig_refuses(r, (struct core_command){.kind = CMD_BREAKER_RESET}, "have no breaker for orders");
    assert_int_equal(ordered(r).order_number, 0);
}

static void test_it_is_not_opened_where_legacy_is_forbidden(void **state)
{
    struct rig *r = *state;

    begin(r, PLAN_ENFORCED);
    does(r, CMD_BREAKER_OPEN);
    does(r, CMD_BREAKER_RESET);
    does(r, CMD_PROMOTE);
    rig_refuses(r, (struct core_command){.kind = CMD_BREAKER_OPEN}, "without an answer");
    does(r, CMD_BREAKER_CLOSE);
    expect(r, FLEET_BREAKER_FORCED_CLOSED, BREAKER_ORDER_CLOSE);
}

static void test_a_rollback_ends_what_holds_new_up(void **state)
{
    struct rig *r = *state;

    does(r, CMD_BREAKER_CLOSE);
    does(r, CMD_ROLLBACK);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_RESET);
    assert_string_equal(breaker(r)->why,
                        "the rollout fell, and nothing holds new up any more: test");
}

static void test_what_an_operator_opened_stays_open(void **state)
{
    struct rig *r = *state;
    uint64_t number;

    does(r, CMD_BREAKER_OPEN);
    number = breaker(r)->order_number;
    does(r, CMD_EMERGENCY);
    expect(r, FLEET_BREAKER_FORCED_OPEN, BREAKER_ORDER_OPEN);
    assert_int_equal(breaker(r)->order_number, number);
}

/* A plan that takes the breaker away leaves no order that would count when it comes back. */
static void test_a_plan_without_a_breaker_ends_it(void **state)
{
    struct rig *r = *state;

    does(r, CMD_BREAKER_OPEN);
    rig_apply_text(r, PLAN_WITHOUT_BREAKER);
    rig_wait(r, 1);
    assert_int_equal(breaker(r)->state, FLEET_BREAKER_CLOSED);
    rig_apply_text(r, PLAN_WITH_BREAKER);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_PROBE);
}

/* Nodes remember numbers that this store has forgotten. */
static void test_numbers_go_on_when_a_plan_comes_back(void **state)
{
    struct rig *r = *state;
    uint64_t last;

    does(r, CMD_BREAKER_OPEN);
    last = breaker(r)->order_number;
    does(r, CMD_ABORT);
    rig_all_serve(r, 2);
    does(r, CMD_DELETE);
    rig_sleep_ms(r, 5);
    begin(r, PLAN_WITH_BREAKER);
    does(r, CMD_BREAKER_OPEN);
    assert_true(breaker(r)->order_number > last);
}

int main(void)
{
#define TEST(f)       cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_EMPTY(f) cmocka_unit_test_setup_teardown(f, setup_empty, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_operator_opens_closes_and_resets_it),
        TEST(test_an_order_is_a_decision_that_nodes_acknowledge),
        TEST(test_what_is_so_already_is_no_order),
        TEST(test_a_dry_run_orders_nothing),
        TEST(test_it_stands_in_the_history),
        TEST_EMPTY(test_it_is_refused_without_a_breaker_in_the_plan),
        TEST_EMPTY(test_it_is_not_opened_where_legacy_is_forbidden),
        TEST(test_a_rollback_ends_what_holds_new_up),
        TEST(test_what_an_operator_opened_stays_open),
        TEST(test_a_plan_without_a_breaker_ends_it),
        TEST(test_numbers_go_on_when_a_plan_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
