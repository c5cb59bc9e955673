/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compare/compare.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "tests/lib/unit.h"

#define RULES_MAX 4

struct rules {
    struct compare_rule rule[RULES_MAX + 1]; /* a path "" ends them */
};

#define NONE                          \
    {                                 \
        {                             \
            {                         \
                COMPARE_HEADER, "", 0 \
            }                         \
        }                             \
    }
#define RULE(k, p)       ((struct compare_rule){.kind = COMPARE_##k, .path = (p)})
#define TOLERANCE(p, by) ((struct compare_rule){COMPARE_TOLERANCE, (p), (by)})

static unsigned count_rules(const struct rules *r)
{
    unsigned n = 0;

    while (r->rule[n].path[0])
        n++;
    return n;
}

static struct compare_verdict verdict_of(const struct rules *r, const struct compare_answer *a,
                                         const struct compare_answer *b)
{
    struct compare_verdict v;
    struct err err;

    for (unsigned i = 0; i < count_rules(r); i++)
        assert_ok(compare_rule_check(&r->rule[i], &err), &err);
    compare_answers(r->rule, count_rules(r), a, b, &v);
    return v;
}

static struct compare_answer answer(const char *type, const char *body)
{
    return (struct compare_answer){.status = 200, .media_type = str_of(type), .body = str_of(body)};
}

static const char *class_name(enum compare_class c)
{
    static const char *const names[] = {"equal", "cosmetic", "critical"};

    return names[c];
}

/* "critical 2: $.a 1|2, $.b (absent)|3" */
static const char *told(const struct compare_verdict *v)
{
    static char text[4096];

    str_fmt(text, sizeof text, "%s", class_name(v->class));
    if (v->count == 0)
        return text;
    str_join(text, sizeof text, " ", "%u", v->count);
    for (unsigned i = 0; i < v->kept; i++)
        str_join(text, sizeof text, i ? ", " : ": ", "%s %s|%s", v->difference[i].where,
                 v->difference[i].legacy, v->difference[i].new_value);
    return text;
}

/* So many items, each with its number inside. */
static char *many(const char *open, const char *before, const char *behind, unsigned n,
                  const char *close)
{
    struct buf b;

    buf_init(&b, 1u << 24);
    assert_true(buf_addf(&b, "%s", open));
    for (unsigned i = 0; i < n; i++)
        assert_true(buf_addf(&b, "%s%u%s", before, i, behind));
    assert_true(buf_addf(&b, "%s", close) && buf_add(&b, "", 1));
    return b.data;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

struct json_case {
    const char *legacy, *new_body, *told;
    struct rules rules;
};

static void check_json(const struct json_case *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct compare_answer a = answer("application/json", c[i].legacy);
        struct compare_answer b = answer("application/json", c[i].new_body);
        struct compare_verdict v = verdict_of(&c[i].rules, &a, &b);

        if (strcmp(told(&v), c[i].told) != 0)
            fail_msg("%s against %s: \"%s\" expected, got \"%s\"", c[i].legacy, c[i].new_body,
                     c[i].told, told(&v));
    }
}

static void json_is_compared_by_structure(void **state UNUSED)
{
    static const struct json_case cases[] = {
        {"{}", "{ }", "equal", NONE},
        {"{\"a\":1,\"b\":[true,null]}", "{\"b\": [true, null], \"a\": 1}", "equal", NONE},
        {"[1.0,1e2,0.05,-0,10,1E-2]", "[1,100,5e-2,0,1e1,0.010]", "equal", NONE},
        {"[\"\\u0041\\n\\/\",\"\\ud83d\\ude00\"]", "[\"A\\u000a/\",\"\xf0\x9f\x98\x80\"]", "equal",
         NONE},
        {"{\"a\":1}", "{\"a\":2}", "critical 1: $.a 1|2", NONE},
        {"{\"a\":1}", "{\"b\":1}", "critical 2: $.a 1|(absent), $.b (absent)|1", NONE},
        {"[1,2,3]", "[1,3,2]", "critical 2: $[1] 2|3", NONE},
        {"[1,2]", "[1]", "critical 1: $[1] 2|(absent)", NONE},
        {"{\"a\":\"1\"}", "{\"a\":1}", "critical 1: $.a \"1\"|1", NONE},
        {"{\"a\":{\"b\":[{}]}}", "{\"a\":[]}", "critical 1: $.a object of 1|array of 0", NONE},
        {"true", "false", "critical 1: $ true|false", NONE},
        {"{\"a\":1,\"a\":2}", "{\"a\":2,\"a\":1}", "critical 2: $.a 1|2", NONE},
        {"{\"a\":1,\"a\":2}", "{\"a\":1}", "critical 1: $.a 2|(absent)", NONE},
    };

    check_json(cases, ARRAY_LEN(cases));
}

