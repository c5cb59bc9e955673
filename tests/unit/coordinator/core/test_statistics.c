/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds that are as exact as the tables, at every size; ranks that see a shift and no noise. */
#include "coordinator/core/statistics.h"

#include <math.h>

#include "common/base/rng.h"
#include "tests/lib/unit.h"

#define DOUBT 0.001
#define HUGE  (UINT64_C(1) << 40)

static void same(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-9))
        fail_msg("%.17g, expected %.17g", got, expected);
}

/* Computed with thirty digits. */
static void test_the_beta_function_is_as_tabulated(void **state UNUSED)
{
    static const struct {
        double x, a, b, value;
    } known[] = {
        {0.3, 2, 5, 0.579825},
        {0.01, 20, 2981, 0.9786167912089135},
        {0.5, 1, 1, 0.5},
        {0.999, 300, 2, 0.9629191418029293},
        {0.2, 1, 40, 0.9998670772004215},
        {0.5, 1000000, 1001000, 0.7601950824663917},
    };

    for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
        same(statistics_beta(known[i].x, known[i].a, known[i].b), known[i].value);
        same(statistics_beta(1 - known[i].x, known[i].b, known[i].a), 1 - known[i].value);
    }
    same(statistics_beta(0, 3, 4), 0);
    same(statistics_beta(1, 3, 4), 1);
    same(statistics_beta(NAN, 3, 4), 0);
}

/* Two-sided 95 % intervals as printed in tables of Clopper and Pearson: 2.5 % on each side. */
static void test_bounds_are_those_of_the_tables(void **state UNUSED)
{
    same(statistics_share_low(1, 10, 0.025), 0.002528578544462);
    same(statistics_share_high(1, 10, 0.025), 0.445016117028200);
    same(statistics_share_high(0, 10, 0.025), 0.308497107818761);
    same(statistics_share_low(10, 10, 0.025), 0.691502892181239);
    same(statistics_share_low(21, 500, DOUBT), 0.019441816548792);
    same(statistics_share_high(3, 3000, DOUBT), 0.004346784747635);
    same(statistics_share_low(17, 20, 0.05), 0.656336195685718);
}

static void test_a_bound_is_where_the_tail_is_the_doubt(void **state UNUSED)
{
    static const uint64_t n[] = {1, 2, 20, 500, 100000, 1u << 30, HUGE};
    static const double part[] = {0.0001, 0.01, 0.3, 0.5, 0.99};

    for (unsigned i = 0; i < ARRAY_LEN(n); i++)
        for (unsigned j = 0; j < ARRAY_LEN(part); j++) {
            uint64_t k = (uint64_t)ceil(part[j] * (double)n[i]);
            double low = statistics_share_low(k, n[i], DOUBT);

            assert_true(low > 0 && low < (double)k / (double)n[i]);
            if (k < n[i])
                assert_true(fabs(statistics_tail(k, n[i], low) / DOUBT - 1) < 1e-6);
            assert_true(statistics_share_high(k, n[i], DOUBT) >= (double)k / (double)n[i]);
        }
}

static void test_nothing_and_all_and_very_many(void **state UNUSED)
{
    same(statistics_share_low(0, 0, DOUBT), 0);
    same(statistics_share_high(0, 0, DOUBT), 1);
    same(statistics_share_low(0, HUGE, DOUBT), 0);
    same(statistics_share_high(HUGE, HUGE, DOUBT), 1);
    same(statistics_share_low(HUGE, HUGE, DOUBT), 1);
    /* Where the normal approximation is as good as exact: 3.0902 standard deviations. */
    same(statistics_share_low(HUGE / 2, HUGE, DOUBT), 0.5 - 3.090232306 * 0.5 / 1048576);
    same(statistics_tail(0, 0, 0.5), 1);
    same(statistics_tail(5, 4, 0.5), 0);
    same(statistics_tail(1, 1, 0.25), 0.25);
}

static void test_bounds_are_monotone(void **state UNUSED)
{
    for (uint64_t n = 1; n <= 60; n++)
        for (uint64_t k = 0; k < n; k++) {
            assert_true(statistics_share_low(k, n, DOUBT) < statistics_share_low(k + 1, n, DOUBT));
            assert_true(statistics_share_low(k + 1, n, DOUBT) <
                        statistics_share_low(k + 1, n, 2 * DOUBT));
            assert_true(statistics_share_low(k + 1, n + 1, DOUBT) <
                        statistics_share_low(k + 1, n, DOUBT));
            assert_true(statistics_share_high(k, n, DOUBT) <
                        statistics_share_high(k + 1, n, DOUBT));
        }
}

/* The bound is below the true share at least as often as it says. */
static void test_a_bound_covers_as_often_as_it_says(void **state UNUSED)
{
    const double p = 0.03;
    unsigned wrong = 0;
    struct rng rng;

    rng_seed(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        uint64_t k = 0;

        for (int i = 0; i < 200; i++)
            k += rng_below(&rng, 1000000) < (uint64_t)(p * 1000000);
        wrong += statistics_share_low(k, 200, 0.01) > p;
    }
    assert_in_range(wrong, 1, 200);
}

