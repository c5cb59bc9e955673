/* SPDX-License-Identifier: Apache-2.0 */
/* What holds raises back, condition by condition: verdict, sentence, and what to type. */
#include "coordinator/core/approvals.h"
#include "coordinator/core/holdback.h"
#include "tests/lib/unit.h"

enum { FREEZE, APPROVALS, DRILL };

static wall_t at(const char *text)
{
    wall_t t;

    assert_true(wall_parse(str_of(text), &t));
    return t;
}

#define NOW "2026-11-21T10:00:00Z"

struct bench {
    struct plan plan;
    struct durable d;
    struct view_holdback list[HOLDBACKS_COUNT];
};

static int setup(void **state)
{
    struct bench *b = test_calloc(1, sizeof *b);

    str_fmt(b->plan.name.s, NAME_SIZE, "orders");
    b->plan.stage_count = 3;
    str_fmt(b->plan.stage[0].name.s, NAME_SIZE, "canary");
    str_fmt(b->plan.stage[1].name.s, NAME_SIZE, "half");
    str_fmt(b->plan.stage[2].name.s, NAME_SIZE, "all");
    b->d.plan = &b->plan;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    test_free(*state);
    return 0;
}

static const struct view_holdback *look(struct bench *b, int kind, unsigned to_stage)
{
    holdback_list(&b->d, to_stage, at(NOW), b->list);
    return &b->list[kind];
}

static void approve(struct bench *b, unsigned stage, const char *who)
{
    struct approval a = {.stage = stage};

    str_fmt(a.operator_name, sizeof a.operator_name, "%s", who);
    assert_true(approvals_add(&b->d.rollout, &a));
}

static bool is_held(struct bench *b, unsigned to_stage)
{
    char why[TEXT_SIZE], hint[TEXT_SIZE];

    return holdback(&b->d, to_stage, at(NOW), why, hint);
}

static void test_a_plain_plan_holds_nothing_back(void **state)
{
    struct bench *b = *state;

    holdback_list(&b->d, 1, at(NOW), b->list);
    for (int i = 0; i < HOLDBACKS_COUNT; i++) {
        assert_int_equal(b->list[i].verdict, VERDICT_NONE);
        assert_string_equal(b->list[i].text, "");
        assert_string_equal(b->list[i].hint, "");
    }
    assert_string_equal(b->list[FREEZE].name, "freeze");
    assert_string_equal(b->list[APPROVALS].name, "approvals");
    assert_string_equal(b->list[DRILL].name, "drill");
    assert_false(is_held(b, 1));
}

static void test_a_freeze_says_until_when_and_why(void **state)
{
    struct bench *b = *state;

    b->plan.freeze_count = 1;
    b->plan.freeze[0] = (struct plan_freeze){.from = at("2026-11-21T00:00:00Z"),
                                             .until = at("2026-11-23T08:00:00Z"),
                                             .reason = "weekend"};
    assert_int_equal(look(b, FREEZE, 0)->verdict, VERDICT_HOLD);
    assert_string_equal(b->list[FREEZE].text, "frozen until 2026-11-23T08:00Z: weekend");
    assert_string_equal(b->list[FREEZE].hint, "switchyard status orders --watch");
    assert_true(b->list[FREEZE].passes);
    assert_true(is_held(b, 0));
    b->plan.freeze[0].from = at("2026-11-21T10:00:01Z");
    assert_int_equal(look(b, FREEZE, 0)->verdict, VERDICT_PASS);
    assert_false(is_held(b, 0));
}

static void test_approvals_are_counted_and_named(void **state)
{
    struct bench *b = *state;

    b->plan.stage[1].approvers = 2;
    b->d.rollout.stage = 1;
    assert_int_equal(look(b, APPROVALS, 2)->verdict, VERDICT_HOLD);
    assert_string_equal(b->list[APPROVALS].text, "half needs 2 approvals and has none");
    approve(b, 2, "ann");
    approve(b, 3, "bob");
    assert_int_equal(look(b, APPROVALS, 2)->verdict, VERDICT_HOLD);
    assert_string_equal(b->list[APPROVALS].text, "half needs 2 approvals and has 1 (ann)");
    assert_string_equal(b->list[APPROVALS].hint,
                        "switchyard approve orders --stage half --reason TEXT");
    approve(b, 2, "bob");
    assert_int_equal(look(b, APPROVALS, 2)->verdict, VERDICT_PASS);
    assert_string_equal(b->list[APPROVALS].text, "half needs 2 approvals and has 2 (ann, bob)");
    assert_false(is_held(b, 2));
    /* A raise that enters no stage needs none. */
    assert_int_equal(look(b, APPROVALS, 0)->verdict, VERDICT_NONE);
}

