/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/json.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/lib/unit.h"

static struct json *parsed(const char *text)
{
    struct json *j = NULL;
    struct err e;

    assert_ok(json_parse(str_of(text), &j, &e), &e);
    return j;
}

/* The compact form of `text`. */
static void assert_prints(const char *text, const char *want)
{
    CLEANUP(json_freep) struct json *j = parsed(text);
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(100000);

    assert_true(json_print(j, false, &b));
    assert_string_equal(buf_text(&b), want);
}

static void refuses_what_the_grammar_refuses_with_its_place(void **state UNUSED)
{
    static const struct {
        const char *text;
        const char *where;
        const char *why;
    } cases[] = {
        {"", "1:1:", "ends"},
        {"  \n ", "2:2:", "ends"},
        {"{\"a\": 1,\n \"b\" 2}", "2:6:", "':'"},
        {"{\"a\":1,}", "1:8:", "key"},
        {"[1,]", "1:4:", "value"},
        {"[1 2]", "1:4:", "']'"},
        {"{\"a\":1 \"b\":2}", "1:8:", "'}'"},
        {"{a:1}", "1:2:", "key"},
        {"[1", "1:3:", "']'"},
        {"1 2", "1:3:", "follows"},
        {"{} x", "1:4:", "follows"},
        {"01", "1:2:", "begin with 0"},
        {"-", "1:2:", "digits"},
        {"1.", "1:3:", "point"},
        {"1e+", "1:4:", "exponent"},
        {"+1", "1:1:", "value"},
        {".5", "1:1:", "value"},
        {"NaN", "1:1:", "value"},
        {"truth", "1:1:", "value"},
        {"nullx", "1:5:", "follows"},
        {"\"abc", "1:5:", "end"},
        {"\"a\tb\"", "1:3:", "control"},
        {"\"\\x\"", "1:3:", "escape"},
        {"\"\\u12\"", "1:4:", "hexadecimal"},
        {"\"\\u0000\"", "1:4:", "NUL"},
        {"\"\\ud800\"", "1:", "surrogate"},
        {"\"\\udc00\"", "1:", "surrogate"},
        {"\"\xc3\x28\"", "1:2:", "UTF-8"},
        {"[\"\xc3\xa9\", x]", "1:7:", "value"},
        {"\xef\xbb\xbf{}", "1:1:", "value"},
        {"// no\n{}", "1:1:", "value"},
        {"[1e999]", "1:2:", "too large"},
    };
    struct json *j = NULL;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int r = json_parse(str_of(cases[i].text), &j, &e);
        if (r != -ERR_INVALID || strncmp(e.msg, cases[i].where, strlen(cases[i].where)) != 0 ||
            !strstr(e.msg, cases[i].why))
            fail_msg("%s: %d, %s", cases[i].text, r, e.msg);
    }
    assert_null(j);
    assert_fails(json_parse((struct str){"1\0", 2}, &j, &e), ERR_INVALID);
}

static void refuses_duplicate_keys_at_the_second(void **state UNUSED)
{
    struct json *j;
    struct err e;

    assert_fails(
        json_parse(STR("{\"a\": {\"x\": [1, {}]},\n\"b\": [{\"c\":1, \"d\":2, \"c\":3}]}"), &j, &e),
        ERR_INVALID);
    assert_string_equal(e.msg, "2:22: the same key stands twice");
    assert_fails(json_parse(STR("{\"a\":1, \"\\u0061\":2}"), &j, &e), ERR_INVALID);
    assert_string_equal(e.msg, "1:9: the same key stands twice");
    assert_prints("{\"a\":1,\"A\":2}", "{\"a\":1,\"A\":2}");
}

/* `depth` brackets around nothing. */
static int parse_nested(unsigned depth, char open, char close)
{
    char text[300];
    struct json *j = NULL;

    memset(text, open, depth);
    memset(text + depth, close, depth);
    int r = json_parse((struct str){text, 2 * depth}, &j, NULL);
    json_free(j);
    return r;
}

static void depth_ends_at_64(void **state UNUSED)
{
    assert_int_equal(parse_nested(64, '[', ']'), 0);
    assert_int_equal(parse_nested(65, '[', ']'), -ERR_INVALID);
    assert_int_equal(parse_nested(140, '[', ']'), -ERR_INVALID);
}