static void numbers_are_compared_to_their_last_digit(void **state UNUSED)
{
    static const struct json_case cases[] = {
        {"12345678901234567890", "12345678901234567891",
         "critical 1: $ 12345678901234567890|12345678901234567891", NONE},
        {"1e400", "10e399", "equal", NONE},
        {"1e400", "1e401", "critical 1: $ 1e400|1e401", NONE},
        {"0.1", "-0.1", "critical 1: $ 0.1|-0.1", NONE},
        {"0e5", "-0.000", "equal", NONE},
        {"1e000002", "100", "equal", NONE},
    };

    check_json(cases, ARRAY_LEN(cases));
}

static void rules_class_places(void **state UNUSED)
{
    static const struct json_case cases[] = {
        {"{\"at\":1,\"id\":7}", "{\"at\":2,\"id\":7}", "equal", {{RULE(IGNORE, "$.at")}}},
        {"{\"at\":1,\"id\":7}", "{\"id\":7}", "equal", {{RULE(IGNORE, "$.at")}}},
        {"{\"m\":{\"at\":1},\"at\":1}",
         "{\"m\":{\"at\":2},\"at\":2}",
         "equal",
         {{RULE(IGNORE, "$..at")}}},
        {"[{\"p\":1},{\"p\":2}]", "[{\"p\":3},{\"p\":4}]", "equal", {{RULE(IGNORE, "$[*].p")}}},
        {"[1,2]", "[3,4]", "critical 1: $[1] 2|4", {{RULE(IGNORE, "$[0]")}}},
        {"{\"a\":{\"x\":1},\"b\":{\"x\":1}}",
         "{\"a\":{\"x\":2},\"b\":{\"x\":2}}",
         "equal",
         {{RULE(IGNORE, "$.*.x")}}},
        {"{\"a\":1,\"b\":1}",
         "{\"a\":2,\"b\":2}",
         "critical 2: $.b 1|2, $.a 1|2",
         {{RULE(COSMETIC, "$.a")}}},
        {"{\"a\":1}", "{\"a\":2}", "cosmetic 1: $.a 1|2", {{RULE(COSMETIC, "$")}}},
        /* The closest rule decides. */
        {"{\"a\":{\"b\":1,\"c\":1}}",
         "{\"a\":{\"b\":2,\"c\":2}}",
         "critical 1: $.a.b 1|2",
         {{RULE(IGNORE, "$.a"), RULE(CRITICAL, "$.a.b")}}},
        {"{\"a\":{\"at\":1}}",
         "{\"a\":{\"at\":2}}",
         "equal",
         {{RULE(CRITICAL, "$.a"), RULE(IGNORE, "$..at")}}},
        {"{\"a\":1}",
         "{\"a\":2}",
         "equal",
         {{RULE(CRITICAL, "$.a"), RULE(COSMETIC, "$.a"), RULE(IGNORE, "$.a")}}},
        /* Who names what is critical leaves the rest cosmetic. */
        {"{\"total\":1,\"x\":1}",
         "{\"total\":1,\"x\":2}",
         "cosmetic 1: $.x 1|2",
         {{RULE(CRITICAL, "$.total")}}},
        {"{\"total\":1,\"x\":1}",
         "{\"total\":2,\"x\":2}",
         "critical 2: $.total 1|2, $.x 1|2",
         {{RULE(CRITICAL, "$.total")}}},
    };

    check_json(cases, ARRAY_LEN(cases));
}

