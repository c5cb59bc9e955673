/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/flags.h"

#include <math.h>

#include "common/base/json.h"
#include "tests/lib/unit.h"

static void set(struct flags *f, const char *name, const char *value)
{
    struct err err;

    assert_ok(flags_set_text(f, name, value, &err), &err);
}

static const char *value_of(const struct flags *f, const char *name)
{
    const struct flag *flag = flags_find(f, name);

    return flag ? flag->value : NULL;
}

static void flags_stand_by_name(void **state UNUSED)
{
    struct flags f = {.count = 0};

    set(&f, "m", "true");
    set(&f, "z", "2");
    set(&f, "a.B-c_9", "\"blue\"");
    assert_int_equal(f.count, 3);
    assert_string_equal(f.flag[0].name, "a.B-c_9");
    assert_string_equal(f.flag[1].name, "m");
    assert_string_equal(f.flag[2].name, "z");
    assert_string_equal(value_of(&f, "a.B-c_9"), "\"blue\"");
    assert_null(flags_find(&f, "b"));
    assert_null(flags_find(&f, ""));
    assert_null(flags_find(&(struct flags){.count = 0}, "a"));
}

static void a_flag_that_is_there_gets_the_new_value(void **state UNUSED)
{
    struct flags f = {.count = 0};

    set(&f, "a", "\"a long one\"");
    set(&f, "a", "1");
    assert_int_equal(f.count, 1);
    assert_string_equal(value_of(&f, "a"), "1");
}

static void sets_are_equal_whatever_their_history(void **state UNUSED)
{
    struct flags a = {.count = 0}, b = {.count = 0};

    set(&a, "x", "\"something longer\"");
    set(&a, "y", "2");
    set(&a, "x", "1.5");
    set(&b, "y", "2.0");
    set(&b, "x", " 15e-1 ");
    assert_true(flags_eq(&a, &b));
    set(&b, "x", "1");
    assert_false(flags_eq(&a, &b));
}

static void values_are_scalars_in_their_shortest_form(void **state UNUSED)
{
    static const struct {
        const char *given, *kept;
    } good[] = {
        {"true", "true"}, {"false", "false"}, {"1e3", "1000"},        {"12.50", "12.5"},
        {"-7", "-7"},     {"\"\"", "\"\""},   {"\"a b\"", "\"a b\""}, {"\"\\u0041\"", "\"A\""},
    };
    static const char *const bad[] = {"", "null", "[]", "{}", "blue", "true false", "NaN", "1e999"};
    struct flags f = {.count = 0};
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        set(&f, "a", good[i].given);
        assert_string_equal(value_of(&f, "a"), good[i].kept);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(flags_set_text(&f, "b", bad[i], &err), ERR_INVALID);
    assert_null(flags_find(&f, "b"));
}

static void a_refused_value_is_named(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *list = json_array(), *nan = json_from_number(NAN);
    struct flags f = {.count = 0};
    struct err err;

    assert_fails(flags_set(&f, STR("a"), list, &err), ERR_INVALID);
    assert_string_equal(err.msg,
                        "flag \"a\" is a list: a flag's value is true or false, a number "
                        "or a string");
    assert_fails(flags_set(&f, STR("a"), nan, &err), ERR_INVALID);
    assert_fails(flags_set(&f, STR("a"), NULL, &err), ERR_INVALID);
    assert_fails(flags_set_text(&f, "a", "blue", &err), ERR_INVALID);
    assert_string_equal(err.msg,
                        "\"blue\" is no value for flag \"a\": write true, false, a "
                        "number, or a string in double quotes");
}

static void a_value_has_a_greatest_length(void **state UNUSED)
{
    struct flags f = {.count = 0};
    char value[FLAG_VALUE + 1];
    struct err err;

    memset(value, 'x', sizeof value);
    value[0] = value[FLAG_VALUE - 2] = '"';
    value[FLAG_VALUE - 1] = '\0';
    set(&f, "a", value);
    value[FLAG_VALUE - 2] = 'x';
    value[FLAG_VALUE - 1] = '"';
    value[FLAG_VALUE] = '\0';
    assert_fails(flags_set_text(&f, "a", value, &err), ERR_INVALID);
    assert_holds(err.msg, "longer than 63 bytes");
}