static void prints_what_it_read(void **state UNUSED)
{
    assert_prints(" { } ", "{}");
    assert_prints("[ ]", "[]");
    assert_prints("[1, -2.5, 1E3, 0.1, -0, 1e15, 9007199254740992, 123456789012]",
                  "[1,-2.5,1000,0.1,0,1000000000000000,9007199254740992,123456789012]");
    assert_prints("[1e300, 5e-324, 1.7976931348623157e308]",
                  "[1e+300,4.94065645841247e-324,1.7976931348623157e+308]");
    assert_prints("[true,false,null]", "[true,false,null]");
    assert_prints("\"\\ud83d\\ude00 \\u00e9 \\/ \\\\ \\\" \\n\\u0001\"",
                  "\"\xf0\x9f\x98\x80 \xc3\xa9 / \\\\ \\\" \\n\\u0001\"");
}

static void pretty_has_two_spaces(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *j = parsed("{\"a\":[1,{\"b\":{}}],\"c\":[]}");
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1000);

    assert_true(json_print(j, true, &b));
    assert_string_equal(
        buf_text(&b), "{\n  \"a\": [\n    1,\n    {\n      \"b\": {}\n    }\n  ],\n  \"c\": []\n}");
}

static void printing_stops_at_the_maximum_and_leaves_the_buffer(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *j = parsed("{\"key\":[1,2,3,\"text\",{\"x\":null}]}");
    CLEANUP(buf_deinitp) struct buf whole = BUF_INIT(1000);

    assert_true(json_print(j, false, &whole));
    for (size_t max = 0; max <= whole.len; max++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(max + 1);
        assert_true(buf_add(&b, "!", 1));
        assert_int_equal(json_print(j, false, &b), max == whole.len);
        if (max < whole.len)
            assert_string_equal(buf_text(&b), "!");
    }
}

static void bytes_that_are_no_utf8_do_not_break_the_document(void **state UNUSED)
{
    CLEANUP(json_freep)
    struct json *j = json_from_string(
        "a\xff"
        "b\xc3");
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(100);

    assert_true(json_print(j, false, &b));
    assert_string_equal(buf_text(&b), "\"a\\ufffdb\\ufffd\"");
}

static void large_integers_travel_as_strings(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *j = json_object();
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1000);

    json_set_u64(j, "a", UINT64_MAX);
    json_set_u64(j, "b", UINT64_C(1) << 53);
    json_set_u64(j, "c", (UINT64_C(1) << 53) + 1);
    json_set_i64(j, "d", INT64_MIN);
    json_set_i64(j, "e", -5);
    assert_true(json_print(j, false, &b));
    assert_string_equal(buf_text(&b),
                        "{\"a\":\"18446744073709551615\",\"b\":9007199254740992,"
                        "\"c\":\"9007199254740993\",\"d\":\"-9223372036854775808\",\"e\":-5}");
    assert_true(json_get_u64(j, "a", 0) == UINT64_MAX);
    assert_true(json_get_u64(j, "b", 0) == UINT64_C(1) << 53);
    assert_true(json_get_i64(j, "d", 0) == INT64_MIN);
    assert_true(json_get_i64(j, "e", 0) == -5);
}

static void values_of_another_kind_give_the_fallback(void **state UNUSED)
{
    CLEANUP(json_freep)
    struct json *j = parsed(
        "{\"s\":\"x\",\"n\":1.5,\"m\":-1,\"b\":true,\"z\":null,\"big\":1e17,"
        "\"neg\":\"-\",\"l\":[1,2,3]}");

    assert_string_equal(json_get_string(j, "s", "f"), "x");
    assert_string_equal(json_get_string(j, "n", "f"), "f");
    assert_string_equal(json_get_string(j, "absent", "f"), "f");
    assert_true(json_get_number(j, "n", 0) == 1.5);
    assert_true(json_get_number(j, "s", 9) == 9);
    assert_true(json_get_bool(j, "b", false));
    assert_true(json_get_bool(j, "z", true));
    assert_int_equal(json_get_u64(j, "n", 7), 7);
    assert_int_equal(json_get_u64(j, "m", 7), 7);
    assert_int_equal(json_get_u64(j, "big", 7), 7);
    assert_int_equal(json_get_u64(j, "s", 7), 7);
    assert_int_equal(json_get_i64(j, "m", 7), -1);
    assert_int_equal(json_get_i64(j, "neg", 7), 7);
    assert_int_equal(json_count(json_get(j, "l")), 3);
    assert_int_equal(json_count(NULL), 0);
    assert_null(json_get(json_get(j, "l"), "x"));
    assert_null(json_get(NULL, "x"));
    assert_string_equal(json_kind_name(json_kind(json_get(j, "l"))), "a list");
    assert_string_equal(json_key(json_first(j)), "s");
    assert_null(json_key(j));
}

