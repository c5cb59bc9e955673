/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/str.h"

#include "common/base/rng.h"
#include "tests/lib/unit.h"

static void comparing_and_trimming(void **state UNUSED)
{
    assert_true(str_ieq(STR("Content-Length"), STR("content-length")));
    assert_false(str_ieq(STR("a"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR("")));
    assert_false(str_starts(STR("ab"), STR("abc")));
    assert_true(str_istarts(STR("application/GRPC+proto"), STR("Application/grpc")));
    assert_true(str_istarts(STR("a"), STR("")));
    assert_false(str_istarts(STR("application"), STR("application/grpc")));
    assert_true(str_icontains(STR("My-Api-KEY"), STR("api-key")));
    assert_true(str_icontains(STR("totoken"), STR("TOKEN")));
    assert_true(str_icontains(STR(""), STR("")));
    assert_false(str_icontains(STR("tok"), STR("token")));
    assert_false(str_icontains(STR("a"), STR("A@"))); /* '@' and '`' are not one letter */
    assert_true(str_eq(str_trim(STR(" \t x y \t")), STR("x y")));
    assert_true(str_eq(str_trim(STR("  ")), STR("")));
    assert_true(str_eq(str_of(NULL), STR("")));
}

static void cut_splits_at_the_first_separator(void **state UNUSED)
{
    struct str head, tail;

    assert_true(str_cut(STR("a=b=c"), '=', &head, &tail));
    assert_true(str_eq(head, STR("a")) && str_eq(tail, STR("b=c")));
    assert_false(str_cut(STR("abc"), '=', &head, &tail));
    assert_true(str_eq(head, STR("abc")) && tail.n == 0);
    assert_true(str_cut(STR("="), '=', &head, &tail));
    assert_true(head.n == 0 && tail.n == 0);
    assert_false(str_cut(str_of(NULL), '=', &head, &tail));
}

static void copy_refuses_what_does_not_fit_or_holds_nul(void **state UNUSED)
{
    char dst[4] = "xxx";

    assert_true(str_copy(STR("abc"), dst, sizeof dst));
    assert_string_equal(dst, "abc");
    assert_false(str_copy(STR("abcd"), dst, sizeof dst));
    assert_string_equal(dst, "");
    assert_false(str_copy(STR("a\0b"), dst, sizeof dst));
    assert_true(str_copy(str_of(NULL), dst, sizeof dst));
    assert_true(str_fmt(dst, sizeof dst, "%d", 123));
    assert_false(str_fmt(dst, sizeof dst, "%d", 1234));
}

static void join_separates_what_is_there_from_what_comes(void **state UNUSED)
{
    char dst[8] = "";

    assert_true(str_join(dst, sizeof dst, ", ", "%s", "a"));
    assert_string_equal(dst, "a");
    assert_true(str_join(dst, sizeof dst, ", ", "%d", 1234));
    assert_string_equal(dst, "a, 1234");
    assert_false(str_join(dst, sizeof dst, ", ", "b"));
    assert_string_equal(dst, "a, 1234");
}

static void integers_take_nothing_but_digits(void **state UNUSED)
{
    static const char *const bad[] = {
        "", " 1", "1 ", "+1", "-1", "1x", "0x1", "18446744073709551616", "99999999999999999999999"};
    uint64_t v = 42;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(str_to_u64(str_of(bad[i]), UINT64_MAX, &v));
    assert_false(str_to_u64(STR("101"), 100, &v));
    assert_int_equal(v, 42);
    assert_true(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    assert_true(str_to_hex_u64(STR("fFfFfFfFfFfFfFfF"), UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    assert_false(str_to_hex_u64(STR("10000000000000000"), UINT64_MAX, &v));
    assert_false(str_to_hex_u64(STR("g"), UINT64_MAX, &v));
}

static void decimals_are_exact_and_bounded(void **state UNUSED)
{
    static const char *const bad[] = {
        "", ".", ".5", "5.", "1.2.3", "-1", "1e3", "1.x", "1234567890.123456"};
    double v = -1;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(str_to_decimal(str_of(bad[i]), &v));
    assert_true(v == -1);
    assert_true(str_to_decimal(STR("0.1"), &v) && v == 0.1);
    assert_true(str_to_decimal(STR("123456789.012345"), &v) && v == 123456789.012345);
}

static void utf8_names_the_first_bad_byte(void **state UNUSED)
{
    static const struct {
        const char *text;
        size_t bad;
    } cases[] = {
        {"ab\x80", 2},
        {"\xc0\xaf", 0},
        {"\xe0\x80\x80", 0},
        {"a\xed\xa0\x80", 1},
        {"\xf0\x80\x80\x80", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xe2\x82", 0},
        {"x\xf0\x9f\x98", 1},
        {"\xe2\x28\xa1", 0},
        {"\xff", 0},
    };
    size_t bad = 99;

    assert_true(str_utf8_valid(STR("plain, é, €, 😀, \xf4\x8f\xbf\xbf"), &bad));
    assert_true(str_utf8_valid(STR(""), NULL));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_false(str_utf8_valid(str_of(cases[i].text), &bad));
        assert_int_equal(bad, cases[i].bad);
    }
}

static void lines_hold_nothing_that_a_terminal_obeys(void **state UNUSED)
{
    static const char *const bad[] = {
        "INC-1\nrolled back by root",
        "INC-1\x1b[2J",
        "INC-1\x7f",
        "INC-1\xc2\x9b"
        "2J",
        "INC-1\xc2\x85",
        "INC-1\xe2\x80\xa8",
        "INC-1\xe2\x80\xae"
        "lia",
        "INC-1\xe2\x81\xa6",
        "INC-1\xe2\x80\x8f",
        "INC-1\xef\xbb\xbf",
        "INC-1\xff",
    };
    size_t at = 0;

    assert_true(str_is_line(STR("plain, é, €, 😀, non-breaking:\xc2\xa0."), &at));
    assert_true(str_is_line(STR(""), NULL));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        at = 99;
        assert_false(str_is_line(str_of(bad[i]), &at));
        assert_int_equal(at, 5);
        assert_false(str_is_line(str_of(bad[i]), NULL));
    }
    /* The first of several, of whichever kind. */
    assert_false(str_is_line(STR("a\rb\xf7"), &at));
    assert_int_equal(at, 1);
    assert_false(str_is_line(STR("ab\xf7\r"), &at));
    assert_int_equal(at, 2);
}

static void distance_counts_edits_and_swaps(void **state UNUSED)
{
    static const char long_one[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789";

    assert_int_equal(str_distance(STR("weight"), STR("weight"), 9), 0);
    assert_int_equal(str_distance(STR("wieght"), STR("weight"), 9), 1);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 9), 3);
    assert_int_equal(str_distance(STR(""), STR("abc"), 9), 3);
    assert_int_equal(str_distance(STR("abc"), STR("xyz"), 1), 2);
    assert_int_equal(str_distance(str_of(long_one), STR("0"), 5), 6);
}

static void distance_is_symmetric_and_zero_only_for_equals(void **state UNUSED)
{
    struct rng r;

    rng_seed(&r, 7);
    for (unsigned i = 0; i < 2000; i++) {
        char a[8], b[8];
        struct str sa = {a, rng_below(&r, 8)}, sb = {b, rng_below(&r, 8)};
        for (size_t k = 0; k < 8; k++) {
            a[k] = (char)('a' + rng_below(&r, 3));
            b[k] = (char)('a' + rng_below(&r, 3));
        }
        unsigned d = str_distance(sa, sb, 20);
        assert_int_equal(d, str_distance(sb, sa, 20));
        assert_int_equal(d == 0, str_eq(sa, sb));
        assert_true(d <= (sa.n > sb.n ? sa.n : sb.n));
    }
}

static void nearest_is_a_typing_slip_or_nothing(void **state UNUSED)
{
    static const char *const names[] = {"weight", "mirror", "bake", NULL};

    assert_string_equal(str_nearest(STR("wieght"), names), "weight");
    assert_string_equal(str_nearest(STR("bak"), names), "bake");
    assert_null(str_nearest(STR("zzz"), names));
    assert_null(str_nearest(STR("approval"), names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing_and_trimming),
        cmocka_unit_test(cut_splits_at_the_first_separator),
        cmocka_unit_test(copy_refuses_what_does_not_fit_or_holds_nul),
        cmocka_unit_test(join_separates_what_is_there_from_what_comes),
        cmocka_unit_test(integers_take_nothing_but_digits),
        cmocka_unit_test(decimals_are_exact_and_bounded),
        cmocka_unit_test(utf8_names_the_first_bad_byte),
        cmocka_unit_test(lines_hold_nothing_that_a_terminal_obeys),
        cmocka_unit_test(distance_counts_edits_and_swaps),
        cmocka_unit_test(distance_is_symmetric_and_zero_only_for_equals),
        cmocka_unit_test(nearest_is_a_typing_slip_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
