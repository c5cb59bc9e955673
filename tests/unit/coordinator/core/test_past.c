/* SPDX-License-Identifier: Apache-2.0 */
/* A new process judges with what nodes measured before it began: asked for once, merged once, and
 * never a pass out of nothing. */
#include "coordinator/core/past.h"

#include "coordinator/core/state.h"
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define NODES 3

#define CMD(command_kind, ...) ((struct core_command){.kind = CMD_##command_kind, ##__VA_ARGS__})

#define PLAN_UNJUDGED \
    PLAN_HEAD("orders", "/orders") "  stages:\n    - {name: all, weight: 100, bake: 1h}\n"

/* The same plan, with another instance of legacy: a decision in mid-stage. */
#define PLAN_MOVED                                           \
    "apiVersion: switchyard/v1\n"                            \
    "kind: Migration\n"                                      \
    "metadata: {name: orders}\n"                             \
    "spec:\n"                                                \
    "  systems:\n"                                           \
    "    legacy: {endpoints: [\"http://127.0.0.1:8002\"]}\n" \
    "    new: {endpoints: [\"http://127.0.0.1:8001\"]}\n"    \
    "  routing: {key: \"header:X-User-Id\", path: \"/orders\"}\n" PLAN_TRIGGERS PLAN_STAGES

/* A gate that looks at more than the patience with a node's past. */
#define PLAN_PATIENT                                                                        \
    PLAN_HEAD("orders", "/orders")                                                          \
    "  stages:\n"                                                                           \
    "    - {name: shadow, weight: 0}\n"                                                     \
    "    - {name: canary, weight: 10, gate: {errorRate: 1%, minRequests: 100, for: 30s}}\n" \
    "    - {name: all, weight: 100}\n"

/* `orders` in its canary, its bake time over, the gate not yet; then the process is another one. */
static struct rig *failed_over_of(const char *plan, unsigned baked_s)
{
    struct rig *r = rig_new();

    rig_apply_text(r, plan);
    rig_all_serve(r, NODES);
    rig_does(r, CMD(START));
    rig_all_serve(r, NODES);
    rig_wait(r, 1);
    rig_all_serve(r, NODES);
    rig_expect(r, 2, PHASE_BAKING);
    rig_wait(r, baked_s);
    rig_expect(r, 2, PHASE_BAKING);
    r->silent = true;
    r->follower = core_free(r->follower);
    rig_restart(r);
    r->follower = core_free(r->follower);
    return r;
}

static struct rig *failed_over(unsigned baked_s)
{
    return failed_over_of(PLAN_ORDERS, baked_s);
}

static const struct core_ask *asked(const struct rig *r, const char *node)
{
    for (const struct core_ask *a = r->u.ask; a; a = a->next)
        if (strcmp(a->node.s, node) == 0)
            return a;
    return NULL;
}

/* One bucket of ten seconds that ended `age` ago. */
static void tell(struct rig *r, const char *node, dur_t age, uint64_t rev, uint64_t requests,
                 uint64_t errors, bool more)
{
    struct route_stats route = {.migration = rig_name("orders")};
    const struct core_bucket bucket = {
        .age = age, .interval = dur_s(10), .revision = rev, .route = &route, .count = 1};
    struct name name = rig_name(node);

    route.system[SYSTEM_NEW] = rig_stats(requests, errors, 5);
    route.system[SYSTEM_LEGACY] = rig_stats(requests, 0, 5);
    rig_step(r, &(struct core_event){
                    .kind = EV_PAST,
                    .past = {.node = &name, .bucket = &bucket, .count = 1, .more = more}});
}

static void tell_all(struct rig *r, uint64_t requests)
{
    char name[NAME_SIZE];

    for (unsigned i = 1; i <= NODES; i++) {
        str_fmt(name, sizeof name, "n%u", i);
        tell(r, name, dur_s(1), core_decision_rev(r->core, "orders"), requests, 0, false);
    }
}

