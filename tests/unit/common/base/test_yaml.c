/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/yaml.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "tests/lib/unit.h"

static void assert_reads(const char *text, const char *want_json)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *d = NULL;
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(100000);
    struct err e;

    assert_ok(yaml_parse(str_of(text), "t", &d, &e), &e);
    assert_true(json_print(yaml_root(d), false, &b));
    assert_string_equal(buf_text(&b), want_json);
}

static void plain_scalars_follow_the_core_schema(void **state UNUSED)
{
    assert_reads("[null, ~, Null, true, TRUE, False, no, on, yes, 1, -1, +1, 0x1F, 0o17, 017]",
                 "[null,null,null,true,true,false,\"no\",\"on\",\"yes\",1,-1,1,31,15,17]");
    assert_reads("[1.5, .5, 5., 1e3, -1.5E-1, 1_000, 12:30, 1.2.3, 10m, e5, '.', '-']",
                 "[1.5,0.5,5,1000,-0.15,\"1_000\",\"12:30\",\"1.2.3\",\"10m\",\"e5\",\".\",\"-\"]");
    assert_reads("a:\nb: \"\"\nc: ''\nd: 'true'\ne: \"1\"",
                 "{\"a\":null,\"b\":\"\",\"c\":\"\",\"d\":\"true\",\"e\":\"1\"}");
    assert_reads("a: |\n  two\n  lines\nb: >-\n  fol\n  ded\n",
                 "{\"a\":\"two\\nlines\\n\",\"b\":\"fol ded\"}");
}

static void empty_texts_are_null_and_json_is_yaml(void **state UNUSED)
{
    assert_reads("", "null");
    assert_reads("# only a comment\n", "null");
    assert_reads("{\"a\": [1, {\"b\": \"c\"}]}", "{\"a\":[1,{\"b\":\"c\"}]}");
}

static void refusals_name_source_and_line(void **state UNUSED)
{
    static const struct {
        const char *text;
        const char *where;
        const char *why;
    } cases[] = {
        {"a: 1\nb: *x\n", "p:2:", "alias *x"},
        {"a: 1\nb: &x 1\n", "p:2:", "anchor &x"},
        {"a: &x {b: 1}\n", "p:1:", "anchor &x"},
        {"a: &x [1]\n", "p:1:", "anchor &x"},
        {"a: !!str 1\n", "p:1:", "tag"},
        {"\n\na: !mine {}\n", "p:3:", "tag !mine"},
        {"a: ! 1\n", "p:1:", "tag !"},
        {"a: !!seq []\n", "p:1:", "tag"},
        {"a: 1\n---\nb: 1\n", "p:2:", "second document"},
        {"a: 1\nb: {x: 1,\n  x: 2}\n", "p:3:", "key x stands twice"},
        {"1: 2\n", "p:1:", "key must be a string"},
        {"true: 2\n", "p:1:", "key must be a string"},
        {"~: 2\n", "p:1:", "key must be a string"},
        {": 2\n", "p:1:", "expected key"},
        {"? [a, b]\n: 1\n", "p:1:", "key must be a string"},
        {"? {a: b}\n: 1\n", "p:1:", "key must be a string"},
        {"a: b: c\n", "p:1:", "not allowed"},
        {"a: 1\n  b: 2\n", "p:2:", "not allowed"},
        {"a:\n\t- b\n", "p:2:", "cannot start"},
        {"a: .inf\n", "p:1:", ".inf"},
        {"a: -.nan\n", "p:1:", "nan"},
        {"a: 1e999\n", "p:1:", "1e999"},
        {"a: \"\\0\"\n", "p:1:", "NUL"},
        {"a: 1\nb: \x01\n", "p:2:", "control"},
        {"a: 1\nb: \xff\n", "p:2:", "UTF-8"},
        {"a: \"\\ud800\"\n", "p:1:", "Unicode"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct yaml_doc *d = NULL;
        struct err e = {0};
        int r = yaml_parse(str_of(cases[i].text), "p", &d, &e);
        if (r != -ERR_INVALID || strncmp(e.msg, cases[i].where, strlen(cases[i].where)) != 0 ||
            !strstr(e.msg, cases[i].why))
            fail_msg("%s: %d, %s", cases[i].text, r, e.msg);
        assert_null(d);
    }
}

static int parse_repeated(const char *unit, size_t times, const char *end)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(2 * YAML_MAX_BYTES);
    CLEANUP(yaml_doc_freep) struct yaml_doc *d = NULL;

    for (size_t i = 0; i < times; i++)
        assert_true(buf_add_str(&b, str_of(unit)));
    assert_true(buf_add_str(&b, str_of(end)));
    return yaml_parse(buf_view(&b), "t", &d, NULL);
}