static void test_a_stage_that_is_skipped_is_approved_all_the_same(void **state)
{
    struct bench *b = *state;

    b->plan.stage[1].approvers = 1;
    b->plan.stage[2].approvers = 1;
    b->d.rollout.stage = 1;
    approve(b, 3, "ann");
    assert_int_equal(look(b, APPROVALS, 3)->verdict, VERDICT_HOLD);
    assert_string_equal(b->list[APPROVALS].text, "half needs 1 approval and has none");
    approve(b, 2, "ann");
    assert_int_equal(look(b, APPROVALS, 3)->verdict, VERDICT_PASS);
}

static void test_approvals_are_dropped_up_to_a_stage(void **state)
{
    struct bench *b = *state;

    approve(b, 1, "ann");
    approve(b, 2, "ann");
    approve(b, 2, "bob");
    approve(b, 3, "eve");
    approvals_drop(&b->d.rollout, 2);
    assert_int_equal(b->d.rollout.approval_count, 1);
    assert_non_null(approvals_find(&b->d.rollout, 3, "eve"));
    assert_null(approvals_find(&b->d.rollout, 2, "ann"));
    approvals_drop(&b->d.rollout, PLAN_STAGES_MAX);
    assert_int_equal(b->d.rollout.approval_count, 0);
}

static void test_a_drill_must_have_passed_lately_and_fast(void **state)
{
    struct bench *b = *state;
    struct drill_record *drill = &b->d.rollout.drill;

    b->plan.drill_max_age = dur_s(86400);
    b->plan.drill_within = dur_ms(500);
    b->d.rollout.stage = 1;
    assert_int_equal(look(b, DRILL, 2)->verdict, VERDICT_HOLD);
    assert_string_equal(b->list[DRILL].text,
                        "the plan asks for a drill in the last 1d, and there was none");
    assert_string_equal(b->list[DRILL].hint,
                        "switchyard drill orders --scope SELECTOR --reason TEXT");

    *drill = (struct drill_record){.present = true,
                                   .passed = true,
                                   .ended_at = at("2026-11-20T12:00:00Z"),
                                   .measured_ms = 212.4};
    assert_int_equal(look(b, DRILL, 2)->verdict, VERDICT_PASS);
    assert_string_equal(b->list[DRILL].text, "a drill passed 22h ago, in 212 ms");

    drill->measured_ms = 501.0;
    assert_int_equal(look(b, DRILL, 2)->verdict, VERDICT_HOLD);
    assert_string_equal(b->list[DRILL].text,
                        "the latest drill took 501 ms, and the plan asks for 500ms");

    drill->ended_at = at("2026-11-20T09:00:00Z");
    assert_int_equal(look(b, DRILL, 0)->verdict, VERDICT_HOLD);
    assert_string_equal(b->list[DRILL].text,
                        "the latest drill was 1d 1h ago, and the plan asks for one in the last 1d");

    drill->passed = false;
    str_fmt(drill->why, TEXT_SIZE, "n3 lags");
    assert_int_equal(look(b, DRILL, 2)->verdict, VERDICT_HOLD);
    assert_string_equal(b->list[DRILL].text, "the latest drill did not pass: n3 lags");
}

static void test_before_the_first_stage_there_is_nothing_to_rehearse(void **state)
{
    struct bench *b = *state;

    b->plan.drill_max_age = dur_s(86400);
    assert_int_equal(look(b, DRILL, 1)->verdict, VERDICT_NONE);
}

static void test_nothing_rises_during_a_drill(void **state)
{
    struct bench *b = *state;

    b->d.rollout.stage = 1;
    b->d.rollout.drill_state = DRILL_REHEARSING;
    assert_int_equal(look(b, DRILL, 2)->verdict, VERDICT_HOLD);
    assert_string_equal(b->list[DRILL].text,
                        "a drill is rehearsing; nothing rises until it is over");
    assert_true(b->list[DRILL].passes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_plain_plan_holds_nothing_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_freeze_says_until_when_and_why, setup, teardown),
        cmocka_unit_test_setup_teardown(test_approvals_are_counted_and_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stage_that_is_skipped_is_approved_all_the_same,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_approvals_are_dropped_up_to_a_stage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_drill_must_have_passed_lately_and_fast, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_before_the_first_stage_there_is_nothing_to_rehearse,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_rises_during_a_drill, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
