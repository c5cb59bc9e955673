/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker of all nodes: by hand, by itself, and what ends it. */
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

#define PLAN_OF_FLEET              \
    PLAN_HEAD("orders", "/orders") \
    "  breaker: {errors: 5, window: 60s, openFor: 10s, fleet: {minRequests: 50}}\n" TWO_STAGES

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

static void tunes(struct rig *r, const char *name, const char *value)
{
    rig_does(r, (struct core_command){.kind = CMD_BREAKER_TUNE,
                                      .setting = &(struct core_setting){name, value},
                                      .settings = 1});
}

static void test_settings_by_hand_lie_over_the_plans(void **state)
{
    struct rig *r = *state;

    tunes(r, "errors", "10");
    tunes(r, "window", "600s");
    assert_string_equal(r->u.change->summary,
                        "the breaker of orders has by hand: errors 10, window 10m");
    assert_int_equal(ordered(r).errors, 10);
    assert_int_equal(ordered(r).window_ms, 600000);
    assert_int_equal(ordered(r).open_for_ms, 600000); /* the plan's */
    rig_does(r, (struct core_command){.kind = CMD_BREAKER_TUNE,
                                      .setting = &(struct core_setting){"errors", ""},
                                      .settings = 1,
                                      .by_plan = true});
    assert_int_equal(ordered(r).errors, 5);
    assert_int_equal(ordered(r).window_ms, 600000);
    rig_does(r, (struct core_command){.kind = CMD_BREAKER_TUNE, .by_plan = true});
    assert_int_equal(ordered(r).window_ms, 300000);
}

static void test_settings_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        struct core_setting setting;
        const char *words;
    } bad[] = {
        {{"errorz", "3"}, "did you mean \"errors\"?"},
        {{"errors", "many"}, "errors: a whole number"},
        {{"errors", "0"}, "nothing would open the breaker"},
        {{"window", "1ms"}, "window: from 1s to 1h"},
        {{"slowRate", "10%"}, "slowRate needs slow"},
        {{"mode", "on"}, "use enforce, watch or off"},
        {{"errorRate", "200%"}, "errorRate: use a percentage"},
    };
    struct rig *r = *state;

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        rig_refuses(r,
                    (struct core_command){
                        .kind = CMD_BREAKER_TUNE, .setting = &bad[i].setting, .settings = 1},
                    bad[i].words);
    rig_refuses(r, (struct core_command){.kind = CMD_BREAKER_TUNE}, "which setting?");
}

/* Off means off: the fleet's does not go on where no node has one. */
static void test_a_breaker_that_is_switched_off_ends_the_fleets(void **state)
{
    struct rig *r = *state;

    does(r, CMD_BREAKER_OPEN);
    tunes(r, "mode", "off");
    assert_int_equal(breaker(r)->state, FLEET_BREAKER_CLOSED);
}

static void test_one_that_is_switched_off_is_not_ordered(void **state)
{
    struct rig *r = *state;

    tunes(r, "mode", "off");
    rig_refuses(r, (struct core_command){.kind = CMD_BREAKER_OPEN}, "tune orders mode=enforce");
}

/* ---- by itself ------------------------------------------------------------------------------- */

/* What a node tells of its breaker, and of the requests that new answered or failed. */
static void tells(struct rig *r, const char *node, enum breaker_state state, uint64_t requests,
                  uint64_t errors)
{
    struct name name = rig_name(node);
    struct route_stats route = {.migration = rig_name("orders"), .breaker = state};

    route.breaker_seen = (struct breaker_seen){.requests = requests, .errors = errors};
    route.system[SYSTEM_NEW] = rig_stats(requests, errors, 10);
    rig_sleep_ms(r, 200);
    rig_step(r, &(struct core_event){.kind = EV_REPORT,
                                     .report = {.node = &name, .route = &route, .count = 1}});
}

/* Four nodes serve the latest decision, and have told so. */
static int setup_fleet(void **state)
{
    struct rig *r = rig_new();

    begin(r, PLAN_OF_FLEET);
    rig_node(r, "n3", core_revision(r->core));
    rig_node(r, "n4", core_revision(r->core));
    for (char n[] = "n1"; n[1] <= '4'; n[1]++)
        tells(r, n, BREAKER_CLOSED, 0, 0);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_NONE);
    *state = r;
    return 0;
}

/* All serve the latest order and tell in which state they are since. */
static void all_tell(struct rig *r, enum breaker_state state)
{
    rig_all_serve(r, 4);
    for (int twice = 0; twice < 2; twice++)
        for (char n[] = "n1"; n[1] <= '4'; n[1]++)
            tells(r, n, state, 0, 0);
}

