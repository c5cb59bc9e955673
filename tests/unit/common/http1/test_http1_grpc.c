/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: of each answer it is known whether it is a gRPC call's, with what status, from the head
 * or the trailers, and whether that is the system's failure. */
#include "common/http1/http1_grpc.h"

#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>

#include <cmocka.h>

#include "common/http1/http1_parse.h"

static struct http1_header headers[8];

/* What its head says. */
static struct http1_grpc begin(const char *text)
{
    struct http1_parser parser;
    struct http1_head head;
    struct http1_grpc g;

    http1_parser_init(&parser, HTTP1_RESPONSE, HTTP1_LIMITS_DEFAULT, &head, headers,
                      ARRAY_LEN(headers));
    assert_int_equal(http1_parse(&parser, text, strlen(text)), HTTP1_DONE);
    head.base = text;
    http1_grpc_begin(&g, &head);
    return g;
}

#define HEAD(type) "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\n"
#define CALL       HEAD("application/grpc")
#define BODY       "Transfer-Encoding: chunked\r\n\r\n"
#define EMPTY      "Content-Length: 0\r\n\r\n"

static void check_type(const char *head, bool is_call)
{
    struct http1_grpc g = begin(head);

    assert_int_equal(g.is_call, is_call);
    assert_false(g.is_failed);
    assert_null(http1_grpc_name(&g));
}

static void a_call_is_known_by_the_type_of_its_answer(void **state UNUSED)
{
    check_type(CALL BODY, true);
    check_type(HEAD("application/grpc+proto") BODY, true);
    check_type(HEAD("Application/GRPC;charset=utf-8") BODY, true);
    check_type(HEAD("application/grpc ; a=b") BODY, true);
    check_type(HEAD("application/grpc-web+proto") BODY, false);
    check_type(HEAD("application/grpcx") EMPTY, false);
    check_type(HEAD("application/grp") EMPTY, false);
    check_type(HEAD("text/html") EMPTY, false);
    check_type("HTTP/1.1 200 OK\r\n" EMPTY, false);
    check_type("HTTP/1.1 404 No\r\nContent-Type: application/grpc\r\n" EMPTY, false);
    check_type("HTTP/1.1 503 No\r\nContent-Type: application/grpc\r\n" EMPTY, false);
}

static void each_status_is_the_systems_failure_or_not(void **state UNUSED)
{
    static const struct {
        const char *trailer, *name;
        bool is_failed;
    } cases[] = {
        {"grpc-status: 0\r\n", "OK", false},
        {"grpc-status: 1\r\n", "CANCELLED", false},
        {"grpc-status: 2\r\n", "UNKNOWN", true},
        {"grpc-status: 3\r\n", "INVALID_ARGUMENT", false},
        {"grpc-status: 4\r\n", "DEADLINE_EXCEEDED", true},
        {"grpc-status: 5\r\n", "NOT_FOUND", false},
        {"grpc-status: 6\r\n", "ALREADY_EXISTS", false},
        {"grpc-status: 7\r\n", "PERMISSION_DENIED", false},
        {"grpc-status: 8\r\n", "RESOURCE_EXHAUSTED", false},
        {"grpc-status: 9\r\n", "FAILED_PRECONDITION", false},
        {"grpc-status: 10\r\n", "ABORTED", false},
        {"grpc-status: 11\r\n", "OUT_OF_RANGE", false},
        {"grpc-status: 12\r\n", "UNIMPLEMENTED", true},
        {"grpc-status: 13\r\n", "INTERNAL", true},
        {"grpc-status: 14\r\n", "UNAVAILABLE", true},
        {"grpc-status: 15\r\n", "DATA_LOSS", true},
        {"grpc-status: 16\r\n", "UNAUTHENTICATED", false},
        {"x: 1\r\nGrpc-Status: 5\r\ngrpc-message: none\r\n", "NOT_FOUND", false},
        {"", NULL, true},
        {"grpc-message: 0\r\n", NULL, true},
        {"grpc-status: \r\n", NULL, true},
        {"grpc-status: 17\r\n", NULL, true},
        {"grpc-status: -1\r\n", NULL, true},
        {"grpc-status: 0x0\r\n", NULL, true},
        {"grpc-status: 99999999999999999999\r\n", NULL, true},
        {"grpc-status: OK\r\n", NULL, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http1_grpc g = begin(CALL BODY);

        http1_grpc_end(&g, str_of(cases[i].trailer));
        assert_int_equal(g.is_failed, cases[i].is_failed);
        if (cases[i].name)
            assert_string_equal(http1_grpc_name(&g), cases[i].name);
        else
            assert_null(http1_grpc_name(&g));
    }
}

static void an_answer_without_messages_has_it_in_the_head(void **state UNUSED)
{
    struct http1_grpc g = begin(CALL "grpc-status: 14\r\n" EMPTY);

    assert_true(g.is_failed);
    assert_string_equal(http1_grpc_name(&g), "UNAVAILABLE");
    g = begin(CALL "grpc-status: 5\r\n" EMPTY);
    assert_false(g.is_failed);
    http1_grpc_end(&g, STR(""));
    assert_false(g.is_failed);
    g = begin(CALL EMPTY);
    assert_true(g.is_failed);
}

static void a_head_before_messages_decides_nothing(void **state UNUSED)
{
    struct http1_grpc g = begin(CALL "grpc-status: 14\r\n" BODY);

    assert_false(g.is_failed);
    http1_grpc_end(&g, STR("grpc-status: 0\r\n"));
    assert_false(g.is_failed);
    assert_string_equal(http1_grpc_name(&g), "OK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_known_by_the_type_of_its_answer),
        cmocka_unit_test(each_status_is_the_systems_failure_or_not),
        cmocka_unit_test(an_answer_without_messages_has_it_in_the_head),
        cmocka_unit_test(a_head_before_messages_decides_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