static void limits_hold(void **state UNUSED)
{
    assert_int_equal(parse_repeated("- ", YAML_MAX_DEPTH, "x"), 0);
    assert_int_equal(parse_repeated("- ", YAML_MAX_DEPTH + 1, "x"), -ERR_INVALID);
    assert_int_equal(parse_repeated("- x\n", YAML_MAX_NODES - 1, ""), 0);
    assert_int_equal(parse_repeated("- x\n", YAML_MAX_NODES, ""), -ERR_INVALID);
    assert_int_equal(parse_repeated("#234567\n", YAML_MAX_BYTES / 8, ""), 0);
    assert_int_equal(parse_repeated("#234567\n", YAML_MAX_BYTES / 8, "\n"), -ERR_INVALID);
}

static void every_value_knows_its_line(void **state UNUSED)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *d = NULL;
    CLEANUP(json_freep) struct json *stranger = json_null();
    struct err e;

    assert_ok(yaml_parse(STR("a: 1\nb:\n  - x\n  - y:\n      z\n\nc: {d: 1,\n  e: 2}\n"),
                         "plan.yaml", &d, &e),
              &e);
    const struct json *root = yaml_root(d);
    assert_string_equal(yaml_source(d), "plan.yaml");
    assert_int_equal(yaml_line(d, root), 1);
    assert_int_equal(yaml_line(d, json_get(root, "a")), 1);
    assert_int_equal(yaml_line(d, json_get(root, "b")), 2);
    const struct json *item = json_first(json_get(root, "b"));
    assert_int_equal(yaml_line(d, item), 3);
    assert_int_equal(yaml_line(d, json_next(item)), 4);
    assert_int_equal(yaml_line(d, json_get(json_next(item), "y")), 4);
    assert_int_equal(yaml_line(d, json_get(json_get(root, "c"), "e")), 8);
    assert_int_equal(yaml_line(d, stranger), 0);
}

static void a_tree_that_is_taken_out_keeps_its_lines_wherever_its_values_go(void **state UNUSED)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *d = NULL;
    CLEANUP(json_freep) struct json *root = NULL;
    struct err e;

    assert_ok(yaml_parse(STR("a: {}\nb:\n  c: 1\n"), "t", &d, &e), &e);
    root = yaml_take_root(d);
    assert_null(yaml_root(d));
    json_set(json_get(root, "a"), "moved", json_take(json_get(root, "b"), "c"));
    assert_int_equal(yaml_line(d, json_get(json_get(root, "a"), "moved")), 3);
    assert_int_equal(json_count(json_get(root, "b")), 0);
}

static void printing_reads_well(void **state UNUSED)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *d = NULL;
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(10000);
    static const char text[] =
        "name: orders\nstages:\n  - name: canary-10\n    weight: 10\n    bake: 10m\n    flags: "
        "{}\n  - - 1\n    - \"2\"\n"
        "on: \"no\"\nurl: http://127.0.0.1:8000/x\n";
    struct err e;

    assert_ok(yaml_parse(str_of(text), "t", &d, &e), &e);
    assert_true(yaml_print(yaml_root(d), &b));
    assert_string_equal(
        buf_text(&b),
        "name: orders\nstages:\n  - name: canary-10\n    weight: 10\n    bake: 10m\n"
        "    flags: {}\n  - - 1\n    - \"2\"\n\"on\": \"no\"\nurl: http://127.0.0.1:8000/x\n");
    CLEANUP(buf_deinitp) struct buf small = BUF_INIT(20);
    assert_true(buf_add_str(&small, STR("!")));
    assert_false(yaml_print(yaml_root(d), &small));
    assert_string_equal(buf_text(&small), "!");
}

