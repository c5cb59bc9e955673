/* SPDX-License-Identifier: Apache-2.0 */
/* Samples by time: windows cut at the borders of four levels, rings that turn over, sums since the
 * start. */
#include "coordinator/core/samples.h"
#include "tests/lib/unit.h"

static mono_t at(int64_t ms)
{
    return (mono_t){1000000000000 + ms * 1000000};
}

static void add(struct samples *s, int64_t ms, uint64_t requests)
{
    struct system_stats stats[SYSTEM_COUNT] = {[SYSTEM_NEW] = {.requests = requests}};

    samples_add(s, at(ms), stats);
}

static uint64_t window(const struct samples *s, int64_t ms, dur_t w)
{
    struct system_stats sum;

    samples_window(s, SYSTEM_NEW, at(ms), w, &sum);
    return sum.requests;
}

static void test_a_window_is_the_last_seconds(void **state UNUSED)
{
    struct samples *s = samples_new();

    for (int64_t i = 0; i < 20; i++)
        add(s, i * 1000 + 500, 1);
    assert_int_equal(window(s, 19600, dur_s(1)), 1);
    assert_int_equal(window(s, 19600, dur_s(10)), 10);
    assert_int_equal(window(s, 19600, dur_s(60)), 20);
    assert_int_equal(window(s, 25000, dur_s(10)), 4);
    assert_int_equal(window(s, 60000, dur_s(10)), 0);
    samples_free(s);
}

static void test_systems_are_kept_apart_and_merged(void **state UNUSED)
{
    struct samples *s = samples_new();
    struct system_stats both[SYSTEM_COUNT] = {
        [SYSTEM_LEGACY] = {.requests = 3, .errors = 1},
        [SYSTEM_NEW] = {.requests = 5, .timeouts = 2},
    };
    struct system_stats sum;

    hist_add(&both[SYSTEM_NEW].latency, 1000);
    samples_add(s, at(0), both);
    samples_add(s, at(10), both);
    samples_window(s, SYSTEM_LEGACY, at(20), dur_s(10), &sum);
    assert_int_equal(sum.requests, 6);
    assert_int_equal(sum.errors, 2);
    samples_window(s, SYSTEM_NEW, at(20), dur_s(10), &sum);
    assert_int_equal(sum.requests, 10);
    assert_int_equal(sum.timeouts, 4);
    assert_int_equal(sum.latency.count, 2);
    samples_free(s);
}

/* One request a second for a day and an hour. */
static void test_a_window_is_cut_at_the_borders_of_its_level(void **state UNUSED)
{
    struct samples *s = samples_new();
    const int64_t end = 25 * 3600000;

    for (int64_t i = 0; i <= end; i += 1000) {
        add(s, i, 1);
        if (i == 3599000)
            assert_int_equal(window(s, i, dur_s(7200)), 3600);
    }
    assert_int_equal(window(s, end, dur_s(120)), 120);
    assert_in_range(window(s, end, dur_s(1800)), 1791, 1800);
    assert_in_range(window(s, end, dur_s(3600)), 3591, 3600);
    assert_in_range(window(s, end, dur_s(6 * 3600)), 6 * 3600 - 59, 6 * 3600);
    assert_in_range(window(s, end, dur_s(86400)), 86400 - 599, 86400);
    assert_int_equal(samples_total(s, SYSTEM_NEW)->requests, end / 1000 + 1);
    samples_free(s);
}

/* In whatever order and at whatever age it is told, every level knows the same. */
static void test_the_past_falls_into_every_level(void **state UNUSED)
{
    static const int64_t ago_s[] = {0, 1, 9, 10, 11, 59, 60, 119, 121, 599, 600, 3000, 3589};
    struct system_stats one[SYSTEM_COUNT] = {[SYSTEM_NEW] = {.requests = 1}};
    const int64_t now = 50000000;

    for (int turn = 0; turn < 3; turn++) {
        struct samples *s = samples_new();

        if (turn == 1)
            add(s, now - 7000, 5);
        for (unsigned i = 0; i < ARRAY_LEN(ago_s); i++) {
            unsigned n = turn == 2 ? ARRAY_LEN(ago_s) - 1 - i : i;

            samples_add_past(s, at(now), at(now - ago_s[n] * 1000), one);
        }
        if (turn == 1)
            add(s, now, 5);
        for (unsigned i = 0; i < ARRAY_LEN(ago_s); i++) {
            const dur_t windows[] = {dur_s(120), dur_s(3600), dur_s(6 * 3600), dur_s(86400)};
            uint64_t all = turn == 1 ? 23 : 13;

            assert_int_equal(window(s, now, windows[1]), all);
            assert_int_equal(window(s, now, windows[2]), all);
            assert_int_equal(window(s, now, windows[3]), all);
            assert_int_equal(window(s, now, windows[0]), all - 5);
        }
        assert_int_equal(samples_total(s, SYSTEM_NEW)->requests, turn == 1 ? 10 : 0);
        samples_free(s);
    }
}