static void setting_replaces_and_removing_removes(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *j = json_object();
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1000);

    json_set_string(j, "a", "1");
    json_set_string(j, "a", NULL);
    json_set_bool(j, "A", true);
    json_set(j, "list", json_array());
    json_append(json_get(j, "list"), json_from_str((struct str){"xyz", 2}));
    json_set_number(j, "gone", 1);
    json_remove(j, "gone");
    json_remove(j, "never there");
    json_set_number(j, "taken", 7);
    CLEANUP(json_freep) struct json *taken = json_take(j, "taken");
    assert_true(json_number(taken, 0) == 7);
    assert_null(json_take(j, "taken"));
    CLEANUP(json_freep) struct json *copy = json_dup(j);
    json_set_bool(j, "A", false);
    assert_true(json_print(copy, false, &b));
    assert_string_equal(buf_text(&b), "{\"a\":null,\"A\":true,\"list\":[\"xy\"]}");
}

static void numbers_read_back_the_same(void **state UNUSED)
{
    struct rng r;

    rng_seed(&r, 11);
    for (unsigned i = 0; i < 20000; i++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(100);
        uint64_t bits = rng_u64(&r);
        double n;
        memcpy(&n, &bits, sizeof n);
        if (!isfinite(n))
            continue;
        assert_true(json_print_number(n, &b));
        CLEANUP(json_freep) struct json *j = parsed(buf_text(&b));
        assert_true(json_number(j, NAN) == n);
    }
}

/* Damaged documents: refused or read, never a crash; what is read prints and reads back. */
static void random_damage_is_survived(void **state UNUSED)
{
    static const char seed_text[] =
        "{\"a\":[1,-2.5e3,true,null,\"x\\n\\u00e9\\ud83d\\ude00\"],\"b\":{\"c\":{},\"d\":[]},\"e\":"
        "\"\xc3\xa9\"}";
    static const char alphabet[] = "{}[]\",:\\0u19.-eE tn\xc3\xff";
    struct rng r;

    rng_seed(&r, 5);
    for (unsigned i = 0; i < 30000; i++) {
        char text[sizeof seed_text];
        struct json *j = NULL;
        memcpy(text, seed_text, sizeof text);
        for (uint64_t k = rng_below(&r, 4) + 1; k > 0; k--)
            text[rng_below(&r, sizeof text - 1)] = alphabet[rng_below(&r, sizeof alphabet - 1)];
        if (json_parse((struct str){text, rng_below(&r, sizeof text)}, &j, NULL) < 0)
            continue;
        CLEANUP(json_freep) struct json *read = j;
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1000);
        assert_true(json_print(read, false, &b));
        assert_prints(buf_text(&b), buf_text(&b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_the_grammar_refuses_with_its_place),
        cmocka_unit_test(refuses_duplicate_keys_at_the_second),
        cmocka_unit_test(depth_ends_at_64),
        cmocka_unit_test(prints_what_it_read),
        cmocka_unit_test(pretty_has_two_spaces),
        cmocka_unit_test(printing_stops_at_the_maximum_and_leaves_the_buffer),
        cmocka_unit_test(bytes_that_are_no_utf8_do_not_break_the_document),
        cmocka_unit_test(large_integers_travel_as_strings),
        cmocka_unit_test(values_of_another_kind_give_the_fallback),
        cmocka_unit_test(setting_replaces_and_removing_removes),
        cmocka_unit_test(numbers_read_back_the_same),
        cmocka_unit_test(random_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