/* Strings made of what YAML could stumble over. */
static struct json *random_string(struct rng *r)
{
    static const char *const pieces[] = {
        "a",
        "true",
        "null",
        "~",
        "no",
        "1",
        "0x1f",
        "-",
        "- ",
        ": ",
        " #",
        "#",
        ":",
        " ",
        "\n",
        "\t",
        "\r",
        "'",
        "\"",
        "\\",
        "%",
        "@",
        "&x",
        "*x",
        "!t",
        "|",
        ">",
        "{",
        "}",
        "[",
        "]",
        ",",
        "?",
        "---",
        "...",
        ".inf",
        "1e5",
        "=",
        "<<",
        "\x7f",
        "\xc2\x85",
        "\xc2\xa0",
        "\xe2\x80\xa8",
        "\xef\xbb\xbf",
        "\xef\xbf\xbf",
        "\xf0\x9f\x98\x80",
        "\x01",
        "\xc3\xa9",
    };
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(10000);
    uint64_t n = rng_below(r, 50) == 0 ? 700 : rng_below(r, 5);

    for (; n > 0; n--)
        assert_true(buf_add_str(&b, str_of(pieces[rng_below(r, ARRAY_LEN(pieces))])));
    return json_from_string(buf_text(&b));
}

static struct json *random_tree(struct rng *r, unsigned depth)
{
    struct json *j = NULL;

    switch (rng_below(r, depth > 0 ? 7 : 5)) {
    case 0:
        return json_null();
    case 1:
        return json_from_bool(rng_below(r, 2));
    case 2:
        return json_from_number((double)(int64_t)rng_u64(r) / (double)(1 + rng_below(r, 1000000)));
    case 5:
        j = json_array();
        for (uint64_t n = rng_below(r, 4); n > 0; n--)
            json_append(j, random_tree(r, depth - 1));
        return j;
    case 6:
        j = json_object();
        for (uint64_t n = rng_below(r, 4); n > 0; n--) {
            CLEANUP(json_freep) struct json *key = random_string(r);
            json_set(j, json_string(key, ""), random_tree(r, depth - 1));
        }
        return j;
    default:
        return random_string(r);
    }
}

static void what_is_printed_reads_back_as_the_same_tree(void **state UNUSED)
{
    struct rng r;
    struct err e;

    rng_seed(&r, 2026);
    for (unsigned i = 0; i < 3000; i++) {
        CLEANUP(json_freep) struct json *tree = random_tree(&r, 4);
        CLEANUP(yaml_doc_freep) struct yaml_doc *d = NULL;
        CLEANUP(buf_deinitp)
        struct buf yaml = BUF_INIT(YAML_MAX_BYTES), want = BUF_INIT(YAML_MAX_BYTES);
        CLEANUP(buf_deinitp) struct buf got = BUF_INIT(YAML_MAX_BYTES);
        assert_true(yaml_print(tree, &yaml));
        if (yaml_parse(buf_view(&yaml), "t", &d, &e) < 0)
            fail_msg("%s\n%s", e.msg, buf_text(&yaml));
        assert_true(json_print(tree, false, &want) && json_print(yaml_root(d), false, &got));
        assert_string_equal(buf_text(&got), buf_text(&want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_follow_the_core_schema),
        cmocka_unit_test(empty_texts_are_null_and_json_is_yaml),
        cmocka_unit_test(refusals_name_source_and_line),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(every_value_knows_its_line),
        cmocka_unit_test(a_tree_that_is_taken_out_keeps_its_lines_wherever_its_values_go),
        cmocka_unit_test(printing_reads_well),
        cmocka_unit_test(what_is_printed_reads_back_as_the_same_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
