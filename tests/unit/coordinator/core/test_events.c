/* SPDX-License-Identifier: Apache-2.0 */
/* What subscribers hear: what happened, once, in order, with who and why; and how much is kept. The
 * rig holds each step's events of every replica against each other. */
#include "coordinator/core/events.h"

#include "coordinator/core/events_watch.h"
#include "coordinator/core/record_events.h"
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define NODES 3

#define CMD(what, ...) ((struct core_command){.kind = CMD_##what, ##__VA_ARGS__})

/* Everything after `after`, as "stage_enabled/canary rollback/shadow". */
static const char *heard(struct rig *r, struct event_place *after, char *dst, size_t size)
{
    struct view_event e;
    size_t at = 0;

    dst[0] = '\0';
    while (view_next_event(r->core, after, UINT64_MAX, "", &e)) {
        str_fmt(dst + at, size - at, "%s%s/%s", at ? " " : "", e.event->kind, e.event->stage);
        at = strlen(dst);
        *after = e.at;
    }
    return dst;
}

static struct event_place now_heard;

static void hears(struct rig *r, const char *want)
{
    char text[4096];

    assert_string_equal(heard(r, &now_heard, text, sizeof text), want);
}

/* The newest one. */
static const struct event *last(struct rig *r)
{
    struct event_place after = {.revision = 0};
    static struct view_event e;

    while (view_next_event(r->core, &after, UINT64_MAX, "", &e))
        after = e.at;
    return e.event;
}

static void healthy(struct rig *r, unsigned seconds, uint64_t errors)
{
    for (unsigned s = 0; s < seconds; s++) {
        for (unsigned i = 1; i <= NODES; i++) {
            char node[NAME_SIZE];

            str_fmt(node, sizeof node, "n%u", i);
            rig_report(r, node, "orders", rig_stats(90, 0, 5), rig_stats(100, errors, 6));
        }
        rig_wait(r, 1);
    }
}

static struct rig *applied(const char *yaml)
{
    struct rig *r = rig_new();

    now_heard = (struct event_place){.revision = 0};
    rig_apply_text(r, yaml);
    rig_all_serve(r, NODES);
    return r;
}

/* In the canary stage, which bakes. */
static struct rig *baking(void)
{
    struct rig *r = applied(PLAN_PLAIN);

