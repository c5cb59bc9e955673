/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/hist.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/lib/unit.h"

static void buckets_are_contiguous_and_rise(void **state UNUSED)
{
    unsigned expected = 0;

    for (uint64_t us = 0; us < 1 << 20; us++) {
        unsigned i = hist_bucket_of(us);
        if (i != expected) {
            assert_int_equal(i, expected + 1);
            assert_true(hist_bucket_end(expected) == us);
            expected = i;
        }
        assert_true(us < hist_bucket_end(i));
    }
    assert_true(hist_bucket_end(HIST_BUCKETS - 1) == UINT64_C(1) << 27);
    assert_int_equal(hist_bucket_of((UINT64_C(1) << 27) - 1), HIST_BUCKETS - 1);
    assert_int_equal(hist_bucket_of(UINT64_MAX), HIST_BUCKETS - 1);
}

static void the_middle_is_within_a_sixteenth(void **state UNUSED)
{
    struct rng r;

    rng_seed(&r, 1);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t us = rng_below(&r, UINT64_C(1) << (1 + rng_below(&r, 27)));
        double mid = hist_bucket_mid(hist_bucket_of(us));
        if (us < 16)
            assert_true(mid == (double)us);
        else
            assert_true(fabs(mid - (double)us) <= (double)us / 16);
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void quantiles_are_within_a_bucket_of_the_true_ones(void **state UNUSED)
{
    static uint64_t values[5000];
    static struct hist h;
    const size_t n = ARRAY_LEN(values);
    struct rng r;

    rng_seed(&r, 2);
    for (size_t i = 0; i < n; i++) {
        values[i] = 50 + (uint64_t)(-20000 * log(1 - rng_unit(&r))); /* a long tail around 20 ms */
        hist_add(&h, values[i]);
    }
    qsort(values, n, sizeof values[0], by_value);
    for (double q = 0.01; q < 1; q += 0.01) {
        double truth = (double)values[(size_t)(q * (double)n)] / 1000;
        double got = hist_quantile_ms(&h, q);
        if (fabs(got - truth) > truth / 8)
            fail_msg("q%.2f is %f ms, got %f ms", q, truth, got);
    }
    for (double q = 0; q < 1; q += 0.001)
        assert_true(hist_quantile_ms(&h, q) <= hist_quantile_ms(&h, q + 0.001));
}

static void merging_is_the_same_as_adding_all(void **state UNUSED)
{
    static struct hist parts[3], merged, all;
    struct rng r;

    rng_seed(&r, 3);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t us = rng_below(&r, 1000000);
        hist_add(&parts[i % 3], us);
        hist_add(&all, us);
    }
    for (unsigned i = 0; i < 3; i++)
        hist_merge(&merged, &parts[i]);
    assert_memory_equal(&merged, &all, sizeof all);
    assert_true(hist_mean_ms(&merged) == hist_mean_ms(&all));
    hist_reset(&merged);
    assert_int_equal(merged.count, 0);
}

static void empty_and_exact_histograms(void **state UNUSED)
{
    struct hist h = {0};

    assert_true(hist_quantile_ms(&h, 0.99) == 0);
    assert_true(hist_mean_ms(&h) == 0);
    hist_add(&h, 7);
    assert_true(hist_quantile_ms(&h, 0) == 0.007);
    assert_true(hist_quantile_ms(&h, 1) == 0.007);
    assert_true(hist_quantile_ms(&h, 2) == 0.007);
    assert_true(hist_mean_ms(&h) == 0.007);
}

static void buckets_saturate(void **state UNUSED)
{
    struct hist a = {.count = 1}, b = {.count = 1};

    a.bucket[5] = UINT32_MAX - 1;
    b.bucket[5] = 2;
    hist_merge(&a, &b);
    assert_int_equal(a.bucket[5], UINT32_MAX);
    hist_add(&a, 5);
    assert_int_equal(a.bucket[5], UINT32_MAX);
}

static void test_what_lies_above_agrees_with_the_quantiles(void **state UNUSED)
{
    struct hist h = {.count = 0};

    assert_int_equal(hist_above(&h, 0), 0);
    for (uint64_t us = 1; us <= 10000; us++)
        hist_add(&h, us);
    assert_int_equal(hist_total(&h), 10000);
    for (double q = 0.001; q < 1; q += 0.013) {
        double above = (double)hist_above(&h, hist_quantile_ms(&h, q) * 1000);

        assert_true(above >= (1 - q) * 10000 - 2 && above <= (1 - q) * 10000 + 2);
    }
    assert_int_equal(hist_above(&h, 0), 10000);
    assert_int_equal(hist_above(&h, 1e12), 0);
    hist_reset(&h);
    hist_add(&h, 3);
    hist_add(&h, 4);
    assert_int_equal(hist_above(&h, 3), 1);
    assert_int_equal(hist_above(&h, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_lies_above_agrees_with_the_quantiles),
        cmocka_unit_test(buckets_are_contiguous_and_rise),
        cmocka_unit_test(the_middle_is_within_a_sixteenth),
        cmocka_unit_test(quantiles_are_within_a_bucket_of_the_true_ones),
        cmocka_unit_test(merging_is_the_same_as_adding_all),
        cmocka_unit_test(empty_and_exact_histograms),
        cmocka_unit_test(buckets_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