static void test_what_is_needed_proves_and_one_less_does_not(void **state UNUSED)
{
    static const uint64_t n[] = {20, 500, 3000, 1000000};

    for (unsigned i = 0; i < ARRAY_LEN(n); i++) {
        uint64_t k = statistics_needed(n[i], 0.01, DOUBT);

        assert_true(statistics_share_low(k, n[i], DOUBT) >= 0.01);
        assert_true(statistics_share_low(k - 1, n[i], DOUBT) < 0.01);
    }
    assert_int_equal(statistics_needed(2, 0.5, DOUBT), 3);
    assert_int_equal(statistics_needed(0, 0.5, DOUBT), 1);
}

static void test_a_ratio_needs_no_division(void **state UNUSED)
{
    double low = statistics_ratio_low(40, 1000, 40, 4000, DOUBT);

    assert_true(low > 1 && low < 4);
    same(statistics_ratio_tail(40, 1000, 40, 4000, low), DOUBT);
    /* None on the other side: no ratio, and yet a proof. */
    low = statistics_ratio_low(40, 1000, 0, 4000, DOUBT);
    assert_true(low > 10 && isfinite(low));
    assert_true(statistics_ratio_tail(40, 1000, 0, 4000, 2) < DOUBT);
    assert_true(statistics_ratio_tail(4, 1000, 16, 4000, 1) > 0.4);
    /* Nothing known. */
    same(statistics_ratio_tail(5, 10, 0, 0, 2), 1);
    same(statistics_ratio_tail(0, 0, 5, 10, 2), 1);
    same(statistics_ratio_tail(0, 10, 0, 10, 2), 1);
    same(statistics_ratio_low(0, 10, 0, 10, DOUBT), 0);
    same(statistics_ratio_low(5, 10, 0, 0, DOUBT), 0);
}

/* ---- ranks ----------------------------------------------------------------------------------- */

static struct hist spread(struct rng *rng, unsigned count, uint64_t base_us)
{
    struct hist h = {.count = 0};

    for (unsigned i = 0; i < count; i++)
        hist_add(&h, base_us + rng_below(rng, base_us) + rng_below(rng, base_us));
    return h;
}

static void test_slower_is_seen_and_noise_is_not(void **state UNUSED)
{
    unsigned wrong = 0, seen = 0;
    struct rng rng;

    rng_seed(&rng, 11);
    for (int i = 0; i < 1000; i++) {
        struct hist a = spread(&rng, 300, 10000);
        struct hist b = spread(&rng, 300, 10000);
        struct hist slow = spread(&rng, 300, 15000);

        wrong += statistics_slower(&a, &b) < 0.01;
        seen += statistics_slower(&a, &slow) < DOUBT;
        assert_true(statistics_slower(&slow, &a) > 0.99);
    }
    assert_in_range(wrong, 1, 20);
    assert_int_equal(seen, 1000);
}

/* By hand: 1 and 3 against 2 and 4: U is 3 of 4, sigma is sqrt(20 / 12). */
static void test_ranks_are_as_by_hand(void **state UNUSED)
{
    struct hist a = {.count = 0}, b = {.count = 0};

    hist_add(&a, 1);
    hist_add(&a, 3);
    hist_add(&b, 2);
    hist_add(&b, 4);
    same(statistics_slower(&a, &b), erfc((3 - 2 - 0.5) / sqrt(20.0 / 12) / sqrt(2)) / 2);
}

static void test_ties_and_nothing_prove_nothing(void **state UNUSED)
{
    struct hist none = {.count = 0}, same_all = {.count = 0}, huge = {.count = 0};

    for (int i = 0; i < 1000; i++)
        hist_add(&same_all, 5000);
    huge.bucket[3] = UINT32_MAX;
    huge.bucket[90] = UINT32_MAX;
    same(statistics_slower(&none, &none), 1);
    same(statistics_slower(&none, &same_all), 1);
    same(statistics_slower(&same_all, &none), 1);
    same(statistics_slower(&same_all, &same_all), 1);
    assert_true(isfinite(statistics_slower(&huge, &same_all)));
    assert_true(statistics_slower(&huge, &huge) >= 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_beta_function_is_as_tabulated),
        cmocka_unit_test(test_bounds_are_those_of_the_tables),
        cmocka_unit_test(test_a_bound_is_where_the_tail_is_the_doubt),
        cmocka_unit_test(test_nothing_and_all_and_very_many),
        cmocka_unit_test(test_bounds_are_monotone),
        cmocka_unit_test(test_a_bound_covers_as_often_as_it_says),
        cmocka_unit_test(test_what_is_needed_proves_and_one_less_does_not),
        cmocka_unit_test(test_a_ratio_needs_no_division),
        cmocka_unit_test(test_slower_is_seen_and_noise_is_not),
        cmocka_unit_test(test_ranks_are_as_by_hand),
        cmocka_unit_test(test_ties_and_nothing_prove_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
