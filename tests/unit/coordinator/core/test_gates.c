/* SPDX-License-Identifier: Apache-2.0 */
/* Gates pass, fail and hold; no traffic and too little of it never pass. */
#include "coordinator/core/gates.h"
#include "tests/lib/unit.h"

#define NOW ((mono_t){1000000000000})

static const struct plan_limits limits = {
    .error_rate_ppm = 10000, /* 1 % */
    .p99 = {100000000},
    .latency_ratio_m = 2000,
    .min_requests = 100,
    .window = {10000000000},
};

static struct system_stats traffic(uint64_t requests, uint64_t errors, uint64_t ms)
{
    struct system_stats s = {.requests = requests, .errors = errors};

    for (uint64_t i = errors; i < requests; i++)
        hist_add(&s.latency, ms * 1000);
    return s;
}

static struct samples *samples_of(struct system_stats legacy, struct system_stats new_system)
{
    struct samples *s = samples_new();
    struct system_stats both[SYSTEM_COUNT] = {
        [SYSTEM_LEGACY] = legacy,
        [SYSTEM_NEW] = new_system,
    };

    samples_add(s, NOW, both);
    return s;
}

static struct view_gate judged(const struct plan_limits *by, struct system_stats legacy,
                               struct system_stats new_system)
{
    struct samples *s = samples_of(legacy, new_system);
    struct view_gate g;

    gates_trigger(by, s, NOW, &g);
    samples_free(s);
    return g;
}

static const struct view_check *check_of(const struct view_gate *g, const char *name)
{
    for (unsigned i = 0; i < g->check_count; i++)
        if (strcmp(g->check[i].name, name) == 0)
            return &g->check[i];
    fail_msg("no check %s", name);
    return NULL;
}

static void test_all_limits_kept_pass(void **state UNUSED)
{
    struct view_gate g = judged(&limits, traffic(900, 0, 20), traffic(1000, 10, 30));

    assert_int_equal(g.verdict, VERDICT_PASS);
    assert_int_equal(g.check_count, 4);
    assert_string_equal(g.text, "");
    /* Exactly the limit still passes. */
    assert_float_equal(check_of(&g, "errorRate")->value, 1.0, 1e-9);
}

static void test_each_limit_fails_by_itself(void **state UNUSED)
{
    struct view_gate errors = judged(&limits, traffic(900, 0, 20), traffic(1000, 11, 30));
    struct view_gate slow = judged(&limits, traffic(900, 0, 90), traffic(1000, 0, 150));
    struct view_gate slower = judged(&limits, traffic(900, 0, 10), traffic(1000, 0, 50));

    assert_int_equal(errors.verdict, VERDICT_FAIL);
    assert_string_equal(errors.text,
                        "error rate of new 1.1 % over the last 10s exceeds 1 % "
                        "(11 of 1000 requests)");
    assert_int_equal(check_of(&slow, "p99")->verdict, VERDICT_FAIL);
    assert_int_equal(check_of(&slow, "latencyRatio")->verdict, VERDICT_PASS);
    assert_int_equal(check_of(&slower, "p99")->verdict, VERDICT_PASS);
    assert_int_equal(check_of(&slower, "latencyRatio")->verdict, VERDICT_FAIL);
    assert_int_equal(slower.verdict, VERDICT_FAIL);
}

static void test_no_traffic_is_hold_never_pass(void **state UNUSED)
{
    const struct plan_limits only_errors = {
        .error_rate_ppm = 10000, .min_requests = 0, .window = {10000000000}};
    struct view_gate none = judged(&only_errors, traffic(0, 0, 0), traffic(0, 0, 0));
    struct view_gate legacy_only = judged(&limits, traffic(5000, 0, 10), traffic(0, 0, 0));

    assert_int_equal(none.verdict, VERDICT_HOLD);
    assert_int_equal(legacy_only.verdict, VERDICT_HOLD);
}

static void test_too_few_requests_hold_whatever_they_say(void **state UNUSED)
{
    struct view_gate g = judged(&limits, traffic(900, 0, 20), traffic(34, 34, 20));

    assert_int_equal(g.verdict, VERDICT_HOLD);
    assert_string_equal(g.text, "34 of 100 requests on new over the last 10s");
    assert_int_equal(check_of(&g, "errorRate")->verdict, VERDICT_HOLD);
}

/* A hundred errors without one answer: there is no latency to judge, and the error rate says it. */
static void test_nothing_answered_holds_latency_and_fails_errors(void **state UNUSED)
{
    struct view_gate g = judged(&limits, traffic(900, 0, 20), traffic(100, 100, 0));

    assert_int_equal(check_of(&g, "p99")->verdict, VERDICT_HOLD);
    assert_int_equal(check_of(&g, "latencyRatio")->verdict, VERDICT_HOLD);
    assert_int_equal(g.verdict, VERDICT_FAIL);
}

