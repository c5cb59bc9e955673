/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/address.h"

#include <arpa/inet.h>

#include "tests/lib/unit.h"

static void literals_and_localhost_need_no_lookup(void **state UNUSED)
{
    static const struct {
        const char *host, *text;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1"}, {"10.1.2.3", "10.1.2.3"},          {"::1", "::1"},
        {"localhost", "127.0.0.1"}, {"::ffff:192.0.2.7", "192.0.2.7"},
    };
    char text[ADDRESS_TEXT_SIZE];
    struct address a;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(address_parse(cases[i].host, 81, &a));
        assert_int_equal(address_text(&a, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        assert_int_equal(address_port(&a), 81);
    }
}

static void names_are_no_literals(void **state UNUSED)
{
    static const char *const names[] = {"example.org", "127.0.0.1.x", "256.0.0.1", "", "[::1]"};
    struct address a;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_false(address_parse(names[i], 80, &a));
}

static void a_listen_address_has_a_port(void **state UNUSED)
{
    struct address a;
    struct err err = {0};

    assert_ok(address_parse_listen("0.0.0.0:0", &a, &err), &err);
    assert_int_equal(address_port(&a), 0);
    assert_ok(address_parse_listen("[::1]:8080", &a, &err), &err);
    assert_int_equal(a.u.any.sa_family, AF_INET6);
    assert_int_equal(address_port(&a), 8080);
}

static void a_bad_listen_address_says_how_to_write_one(void **state UNUSED)
{
    static const char *const bad[] = {
        "8080", ":8080", "127.0.0.1", "host:80", "127.0.0.1:65536", "[::1]", "127.0.0.1:-1", ""};
    struct address a;
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_fails(address_parse_listen(bad[i], &a, &err), ERR_INVALID);
        assert_holds(err.hint, "127.0.0.1:8080");
    }
}

static void addresses_differ_by_family_host_and_port(void **state UNUSED)
{
    static const struct {
        const char *host;
        uint16_t port;
    } all[] = {{"127.0.0.1", 80}, {"127.0.0.1", 81}, {"127.0.0.2", 80}, {"::1", 80}, {"::2", 80}};
    struct address a, b;

    for (size_t i = 0; i < ARRAY_LEN(all) * ARRAY_LEN(all); i++) {
        size_t x = i / ARRAY_LEN(all), y = i % ARRAY_LEN(all);

        assert_true(address_parse(all[x].host, all[x].port, &a));
        assert_true(address_parse(all[y].host, all[y].port, &b));
        assert_int_equal(address_eq(&a, &b), x == y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_and_localhost_need_no_lookup),
        cmocka_unit_test(names_are_no_literals),
        cmocka_unit_test(a_listen_address_has_a_port),
        cmocka_unit_test(a_bad_listen_address_says_how_to_write_one),
        cmocka_unit_test(addresses_differ_by_family_host_and_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