    rig_does(r, CMD(START));
    rig_all_serve(r, NODES);
    rig_wait(r, 1);
    rig_all_serve(r, NODES);
    rig_expect(r, 2, PHASE_BAKING);
    hears(r,
          "plan_applied/legacy stage_enabled/shadow converged/shadow stage_enabled/canary "
          "converged/canary");
    return r;
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void test_a_walk_is_told_in_order(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();

    healthy(r, 11, 0);
    hears(r, "gate_passed/canary");
    rig_does(r, CMD(PAUSE));
    hears(r, "paused/canary");
    assert_string_equal(last(r)->operator_name, "ann");
    assert_string_equal(last(r)->text, "an operator paused the rollout: test");
    rig_does(r, CMD(RESUME));
    rig_does(r, CMD(SET_WEIGHT, .weight_bp = 1250, .reason = "a bit more"));
    hears(r, "resumed/canary weight_set/canary");
    assert_string_equal(last(r)->text, "12.5 % of keys on new: a bit more");
    rig_does(r, CMD(SET_OVERRIDE, .system = SYSTEM_LEGACY));
    hears(r, "override_set/canary");
    rig_does(r, CMD(ROLLBACK, .to_stage = 1, .operator_name = "bob"));
    rig_all_serve(r, NODES);
    hears(r, "rollback/shadow rolled_back/shadow");
    assert_string_equal(last(r)->operator_name, "switchyard");
    rig_does(r, CMD(ABORT));
    rig_does(r, CMD(DELETE));
    hears(r, "aborted/legacy deleted/legacy");
}

/* Once for each time; to be there already is nothing new. */
static void test_the_last_stage_may_be_entered_twice(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();

    rig_does(r, CMD(PROMOTE, .full = true));
    hears(r, "stage_enabled/all");
    rig_does(r, CMD(PROMOTE, .full = true));
    assert_null(r->u.save);
    assert_string_equal(r->u.change->summary,
                        "orders was promoted to its last stage, all, already");
    rig_does(r, CMD(PAUSE));
    rig_does(r, CMD(SET_OVERRIDE, .system = SYSTEM_LEGACY));
    rig_does(r, CMD(RESUME));
    hears(r, "paused/all override_set/all resumed/all");
    rig_does(r, CMD(PROMOTE, .full = true));
    hears(r, "stage_enabled/all");
}

static void test_emergencies_are_told(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();

    rig_does(r, CMD(EMERGENCY, .all = true, .reason = "down", .operator_name = "eve"));
    hears(r, "emergency_rollback/legacy");
    assert_string_equal(last(r)->text, "an emergency order sends everything to legacy: down");
    assert_string_equal(last(r)->operator_name, "eve");
    rig_does(r, CMD(CLEAR));
    hears(r, "emergency_cleared/legacy");
}

static void test_what_is_refused_or_dry_is_not_told(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();

    rig_does(r, CMD(PAUSE, .dry_run = true));
    rig_refuses(r, CMD(RESUME), "is not paused");
    r->disk_full = true;
    assert_int_equal(rig_run(r, CMD(PAUSE)), ERR_EXHAUSTED);
    hears(r, "");
}

/* ---- gates and breakers ---------------------------------------------------------------------- */

static void test_a_flapping_gate_does_not_flood(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    char text[4096];
    unsigned told = 0;

    for (unsigned i = 0; i < 30; i++) {
        healthy(r, 1, i % 2 ? 100 : 0);
        rig_wait(r, 1);
    }
    heard(r, &now_heard, text, sizeof text);
    for (const char *at = text; (at = strstr(at, "gate_")); at++)
        told++;
    assert_in_range(told, 1, 6);
    rig_expect(r, 2, PHASE_BAKING);
}

static void test_a_gate_is_told_on_change_only(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();

    healthy(r, 25, 50);
    hears(r, "gate_failed/canary");
    assert_non_null(strstr(last(r)->text, "error rate of new 50.0 %"));
    rig_restart(r);
    rig_all_serve(r, NODES);
    healthy(r, 25, 50);
    hears(r, "");
    rig_wait(r, 60);
    hears(r, "gate_held/canary");
}

static void breaker(struct rig *r, unsigned node, enum breaker_state is)
{
    struct route_stats route = {.migration = rig_name("orders"), .breaker = is};
    struct name name;

    str_fmt(name.s, sizeof name.s, "n%u", node);
    rig_step(r, &(struct core_event){.kind = EV_REPORT,
                                     .report = {.node = &name, .route = &route, .count = 1}});
}

static void test_breakers_are_told_with_their_node(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();

    breaker(r, 2, BREAKER_OPEN);
    rig_wait(r, 2);
    hears(r, "breaker_opened/canary");
    assert_string_equal(last(r)->node, "n2");
    breaker(r, 2, BREAKER_HALF_OPEN);
    breaker(r, 2, BREAKER_OPEN);
    rig_wait(r, 20);
    hears(r, "gate_held/canary");
    breaker(r, 2, BREAKER_CLOSED);
    rig_wait(r, 2);
    hears(r, "breaker_closed/canary");
}

static void test_breakers_that_open_together_are_one_event(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();

    for (unsigned i = 1; i <= NODES; i++)
        breaker(r, i, BREAKER_OPEN);
    rig_wait(r, 2);
    hears(r, "breaker_opened/canary");
    assert_string_equal(last(r)->node, "");
    assert_string_equal(last(r)->text, "3 nodes send everything to legacy, n1 among them");
    for (unsigned i = 0; i < 40; i++)
        breaker(r, 1, i % 2 ? BREAKER_OPEN : BREAKER_CLOSED);
    rig_wait(r, 6);
    hears(r, "");
}

/* The one that leads next knows what was told. */
static void test_another_leader_tells_nothing_twice(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    struct core *next;

    breaker(r, 1, BREAKER_OPEN);
    rig_wait(r, 2);
    hears(r, "breaker_opened/canary");
    next = r->follower;
    r->follower = r->core;
    r->core = next;
    core_lead(r->follower, false);
    core_lead(r->core, true);
    breaker(r, 2, BREAKER_OPEN);
    rig_wait(r, 12);
    hears(r, "gate_held/canary breaker_opened/canary");
    breaker(r, 1, BREAKER_OPEN);
    rig_wait(r, 12);
    hears(r, "");
}

/* ---- what is kept ---------------------------------------------------------------------------- */

static unsigned batches_stored(const struct rig *r, const char *of)
{
    unsigned n = 0;

    for (int i = 0; i < RIG_KEYS; i++)
        n += r->kv[i].key && strstr(r->kv[i].key, of);
    return n;
}

static void test_so_many_are_kept_and_the_rest_is_lost(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    struct event_place after = {.revision = 0};
    struct view_event e;

    r->compare_every = 50;
    for (unsigned i = 0; i < 150; i++) {
        rig_does(r, CMD(PAUSE));
        rig_does(r, CMD(RESUME));
    }
    assert_int_equal(batches_stored(r, "/events/orders/"), EVENTS_KEPT);
    assert_true(view_next_event(r->core, &after, UINT64_MAX, "", &e));
    assert_int_equal(e.at.sequence, e.oldest);
    assert_int_equal(e.oldest, 5 + 300 - EVENTS_KEPT + 1);
}

/* A plan that comes back goes on counting; of those that never do the oldest are forgotten. */
static void test_events_outlive_their_plan(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = applied(PLAN_PLAIN);
    char name[NAME_SIZE], yaml[4096];
    struct event_place after = {.revision = 0};
    struct view_event e;

    rig_does(r, CMD(DELETE, .reason = "no more"));
    hears(r, "plan_applied/legacy deleted/legacy");
    rig_restart(r);
    rig_apply_text(r, PLAN_PLAIN);
    rig_does(r, CMD(DELETE));
    hears(r, "plan_applied/legacy deleted/legacy");
    assert_int_equal(now_heard.sequence, 4);
    for (unsigned i = 0; i < EVENTS_DELETED_KEPT; i++) {
        str_fmt(name, sizeof name, "m%u", i);
        str_fmt(yaml, sizeof yaml, PLAN_HEAD("m%u", "/m%u"), i, i);
        str_fmt(yaml + strlen(yaml), sizeof yaml - strlen(yaml), "%s", PLAN_STAGES);
        assert_int_equal(batches_stored(r, "/events/orders/"), 4);
        rig_apply_text(r, yaml);
        rig_does(r, CMD(DELETE, .migration = name));
    }
    assert_int_equal(batches_stored(r, "/events/orders/"), 0);
    assert_false(view_next_event(r->core, &after, UINT64_MAX, "orders", &e));
    assert_true(view_next_event(r->core, &after, UINT64_MAX, "m0", &e));
    assert_false(view_next_event(r->core, &after, e.at.revision - 1, "m0", &e));
}

/* ---- as stored ------------------------------------------------------------------------------- */

static void test_a_batch_survives_and_kinds_of_later_versions_too(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1u << 16);
    struct event_batch *batch = NULL;
    struct err err;

