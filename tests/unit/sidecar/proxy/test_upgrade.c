/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/upgrade.h"

#include "common/http1/http1_parse.h"
#include "tests/lib/unit.h"

#define ASK "GET / HTTP/1.1\r\nHost: a\r\n"
#define SAY "HTTP/1.1 101 Switching Protocols\r\n"

struct parsed {
    struct http1_head head;
    struct http1_header headers[16];
};

static const struct http1_head *parse(struct parsed *p, enum http1_kind kind, const char *text)
{
    struct http1_parser parser;

    http1_parser_init(&parser, kind, HTTP1_LIMITS_DEFAULT, &p->head, p->headers, 16);
    assert_int_equal(http1_parse(&parser, text, strlen(text)), HTTP1_DONE);
    return &p->head;
}

static bool passes(const char *text)
{
    struct parsed p;

    return upgrade_passes(parse(&p, HTTP1_REQUEST, text));
}

static void what_both_fields_ask_for_passes(void **state UNUSED)
{
    assert_true(passes(ASK "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
    assert_true(passes(ASK "Connection: a, UPGRADE\r\nUpgrade: x/1, , y\r\n\r\n"));
    assert_false(passes(ASK "Upgrade: websocket\r\n\r\n"));
    assert_false(passes(ASK "Connection: upgrade\r\n\r\n"));
    assert_false(passes(ASK "Connection: upgrade\r\nUpgrade: \r\n\r\n"));
    assert_false(passes("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
}

static void http_and_tls_never_pass(void **state UNUSED)
{
    static const char *const names[] = {"h2c",     "H2C",        "h2",       "HTTP/2.0",
                                        "TLS/1.0", "a, tls/1.2", "h2c/1, a", "a\r\nUpgrade: h2c"};
    char text[200];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        str_fmt(text, sizeof text, ASK "Connection: upgrade\r\nUpgrade: %s\r\n\r\n", names[i]);
        assert_false(passes(text));
    }
    assert_true(passes(ASK "Connection: upgrade\r\nUpgrade: h2cx, xhttp/1\r\n\r\n"));
}

static bool agrees(const char *asked, const char *said)
{
    struct parsed request, answer;
    char text[2][200];

    str_fmt(text[0], sizeof text[0], ASK "Connection: upgrade\r\nUpgrade: %s\r\n\r\n", asked);
    str_fmt(text[1], sizeof text[1], SAY "%s\r\n", said);
    return upgrade_agrees(parse(&request, HTTP1_REQUEST, text[0]),
                          parse(&answer, HTTP1_RESPONSE, text[1]));
}

static void a_switch_is_to_what_was_asked_for(void **state UNUSED)
{
    assert_true(agrees("a, WebSocket", "Connection: upgrade\r\nUpgrade: websocket\r\n"));
    assert_true(agrees("a, b", "Connection: upgrade\r\nUpgrade: b, a\r\n"));
    assert_false(agrees("a", "Connection: upgrade\r\nUpgrade: b\r\n"));
    assert_false(agrees("a", "Connection: upgrade\r\nUpgrade: a, b\r\n"));
    assert_false(agrees("a", "Connection: upgrade\r\nUpgrade: ,\r\n"));
    assert_false(agrees("a", "Upgrade: a\r\n"));
    assert_false(agrees("a", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_both_fields_ask_for_passes),
        cmocka_unit_test(http_and_tls_never_pass),
        cmocka_unit_test(a_switch_is_to_what_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
