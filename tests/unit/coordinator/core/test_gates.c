/* SPDX-License-Identifier: Apache-2.0 */
/* Gates pass, fail when it is proven, and hold; no traffic and too little of it never pass. */
#include "coordinator/core/gates.h"

#include <math.h>

#include "coordinator/core/state.h"
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

static const struct measured nobody[MEASURE_COUNT];

static struct view_gate judged(const struct plan_limits *by, struct system_stats legacy,
                               struct system_stats new_system)
{
    struct samples *s = samples_of(legacy, new_system);
    struct gates_grounds grounds = {.samples = s, .measured = nobody, .now = NOW};
    struct view_gate g;

    gates_trigger(by, &grounds, &g);
    samples_free(s);
    return g;
}

/* By what was measured outside of the fleet alone. */
static struct view_gate judged_outside(const struct plan_limits *by, const struct measured *m,
                                       const struct job *found, mono_t now)
{
    struct samples *s = samples_new();
    struct gates_grounds grounds = {
        .samples = s, .measured = m, .found = found, .now = now, .watched = by->window};
    struct view_gate g;

    gates_gate(by, &grounds, &g);
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
    struct view_gate errors = judged(&limits, traffic(900, 0, 20), traffic(1000, 42, 30));
    struct view_gate slow = judged(&limits, traffic(900, 0, 90), traffic(1000, 0, 150));
    struct view_gate slower = judged(&limits, traffic(900, 0, 10), traffic(1000, 0, 50));

    assert_int_equal(errors.verdict, VERDICT_FAIL);
    assert_string_equal(errors.text,
                        "error rate of new 4.2 % over the last 10s exceeds 1 % (42 of 1000 "
                        "requests, at least 2.5 % with 99.9 % confidence)");
    assert_string_equal(slow.text,
                        "p99 of new 163.7 ms over the last 10s exceeds 100 ms (100.0 % of 1000 "
                        "answers are slower, at least 99.3 % with 99.9 % confidence)");
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

/* What one window cannot tell from chance is not held against anybody, and does not pass. */
static void test_above_the_limit_but_not_proven_is_hold(void **state UNUSED)
{
    struct view_gate errors = judged(&limits, traffic(900, 0, 20), traffic(1000, 11, 30));
    struct system_stats few_slow = traffic(985, 0, 20), slow = traffic(15, 0, 150);
    struct view_gate latency;

    system_stats_merge(&few_slow, &slow);
    latency = judged(&limits, traffic(900, 0, 90), few_slow);
    assert_int_equal(errors.verdict, VERDICT_HOLD);
    assert_string_equal(errors.text,
                        "error rate of new 1.1 % over the last 10s is above 1 %, not proven yet "
                        "(11 of 1000 requests; 22 would prove it)");
    assert_int_equal(judged(&limits, traffic(900, 0, 20), traffic(1000, 21, 30)).verdict,
                     VERDICT_HOLD);
    assert_int_equal(judged(&limits, traffic(900, 0, 20), traffic(1000, 22, 30)).verdict,
                     VERDICT_FAIL);
    assert_int_equal(check_of(&latency, "p99")->verdict, VERDICT_HOLD);
    assert_string_equal(
        latency.text,
        "p99 of new 152.9 ms over the last 10s is above 100 ms, not proven yet (1.5 "
        "% of 1000 answers are slower; 2.2 % would prove it)");
}

static void test_less_confidence_fails_sooner(void **state UNUSED)
{
    struct plan_limits bold = limits;

    bold.confidence_ppm = 900000;
    assert_int_equal(judged(&bold, traffic(900, 0, 20), traffic(1000, 15, 30)).verdict,
                     VERDICT_FAIL);
    assert_non_null(strstr(judged(&bold, traffic(900, 0, 20), traffic(1000, 15, 30)).text,
                           "with 90 % confidence"));
}

static void test_the_median_has_a_limit_of_its_own(void **state UNUSED)
{
    const struct plan_limits median = {
        .p50 = {30000000}, .min_requests = 20, .window = {10000000000}};
    struct system_stats half = traffic(45, 0, 20), slow = traffic(55, 0, 50);

    assert_int_equal(judged(&median, traffic(9, 0, 9), traffic(100, 0, 20)).verdict, VERDICT_PASS);
    assert_int_equal(judged(&median, traffic(9, 0, 9), traffic(100, 0, 50)).verdict, VERDICT_FAIL);
    system_stats_merge(&half, &slow);
    assert_int_equal(judged(&median, traffic(9, 0, 9), half).verdict, VERDICT_HOLD);
}

static void test_errors_are_compared_with_those_of_legacy(void **state UNUSED)
{
    const struct plan_limits ratio = {
        .error_ratio_m = 3000, .min_requests = 20, .window = {10000000000}};
    struct view_gate worse = judged(&ratio, traffic(4500, 5, 9), traffic(500, 21, 9));
    struct view_gate no_error = judged(&ratio, traffic(4500, 0, 9), traffic(500, 0, 9));
    struct view_gate only_new = judged(&ratio, traffic(4500, 0, 9), traffic(500, 21, 9));

    assert_int_equal(worse.verdict, VERDICT_FAIL);
    assert_string_equal(
        worse.text,
        "error rate of new 4.2 % over the last 10s exceeds 3 x that of legacy (0.11 "
        "%): 21 of 500 against 5 of 4500 requests, at least 8.8 x with 99.9 % "
        "confidence");
    assert_int_equal(judged(&ratio, traffic(4500, 5, 9), traffic(500, 1, 9)).verdict, VERDICT_PASS);
    assert_int_equal(judged(&ratio, traffic(4500, 5, 9), traffic(500, 3, 9)).verdict, VERDICT_HOLD);
    assert_int_equal(judged(&ratio, traffic(19, 1, 9), traffic(500, 50, 9)).verdict, VERDICT_HOLD);
    assert_int_equal(judged(&ratio, traffic(0, 0, 9), traffic(500, 50, 9)).verdict, VERDICT_HOLD);
    /* Nothing is divided by none: what is above it is proven or holds. */
    assert_int_equal(no_error.verdict, VERDICT_PASS);
    assert_int_equal(only_new.verdict, VERDICT_FAIL);
    assert_int_equal(check_of(&only_new, "errorRatio")->value, 0);
    assert_int_equal(judged(&ratio, traffic(4500, 0, 9), traffic(500, 1, 9)).verdict, VERDICT_HOLD);
}

/* A p99 that one slow answer makes is no proof, nor is a shift that the ratio allows. */
static void test_a_latency_ratio_is_proven_by_ranks_too(void **state UNUSED)
{
    const struct plan_limits ratio = {
        .latency_ratio_m = 2000, .min_requests = 20, .window = {10000000000}};
    struct system_stats one_slow = traffic(99, 0, 10), slow = traffic(2, 0, 500);
    struct system_stats bimodal = traffic(900, 0, 10), far = traffic(100, 0, 500);

    system_stats_merge(&one_slow, &slow);
    assert_int_equal(judged(&ratio, traffic(900, 0, 10), one_slow).verdict, VERDICT_HOLD);
    assert_int_equal(judged(&ratio, traffic(900, 0, 10), traffic(100, 0, 30)).verdict,
                     VERDICT_FAIL);
    assert_int_equal(judged(&ratio, traffic(900, 0, 20), traffic(100, 0, 30)).verdict,
                     VERDICT_PASS);
    /* Slow in the tail, but faster than legacy as a whole: the ranks do not say slower. */
    system_stats_merge(&bimodal, &far);
    assert_int_equal(judged(&ratio, traffic(900, 0, 20), bimodal).verdict, VERDICT_HOLD);
}

static void gate_after(const struct samples *s, dur_t watched, dur_t baking,
                       const struct plan_limits *by, struct view_gate *ret)
{
    struct gates_grounds grounds = {
        .samples = s, .measured = nobody, .now = NOW, .watched = watched, .baking = baking};

    gates_gate(by, &grounds, ret);
}

static void test_a_gate_holds_until_watched_long_enough(void **state UNUSED)
{
    struct samples *s = samples_of(traffic(900, 0, 20), traffic(1000, 0, 30));
    struct samples *bad = samples_of(traffic(900, 0, 20), traffic(1000, 900, 30));
    struct view_gate g;

    gate_after(s, dur_ms(9999), dur_s(0), &limits, &g);
    assert_int_equal(g.verdict, VERDICT_HOLD);
    assert_string_equal(g.text, "watched for 9s of 10s");
    gate_after(s, dur_s(10), dur_s(0), &limits, &g);
    assert_int_equal(g.verdict, VERDICT_PASS);
    /* A failure, too, is judged over the whole time only; sudden ones are the triggers' business.
     */
    gate_after(bad, dur_s(9), dur_s(0), &limits, &g);
    assert_int_equal(g.verdict, VERDICT_HOLD);
    gate_after(bad, dur_s(10), dur_s(0), &limits, &g);
    assert_int_equal(g.verdict, VERDICT_FAIL);
    samples_free(s);
    samples_free(bad);
}

static void test_a_quiet_stage_does_what_the_plan_says(void **state UNUSED)
{
    struct samples *s = samples_of(traffic(900, 0, 20), traffic(3, 0, 30));
    struct samples *busy = samples_of(traffic(900, 0, 20), traffic(100, 0, 30));
    struct plan_limits by = limits;
    struct view_gate g, trigger = {.verdict = VERDICT_PASS};

    by.quiet_after = dur_s(60);
    for (int i = 0; i < 3; i++) {
        static const enum verdict after[] = {
            [QUIET_HOLD] = VERDICT_HOLD,
            [QUIET_WARN] = VERDICT_PASS,
            [QUIET_ROLLBACK] = VERDICT_FAIL,
        };

        by.quiet = (enum plan_quiet)i;
        gate_after(s, dur_s(59), dur_s(59), &by, &g);
        assert_int_equal(g.verdict, VERDICT_HOLD);
        assert_false(g.quiet);
        gate_after(s, dur_s(60), dur_s(60), &by, &g);
        assert_int_equal(g.verdict, after[i]);
        assert_true(g.quiet);
        /* A coordinator that just started has not looked long enough to say so. */
        gate_after(s, dur_s(3), dur_s(3600), &by, &g);
        assert_int_equal(g.verdict, VERDICT_HOLD);
        assert_false(g.quiet);
        gate_after(busy, dur_s(60), dur_s(60), &by, &g);
        assert_int_equal(g.verdict, VERDICT_PASS);
        assert_false(g.quiet);
    }
    gate_after(s, dur_s(60), dur_s(90), &by, &g);
    assert_string_equal(g.text,
                        "3 of 100 requests on new over the last 10s, 1m 30s after the stage has "
                        "been served: too few to judge by, and the plan rolls it back");
    gates_add_quiet(&g, &trigger);
    assert_int_equal(trigger.verdict, VERDICT_FAIL);
    assert_string_equal(trigger.text, g.text);
    samples_free(s);
    samples_free(busy);
}

/* The plan lets it go for want of traffic, not past a query that fails. */
static void test_a_quiet_stage_is_not_let_go_past_other_checks(void **state UNUSED)
{
    struct samples *s = samples_of(traffic(900, 0, 20), traffic(3, 0, 30));
    struct plan_limits by = limits;
    struct view_gate g;

    by.quiet_after = dur_s(60);
    by.quiet = QUIET_WARN;
    by.has_sync_lag = true;
    gate_after(s, dur_s(60), dur_s(60), &by, &g);
    assert_int_equal(g.verdict, VERDICT_HOLD);
    assert_string_equal(g.text, "syncLag: nobody has reported it (limit 0)");
    samples_free(s);
}

/* ---- measured elsewhere ---------------------------------------------------------------------- */

static void tell(struct measured *m, enum core_measure_kind kind, double value)
{
    m[kind] = (struct measured){.present = true, .value = value, .at = NOW};
}

static void test_reported_values_count_while_they_are_fresh(void **state UNUSED)
{
    const struct plan_limits by = {.restarts_m = 500,
                                   .has_discrepancies = true,
                                   .has_sync_lag = true,
                                   .sync_lag = {5000000000},
                                   .every = {30000000000},
                                   .window = {10000000000}};
    struct measured m[MEASURE_COUNT] = {{.present = false}};
    struct view_gate g = judged_outside(&by, m, NULL, NOW);

    assert_int_equal(g.check_count, 3);
    assert_int_equal(g.verdict, VERDICT_HOLD);
    assert_string_equal(g.text, "restartsPerMinute: nobody has reported it (limit 0.5)");
    tell(m, MEASURE_RESTARTS, 0.5);
    tell(m, MEASURE_DISCREPANCIES, 0);
    tell(m, MEASURE_SYNC_LAG, 4.9);
    assert_int_equal(judged_outside(&by, m, NULL, mono_add(NOW, dur_s(90))).verdict, VERDICT_PASS);
    g = judged_outside(&by, m, NULL, mono_add(NOW, dur_s(91)));
    assert_int_equal(g.verdict, VERDICT_HOLD);
    assert_string_equal(g.text, "restartsPerMinute: nobody has reported it for 1m 31s (limit 0.5)");
    tell(m, MEASURE_DISCREPANCIES, 1);
    g = judged_outside(&by, m, NULL, NOW);
    assert_int_equal(g.verdict, VERDICT_FAIL);
    assert_string_equal(g.text, "criticalDiscrepancies 1 exceeds 0, reported 0s ago");
    tell(m, MEASURE_DISCREPANCIES, NAN);
    assert_int_equal(judged_outside(&by, m, NULL, NOW).verdict, VERDICT_HOLD);
}

static struct view_gate judged_compared(uint64_t compared, uint64_t critical, uint32_t least)
{
    const struct plan_limits by = {.has_discrepancies = true,
                                   .discrepancies = 1,
                                   .min_requests = least,
                                   .window = {10000000000}};
    const struct compare_stats stats = {
        .compared = compared, .equal = compared - critical, .critical = critical};
    struct compared nodes = {.examples = 0};
    struct samples *s = samples_new();
    struct gates_grounds grounds = {
        .samples = s, .measured = nobody, .compared = &nodes, .now = NOW};
    struct view_gate g;

    compared_add(&nodes, NOW, &stats, true);
    gates_trigger(&by, &grounds, &g);
    compared_deinit(&nodes);
    samples_free(s);
    return g;
}

static void test_what_nodes_compared_is_judged_once_it_is_enough(void **state UNUSED)
{
    struct view_gate g = judged_compared(0, 0, 0);

    assert_int_equal(g.verdict, VERDICT_HOLD);
    assert_string_equal(g.text,
                        "criticalDiscrepancies: 0 answers compared in 10s, at least 1 are "
                        "needed");
    assert_int_equal(judged_compared(19, 1, 20).verdict, VERDICT_HOLD);
    assert_int_equal(judged_compared(20, 1, 20).verdict, VERDICT_PASS);
    /* What is too much needs no further ones. */
    g = judged_compared(2, 2, 20);
    assert_int_equal(g.verdict, VERDICT_FAIL);
    assert_string_equal(g.text, "criticalDiscrepancies 2 exceeds 1, of 2 answers compared in 10s");
}

static struct check_result found(const char *name, enum check_outcome outcome, double value)
{
    struct check_result r = {.outcome = outcome, .has_value = true, .value = value};

    str_fmt(r.name.s, sizeof r.name.s, "%s", name);
    str_fmt(r.text, sizeof r.text, "the query says %g", value);
    return r;
}

static void test_the_plans_own_checks_pass_fail_and_hold(void **state UNUSED)
{
    struct plan_check check[2] = {{.name = {"queue"}, .has_max = true, .max = 100},
                                  {.name = {"smoke"}}};
    const struct plan_limits by = {
        .check = check, .check_count = 2, .every = {1000000000}, .window = {10000000000}};
    struct check_result results[2] = {found("queue", CHECK_PASSED, 7),
                                      found("smoke", CHECK_PASSED, 0)};
    const struct job job = {.told_at = NOW, .result = results, .count = 2};
    const struct job less = {.told_at = NOW, .result = results, .count = 1};

    assert_string_equal(judged_outside(&by, nobody, NULL, NOW).text, "queue: not found out yet");
    assert_string_equal(judged_outside(&by, nobody, &less, NOW).text, "smoke: not found out yet");
    assert_int_equal(judged_outside(&by, nobody, &job, mono_add(NOW, dur_s(60))).verdict,
                     VERDICT_PASS);
    assert_string_equal(judged_outside(&by, nobody, &job, mono_add(NOW, dur_s(61))).text,
                        "queue: not found out for 1m 1s");
    results[0] = found("queue", CHECK_FAILED, 700);
    results[1] = found("smoke", CHECK_UNKNOWN, NAN);
    assert_int_equal(judged_outside(&by, nobody, &job, NOW).verdict, VERDICT_FAIL);
    assert_string_equal(judged_outside(&by, nobody, &job, NOW).text, "queue: the query says 700");
    assert_float_equal(judged_outside(&by, nobody, &job, NOW).check[0].limit, 100, 0);
    assert_float_equal(judged_outside(&by, nobody, &job, NOW).check[1].value, 0, 0);
    results[0] = found("queue", CHECK_PASSED, 7);
    assert_int_equal(judged_outside(&by, nobody, &job, NOW).verdict, VERDICT_HOLD);
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
        cmocka_unit_test(test_above_the_limit_but_not_proven_is_hold),
        cmocka_unit_test(test_less_confidence_fails_sooner),
        cmocka_unit_test(test_the_median_has_a_limit_of_its_own),
        cmocka_unit_test(test_errors_are_compared_with_those_of_legacy),
        cmocka_unit_test(test_a_latency_ratio_is_proven_by_ranks_too),
        cmocka_unit_test(test_a_gate_holds_until_watched_long_enough),
        cmocka_unit_test(test_a_quiet_stage_does_what_the_plan_says),
        cmocka_unit_test(test_a_quiet_stage_is_not_let_go_past_other_checks),
        cmocka_unit_test(test_reported_values_count_while_they_are_fresh),
        cmocka_unit_test(test_what_nodes_compared_is_judged_once_it_is_enough),
        cmocka_unit_test(test_the_plans_own_checks_pass_fail_and_hold),
        cmocka_unit_test(test_the_first_violation_is_dated),
        cmocka_unit_test(test_latency_alone_dates_a_violation),
        cmocka_unit_test(test_verdicts_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