static double judged(struct rig *r)
{
    return rig_status(r, "orders").gate.check[0].value;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void test_a_node_is_asked_once_for_what_is_judged(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over(2);

    rig_node(r, "n1", core_revision(r->core));
    assert_non_null(asked(r, "n1"));
    assert_int_equal(asked(r, "n1")->window.ns, dur_s(10).ns);
    rig_node(r, "n1", core_revision(r->core));
    assert_null(r->u.ask);
    rig_node_leaves(r, "n1");
    rig_node(r, "n1", core_revision(r->core));
    assert_null(r->u.ask);
}

/* Nothing is judged: nobody is asked, and what nodes report counts at once. */
static void test_without_gates_and_triggers_nobody_is_asked(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct view_stats s;
    struct err err;

    r->silent = true;
    rig_apply_text(r, PLAN_UNJUDGED);
    rig_node(r, "n1", 0);
    assert_null(r->u.ask);
    rig_report(r, "n1", "orders", rig_stats(7, 0, 5), rig_stats(0, 0, 5));
    assert_ok(view_stats(r->core, "orders", dur_s(10), r->mono, &s, &err), &err);
    assert_int_equal(s.system[SYSTEM_LEGACY].requests, 7);
}

/* ---- merging --------------------------------------------------------------------------------- */

/* What a node reports before it has told its past is part of that past. */
static void test_nothing_counts_twice(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over(2);
    struct view_stats s;
    struct err err;

    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(10, 0, 5));
    rig_all_serve(r, 1);
    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(10, 0, 5));
    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(10, 0, 5));
    assert_int_equal(judged(r), 0);
    tell(r, "n1", dur_s(1), core_decision_rev(r->core, "orders"), 100, 0, true);
    assert_int_equal(judged(r), 100);
    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(10, 0, 5));
    assert_int_equal(judged(r), 100);
    tell(r, "n1", dur_s(2), core_decision_rev(r->core, "orders"), 50, 0, false);
    assert_int_equal(judged(r), 150);
    /* It has told: another past is not asked for, and reports count. */
    tell(r, "n1", dur_s(2), core_decision_rev(r->core, "orders"), 1000, 0, false);
    assert_int_equal(judged(r), 150);
    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(10, 0, 5));
    assert_int_equal(judged(r), 160);
    /* The sum since the start is of this process. */
    assert_ok(view_stats(r->core, "orders", dur_ns(0), r->mono, &s, &err), &err);
    assert_int_equal(s.system[SYSTEM_NEW].requests, 10);
}

/* A breaker that is open is open whatever is known of the past. */
static void test_breakers_show_before_the_past_is_told(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over(2);

    rig_all_serve(r, 1);
    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(10, 0, 5));
    assert_int_equal(rig_status(r, "orders").breaker, BREAKER_CLOSED);
}

/* Measured under an earlier decision, or in another store's history: shown, not judged. */
static void test_only_the_latest_decision_is_judged(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over(2);
    uint64_t rev = core_decision_rev(r->core, "orders");
    struct view_stats s;
    struct err err;

    rig_all_serve(r, 1);
    tell(r, "n1", dur_s(2), rev - 1, 300, 300, true);
    tell(r, "n1", dur_s(2), 0, 300, 300, true);
    assert_int_equal(judged(r), 0);
    tell(r, "n1", dur_s(2), rev + 5, 20, 0, true);
    assert_int_equal(judged(r), 20);
    assert_ok(view_stats(r->core, "orders", dur_s(10), r->mono, &s, &err), &err);
    assert_int_equal(s.system[SYSTEM_NEW].requests, 620);
}

/* What a node says of itself is not believed without bounds. */
static void test_ages_beyond_reason_are_ignored(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over(2);
    uint64_t rev = core_decision_rev(r->core, "orders");
    struct name stranger = rig_name("n9");

    rig_all_serve(r, 1);
    tell(r, "n1", dur_ns(-1), rev, 300, 300, true);
    tell(r, "n1", dur_ns(INT64_MAX), rev, 300, 300, true);
    tell(r, "n1", dur_s(3601), rev, 300, 300, true);
    assert_int_equal(judged(r), 0);
    rig_step(r, &(struct core_event){.kind = EV_PAST, .past = {.node = &stranger}});
    assert_null(r->u.save);
}