/* At 100 % there is no legacy traffic to compare with; a handful of requests is noise. */
static void test_a_ratio_needs_legacy_answers(void **state UNUSED)
{
    struct view_gate none = judged(&limits, traffic(0, 0, 0), traffic(1000, 0, 50));
    struct view_gate few = judged(&limits, traffic(3, 0, 1), traffic(1000, 0, 50));

    assert_int_equal(check_of(&none, "latencyRatio")->verdict, VERDICT_HOLD);
    assert_int_equal(check_of(&few, "latencyRatio")->verdict, VERDICT_HOLD);
    assert_int_equal(few.verdict, VERDICT_HOLD);
}

static void test_limits_not_asked_for_are_not_judged(void **state UNUSED)
{
    const struct plan_limits only_p99 = {
        .p99 = {100000000}, .min_requests = 1, .window = {10000000000}};
    struct view_gate g = judged(&only_p99, traffic(0, 0, 0), traffic(100, 50, 20));

    assert_int_equal(g.check_count, 2);
    assert_int_equal(g.verdict, VERDICT_PASS);
}

static void test_a_gate_holds_until_watched_long_enough(void **state UNUSED)
{
    struct samples *s = samples_of(traffic(900, 0, 20), traffic(1000, 0, 30));
    struct samples *bad = samples_of(traffic(900, 0, 20), traffic(1000, 900, 30));
    struct view_gate g;

    gates_gate(&limits, s, NOW, dur_ms(9999), &g);
    assert_int_equal(g.verdict, VERDICT_HOLD);
    assert_string_equal(g.text, "watched for 9s of 10s");
    gates_gate(&limits, s, NOW, dur_s(10), &g);
    assert_int_equal(g.verdict, VERDICT_PASS);
    /* A failure, too, is judged over the whole time only; sudden ones are the triggers' business.
     */
    gates_gate(&limits, bad, NOW, dur_s(9), &g);
    assert_int_equal(g.verdict, VERDICT_HOLD);
    gates_gate(&limits, bad, NOW, dur_s(10), &g);
    assert_int_equal(g.verdict, VERDICT_FAIL);
    samples_free(s);
    samples_free(bad);
}

static void test_the_first_violation_is_dated(void **state UNUSED)
{
    struct samples *s = samples_new();
    struct system_stats good[SYSTEM_COUNT] = {[SYSTEM_NEW] = traffic(100, 0, 10)};
    struct system_stats bad[SYSTEM_COUNT] = {[SYSTEM_NEW] = traffic(100, 50, 10)};
    mono_t first;

    samples_add(s, mono_add(NOW, dur_s(1)), good);
    assert_false(gates_first_violation(&limits, s, mono_add(NOW, dur_s(5)), &first));
    samples_add(s, mono_add(NOW, dur_ms(3250)), bad);
    samples_add(s, mono_add(NOW, dur_ms(3500)), bad);
    samples_add(s, mono_add(NOW, dur_ms(4500)), bad);
    assert_true(gates_first_violation(&limits, s, mono_add(NOW, dur_s(5)), &first));
    assert_int_equal(first.ns, mono_add(NOW, dur_ms(3250)).ns);
    samples_free(s);
}

static void test_latency_alone_dates_a_violation(void **state UNUSED)
{
    struct samples *s = samples_new();
    struct system_stats slow[SYSTEM_COUNT] = {[SYSTEM_NEW] = traffic(10, 0, 150)};
    struct system_stats slower[SYSTEM_COUNT] = {
        [SYSTEM_LEGACY] = traffic(10, 0, 10),
        [SYSTEM_NEW] = traffic(10, 0, 50),
    };
    mono_t first;

    samples_add(s, NOW, slow);
    assert_true(gates_first_violation(&limits, s, NOW, &first));
    samples_clear(s);
    samples_add(s, NOW, slower);
    assert_true(gates_first_violation(&limits, s, NOW, &first));
    samples_free(s);
}

static void test_verdicts_have_names(void **state UNUSED)
{
    assert_string_equal(verdict_name(VERDICT_NONE), "none");
    assert_string_equal(verdict_name(VERDICT_PASS), "pass");
    assert_string_equal(verdict_name(VERDICT_FAIL), "fail");
    assert_string_equal(verdict_name(VERDICT_HOLD), "hold");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_limits_kept_pass),
        cmocka_unit_test(test_each_limit_fails_by_itself),
        cmocka_unit_test(test_no_traffic_is_hold_never_pass),
        cmocka_unit_test(test_too_few_requests_hold_whatever_they_say),
        cmocka_unit_test(test_nothing_answered_holds_latency_and_fails_errors),
        cmocka_unit_test(test_a_ratio_needs_legacy_answers),
        cmocka_unit_test(test_limits_not_asked_for_are_not_judged),
        cmocka_unit_test(test_a_gate_holds_until_watched_long_enough),
        cmocka_unit_test(test_the_first_violation_is_dated),
        cmocka_unit_test(test_latency_alone_dates_a_violation),
        cmocka_unit_test(test_verdicts_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
