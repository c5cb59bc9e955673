/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/ruleset.h"

#include "tests/lib/unit.h"

static void keys_read_and_print_the_same(void **state UNUSED)
{
    static const struct {
        const char *text;
        enum key_source source;
    } good[] = {
        {"random", KEY_RANDOM},           {"client-ip", KEY_CLIENT_ADDRESS},
        {"header:X-User-Id", KEY_HEADER}, {"cookie:sid", KEY_COOKIE},
        {"path:2", KEY_PATH_SEGMENT},     {"path:64", KEY_PATH_SEGMENT},
    };
    char text[ROUTE_KEY_TEXT_SIZE];
    struct route_key k;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_ok(route_key_parse(str_of(good[i].text), &k, &err), &err);
        assert_int_equal(k.source, good[i].source);
        assert_string_equal(route_key_text(&k, text), good[i].text);
    }
    assert_string_equal(route_key_text(&(struct route_key){0}, text), "none");
}

static void bad_keys_are_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "none",
        "header",
        "header:",
        "header:a b",
        "header:a:b",
        "cookie:",
        "random:",
        "path",
        "path:0",
        "path:65",
        "path:x",
        "path:-1",
        "client-ip:1",
        "Header:x",
        "header:\xc3\xa9",
        "header:0123456789012345678901234567890123456789012345678901234567890123",
    };
    struct route_key k = {.segment = 9};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(route_key_parse(str_of(bad[i]), &k, NULL), ERR_INVALID);
    assert_fails(route_key_parse(STR("header:a\0b"), &k, NULL), ERR_INVALID);
    assert_int_equal(k.segment, 9);
}

static void endpoints_are_host_and_port(void **state UNUSED)
{
    static const struct {
        const char *url, *host;
        uint16_t port;
        const char *whole;
    } good[] = {
        {"http://127.0.0.1:8000", "127.0.0.1", 8000, "http://127.0.0.1:8000"},
        {"http://Legacy.Example", "legacy.example", 80, "http://legacy.example:80"},
        {"http://legacy_1:65535/", "legacy_1", 65535, "http://legacy_1:65535"},
        {"http://[::1]:82", "::1", 82, "http://[::1]:82"},
        {"http://[FE80::127.0.0.1]", "fe80::127.0.0.1", 80, "http://[fe80::127.0.0.1]:80"},
        {"https://a", "a", 443, "https://a:443"},
        {"https://a:80/", "a", 80, "https://a:80"},
        {"tcp://DB:5432", "db", 5432, "tcp://db:5432"},
        {"tcp://[::1]:6379/", "::1", 6379, "tcp://[::1]:6379"},
    };
    char url[ENDPOINT_URL_SIZE];
    struct endpoint ep;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_ok(endpoint_parse(str_of(good[i].url), &ep, &err), &err);
        assert_string_equal(ep.host, good[i].host);
        assert_int_equal(ep.port, good[i].port);
        assert_string_equal(endpoint_url(&ep, url), good[i].whole);
    }
}

static void anything_else_is_no_endpoint(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "http://",
        "http://:80",
        "127.0.0.1:80",
        "http://a:",
        "http://a:0",
        "http://a:65536",
        "http://a:8x",
        "http://a/b",
        "http://a//",
        "http://a b",
        "http://a?q",
        "http://u@a",
        "http://[::1",
        "http://[::1]80",
        "http://[]",
        "http://[a]",
        "http://[fe80::1%25eth0]",
        "http://[g::]",
        "http://::1",
        "ftp://a",
        "https://",
        "https:/a",
        "HTTPS://a",
        "tcp://a",
        "tcp://a:",
        "tcp://[::1]",
    };
    struct endpoint ep = {.port = 9};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(endpoint_parse(str_of(bad[i]), &ep, NULL), ERR_INVALID);
    assert_fails(endpoint_parse(STR("http://a\0b"), &ep, NULL), ERR_INVALID);
    assert_int_equal(ep.port, 9);
}

static struct route good_route(void)
{
    struct route_upstream upstream = {
        .endpoint = {{"127.0.0.1", 80}},
        .endpoint_count = 1,
        .connect_timeout_ms = 1000,
        .response_timeout_ms = 1000,
    };