static void arrays_may_lose_their_order_and_numbers_some_weight(void **state UNUSED)
{
    static const struct json_case cases[] = {
        {"{\"t\":[\"a\",\"b\",\"c\"]}",
         "{\"t\":[\"c\",\"a\",\"b\"]}",
         "equal",
         {{RULE(UNORDERED, "$.t")}}},
        {"[[1,2],[3,4]]",
         "[[4,3],[2,1]]",
         "equal",
         {{RULE(UNORDERED, "$"), RULE(UNORDERED, "$[*]")}}},
        {"[[1,2],[3,4]]", "[[3,4],[2,1]]", "critical 2: $[0][0] 1|2", {{RULE(UNORDERED, "$")}}},
        {"[1,2,2]", "[2,1,1]", "critical 1: $[2] 2|1", {{RULE(UNORDERED, "$")}}},
        {"[1,2]", "[2,1,3]", "critical 1: $[2] (absent)|3", {{RULE(UNORDERED, "$")}}},
        {"[{\"id\":1,\"at\":5},{\"id\":2,\"at\":6}]",
         "[{\"at\":7,\"id\":2},{\"id\":1}]",
         "equal",
         {{RULE(UNORDERED, "$"), RULE(IGNORE, "$..at")}}},
        {"{\"p\":1.00}", "{\"p\":1.01}", "equal", {{TOLERANCE("$.p", 0.011)}}},
        {"{\"p\":1.00}", "{\"p\":1.02}", "critical 1: $.p 1.00|1.02", {{TOLERANCE("$.p", 0.011)}}},
        {"{\"p\":1}", "{\"p\":\"1\"}", "critical 1: $.p 1|\"1\"", {{TOLERANCE("$.p", 5)}}},
        {"[1.001,2]", "[2.001,1]", "equal", {{RULE(UNORDERED, "$"), TOLERANCE("$[*]", 0.01)}}},
        {"[{\"i\":1,\"p\":1.001},{\"i\":2,\"p\":2}]",
         "[{\"i\":2,\"p\":2.001},{\"i\":1,\"p\":1}]",
         "equal",
         {{RULE(UNORDERED, "$"), TOLERANCE("$..p", 0.01)}}},
    };

    check_json(cases, ARRAY_LEN(cases));
}

#define FORTY  "0000000000000000000000000000000000000000"
#define EIGHTY FORTY FORTY

/* As people count, and beyond what a double holds. */
static void a_tolerance_counts_in_decimals(void **state UNUSED)
{
    static const struct json_case cases[] = {
        {"1.00", "1.01", "equal", {{TOLERANCE("$", 0.01)}}},
        {"1.01", "1.00", "equal", {{TOLERANCE("$", 0.01)}}},
        {"1.3", "1.0", "equal", {{TOLERANCE("$", 0.3)}}},
        {"-0.1", "0.2", "equal", {{TOLERANCE("$", 0.3)}}},
        {"1.00", "1.0101", "critical 1: $ 1.00|1.0101", {{TOLERANCE("$", 0.01)}}},
        {"1" EIGHTY "e-80", "1.001", "equal", {{TOLERANCE("$", 0.01)}}},
        {"1e400", "0", "critical 1: $ 1e400|0", {{TOLERANCE("$", 1)}}},
        {"1e400", "2e400", "critical 1: $ 1e400|2e400", {{TOLERANCE("$", 1)}}},
        {"1e9999", "-1e9999", "critical 1: $ 1e9999|-1e9999", {{TOLERANCE("$", 1)}}},
        {"1e-400", "0", "equal", {{TOLERANCE("$", 1)}}},
        {"9007199254740993",
         "9007199254740992",
         "critical 1: $ 9007199254740993|9007199254740992",
         {{TOLERANCE("$", 0.5)}}},
    };

    check_json(cases, ARRAY_LEN(cases));
}

/* ---- what is shown --------------------------------------------------------------------------- */

