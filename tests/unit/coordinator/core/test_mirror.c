/* SPDX-License-Identifier: Apache-2.0 */
/* The share of copies by hand: what it lies over, what ends it, and where it would be futile. */
#include "coordinator/core/mirror.h"
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define PLAN_MIRRORED                                                  \
    PLAN_HEAD("orders", "/orders")                                     \
    "  mirror: {offAbove: 20}\n"                                       \
    "  compare: {sample: 0.5, offAbove: 20}\n"                         \
    "  breaker: {errors: 5}\n"                                         \
    "  stages:\n"                                                      \
    "    - {name: shadow, weight: 0, mirror: 100, approval: manual}\n" \
    "    - {name: canary, weight: 10, mirror: 30, approval: manual}\n" \
    "    - {name: half, weight: 50, approval: manual}\n"               \
    "    - {name: all, weight: 100, approval: manual}\n"               \
    "    - {name: last, weight: 100, enforce: true, approval: manual}\n"

static int setup(void **state)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN_MIRRORED);
    rig_all_serve(r, 2);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static struct core_command set(unsigned percent)
{
    return (struct core_command){.kind = CMD_SET_MIRROR, .mirror_bp = percent * 100};
}

static const struct core_command by_plan = {.kind = CMD_SET_MIRROR, .by_plan = true};

/* What nodes are told, and what operators see of it. */
static void expect(struct rig *r, unsigned told, unsigned in_force, const char *why)
{
    struct view_status s = rig_status(r, "orders");
    struct route route;

    assert_true(core_compile(r->core, "orders", &route));
    assert_int_equal(route.mirror.share_bp, told * 100);
    assert_int_equal(route.mirror.by_hand, s.rollout->mirror_by_hand);
    assert_int_equal(s.mirror.share_bp, in_force * 100);
    assert_string_equal(s.mirror.why, why);
}

static void reach(struct rig *r, unsigned stage)
{
    for (unsigned i = 1; i <= stage; i++) {
        rig_does(r, (struct core_command){.kind = i == 1 ? CMD_START : CMD_PROMOTE});
        rig_all_serve(r, 2);
        rig_wait(r, 1);
    }
    rig_expect(r, stage, stage == 5 ? PHASE_COMPLETED : PHASE_READY);
}

static void test_by_hand_lies_over_the_stage_until_it_is_taken_back(void **state)
{
    struct rig *r = *state;

    reach(r, 1);
    expect(r, 100, 100, "stage shadow says 100 %");
    rig_does(r, set(25));
    assert_string_equal(r->u.change->summary,
                        "the mirror of orders is 25 %: by hand; stage shadow says 100 %");
    expect(r, 25, 25, "by hand; stage shadow says 100 %");
    rig_does(r, set(25));
    assert_string_equal(r->u.change->summary,
                        "the mirror of orders is 25 % already: by hand; stage shadow says 100 %");
    rig_does(r, set(0));
    assert_string_equal(r->u.change->summary,
                        "the mirror of orders is off: by hand; stage shadow says 100 %");
    expect(r, 0, 0, "by hand; stage shadow says 100 %");
    rig_does(r, by_plan);
    expect(r, 100, 100, "stage shadow says 100 %");
    rig_does(r, by_plan);
    assert_string_equal(r->u.change->summary,
                        "the mirror of orders is 100 % already: stage shadow says 100 %");
}

static void test_it_needs_no_stage(void **state)
{
    struct rig *r = *state;

    expect(r, 0, 0, "no stage is entered");
    rig_does(r, set(5));
    expect(r, 5, 5, "by hand; no stage is entered");
}

static void test_a_smaller_share_holds_through_stages_and_a_larger_one_ends(void **state)
{
    struct rig *r = *state;

    reach(r, 1);
    rig_does(r, set(20));
    rig_does(r, (struct core_command){.kind = CMD_PROMOTE});
    expect(r, 20, 20, "by hand; stage canary says 30 %");
    rig_does(r, set(50));
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK, .to_stage = 1, .reason = "r"});
    expect(r, 50, 50, "by hand; stage shadow says 100 %");
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK, .to_stage = 0, .reason = "r"});
    assert_non_null(strstr(r->u.change->summary, "; its mirror is no longer set by hand"));
    expect(r, 0, 0, "no stage is entered");
}

static void test_off_outlives_a_rollback_and_a_new_start(void **state)
{
    struct rig *r = *state;

    reach(r, 1);
    rig_does(r, set(0));
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK, .to_stage = 0, .reason = "r"});
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_does(r, (struct core_command){.kind = CMD_START});
    expect(r, 0, 0, "by hand; stage shadow says 100 %");
}

