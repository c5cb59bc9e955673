/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/stats.h"

#include "tests/lib/unit.h"

static void breaker_states_have_names(void **state UNUSED)
{
    static const char *const released[] = {"disabled", "closed", "half_open", "open"};
    enum breaker_state s;

    assert_int_equal(BREAKER_STATE_COUNT, ARRAY_LEN(released));
    for (unsigned i = 0; i < BREAKER_STATE_COUNT; i++) {
        assert_string_equal(breaker_state_name((enum breaker_state)i), released[i]);
        assert_true(breaker_state_parse(str_of(released[i]), &s));
        assert_int_equal(s, i);
    }
    assert_false(breaker_state_parse(STR("half-open"), &s));
    assert_string_equal(breaker_state_name(BREAKER_STATE_COUNT), "?");
}

static void causes_of_openings_have_names(void **state UNUSED)
{
    static const char *const released[] = {"",          "errors", "error_rate",
                                           "slow_rate", "probe",  "order"};
    enum breaker_cause c;

    assert_int_equal(BREAKER_CAUSE_COUNT, ARRAY_LEN(released));
    for (unsigned i = 0; i < BREAKER_CAUSE_COUNT; i++) {
        assert_string_equal(breaker_cause_name((enum breaker_cause)i), released[i]);
        assert_true(breaker_cause_parse(str_of(released[i]), &c));
        assert_int_equal(c, i);
    }
    assert_false(breaker_cause_parse(STR("moon"), &c));
    assert_string_equal(breaker_cause_name(BREAKER_CAUSE_COUNT), "?");
}

static void sums_add_up_in_any_order(void **state UNUSED)
{
    struct system_stats a = {1, 2, 3, 4, 5, 6, 7, 8, 9, {0}};
    struct system_stats b = {10, 20, 30, 40, 50, 60, 70, 80, 90, {0}};
    struct system_stats ab = {0}, ba = {0};

    hist_add(&a.latency, 100);
    hist_add(&b.latency, 1000);
    system_stats_merge(&ab, &a);
    system_stats_merge(&ab, &b);
    system_stats_merge(&ba, &b);
    system_stats_merge(&ba, &a);
    assert_memory_equal(&ab, &ba, sizeof ab);
    assert_int_equal(ab.requests, 11);
    assert_int_equal(ab.errors, 22);
    assert_int_equal(ab.fallbacks, 33);
    assert_int_equal(ab.timeouts, 44);
    assert_int_equal(ab.connect_errors, 55);
    assert_int_equal(ab.overloads, 66);
    assert_int_equal(ab.tunnels, 77);
    assert_int_equal(ab.bytes_in, 88);
    assert_int_equal(ab.bytes_out, 99);
    assert_int_equal(ab.latency.count, 2);
}

static void empty_means_that_nothing_happened(void **state UNUSED)
{
    struct system_stats s = {0};

    assert_true(system_stats_is_empty(&s));
    s.connect_errors = 1;
    assert_false(system_stats_is_empty(&s));
    s.connect_errors = 0;
    s.bytes_out = 1; /* of a connection that came long before */
    assert_false(system_stats_is_empty(&s));
    s.bytes_out = 0;
    hist_add(&s.latency, 1);
    assert_false(system_stats_is_empty(&s));
}

static const char *requests_of(const struct route_stats *s)
{
    static char text[64];

    text[0] = '\0';
    for (unsigned i = 0; i < s->discrepancy_count; i++)
        str_join(text, sizeof text, " ", "%s", s->discrepancy[i].request);
    return text;
}

static void the_newest_discrepancies_stay_and_critical_ones_longest(void **state UNUSED)
{
    static const struct discrepancy list[] = {
        {.request = "a", .critical = true},
        {.request = "b"},
        {.request = "c", .critical = true},
        {.request = "d"},
        {.request = "e"},
        {.request = "f", .critical = true},
        {.request = "g", .critical = true},
        {.request = "h"},
    };
    static struct route_stats s;

    for (unsigned i = 0; i < 5; i++)
        route_stats_add_discrepancy(&s, &list[i]);
    assert_string_equal(requests_of(&s), "a c d e");
    for (unsigned i = 5; i < ARRAY_LEN(list); i++)
        route_stats_add_discrepancy(&s, &list[i]);
    assert_string_equal(requests_of(&s), "c f g h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaker_states_have_names),
        cmocka_unit_test(causes_of_openings_have_names),
        cmocka_unit_test(sums_add_up_in_any_order),
        cmocka_unit_test(empty_means_that_nothing_happened),
        cmocka_unit_test(the_newest_discrepancies_stay_and_critical_ones_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