static void secrets_are_left_out(void **state UNUSED)
{
    static const struct json_case cases[] = {
        {"{\"password\":\"a\"}", "{\"password\":\"b\"}",
         "critical 1: $.password (left out)|(left out)", NONE},
        {"{\"accessToken\":{\"v\":1}}", "{\"accessToken\":{\"v\":2}}",
         "critical 1: $.accessToken.v (left out)|(left out)", NONE},
        {"{\"a\":\"Bearer abc\"}", "{\"a\":1}", "critical 1: $.a (left out)|(left out)", NONE},
        {"{\"a\":{\"password\":\"x\"}}", "{\"a\":1}", "critical 1: $.a object of 1|1", NONE},
        {"{\"a\\u001b[2J\":1}", "{}", "critical 1: $.a?[2J 1|(absent)", NONE},
    };

    check_json(cases, ARRAY_LEN(cases));
}

static void values_are_one_line_of_whole_characters(void **state UNUSED)
{
    const char *with =
        "\"0123456789012345678901234567890123456789012345678901234567\xc3\xa9"
        "abcdefgh\"";
    struct compare_answer a = answer("application/json", with);
    struct compare_answer b = answer("application/json", "\"\xe2\x80\xae\x7f\"");
    struct compare_verdict v = verdict_of(&(struct rules){0}, &a, &b);
    size_t bad;

    assert_int_equal(v.kept, 1);
    assert_true(str_is_line(str_of(v.difference[0].legacy), &bad));
    assert_true(str_is_line(str_of(v.difference[0].new_value), &bad));
    assert_holds(v.difference[0].legacy, "4567...");
    assert_true(strlen(v.difference[0].legacy) < DISCREPANCY_VALUE_SIZE);
}

static void a_place_too_deep_to_name_shows_no_value(void **state UNUSED)
{
    char legacy[512], new_body[512];
    struct compare_answer a, b;
    struct compare_verdict v;

    str_fmt(legacy, sizeof legacy, "{\"%0200d\":{\"password\":1}}", 0);
    str_fmt(new_body, sizeof new_body, "{\"%0200d\":{\"password\":2}}", 0);
    a = answer("application/json", legacy);
    b = answer("application/json", new_body);
    v = verdict_of(&(struct rules){0}, &a, &b);
    assert_int_equal(v.kept, 1);
    assert_string_equal(v.difference[0].legacy, "(left out)");
}

static void critical_differences_are_kept_first(void **state UNUSED)
{
    struct compare_answer a = answer("application/json", "[1,1,1,1,1,1,1,1,1,1,{\"x\":1}]");
    struct compare_answer b = answer("application/json", "[2,2,2,2,2,2,2,2,2,2,{\"x\":2}]");
    struct rules r = {{RULE(CRITICAL, "$[*].x")}};
    struct compare_verdict v = verdict_of(&r, &a, &b);

    assert_int_equal(v.class, COMPARE_DIFFERS_CRITICAL);
    assert_int_equal(v.count, 11);
    assert_int_equal(v.critical, 1);
    assert_int_equal(v.kept, 2);
    assert_string_equal(v.difference[0].where, "$[10].x");
    assert_string_equal(v.difference[1].where, "$[0]");
    assert_int_equal(v.difference[1].count, 10);
    assert_int_equal(v.difference[1].class, COMPARE_DIFFERS_COSMETIC);
}

static void no_more_are_kept_than_there_is_room_for(void **state UNUSED)
{
    CLEANUP(xfreep) char *legacy = many("{", "\"k", "\":1,", 20, "\"total\":1}");
    CLEANUP(xfreep) char *other = many("{", "\"k", "\":2,", 20, "\"total\":2}");
    struct compare_answer a = answer("application/json", legacy);
    struct compare_answer b = answer("application/json", other);
    struct compare_verdict v = verdict_of(&(struct rules){{RULE(CRITICAL, "$.total")}}, &a, &b);

    assert_int_equal(v.count, 21);
    assert_int_equal(v.kept, COMPARE_DIFFERENCES_MAX);
    assert_string_equal(v.difference[0].where, "$.total");
}

