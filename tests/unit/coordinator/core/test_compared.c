/* SPDX-License-Identifier: Apache-2.0 */
/* Comparisons by time: windows, rings that turn over, the past, and the newest examples. */
#include "coordinator/core/compared.h"

#include "tests/lib/unit.h"

static mono_t at(int64_t s)
{
    return (mono_t){(1000000 + s) * INT64_C(1000000000)};
}

static void add(struct compared *c, int64_t s, uint64_t critical)
{
    const struct compare_stats stats = {.compared = critical, .critical = critical};

    compared_add(c, at(s), &stats, true);
}

static uint64_t critical(const struct compared *c, int64_t s, dur_t window)
{
    struct compare_stats sum;

    compared_window(c, at(s), window, &sum);
    assert_int_equal(sum.compared, sum.critical);
    return sum.critical;
}

static void nothing_compared_costs_nothing(void **state UNUSED)
{
    const struct compare_stats nothing = {.compared = 0};
    struct compared c = {.examples = 0};

    compared_add(&c, at(0), &nothing, true);
    compared_add_past(&c, at(10), at(0), &nothing);
    assert_null(c.sums.fine);
    assert_int_equal(critical(&c, 0, dur_s(60)), 0);
    assert_null(compared_example(&c, 0));
    compared_clear(&c);
    compared_deinit(&c);
}

static void a_window_reaches_back_at_least_as_far_as_it_says(void **state UNUSED)
{
    struct compared c = {.examples = 0};

    for (int64_t s = 0; s < 7200; s++)
        add(&c, s, 1);
    for (int64_t w = 10; w <= 3000; w += 17) {
        uint64_t got = critical(&c, 7199, dur_s(w));

        assert_in_range(got, w, w + 20);
    }
    assert_int_equal(critical(&c, 7199, dur_s(86400)), 7200);
    assert_int_equal(c.total.critical, 7200);
    compared_deinit(&c);
}

static void the_day_before_is_forgotten(void **state UNUSED)
{
    struct compared c = {.examples = 0};

    add(&c, 0, 5);
    assert_int_equal(critical(&c, 3000, dur_s(3600)), 5);
    assert_int_equal(critical(&c, 86400 + 1200, dur_s(86400)), 0);
    add(&c, 3600, 1); /* in the place of the first in the finer ring */
    assert_int_equal(critical(&c, 3600, dur_s(60)), 1);
    assert_int_equal(critical(&c, 3600, dur_s(7200)), 6);
    compared_deinit(&c);
}

static void the_past_takes_no_younger_place(void **state UNUSED)
{
    const struct compare_stats one = {.compared = 1, .critical = 1};
    struct compared c = {.examples = 0};

    add(&c, 3600, 1);
    compared_add_past(&c, at(3600), at(0), &one);
    assert_int_equal(critical(&c, 3600, dur_s(60)), 1);
    compared_add_past(&c, at(3600), at(3590), &one);
    assert_int_equal(critical(&c, 3600, dur_s(60)), 2);
    compared_add_past(&c, at(3600), at(3600 - 86400), &one);
    assert_int_equal(critical(&c, 3600, dur_s(86400)), 3);
    assert_int_equal(c.total.critical, 1);
    compared_deinit(&c);
}

static void what_is_not_judged_counts_in_the_sum_alone(void **state UNUSED)
{
    const struct compare_stats one = {.compared = 1, .equal = 1};
    struct compared c = {.examples = 0};

    compared_add(&c, at(0), &one, false);
    assert_int_equal(c.total.compared, 1);
    assert_int_equal(critical(&c, 0, dur_s(60)), 0);
    add(&c, 1, 1);
    compared_clear(&c);
    assert_int_equal(critical(&c, 1, dur_s(60)), 0);
    assert_int_equal(c.total.compared, 2);
    compared_deinit(&c);
}

static void the_newest_examples_are_kept(void **state UNUSED)
{
    struct compared c = {.examples = 0};
    const struct name node = {"a"};
    struct discrepancy what = {.critical = true};

    for (unsigned i = 0; i < COMPARED_EXAMPLES_MAX + 3; i++) {
        str_fmt(what.where, sizeof what.where, "$[%u]", i);
        compared_add_example(&c, &node, &what);
    }
    assert_string_equal(compared_example(&c, 0)->what.where, "$[66]");
    assert_string_equal(compared_example(&c, COMPARED_EXAMPLES_MAX - 1)->what.where, "$[3]");
    assert_null(compared_example(&c, COMPARED_EXAMPLES_MAX));
    assert_string_equal(compared_example(&c, 0)->node.s, "a");
    compared_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_compared_costs_nothing),
        cmocka_unit_test(a_window_reaches_back_at_least_as_far_as_it_says),
        cmocka_unit_test(the_day_before_is_forgotten),
        cmocka_unit_test(the_past_takes_no_younger_place),
        cmocka_unit_test(what_is_not_judged_counts_in_the_sum_alone),
        cmocka_unit_test(the_newest_examples_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