    assert_ok(
        record_read_events(STR("{\"version\":1,\"events\":[{\"kind\":\"moon_rose\","
                               "\"time\":\"2026-11-21T10:07:04.123Z\",\"operator\":\"ann\"}]}"),
                           7, &batch, &err),
        &err);
    assert_int_equal(batch->first, 7);
    assert_string_equal(batch->event[0].kind, "moon_rose");
    assert_true(record_write_events(batch, &b));
    assert_non_null(strstr(buf_text(&b), "moon_rose"));
    event_batch_unref(batch);
}

static void test_what_is_no_batch_is_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"version\":1}",
        "{\"version\":1,\"events\":[]}",
        "{\"version\":1,\"events\":[3]}",
        "{\"version\":1,\"events\":[{\"kind\":\"paused\",\"time\":\"noon\"}]}",
    };
    struct event_batch *batch = NULL;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(record_read_events(str_of(bad[i]), 1, &batch, &err), ERR_CORRUPT);
    assert_fails(record_read_events(STR("{\"version\":2,\"events\":[]}"), 1, &batch, &err),
                 ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_walk_is_told_in_order),
        cmocka_unit_test(test_the_last_stage_may_be_entered_twice),
        cmocka_unit_test(test_emergencies_are_told),
        cmocka_unit_test(test_what_is_refused_or_dry_is_not_told),
        cmocka_unit_test(test_a_flapping_gate_does_not_flood),
        cmocka_unit_test(test_a_gate_is_told_on_change_only),
        cmocka_unit_test(test_breakers_are_told_with_their_node),
        cmocka_unit_test(test_breakers_that_open_together_are_one_event),
        cmocka_unit_test(test_another_leader_tells_nothing_twice),
        cmocka_unit_test(test_so_many_are_kept_and_the_rest_is_lost),
        cmocka_unit_test(test_events_outlive_their_plan),
        cmocka_unit_test(test_a_batch_survives_and_kinds_of_later_versions_too),
        cmocka_unit_test(test_what_is_no_batch_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