/* A trigger needs no complete picture: what is known is bad enough. */
static void test_a_trigger_fires_on_the_past(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over(2);

    rig_all_serve(r, NODES);
    tell(r, "n2", dur_s(1), core_decision_rev(r->core, "orders"), 100, 60, true);
    rig_wait(r, 1);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* The point of it all: a failover does not blind the gates, nor begin their time anew. */
static void test_a_gate_goes_on_where_it_was(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over(8);

    rig_all_serve(r, NODES);
    assert_int_equal(rig_status(r, "orders").gate.verdict, VERDICT_HOLD);
    assert_string_equal(rig_status(r, "orders").gate.text,
                        "waiting for what n1 and 2 more measured before");
    tell_all(r, 200);
    assert_string_equal(rig_status(r, "orders").gate.text, "watched for 8s of 10s");
    rig_wait(r, 2);
    assert_int_equal(rig_status(r, "orders").gate.verdict, VERDICT_PASS);
    rig_wait(r, 3); /* the time after the start */
    rig_expect(r, 2, PHASE_READY);
}

/* The time counts, but nobody knows a request of it. */
static void test_no_gate_passes_without_requests(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over(8);

    rig_all_serve(r, NODES);
    tell_all(r, 0);
    rig_wait(r, 30);
    assert_int_equal(rig_status(r, "orders").gate.verdict, VERDICT_HOLD);
    rig_expect(r, 2, PHASE_BAKING);
}

/* A node that does not answer is waited for, not for ever; then the gate's whole time is watched.
 */
static void test_a_silent_node_costs_the_gates_time(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over_of(PLAN_PATIENT, 25);
    uint64_t rev = core_decision_rev(r->core, "orders");

    rig_all_serve(r, NODES);
    tell(r, "n1", dur_s(1), rev, 200, 0, false);
    tell(r, "n3", dur_s(1), rev, 200, 0, false);
    rig_wait(r, 9);
    assert_string_equal(rig_status(r, "orders").gate.text, "waiting for what n2 measured before");
    rig_report(r, "n2", "orders", rig_stats(0, 0, 5), rig_stats(500, 0, 5));
    assert_int_equal(judged(r), 400);
    rig_wait(r, 1);
    assert_string_equal(rig_status(r, "orders").gate.text, "watched for 10s of 30s");
    rig_report(r, "n2", "orders", rig_stats(0, 0, 5), rig_stats(500, 0, 5));
    assert_int_equal(judged(r), 900);
    /* Too late: these seconds have been reported meanwhile. */
    tell(r, "n2", dur_s(1), rev, 1000, 0, false);
    assert_int_equal(judged(r), 900);
    rig_wait(r, 19);
    rig_expect(r, 2, PHASE_BAKING);
    rig_wait(r, 1);
    rig_expect(r, 3, PHASE_CONVERGING);
}

/* A decision that was made after the stage began, as an endpoint's change is, counts from itself.
 */
static void test_the_time_before_a_decision_does_not_count(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over(6);

    rig_apply_text(r, PLAN_MOVED);
    rig_expect(r, 2, PHASE_BAKING);
    rig_wait(r, 1);
    rig_restart(r);
    r->follower = core_free(r->follower);
    rig_all_serve(r, NODES);
    tell_all(r, 200);
    assert_string_equal(rig_status(r, "orders").gate.text, "watched for 1s of 10s");
}

/* The machine's clock was set back, or leaps ahead, while no process ran. */
static void test_a_clock_that_jumped_counts_for_nothing(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = failed_over(8);

    r->now = wall_add(r->now, dur_s(-7200));
    rig_restart(r);
    r->follower = core_free(r->follower);
    rig_all_serve(r, NODES);
    tell_all(r, 200);
    assert_string_equal(rig_status(r, "orders").gate.text, "watched for 0s of 10s");
    r->now = wall_add(r->now, dur_s(720000));
    rig_restart(r);
    r->follower = core_free(r->follower);
    rig_all_serve(r, NODES);
    assert_int_equal(state_find(r->core, "orders")->takeover.watched_before.ns, PAST_MAX.ns);
    assert_int_equal(rig_status(r, "orders").gate.verdict, VERDICT_HOLD);
}

/* ---- the samples ----------------------------------------------------------------------------- */

static uint64_t on_new(const struct samples *s, mono_t now, dur_t window)
{
    struct system_stats sum;

    samples_window(s, SYSTEM_NEW, now, window, &sum);
    return sum.requests;
}

static void test_the_past_takes_no_younger_place(void **state UNUSED)
{
    const mono_t now = {1000000000000};
    struct system_stats stats[SYSTEM_COUNT] = {[SYSTEM_NEW] = {.requests = 5}};
    struct samples *s = samples_new();

    samples_add(s, now, stats);
    /* Two minutes ago is the same place in the ring of seconds. */
    samples_add_past(s, now, (mono_t){now.ns - dur_s(120).ns}, stats);
    assert_int_equal(on_new(s, now, dur_s(1)), 5);
    assert_int_equal(on_new(s, now, dur_s(600)), 10);
    samples_add_past(s, now, (mono_t){now.ns - dur_s(86400).ns}, stats);
    assert_int_equal(on_new(s, now, dur_s(86400)), 10);
    assert_int_equal(samples_total(s, SYSTEM_NEW)->requests, 5);
    samples_free(s);
}

/* The machine has been up for a second; its nodes for longer. */
static void test_the_past_may_lie_before_the_clock(void **state UNUSED)
{
    const mono_t now = {1500000000};
    struct system_stats stats[SYSTEM_COUNT] = {[SYSTEM_NEW] = {.requests = 5}};
    struct samples *s = samples_new();

    for (int64_t ago = 0; ago < 100; ago++)
        samples_add_past(s, now, (mono_t){now.ns - ago * 1000000000}, stats);
    assert_int_equal(on_new(s, now, dur_s(10)), 50);
    assert_int_equal(on_new(s, now, dur_s(100)), 500);
    assert_int_equal(on_new(s, now, dur_s(180)), 500);
    samples_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_node_is_asked_once_for_what_is_judged),
        cmocka_unit_test(test_without_gates_and_triggers_nobody_is_asked),
        cmocka_unit_test(test_nothing_counts_twice),
        cmocka_unit_test(test_breakers_show_before_the_past_is_told),
        cmocka_unit_test(test_only_the_latest_decision_is_judged),
        cmocka_unit_test(test_ages_beyond_reason_are_ignored),
        cmocka_unit_test(test_a_trigger_fires_on_the_past),
        cmocka_unit_test(test_a_gate_goes_on_where_it_was),
        cmocka_unit_test(test_no_gate_passes_without_requests),
        cmocka_unit_test(test_a_silent_node_costs_the_gates_time),
        cmocka_unit_test(test_the_time_before_a_decision_does_not_count),
        cmocka_unit_test(test_a_clock_that_jumped_counts_for_nothing),
        cmocka_unit_test(test_the_past_takes_no_younger_place),
        cmocka_unit_test(test_the_past_may_lie_before_the_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
