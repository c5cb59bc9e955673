/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/units.h"

#include "common/base/rng.h"
#include "tests/lib/unit.h"

static void durations_are_read_and_written(void **state UNUSED)
{
    static const struct {
        const char *in;
        int64_t ns;
        const char *out;
    } cases[] = {
        {"250ms", 250000000, "250ms"},
        {"1.5s", 1500000000, "1.5s"},
        {"1500ms", 1500000000, "1.5s"},
        {"10m", INT64_C(600000000000), "10m"},
        {"90s", INT64_C(90000000000), "90s"},
        {"60s", INT64_C(60000000000), "1m"},
        {"2h", INT64_C(7200000000000), "2h"},
        {"24h", INT64_C(86400000000000), "1d"},
        {"7d", INT64_C(604800000000000), "7d"},
        {"0s", 0, "0s"},
        {"1ns", 1, "1ns"},
        {"100us", 100000, "100us"},
        {"0.5s", 500000000, "500ms"},
    };
    char text[UNIT_TEXT_MAX];
    struct err e;
    dur_t d;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_ok(unit_parse_duration(str_of(cases[i].in), &d, &e), &e);
        assert_true(d.ns == cases[i].ns);
        assert_string_equal(unit_duration_text(d, text), cases[i].out);
    }
    assert_string_equal(unit_duration_text(dur_ms(-1500), text), "-1.5s");
    assert_string_equal(unit_duration_text((dur_t){INT64_MIN}, text), "-9223372036854775808ns");
}

static void bad_durations_say_what_to_write(void **state UNUSED)
{
    static const char *const bad[] = {"",    "10", "s",  "10 s",   "-1s", "1.s",
                                      ".5s", "1y", "1S", "40000d", "1s2"};
    struct err e;
    dur_t d = {42};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_fails(unit_parse_duration(str_of(bad[i]), &d, &e), ERR_INVALID);
        assert_holds(e.hint, "10m");
    }
    assert_true(d.ns == 42);
}

static void printed_durations_read_back_exactly(void **state UNUSED)
{
    static const uint64_t steps[] = {1000, 1000000, 1000000000, UINT64_C(60000000000)};
    char text[UNIT_TEXT_MAX];
    struct rng r;
    struct err e;
    dur_t back;

    rng_seed(&r, 3);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t step = steps[rng_below(&r, ARRAY_LEN(steps))];
        dur_t d = {(int64_t)(rng_below(&r, UINT64_C(3153600000000000000) / step) * step)};
        assert_ok(unit_parse_duration(str_of(unit_duration_text(d, text)), &back, &e), &e);
        if (back.ns != d.ns)
            fail_msg("%s reads back as %lld ns", text, (long long)back.ns);
    }
}

static void ratios_need_their_sign(void **state UNUSED)
{
    static const char *const bad[] = {"1", "", "%", "101%", "0.00001%", "1%%", "-1%", "1 %"};
    char text[UNIT_TEXT_MAX];
    struct err e;
    uint32_t ppm = 42;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(unit_parse_ratio(str_of(bad[i]), &ppm, &e), ERR_INVALID);
    assert_int_equal(ppm, 42);
    assert_ok(unit_parse_ratio(STR("0.1%"), &ppm, &e), &e);
    assert_int_equal(ppm, 1000);
    assert_string_equal(unit_ratio_text(ppm, text), "0.1%");
    assert_ok(unit_parse_ratio(STR("100%"), &ppm, &e), &e);
    assert_string_equal(unit_ratio_text(ppm, text), "100%");
    assert_string_equal(unit_ratio_text(1, text), "0.0001%");
}

static void every_weight_reads_back(void **state UNUSED)
{
    char text[UNIT_TEXT_MAX];
    struct err e;
    uint32_t bp;

    for (uint32_t i = 0; i <= 10000; i++) {
        assert_ok(unit_parse_weight(str_of(unit_weight_text(i, text)), &bp, &e), &e);
        assert_int_equal(bp, i);
    }
    assert_ok(unit_parse_weight(STR("12.5%"), &bp, &e), &e);
    assert_int_equal(bp, 1250);
    assert_string_equal(unit_weight_text(bp, text), "12.5");
    assert_true(weight_percent(bp) == 12.5);
    assert_fails(unit_parse_weight(STR("100.01"), &bp, &e), ERR_INVALID);
    assert_fails(unit_parse_weight(STR("12.345"), &bp, &e), ERR_INVALID);
    assert_fails(unit_parse_weight(STR("a lot"), &bp, &e), ERR_INVALID);
    assert_holds(e.msg, "\"a lot\"");
}

static void sizes_know_both_kinds_of_kilo(void **state UNUSED)
{
    static const struct {
        const char *in;
        uint64_t bytes;
        const char *out;
    } cases[] = {
        {"0", 0, "0"},          {"512", 512, "512"},          {"64KiB", 65536, "64KiB"},
        {"1024", 1024, "1KiB"}, {"10MiB", 10485760, "10MiB"}, {"1GiB", 1073741824, "1GiB"},
        {"1KB", 1000, "1KB"},   {"2MB", 2000000, "2MB"},      {"3GB", 3000000000, "3GB"},
    };
    char text[UNIT_TEXT_MAX];
    struct err e;
    uint64_t bytes;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_ok(unit_parse_size(str_of(cases[i].in), &bytes, &e), &e);
        assert_true(bytes == cases[i].bytes);
        assert_string_equal(unit_size_text(bytes, text), cases[i].out);
    }
    assert_fails(unit_parse_size(STR("1.5MiB"), &bytes, &e), ERR_INVALID);
    assert_fails(unit_parse_size(STR("10kb"), &bytes, &e), ERR_INVALID);
    assert_fails(unit_parse_size(STR("9999999999GiB"), &bytes, &e), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_and_written),
        cmocka_unit_test(bad_durations_say_what_to_write),
        cmocka_unit_test(printed_durations_read_back_exactly),
        cmocka_unit_test(ratios_need_their_sign),
        cmocka_unit_test(every_weight_reads_back),
        cmocka_unit_test(sizes_know_both_kinds_of_kilo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