static void open_by_quorum(struct rig *r)
{
    tells(r, "n1", BREAKER_OPEN, 5, 5);
    tells(r, "n2", BREAKER_OPEN, 5, 5);
    expect(r, FLEET_BREAKER_OPEN, BREAKER_ORDER_OPEN);
}

static void test_one_sick_node_opens_its_own_only(void **state)
{
    struct rig *r = *state;

    tells(r, "n1", BREAKER_OPEN, 500, 500);
    rig_wait(r, 3);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_NONE);
    assert_int_equal(rig_status(r, "orders").breaker_open_nodes, 1);
}

static void test_a_quorum_opens_all(void **state)
{
    struct rig *r = *state;

    open_by_quorum(r);
    assert_string_equal(breaker(r)->why, "new fails on the fleet: 2 of 4 nodes have opened theirs");
    assert_string_equal(breaker(r)->operator_name, "switchyard");
    assert_int_equal(wall_sub(breaker(r)->deadline, breaker(r)->since).ns, dur_s(10).ns);
    rig_expect(r, 1, PHASE_READY);
}

/* Too thin on each node for its own breaker, and yet proven. */
static void test_the_pooled_rate_opens_all(void **state)
{
    struct rig *r = *state;

    tells(r, "n1", BREAKER_CLOSED, 20, 12);
    tells(r, "n2", BREAKER_CLOSED, 20, 12);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_NONE); /* fewer requests than are asked for */
    tells(r, "n3", BREAKER_CLOSED, 20, 0);
    expect(r, FLEET_BREAKER_OPEN, BREAKER_ORDER_OPEN);
    assert_non_null(strstr(breaker(r)->why, "24 of 60 requests to new failed on 2 nodes"));
}

static void test_many_errors_of_one_node_open_nothing(void **state)
{
    struct rig *r = *state;

    tells(r, "n1", BREAKER_CLOSED, 1000, 900);
    tells(r, "n2", BREAKER_CLOSED, 100, 0);
    rig_wait(r, 2);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_NONE);
}

static void test_its_time_over_every_node_tries_new_and_it_closes(void **state)
{
    struct rig *r = *state;
    uint64_t number;

    open_by_quorum(r);
    number = breaker(r)->order_number;
    all_tell(r, BREAKER_OPEN);
    rig_wait(r, 12);
    expect(r, FLEET_BREAKER_HALF_OPEN, BREAKER_ORDER_PROBE);
    assert_true(breaker(r)->order_number > number);
    all_tell(r, BREAKER_HALF_OPEN);
    expect(r, FLEET_BREAKER_HALF_OPEN, BREAKER_ORDER_PROBE);
    number = breaker(r)->order_number;
    all_tell(r, BREAKER_CLOSED);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_PROBE);
    assert_int_equal(breaker(r)->order_number, number);
}

/* What nodes told before they heard of the trial says nothing about it. */
static void test_it_opens_again_on_what_is_told_of_the_trial_only(void **state)
{
    struct rig *r = *state;
    uint64_t number;

    open_by_quorum(r);
    all_tell(r, BREAKER_OPEN);
    rig_wait(r, 12);
    number = breaker(r)->order_number;
    tells(r, "n1", BREAKER_OPEN, 0, 0);
    tells(r, "n2", BREAKER_OPEN, 0, 0);
    expect(r, FLEET_BREAKER_HALF_OPEN, BREAKER_ORDER_PROBE);
    all_tell(r, BREAKER_OPEN);
    expect(r, FLEET_BREAKER_OPEN, BREAKER_ORDER_OPEN);
    assert_true(breaker(r)->order_number > number);
}

static void test_nothing_rises_while_it_is_open(void **state)
{
    struct rig *r = *state;

    open_by_quorum(r);
    rig_all_serve(r, 4);
    rig_refuses(r, (struct core_command){.kind = CMD_PROMOTE}, "the breaker of the fleet is open");
}

static void test_a_rollback_ends_it(void **state)
{
    struct rig *r = *state;

    open_by_quorum(r);
    does(r, CMD_ROLLBACK);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_PROBE);
    rig_all_serve(r, 4);
    rig_wait(r, 20);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_PROBE);
}

static void test_a_pause_does_not_stop_it(void **state)
{
    struct rig *r = *state;

    does(r, CMD_PAUSE);
    all_tell(r, BREAKER_CLOSED);
    open_by_quorum(r);
    rig_expect(r, 1, PHASE_PAUSED);
}