static void what_differs_without_new_is_forgiven(void **state UNUSED)
{
    struct compare_answer a = answer("application/json", "[{\"at\":1},{\"at\":2}]");
    struct compare_answer b = answer("application/json", "[{\"at\":3},{\"at\":4}]");
    struct compare_answer c = answer("application/json", "[{\"at\":3},{\"at\":4},{\"at\":5}]");
    struct compare_verdict noise = verdict_of(&(struct rules){0}, &a, &b);
    struct compare_verdict v = noise;

    assert_int_equal(noise.kept, 1);
    compare_forgive(&v, &noise.difference[0].place, 0);
    assert_int_equal(v.class, COMPARE_DIFFERS_CRITICAL);
    compare_forgive(&v, &noise.difference[0].place, 1);
    assert_int_equal(v.class, COMPARE_DIFFERS_COSMETIC);
    assert_int_equal(v.critical, 0);
    v = verdict_of(&(struct rules){0}, &a, &c);
    compare_forgive(&v, &noise.difference[0].place, 1);
    assert_int_equal(v.class, COMPARE_DIFFERS_CRITICAL);
    assert_int_equal(v.critical, 1);
}

/* What is told of a pair is what comes first. */
static void what_is_forgiven_stands_behind_what_is_not(void **state UNUSED)
{
    struct compare_answer a = answer("application/json", "{\"a\":1,\"b\":1,\"c\":1,\"d\":1}");
    struct compare_answer b = answer("application/json", "{\"a\":2,\"b\":2,\"c\":1,\"d\":1}");
    struct compare_answer c = answer("application/json", "{\"a\":3,\"b\":3,\"c\":3,\"d\":3}");
    struct compare_verdict noise = verdict_of(&(struct rules){0}, &a, &b);
    struct compare_verdict v = verdict_of(&(struct rules){0}, &a, &c);
    const uint64_t places[] = {noise.difference[0].place, noise.difference[1].place};

    compare_forgive(&v, places, ARRAY_LEN(places));
    assert_int_equal(v.critical, 2);
    assert_string_equal(told(&v), "critical 4: $.c 1|3, $.d 1|3, $.a 1|3, $.b 1|3");
}

/* ---- the rest of an answer ------------------------------------------------------------------- */

static void check_told(struct compare_verdict v, const char *want)
{
    assert_string_equal(told(&v), want);
}

static void status_and_media_type_count(void **state UNUSED)
{
    const struct rules none = {0};
    struct compare_answer a = answer("application/json", "{}");
    struct compare_answer b = answer("application/json", "[]");

    b.status = 404;
    check_told(verdict_of(&none, &a, &b), "critical 1: status 200|404");
    check_told(verdict_of(&(struct rules){{RULE(IGNORE, "status"), RULE(IGNORE, "$")}}, &a, &b),
               "equal");
    check_told(verdict_of(&(struct rules){{RULE(COSMETIC, "status")}}, &a, &b),
               "critical 2: $ object of 0|array of 0, status 200|404");
    b = answer("text/plain", "{}");
    check_told(verdict_of(&none, &a, &b),
               "critical 1: header content-type application/json|text/plain");
    b = answer("Application/JSON; charset=utf-8", "{ }");
    check_told(verdict_of(&none, &a, &b),
               "cosmetic 1: header content-type "
               "application/json|Application/JSON; charset=utf-8");
    check_told(verdict_of(&(struct rules){{RULE(IGNORE, "header Content-Type")}}, &a, &b), "equal");
}

static void the_status_of_a_call_counts(void **state UNUSED)
{
    const struct rules none = {0};
    struct compare_answer a = answer("application/grpc", "x");
    struct compare_answer b = answer("application/grpc", "");

    a.grpc_status = STR("OK");
    b.grpc_status = STR("INTERNAL");
    check_told(verdict_of(&none, &a, &b), "critical 1: grpc-status OK|INTERNAL");
    check_told(
        verdict_of(&(struct rules){{RULE(IGNORE, "grpc-status"), RULE(IGNORE, "body")}}, &a, &b),
        "equal");
    check_told(
        verdict_of(&(struct rules){{RULE(COSMETIC, "grpc-status"), RULE(IGNORE, "body")}}, &a, &b),
        "cosmetic 1: grpc-status OK|INTERNAL");
    b = answer("application/grpc", "x");
    check_told(verdict_of(&none, &a, &b), "equal"); /* new speaks HTTP/1.1: no call is seen */
    b.grpc_status = STR("OK");
    check_told(verdict_of(&none, &a, &b), "equal");
}