static void test_what_holds_copies_is_told(void **state)
{
    struct rig *r = *state;
    const struct core_command legacy = {.kind = CMD_SET_OVERRIDE, .system = SYSTEM_LEGACY};

    reach(r, 1);
    assert_int_equal(rig_status(r, "orders").compared_bp, 50);
    rig_does(r, legacy);
    assert_int_equal(rig_status(r, "orders").compared_bp, 0);
    expect(r, 100, 0, "an override sends everything to legacy");
    rig_does(r, set(40));
    assert_string_equal(r->u.change->summary,
                        "the mirror of orders is off: an override sends everything to legacy");
    rig_does(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_NONE});
    expect(r, 40, 40, "by hand; stage shadow says 100 %");
    rig_does(r, (struct core_command){.kind = CMD_BREAKER_OPEN});
    expect(r, 40, 0, "the breaker of new is open on every node");
    rig_does(r, (struct core_command){.kind = CMD_BREAKER_RESET});
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY, .reason = "down"});
    expect(r, 0, 0, "no stage is entered");
}

static void test_a_futile_share_is_refused(void **state)
{
    struct rig *r = *state;

    reach(r, 3);
    expect(r, 0, 0, "stage half says 0 %");
    assert_int_equal(rig_status(r, "orders").compared_bp, 0);
    rig_refuses(r, set(10),
                "nothing of orders would be copied: new has 50 % of keys, and above 20 % "
                "(spec.mirror.offAbove) nothing is copied");
    rig_does(r, set(0));
    rig_refuses(r, set(101), "0 to 100 percent");
    rig_does(r, (struct core_command){.kind = CMD_PROMOTE});
    rig_refuses(r, set(10), "no request goes to legacy");
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK, .to_stage = 1, .reason = "r"});
    rig_refuses(r, set(10), "orders is rolling_back: nothing more goes to new");
    rig_does(r, set(0));
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY, .reason = "down"});
    rig_refuses(r, set(10), "orders is rolling_back");
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_refuses(r, set(10), "an emergency order stands");
}

static void test_connections_have_nothing_to_copy(void **state)
{
    struct rig *r = *state;

    rig_apply_text(r,
                   "apiVersion: switchyard/v1\n"
                   "kind: Migration\n"
                   "metadata: {name: db}\n"
                   "spec:\n"
                   "  systems:\n"
                   "    legacy: {endpoints: [\"tcp://127.0.0.1:1\"]}\n"
                   "    new: {endpoints: [\"tcp://127.0.0.1:2\"]}\n"
                   "  routing: {key: client-ip, tcp: {port: 5432}}\n"
                   "  stages: [{name: all, weight: 50}]\n");
    rig_refuses(r, (struct core_command){.kind = CMD_SET_MIRROR, .migration = "db", .mirror_bp = 1},
                "nothing of db can be copied: routing.tcp splits connections");
}

static void test_it_is_stored_and_told(void **state)
{
    struct rig *r = *state;
    const struct history_entry *entry[1];
    struct core *again;

    rig_does(r, set(5));
    assert_int_equal(view_history(r->core, "orders", entry, 1), 1);
    assert_string_equal(entry[0]->event, "set_mirror");
    again = rig_load_core(r);
    rig_same_promises(rig_status(r, "orders").rollout, &state_find(again, "orders")->is.rollout);
    core_free(again);
}

static void reports(struct rig *r, const struct mirror_stats *copies)
{
    struct name node = rig_name("n1");
    struct route_stats route = {.migration = rig_name("orders"), .mirror = *copies};
    struct core_event ev = {.kind = EV_REPORT, .report = {&node, &route, 1, false}};

    rig_step(r, &ev);
}

static uint64_t sent_within(struct rig *r, unsigned seconds)
{
    struct view_stats s;
    struct err err;

    assert_ok(view_stats(r->core, "orders", dur_s(seconds), r->mono, &s, &err), &err);
    assert_int_equal(s.mirror.received_bytes, 10 * s.mirror.sent);
    return s.mirror.sent;
}

static void test_copies_are_counted_by_time(void **state)
{
    struct rig *r = *state;

    reports(r, &(struct mirror_stats){.sent = 5, .answered_2xx = 5, .received_bytes = 50});
    rig_wait(r, 60);
    reports(r, &(struct mirror_stats){.sent = 2, .failed = 2, .received_bytes = 20});
    assert_int_equal(sent_within(r, 0), 7);
    assert_int_equal(sent_within(r, 20), 2);
    assert_int_equal(sent_within(r, 300), 7);
    assert_int_equal(rig_status(r, "orders").mirrored->failed, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_by_hand_lies_over_the_stage_until_it_is_taken_back),
        TEST(test_it_needs_no_stage),
        TEST(test_a_smaller_share_holds_through_stages_and_a_larger_one_ends),
        TEST(test_off_outlives_a_rollback_and_a_new_start),
        TEST(test_what_holds_copies_is_told),
        TEST(test_a_futile_share_is_refused),
        TEST(test_connections_have_nothing_to_copy),
        TEST(test_it_is_stored_and_told),
        TEST(test_copies_are_counted_by_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