    return (struct route){
        .migration = {"orders"},
        .host = {"shop.example.com", "*.example.com"},
        .host_count = 2,
        .path_prefix = "/api",
        .key = {.source = KEY_HEADER, .name = "X-User-Id"},
        .salt = "orders",
        .weight_bp = WEIGHT_BP_MAX,
        .fallback = {.on = FALLBACK_5XX, .method = {"GET"}, .method_count = 1},
        .upstream = {[SYSTEM_LEGACY] = upstream, [SYSTEM_NEW] = upstream},
        .breaker = {5, 1000, 1000, 1},
    };
}

static struct route_tls *use_tls(struct route *r)
{
    struct route_upstream *u = &r->upstream[SYSTEM_NEW];

    u->endpoint[0].scheme = ENDPOINT_HTTPS;
    u->tls.on = true;
    return &u->tls;
}

static struct route *use_tcp(struct route *r)
{
    *r = good_route();
    r->tcp = (struct route_tcp){.port = 5432, .idle_timeout_ms = 1000};
    r->host_count = 0;
    r->path_prefix[0] = '\0';
    r->key = (struct route_key){.source = KEY_CLIENT_ADDRESS};
    r->fallback = (struct route_fallback){.on = FALLBACK_CONNECT_ERROR};
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
        r->upstream[s].endpoint[0].scheme = ENDPOINT_TCP;
    return r;
}

static void check_fault(struct route r, const char *fault)
{
    char message[256];
    struct err err;

    str_fmt(message, sizeof message, "route \"orders\": %s", fault);
    assert_fails(route_check(&r, &err), ERR_INVALID);
    assert_string_equal(err.msg, message);
}

static void a_good_route_passes(void **state UNUSED)
{
    struct route r = good_route();
    struct err err;

    assert_ok(route_check(&r, &err), &err);
    r.breaker = (struct route_breaker){0};
    r.host_count = 0;
    r.path_prefix[0] = '\0';
    r.fallback_key.source = KEY_RANDOM;
    assert_ok(route_check(&r, &err), &err);
    r.migration.s[0] = '\0';
    assert_fails(route_check(&r, &err), ERR_INVALID);
    assert_ok(route_check(use_tcp(&r), &err), &err);
    str_fmt(r.upstream[SYSTEM_NEW].health_path, PATH_SIZE, "%s", ROUTE_HEALTH_CONNECT);
    r.upstream[SYSTEM_NEW].health_interval_ms = 1000;
    assert_ok(route_check(&r, &err), &err);
}

/* good_route() with one assignment done to it. */
#define CHECK_FAULT(assignment, fault) \
    do {                               \
        struct route r = good_route(); \
        assignment;                    \
        check_fault(r, fault);         \
    } while (0)