static void test_an_operator_overrules_it(void **state)
{
    struct rig *r = *state;

    open_by_quorum(r);
    does(r, CMD_BREAKER_CLOSE);
    all_tell(r, BREAKER_CLOSED);
    tells(r, "n1", BREAKER_OPEN, 5, 5);
    tells(r, "n2", BREAKER_OPEN, 5, 5);
    expect(r, FLEET_BREAKER_FORCED_CLOSED, BREAKER_ORDER_CLOSE);
    does(r, CMD_BREAKER_RESET);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_RESET);
}

static void test_a_plan_that_asks_for_none_has_none(void **state)
{
    struct rig *r = *state;

    open_by_quorum(r);
    rig_apply_text(r, PLAN_WITH_BREAKER);
    rig_wait(r, 1);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_PROBE);
    all_tell(r, BREAKER_CLOSED);
    tells(r, "n1", BREAKER_OPEN, 5, 5);
    tells(r, "n2", BREAKER_OPEN, 5, 5);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_PROBE);
}

/* Who does not lead only watches; the next leader goes on with what is stored. */
static void test_only_who_leads_opens_it(void **state)
{
    struct rig *r = *state;

    core_lead(r->core, false);
    tells(r, "n1", BREAKER_OPEN, 5, 5);
    tells(r, "n2", BREAKER_OPEN, 5, 5);
    expect(r, FLEET_BREAKER_CLOSED, BREAKER_ORDER_NONE);
    core_lead(r->core, true);
    rig_wait(r, 1);
    expect(r, FLEET_BREAKER_OPEN, BREAKER_ORDER_OPEN);
}

/* ---- what an acknowledgement says ------------------------------------------------------------ */

static unsigned open_nodes(struct rig *r)
{
    struct view_status follower;

    assert_int_equal(view_status(r->follower, "orders", r->now, r->mono, &follower, NULL), 0);
    assert_int_equal(follower.breaker_open_nodes, rig_status(r, "orders").breaker_open_nodes);
    return follower.breaker_open_nodes;
}

/* Whoever asks after an order was acknowledged is not told what nodes reported before it. */
static void test_who_acknowledged_an_order_has_obeyed_it(void **state)
{
    struct rig *r = *state;

    tells(r, "n1", BREAKER_OPEN, 5, 5);
    assert_int_equal(open_nodes(r), 1);
    does(r, CMD_BREAKER_RESET);
    assert_int_equal(open_nodes(r), 1);
    rig_all_serve(r, 4);
    assert_int_equal(open_nodes(r), 0);

    does(r, CMD_BREAKER_OPEN);
    rig_node(r, "n2", core_revision(r->core));
    assert_int_equal(open_nodes(r), 1);
    rig_all_serve(r, 4);
    assert_int_equal(open_nodes(r), 4);
    does(r, CMD_BREAKER_CLOSE);
    rig_all_serve(r, 4);
    assert_int_equal(open_nodes(r), 0);
    assert_int_equal(rig_status(r, "orders").breaker, BREAKER_CLOSED);
}

static void reports(struct rig *r, enum breaker_state state, uint64_t order_number, bool late)
{
    struct name name = rig_name("n1");
    struct route_stats route = {.migration = rig_name("orders"),
                                .breaker = state,
                                .breaker_seen = {.order_number = order_number}};

    rig_step(r, &(struct core_event){
                    .kind = EV_REPORT,
                    .report = {.node = &name, .route = &route, .count = 1, .late = late}});
}

/* Acknowledgements go first, so a report may come after one that it was sent before. */
static void test_a_report_from_before_an_order_does_not_undo_it(void **state)
{
    struct rig *r = *state;

    tells(r, "n1", BREAKER_OPEN, 5, 5);
    does(r, CMD_BREAKER_RESET);
    rig_all_serve(r, 4);
    reports(r, BREAKER_OPEN, 0, true);
    assert_int_equal(open_nodes(r), 0);
    reports(r, BREAKER_OPEN, breaker(r)->order_number, true); /* it opened again since */
    assert_int_equal(open_nodes(r), 1);
    reports(r, BREAKER_CLOSED, breaker(r)->order_number, false);
    assert_int_equal(open_nodes(r), 0);
}

/* A node that joins with an order that holds is held; one that may have moved on is not known. */
static void test_who_joins_is_known_by_what_holds(void **state)
{
    struct rig *r = *state;

    does(r, CMD_BREAKER_OPEN);
    rig_all_serve(r, 4);
    rig_node_leaves(r, "n4");
    assert_int_equal(open_nodes(r), 3);
    rig_node(r, "n4", core_revision(r->core));
    assert_int_equal(open_nodes(r), 4);
    does(r, CMD_BREAKER_RESET);
    rig_node_leaves(r, "n1");
    rig_all_serve(r, 4);
    assert_int_equal(open_nodes(r), 0);
    reports(r, BREAKER_OPEN, 0, true);
    assert_int_equal(open_nodes(r), 0);
}

