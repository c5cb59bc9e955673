/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include "common/base/metrics.h"

static void families_have_their_help_and_samples(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(4096);
    struct metrics m;

    metrics_begin(&m, &b);
    metrics_family(&m, METRIC_REQUESTS);
    metrics_count(&m, UINT64_MAX, "migration=\"%s\",system=\"%s\"", "orders", "new");
    metrics_family(&m, METRIC_WEIGHT);
    metrics_value(&m, 0.25, "%s", "");
    assert_true(metrics_end(&m));
    assert_string_equal(
        buf_text(&b),
        "# HELP switchyard_requests_total requests sent to a system, whatever came of them\n"
        "# TYPE switchyard_requests_total counter\n"
        "switchyard_requests_total{migration=\"orders\",system=\"new\"} 18446744073709551615\n"
        "# HELP switchyard_weight_ratio share of the keys that is on new\n"
        "# TYPE switchyard_weight_ratio gauge\n"
        "switchyard_weight_ratio 0.25\n");
}

/* Each value is at most the first bound that is not below it: nothing is guessed. */
static void latencies_fall_under_the_right_bound(void **state UNUSED)
{
    static const struct {
        uint64_t us;
        unsigned le; /* METRIC_LE_COUNT: above all */
    } cases[] = {{0, 0},
                 {255, 0},
                 {256, 1},
                 {511, 1},
                 {512, 2},
                 {1023, 2},
                 {33554431, 17},
                 {33554432, METRIC_LE_COUNT},
                 {UINT64_MAX / 2, METRIC_LE_COUNT}};

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct metric_hist h = {.count = 0};
        struct hist one = {.count = 0};

        hist_add(&one, cases[i].us);
        metric_hist_add(&h, &one);
        assert_int_equal(h.count, 1);
        for (unsigned le = 0; le < METRIC_LE_COUNT; le++)
            assert_int_equal(h.at_most[le], le == cases[i].le);
    }
}

static void histograms_add_up(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(8192);
    struct metric_hist h = {.count = 0};
    struct hist part = {.count = 0};
    struct metrics m;

    hist_add(&part, 300);
    hist_add(&part, 100000000);
    metric_hist_add(&h, &part);
    metric_hist_add(&h, &part);
    metrics_begin(&m, &b);
    metrics_family(&m, METRIC_LATENCY);
    metrics_hist(&m, &h, "migration=\"%s\"", "a");
    assert_true(metrics_end(&m));
    assert_holds(buf_text(&b), "_bucket{migration=\"a\",le=\"0.000256\"} 0\n");
    assert_holds(buf_text(&b), "_bucket{migration=\"a\",le=\"0.000512\"} 2\n");
    assert_holds(buf_text(&b), "_bucket{migration=\"a\",le=\"33.554432\"} 2\n");
    assert_holds(buf_text(&b), "_bucket{migration=\"a\",le=\"+Inf\"} 4\n");
    assert_holds(buf_text(&b), "_sum{migration=\"a\"} 200.0006\n");
    assert_holds(buf_text(&b), "_count{migration=\"a\"} 4\n");
}

static void what_does_not_fit_is_told(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(64);
    CLEANUP(buf_deinitp) struct buf wide = BUF_INIT(4096);
    char label[400];
    struct metrics m;

    metrics_begin(&m, &b);
    metrics_family(&m, METRIC_REQUESTS);
    assert_false(metrics_end(&m));
    metrics_begin(&m, &wide);
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    metrics_family(&m, METRIC_WEIGHT);
    metrics_count(&m, 1, "migration=\"%s\"", label);
    assert_false(metrics_end(&m));
}

static void every_metric_is_named_and_explained(void **state UNUSED)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const char *name = metric_name((enum metric)i);
        bool counts = strcmp(metric_type((enum metric)i), "counter") == 0;
        size_t n = strlen(name);

        assert_true(str_starts(str_of(name), STR("switchyard_")));
        assert_true(strlen(metric_help((enum metric)i)) > 0);
        assert_int_equal(counts, n > 6 && strcmp(name + n - 6, "_total") == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_have_their_help_and_samples),
        cmocka_unit_test(latencies_fall_under_the_right_bound),
        cmocka_unit_test(histograms_add_up),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(every_metric_is_named_and_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