/* Much later, when nothing has been reported since. */
static void test_what_was_left_open_ages_as_well(void **state UNUSED)
{
    struct samples *s = samples_new();

    add(s, 0, 7);
    assert_int_equal(window(s, 119000, dur_s(120)), 7);
    assert_int_equal(window(s, 121000, dur_s(120)), 0);
    assert_int_equal(window(s, 121000, dur_s(600)), 7);
    assert_int_equal(window(s, 700000, dur_s(600)), 0);
    assert_int_equal(window(s, 700000, dur_s(7200)), 7);
    assert_int_equal(window(s, 90000000, dur_s(86400)), 0);
    samples_free(s);
}

static void test_what_is_older_than_a_day_is_only_in_the_total(void **state UNUSED)
{
    struct samples *s = samples_new();
    const int64_t day = 86400000;

    add(s, 0, 7);
    add(s, 2 * day, 1);
    assert_int_equal(window(s, 2 * day, dur_s(86400)), 1);
    assert_int_equal(window(s, 2 * day, dur_s(30 * 86400)), 1);
    assert_int_equal(samples_total(s, SYSTEM_NEW)->requests, 8);
    samples_free(s);
}

static void test_clearing_keeps_the_total(void **state UNUSED)
{
    struct samples *s = samples_new();
    struct sample_bucket b;

    add(s, 0, 7);
    samples_clear(s);
    assert_int_equal(window(s, 100, dur_s(10)), 0);
    assert_int_equal(window(s, 100, dur_s(600)), 0);
    assert_false(samples_second(s, SYSTEM_NEW, at(100), 0, &b));
    add(s, 200, 1);
    assert_int_equal(window(s, 300, dur_s(10)), 1);
    assert_int_equal(samples_total(s, SYSTEM_NEW)->requests, 8);
    samples_free(s);
}

static void test_a_second_knows_its_first_report(void **state UNUSED)
{
    struct samples *s = samples_new();
    struct sample_bucket b;

    add(s, 2300, 1);
    add(s, 2900, 1);
    for (int open = 1; open >= 0; open--) {
        assert_true(samples_second(s, SYSTEM_NEW, at(4000), 2, &b));
        assert_int_equal(b.first.ns, at(2300).ns);
        assert_int_equal(b.stats.requests, 2);
        assert_false(samples_second(s, SYSTEM_NEW, at(4000), 1, &b));
        assert_false(samples_second(s, SYSTEM_LEGACY, at(4000), 2, &b));
        assert_false(samples_second(s, SYSTEM_NEW, at(4000), SAMPLES_SECONDS, &b));
        add(s, 4100, 1);
    }
    samples_free(s);
}

/* What was asked once is remembered: it must not outlive what it was made of. */
static void test_a_window_asked_again_knows_what_came_since(void **state UNUSED)
{
    const dur_t windows[] = {dur_s(60), dur_s(90), dur_s(1800), dur_s(60)};
    struct system_stats one[SYSTEM_COUNT] = {[SYSTEM_NEW] = {.requests = 1}};
    struct samples *s = samples_new();
    uint64_t all = 0;

    for (int64_t i = 0; i < 50; i++) {
        add(s, i * 1000, 1);
        all++;
        for (unsigned w = 0; w < 2 * ARRAY_LEN(windows); w++)
            assert_int_equal(window(s, i * 1000, windows[w % ARRAY_LEN(windows)]), all);
        samples_add_past(s, at(i * 1000), at(i * 1000 - 7000), one);
        all++;
        for (unsigned w = 0; w < ARRAY_LEN(windows); w++)
            assert_int_equal(window(s, i * 1000, windows[w]), all);
    }
    assert_int_equal(window(s, 49000, dur_s(10)), 13);
    assert_int_equal(window(s, 54000, dur_s(10)), 5);
    samples_clear(s);
    for (unsigned w = 0; w < ARRAY_LEN(windows); w++)
        assert_int_equal(window(s, 54000, windows[w]), 0);
    samples_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_window_is_the_last_seconds),
        cmocka_unit_test(test_systems_are_kept_apart_and_merged),
        cmocka_unit_test(test_a_window_is_cut_at_the_borders_of_its_level),
        cmocka_unit_test(test_the_past_falls_into_every_level),
        cmocka_unit_test(test_what_was_left_open_ages_as_well),
        cmocka_unit_test(test_what_is_older_than_a_day_is_only_in_the_total),
        cmocka_unit_test(test_clearing_keeps_the_total),
        cmocka_unit_test(test_a_second_knows_its_first_report),
        cmocka_unit_test(test_a_window_asked_again_knows_what_came_since),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