struct field {
    const char *name, *value;
};

static struct str find_field(const void *head, struct str name, unsigned nth)
{
    for (const struct field *f = head; f->name; f++) {
        if (str_ieq(str_of(f->name), name) && nth-- == 0)
            return str_of(f->value);
    }
    return (struct str){NULL, 0};
}

static void fields_count_when_a_rule_names_them(void **state UNUSED)
{
    static const struct field legacy[] = {
        {"ETag", "\"1\""}, {"Set-Cookie", "sid=1"}, {"Vary", "A"}, {"Vary", "B"}, {NULL, NULL}};
    static const struct field other[] = {
        {"etag", "\"2\""}, {"set-cookie", "sid=2"}, {"vary", "A"}, {NULL, NULL}};
    struct compare_answer a = answer("", ""), b = answer("", "");

    a.header = b.header = find_field;
    a.head = legacy;
    b.head = other;
    check_told(verdict_of(&(struct rules){0}, &a, &b), "equal");
    check_told(verdict_of(&(struct rules){{RULE(HEADER, "ETag")}}, &a, &b),
               "critical 1: header ETag \"1\"|\"2\"");
    check_told(
        verdict_of(&(struct rules){{RULE(HEADER, "ETag"), RULE(COSMETIC, "header etag")}}, &a, &b),
        "cosmetic 1: header ETag \"1\"|\"2\"");
    check_told(verdict_of(&(struct rules){{RULE(HEADER, "set-cookie")}}, &a, &b),
               "critical 1: header set-cookie (left out)|(left out)");
    check_told(verdict_of(&(struct rules){{RULE(HEADER, "Vary")}}, &a, &b),
               "critical 1: header Vary B|(absent)");
}

static void text_is_compared_by_lines(void **state UNUSED)
{
    const struct rules none = {0};
    struct compare_answer a = answer("text/html", "one\r\ntwo\r\n");
    struct compare_answer b = answer("text/html", "one\ntwo");

    check_told(verdict_of(&none, &a, &b), "equal");
    b = answer("text/html", "one\nTWO\nthree");
    check_told(verdict_of(&none, &a, &b),
               "critical 2: line 2 two|TWO, line 3 (no such line)|three");
    check_told(verdict_of(&(struct rules){{RULE(COSMETIC, "body")}}, &a, &b),
               "cosmetic 2: line 2 two|TWO, line 3 (no such line)|three");
    a = answer("text/plain", "password=1");
    b = answer("text/plain", "password=2");
    check_told(verdict_of(&none, &a, &b), "critical 1: line 1 (left out)|(left out)");
}

static void other_bodies_are_compared_by_bytes(void **state UNUSED)
{
    static const struct field gzip[] = {{"Content-Encoding", "gzip"}, {NULL, NULL}};
    const struct rules none = {0};
    struct compare_answer a = answer("image/png", "ab");
    struct compare_answer b = answer("image/png", "ac");

    check_told(verdict_of(&none, &a, &a), "equal");
    check_told(verdict_of(&none, &a, &b),
               "critical 1: body 2 bytes, 089c4407b545986a|2 bytes, 089c4507b5459a1d");
    a = answer("application/json", "{\"a\":1");
    b = answer("application/json", "{\"a\":1,");
    assert_string_equal(verdict_of(&none, &a, &b).difference[0].where, "body");
    a = answer("application/json", "1");
    b = answer("application/json", "1.0");
    a.head = gzip;
    a.header = b.header = find_field;
    b.head = &gzip[1];
    assert_string_equal(verdict_of(&none, &a, &b).difference[0].where, "body");
}