static void bad_names_are_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "",    "9a",
        "_a",  "a b",
        "a/b", "\xc3\xa9",
        "a=1", "a234567890123456789012345678901234567890123456789012345678901234",
    };
    struct flags f = {.count = 0};
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_fails(flags_set_text(&f, bad[i], "1", &err), ERR_INVALID);
        assert_holds(err.msg, "is not a flag's name");
    }
    assert_int_equal(f.count, 0);
}

static void fill(struct flags *f, const char *prefix)
{
    while (f->count < FLAGS_MAX) {
        char name[NAME_SIZE];

        str_fmt(name, sizeof name, "%s%02u", prefix, f->count);
        set(f, name, "1");
    }
}

static void a_set_has_a_greatest_number(void **state UNUSED)
{
    struct flags f = {.count = 0};
    struct err err;

    fill(&f, "a");
    assert_fails(flags_set_text(&f, "b", "1", &err), ERR_EXHAUSTED);
    assert_string_equal(err.msg, "flag \"b\" is one more than the 32 there may be");
    set(&f, "a31", "2");
    assert_string_equal(value_of(&f, "a31"), "2");
}

static void a_merge_lays_one_over_the_other(void **state UNUSED)
{
    struct flags into = {.count = 0}, from = {.count = 0};
    struct err err;

    set(&into, "a", "1");
    set(&into, "b", "1");
    set(&from, "b", "2");
    set(&from, "c", "2");
    assert_ok(flags_merge(&into, &from, &err), &err);
    assert_int_equal(into.count, 3);
    assert_string_equal(value_of(&into, "a"), "1");
    assert_string_equal(value_of(&into, "b"), "2");
    assert_string_equal(value_of(&into, "c"), "2");
}

static void a_merge_without_room_changes_nothing(void **state UNUSED)
{
    struct flags into = {.count = 0}, from = {.count = 0}, before;
    struct err err;

    fill(&into, "b");
    before = into;
    set(&from, "b00", "2");
    set(&from, "c", "2");
    assert_fails(flags_merge(&into, &from, &err), ERR_EXHAUSTED);
    assert_true(flags_eq(&into, &before));
}

static void a_flag_that_is_removed_leaves_no_trace(void **state UNUSED)
{
    struct flags with = {.count = 0}, without = {.count = 0};

    set(&with, "a", "1");
    set(&with, "b", "true");
    set(&with, "c", "\"x\"");
    set(&without, "a", "1");
    set(&without, "c", "\"x\"");
    assert_false(flags_remove(&with, "d"));
    assert_true(flags_remove(&with, "b"));
    assert_false(flags_remove(&with, "b"));
    assert_true(flags_eq(&with, &without));
}

static void a_value_shows_its_kind(void **state UNUSED)
{
    struct flags f = {.count = 0};

    set(&f, "a", "true");
    set(&f, "b", "false");
    set(&f, "c", "-1.5");
    set(&f, "d", "\"true\"");
    assert_int_equal(flag_kind(&f.flag[0]), JSON_BOOL);
    assert_int_equal(flag_kind(&f.flag[1]), JSON_BOOL);
    assert_int_equal(flag_kind(&f.flag[2]), JSON_NUMBER);
    assert_int_equal(flag_kind(&f.flag[3]), JSON_STRING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_stand_by_name),
        cmocka_unit_test(a_flag_that_is_there_gets_the_new_value),
        cmocka_unit_test(sets_are_equal_whatever_their_history),
        cmocka_unit_test(values_are_scalars_in_their_shortest_form),
        cmocka_unit_test(a_refused_value_is_named),
        cmocka_unit_test(a_value_has_a_greatest_length),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(a_set_has_a_greatest_number),
        cmocka_unit_test(a_merge_lays_one_over_the_other),
        cmocka_unit_test(a_merge_without_room_changes_nothing),
        cmocka_unit_test(a_flag_that_is_removed_leaves_no_trace),
        cmocka_unit_test(a_value_shows_its_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