/* ---- what operators see ---------------------------------------------------------------------- */

static void test_a_status_names_the_sickest_nodes(void **state)
{
    struct rig *r = *state;
    struct view_status st;

    tells(r, "n3", BREAKER_HALF_OPEN, 1, 0);
    tells(r, "n2", BREAKER_OPEN, 5, 5);
    st = rig_status(r, "orders");
    assert_int_equal(st.breaker, BREAKER_OPEN);
    assert_int_equal(st.breaker_open_nodes, 1);
    assert_int_equal(st.breaker_half_open_nodes, 1);
    assert_int_equal(st.sick_count, 2);
    assert_string_equal(st.sick[0].node->s, "n2");
    assert_int_equal(st.sick[0].seen->errors, 5);
    assert_string_equal(st.sick[1].node->s, "n3");
    rig_node_leaves(r, "n2");
    st = rig_status(r, "orders");
    assert_int_equal(st.breaker, BREAKER_HALF_OPEN);
    assert_int_equal(st.sick_count, 1);
}

static void test_of_many_sick_nodes_some_are_named(void **state)
{
    struct rig *r = *state;
    struct view_status st;

    does(r, CMD_BREAKER_OPEN);
    for (char n[] = "n1"; n[1] <= '8'; n[1]++)
        rig_node(r, n, core_revision(r->core));
    st = rig_status(r, "orders");
    assert_int_equal(st.breaker_open_nodes, 8);
    assert_int_equal(st.sick_count, VIEW_SICK_MAX);
    assert_string_equal(st.sick[0].node->s, "n1");
    assert_string_equal(st.sick[4].node->s, "n5");
}

static void test_second_tries_past_the_budget_are_counted(void **state)
{
    struct rig *r = *state;
    struct name name = rig_name("n1");
    struct route_stats route = {.migration = rig_name("orders"), .over_budget = 3};
    struct view_stats s;

    for (unsigned i = 0; i < 2; i++) {
        rig_step(r, &(struct core_event){.kind = EV_REPORT,
                                         .report = {.node = &name, .route = &route, .count = 1}});
        rig_wait(r, 60);
    }
    assert_int_equal(view_stats(r->core, "orders", dur_s(0), r->mono, &s, NULL), 0);
    assert_int_equal(s.over_budget, 6);
    assert_int_equal(view_stats(r->core, "orders", dur_s(80), r->mono, &s, NULL), 0);
    assert_int_equal(s.over_budget, 3);
}

static void test_who_only_watches_diverts_nobody(void **state)
{
    struct rig *r = *state;

    tunes(r, "mode", "watch");
    does(r, CMD_BREAKER_OPEN);
    assert_string_equal(
        r->u.change->summary,
        "the breaker of orders is open on every node, and diverts nobody: its mode is watch");
    assert_float_equal(r->u.change->share_affected, 0.0, 0.001);
}

int main(void)
{
#define TEST(f)       cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_FLEET(f) cmocka_unit_test_setup_teardown(f, setup_fleet, teardown)
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
        TEST(test_settings_by_hand_lie_over_the_plans),
        TEST(test_settings_that_make_no_sense_are_refused),
        TEST(test_a_breaker_that_is_switched_off_ends_the_fleets),
        TEST(test_one_that_is_switched_off_is_not_ordered),
        TEST_FLEET(test_one_sick_node_opens_its_own_only),
        TEST_FLEET(test_a_quorum_opens_all),
        TEST_FLEET(test_the_pooled_rate_opens_all),
        TEST_FLEET(test_many_errors_of_one_node_open_nothing),
        TEST_FLEET(test_its_time_over_every_node_tries_new_and_it_closes),
        TEST_FLEET(test_it_opens_again_on_what_is_told_of_the_trial_only),
        TEST_FLEET(test_nothing_rises_while_it_is_open),
        TEST_FLEET(test_a_rollback_ends_it),
        TEST_FLEET(test_a_pause_does_not_stop_it),
        TEST_FLEET(test_an_operator_overrules_it),
        TEST_FLEET(test_a_plan_that_asks_for_none_has_none),
        TEST_FLEET(test_only_who_leads_opens_it),
        TEST_FLEET(test_who_acknowledged_an_order_has_obeyed_it),
        TEST_FLEET(test_a_report_from_before_an_order_does_not_undo_it),
        TEST_FLEET(test_who_joins_is_known_by_what_holds),
        TEST_FLEET(test_a_status_names_the_sickest_nodes),
        TEST_FLEET(test_of_many_sick_nodes_some_are_named),
        TEST(test_second_tries_past_the_budget_are_counted),
        TEST(test_who_only_watches_diverts_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