static void long_bodies_are_compared_by_size_and_hash(void **state UNUSED)
{
    const struct rules none = {0};
    struct compare_answer a = answer("application/json", "[1");
    struct compare_answer b = answer("application/json", "[1");

    a.cut = b.cut = true;
    a.body_size = b.body_size = 100;
    a.body_hash = b.body_hash = 5;
    check_told(verdict_of(&none, &a, &b), "equal");
    b.body_hash = 6;
    check_told(verdict_of(&none, &a, &b),
               "critical 1: body 100 bytes, 0000000000000005|100 bytes, 0000000000000006");
}

static void a_hash_does_not_depend_on_the_pieces(void **state UNUSED)
{
    uint64_t whole = compare_hash(COMPARE_HASH_START, STR("foobar"));

    assert_true(whole == UINT64_C(0x85944171f73967e8)); /* the value that FNV-1a publishes */
    assert_true(compare_hash(compare_hash(COMPARE_HASH_START, STR("foo")), STR("bar")) == whole);
}

/* ---- hostile bodies -------------------------------------------------------------------------- */

/* With every pair looked at, these would take minutes. */
static void many_items_take_little_longer_than_few(void **state UNUSED)
{
    CLEANUP(xfreep) char *a = many("[", "", ",", 60000, "1]");
    CLEANUP(xfreep) char *b = many("[1,", "9", ",", 60000, "1]");
    CLEANUP(xfreep) char *c = many("{", "\"k", "\":1,", 60000, "\"z\":1}");
    CLEANUP(xfreep) char *d = many("{\"z\":1,", "\"x", "\":1,", 60000, "\"y\":1}");
    struct rules r = {{RULE(UNORDERED, "$")}};
    struct compare_answer x = answer("application/json", a), y = answer("application/json", b);
    struct compare_verdict v = verdict_of(&r, &x, &y);

    assert_int_equal(v.kept, 1);
    x = answer("application/json", c);
    y = answer("application/json", d);
    v = verdict_of(&r, &x, &y);
    assert_int_equal(v.count, 120001);
}

static void past_its_limits_json_is_bytes(void **state UNUSED)
{
    CLEANUP(xfreep) char *wide = many("[", "", ",", COMPARE_VALUES_MAX, "1]");
    char deep[66] = {0};
    struct compare_answer a = answer("application/json", wide);
    struct compare_answer b = answer("application/json", "[]");

    assert_string_equal(verdict_of(&(struct rules){0}, &a, &b).difference[0].where, "body");
    memset(deep, '[', sizeof deep - 1);
    a = answer("application/json", deep);
    assert_string_equal(verdict_of(&(struct rules){0}, &a, &b).difference[0].where, "body");
    a = answer("application/json", "1e1000000");
    assert_string_equal(verdict_of(&(struct rules){0}, &a, &b).difference[0].where, "body");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_compared_by_structure),
        cmocka_unit_test(numbers_are_compared_to_their_last_digit),
        cmocka_unit_test(rules_class_places),
        cmocka_unit_test(arrays_may_lose_their_order_and_numbers_some_weight),
        cmocka_unit_test(a_tolerance_counts_in_decimals),
        cmocka_unit_test(secrets_are_left_out),
        cmocka_unit_test(values_are_one_line_of_whole_characters),
        cmocka_unit_test(a_place_too_deep_to_name_shows_no_value),
        cmocka_unit_test(critical_differences_are_kept_first),
        cmocka_unit_test(no_more_are_kept_than_there_is_room_for),
        cmocka_unit_test(what_differs_without_new_is_forgiven),
        cmocka_unit_test(what_is_forgiven_stands_behind_what_is_not),
        cmocka_unit_test(status_and_media_type_count),
        cmocka_unit_test(the_status_of_a_call_counts),
        cmocka_unit_test(fields_count_when_a_rule_names_them),
        cmocka_unit_test(text_is_compared_by_lines),
        cmocka_unit_test(other_bodies_are_compared_by_bytes),
        cmocka_unit_test(long_bodies_are_compared_by_size_and_hash),
        cmocka_unit_test(a_hash_does_not_depend_on_the_pieces),
        cmocka_unit_test(many_items_take_little_longer_than_few),
        cmocka_unit_test(past_its_limits_json_is_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
