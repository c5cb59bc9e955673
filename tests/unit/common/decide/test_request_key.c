/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decide/request_key.h"

#include "tests/lib/unit.h"

struct header {
    const char *name, *value;
};

#define HEADERS_MAX 20

struct head {
    struct header header[HEADERS_MAX];
};

static struct str find_header(const void *head, struct str name, unsigned nth)
{
    const struct head *h = head;

    for (size_t i = 0; i < HEADERS_MAX && h->header[i].name; i++) {
        if (str_ieq(str_of(h->header[i].name), name) && nth-- == 0)
            return str_of(h->header[i].value);
    }
    return (struct str){NULL, 0};
}

/* The key as text; "-" when the request takes a random bucket. */
static const char *find_key(const char *key, const char *fallback, struct head head,
                            const char *path)
{
    static char text[64];
    struct request_view req = {find_header, &head, str_of(path), STR("192.0.2.7")};
    struct route route = {.key = {.source = KEY_NONE}};
    struct str found;
    struct err err;

    assert_ok(route_key_parse(str_of(key), &route.key, &err), &err);
    if (fallback)
        assert_ok(route_key_parse(str_of(fallback), &route.fallback_key, &err), &err);
    if (!request_key_find(&route, &req, &found))
        return "-";
    assert_true(str_copy(found, text, sizeof text));
    return text;
}

#define HEAD(...)     ((struct head){{__VA_ARGS__}})
#define COOKIE(value) HEAD({"Cookie", value})

static void a_header_is_taken_as_received(void **state UNUSED)
{
    assert_string_equal(find_key("header:X-User", NULL, HEAD({"x-uSER", "Alice"}), "/"), "Alice");
    assert_string_equal(find_key("header:X-User", NULL, HEAD({"X-User", " a b\t"}), "/"), "a b");
    assert_string_equal(
        find_key("header:X-User", NULL, HEAD({"X-User", "first"}, {"X-User", "second"}), "/"),
        "first");
    assert_string_equal(find_key("header:X-User", NULL, HEAD({"X-Users", "a"}), "/"), "-");
}

static void a_missing_or_empty_key_falls_back(void **state UNUSED)
{
    assert_string_equal(find_key("header:X-User", "client-ip", HEAD({NULL, NULL}), "/"),
                        "192.0.2.7");
    assert_string_equal(find_key("header:X-User", "client-ip", HEAD({"X-User", " "}), "/"),
                        "192.0.2.7");
    assert_string_equal(find_key("header:X-User", "cookie:sid", COOKIE("sid=7"), "/"), "7");
    assert_string_equal(find_key("header:X-User", "random", HEAD({NULL, NULL}), "/"), "-");
    assert_string_equal(find_key("header:X-User", "path:1", HEAD({NULL, NULL}), "/"), "-");
}

static void random_asks_for_no_stickiness(void **state UNUSED)
{
    assert_string_equal(find_key("random", "client-ip", HEAD({"X-User", "a"}), "/"), "-");
}

static void the_client_address_needs_no_header(void **state UNUSED)
{
    assert_string_equal(find_key("client-ip", NULL, HEAD({NULL, NULL}), "/"), "192.0.2.7");
}

static void cookies_are_found_by_exact_name(void **state UNUSED)
{
    static const struct {
        const char *header, *value;
    } cases[] = {
        {"sid=7", "7"},
        {"a=1; sid=7; b=2", "7"},
        {"a=1;sid=7;b=2", "7"},
        {"sid=first; sid=second", "first"},
        {" sid = 7 ", "7"},
        {"sid=a=b", "a=b"},
        {"sid=\"quoted\"", "\"quoted\""},
        {"sid=%20", "%20"},
        {"SID=7", "-"},
        {"xsid=7; sidx=8; sid", "-"},
        {"sid=", "-"},
        {"sid=; sid=7", "-"},
        {";;;=; ;", "-"},
        {"", "-"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(find_key("cookie:sid", NULL, COOKIE(cases[i].header), "/"),
                            cases[i].value);
}

static void split_cookie_headers_are_read_up_to_a_limit(void **state UNUSED)
{
    struct head many = {{{NULL, NULL}}};

    assert_string_equal(find_key("cookie:sid", NULL,
                                 HEAD({"Cookie", "a=1"}, {"Via", "x"}, {"cookie", "sid=7"}), "/"),
                        "7");
    for (int i = 0; i < 16; i++)
        many.header[i] = (struct header){"Cookie", "a=1"};
    many.header[16] = (struct header){"Cookie", "sid=7"};
    assert_string_equal(find_key("cookie:sid", NULL, many, "/"), "-");
    many.header[15].value = "sid=8";
    assert_string_equal(find_key("cookie:sid", NULL, many, "/"), "8");
}

static void path_segments_count_from_one_and_stay_encoded(void **state UNUSED)
{
    static const struct {
        const char *key, *path, *value;
    } cases[] = {
        {"path:1", "/orders/17?x=/9", "orders"},
        {"path:2", "/orders/17?x=/9", "17"},
        {"path:3", "/orders/17?x=/9", "-"},
        {"path:2", "/a/b%2Fc%20d/e", "b%2Fc%20d"},
        {"path:1", "/a", "a"},
        {"path:1", "/", "-"},
        {"path:2", "/a/", "-"},
        {"path:3", "/a/", "-"},
        {"path:1", "//a", "-"},
        {"path:2", "//a", "a"},
        {"path:1", "/?a/b", "-"},
        {"path:1", "*", "-"},
        {"path:1", "", "-"},
        {"path:64", "/a", "-"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(find_key(cases[i].key, NULL, HEAD({NULL, NULL}), cases[i].path),
                            cases[i].value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_taken_as_received),
        cmocka_unit_test(a_missing_or_empty_key_falls_back),
        cmocka_unit_test(random_asks_for_no_stickiness),
        cmocka_unit_test(the_client_address_needs_no_header),
        cmocka_unit_test(cookies_are_found_by_exact_name),
        cmocka_unit_test(split_cookie_headers_are_read_up_to_a_limit),
        cmocka_unit_test(path_segments_count_from_one_and_stay_encoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