static void each_limit_of_a_route_is_checked(void **state UNUSED)
{
    CHECK_FAULT(r.host_count = ROUTE_HOSTS_MAX + 1, "there are too many hosts");
    CHECK_FAULT(r.host_count = 3, "a host is empty or not in lower case");
    CHECK_FAULT(r.host[0][0] = 'S', "a host is empty or not in lower case");
    CHECK_FAULT(r.path_prefix[0] = 'a', "the path prefix does not start with '/'");
    CHECK_FAULT(r.key.source = KEY_NONE, "the key's source is unknown");
    CHECK_FAULT(r.key.source = KEY_SOURCE_COUNT, "the key's source is unknown");
    CHECK_FAULT(r.key.name[0] = '\0', "a key's name is not a token");
    CHECK_FAULT(r.fallback_key.source = KEY_PATH_SEGMENT, "a key's path segment is off");
    CHECK_FAULT(r.weight_bp = WEIGHT_BP_MAX + 1, "the weight is over 100 %");
    CHECK_FAULT(r.override = SYSTEM_COUNT, "the override is no system");
    CHECK_FAULT(r.fallback.on = 8, "the fallback has unknown conditions");
    CHECK_FAULT(r.fallback.method_count = 9, "the fallback has too many methods");
    CHECK_FAULT(r.fallback.method_count = 2, "a fallback's method is not a token");
    CHECK_FAULT(r.breaker.window_ms = 0, "the breaker lacks its window, its time or its probes");
    CHECK_FAULT(r.breaker.error_rate_bp = 10001, "a rate of the breaker is over 100 %");
    CHECK_FAULT(r.breaker.slow_rate_bp = 1,
                "the breaker has a rate of slow answers, and nothing says what is slow");
    CHECK_FAULT(r.breaker.mode = BREAKER_MODE_COUNT, "the breaker's mode or order is unknown");
    CHECK_FAULT(r.fallback.budget_bp = 10001, "the fallback's budget is over 100 %");
    CHECK_FAULT(r.upstream[SYSTEM_NEW].endpoint_count = 0, "a system has no endpoint, or too many");
    CHECK_FAULT(r.upstream[SYSTEM_NEW].endpoint_count = 9, "a system has no endpoint, or too many");
    CHECK_FAULT(r.upstream[SYSTEM_LEGACY].endpoint_count = 2, "an endpoint has no host or no port");
    CHECK_FAULT(r.upstream[SYSTEM_LEGACY].connect_timeout_ms = 0, "a system's timeout is 0");
    CHECK_FAULT(r.upstream[SYSTEM_NEW].response_timeout_ms = 0, "a system's timeout is 0");
    CHECK_FAULT(r.upstream[SYSTEM_NEW].health_path[0] = 'x', "a system's health path is none");
    CHECK_FAULT(r.upstream[SYSTEM_NEW].health_path[0] = '/',
                "a system's health is asked for too often");
    CHECK_FAULT(r.upstream[SYSTEM_NEW].tls.on = true,
                "a system has endpoints with and without TLS");
    CHECK_FAULT(r.upstream[SYSTEM_NEW].endpoint[0].scheme = ENDPOINT_HTTPS,
                "a system has endpoints with and without TLS");
    CHECK_FAULT(r.upstream[SYSTEM_NEW].tls.name[0] = 'a',
                "a system has settings of TLS, and does without it");
    CHECK_FAULT((use_tls(&r)->ca_file[0] = 'a'), "a file of a system's TLS is no absolute path");
    CHECK_FAULT((use_tls(&r)->key_file[0] = '/'),
                "a certificate lacks its key, or the key its certificate");
    CHECK_FAULT(r.upstream[SYSTEM_NEW].protocol = UPSTREAM_PROTOCOL_COUNT,
                "a system's protocol is unknown");
    CHECK_FAULT(r.upstream[SYSTEM_NEW].endpoint[0].scheme = ENDPOINT_TCP,
                "connections go to tcp:// endpoints, and nothing else does");
    CHECK_FAULT(r.tcp.port = 5432, "connections go to tcp:// endpoints, and nothing else does");
    CHECK_FAULT(use_tcp(&r)->tcp.port = 65536, "a route of connections lacks its port or its time");
    CHECK_FAULT(use_tcp(&r)->tcp.idle_timeout_ms = 0,
                "a route of connections lacks its port or its time");
    CHECK_FAULT(use_tcp(&r)->host_count = 1, "a route of connections has what only requests have");
    CHECK_FAULT(use_tcp(&r)->path_prefix[0] = '/',
                "a route of connections has what only requests have");
    CHECK_FAULT(use_tcp(&r)->key.source = KEY_HEADER, "a key's name is not a token");
    CHECK_FAULT(use_tcp(&r)->fallback.on = FALLBACK_5XX,
                "a route of connections has what only requests have");
    CHECK_FAULT(use_tcp(&r)->compare = ((struct route_compare){.sample_bp = 1, .max_body = 1}),
                "a route of connections has what only requests have");
    CHECK_FAULT(use_tcp(&r)->upstream[SYSTEM_NEW].protocol = UPSTREAM_H2,
                "a route of connections has what only requests have");
    CHECK_FAULT(use_tcp(&r)->upstream[SYSTEM_NEW].health_path[0] = '/',
                "a system's health path is none");
    CHECK_FAULT(r.flags.count = FLAGS_MAX + 1, "there are too many flags");
    CHECK_FAULT(r.ahead.flags.count = FLAGS_MAX + 1, "there are too many flags");
    CHECK_FAULT(r.ahead.selector_count = 17, "there are too many selectors of nodes ahead");
    CHECK_FAULT(r.ahead.selector_count = 1, "a selector of nodes ahead is off");
    CHECK_FAULT(r.ahead.weight_bp = WEIGHT_BP_MAX + 1, "the weight of nodes ahead is over 100 %");
    CHECK_FAULT(r.drill.text[0] = 'a', "the selector of the drill is off");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_read_and_print_the_same),
        cmocka_unit_test(bad_keys_are_refused),
        cmocka_unit_test(endpoints_are_host_and_port),
        cmocka_unit_test(anything_else_is_no_endpoint),
        cmocka_unit_test(a_good_route_passes),
        cmocka_unit_test(each_limit_of_a_route_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
