/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: heads go out with hop-by-hop fields left out, our framing and fields put in, and
 * everything else byte for byte; and never past the end of the caller's memory. */
#include "common/http1/http1_write.h"

#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/http1/heads.h"

typedef size_t (*write_fn)(const struct http1_head *h, const struct http1_out *out, char *dst,
                           size_t size);

/* Write into memory of every size around the right one; only what fits whole is written. */
static void check_write(write_fn fn, const struct http1_head *h, const struct http1_out *out,
                        const char *want)
{
    size_t n = strlen(want);

    for (size_t size = 0; size < n + 3; size++) {
        CLEANUP(xfreep) char *dst = xalloc(size ? size : 1);
        size_t written = fn(h, out, dst, size);

        if (size < n)
            assert_int_equal(written, 0);
        else if (written != n || memcmp(dst, want, n) != 0)
            fail_msg("\n  wrote:  %.*s\n  wanted: %s", (int)written, dst, want);
    }
}

static void check_request(const char *wire, const struct http1_out *out, const char *want)
{
    struct http1_head h;

    heads_parse(HTTP1_REQUEST, str_of(wire), &h);
    check_write(http1_write_request, &h, out, want);
}

static void check_response(const char *wire, const struct http1_out *out, const char *want)
{
    struct http1_head h;

    heads_parse(HTTP1_RESPONSE, str_of(wire), &h);
    check_write(http1_write_response, &h, out, want);
}

static const struct http1_out plain = {.extra_count = 0};

/* ---- requests ------------------------------------------------------------------------------- */

static void a_plain_request_goes_out_as_it_came(void **state UNUSED)
{
    const char *wire =
        "GET /a?b HTTP/1.1\r\nHost: a\r\nX-User-Id: 7\r\nACCEPT: */*\r\nx: \x80\r\n\r\n";

    check_request(wire, &plain, wire);
}

static void hop_by_hop_fields_stay_here(void **state UNUSED)
{
    check_request(
        "GET / HTTP/1.1\r\nConnection: keep-alive, X-Secret\r\nHost: a\r\nA: 1\r\n"
        "X-Secret: 1\r\nKeep-Alive: 5\r\nB: 2\r\nTE: gzip\r\nTrailer: C\r\n"
        "Proxy-Connection: close\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n\r\n",
        &plain, "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n");
}

/* RFC 9110 10.1.4: and it is named in Connection. */
static void the_wish_for_trailers_goes_on(void **state UNUSED)
{
    const struct http1_out chunked = {.body = {HTTP1_BODY_CHUNKED, 0}};
    const struct http1_out upgrade = {.upgrade = true};
    const char *wire =
        "POST / HTTP/1.1\r\nHost: a\r\nTE: gzip, trailers\r\nTrailer:X-Sum\r\nA: 1\r\n\r\n";

    check_request(wire, &plain,
                  "POST / HTTP/1.1\r\nHost: a\r\nA: 1\r\nConnection: TE\r\nTE: trailers\r\n\r\n");
    check_request(wire, &upgrade,
                  "POST / HTTP/1.1\r\nHost: a\r\nA: 1\r\nConnection: upgrade\r\n\r\n");
    check_request(wire, &chunked,
                  "POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nA: 1\r\n"
                  "Transfer-Encoding: chunked\r\nConnection: TE\r\nTE: trailers\r\n\r\n");
}

static void an_upgrade_goes_on_when_told_so(void **state UNUSED)
{
    const struct http1_out upgrade = {.upgrade = true};

    check_request(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X, Upgrade\r\nX: 1\r\n"
        "Upgrade: chat,  foo/2\r\nA: 1\r\nUpgrade:websocket\r\n\r\n",
        &upgrade,
        "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nConnection: upgrade\r\n"
        "Upgrade: chat,  foo/2\r\nUpgrade: websocket\r\n\r\n");
}

static void odd_spelling_is_made_even(void **state UNUSED)
{
    check_request("GET / HTTP/1.1\r\nHost:a\r\nA: 1\r\nB:\t2 \r\nC: 3\r\nD:\r\n\r\n", &plain,
                  "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: \r\n\r\n");
}

static void the_target_goes_out_in_origin_form(void **state UNUSED)
{
    check_request("\r\nGET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", &plain,
                  "GET /x?y HTTP/1.1\r\nHost: a\r\n\r\n");
    check_request("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", &plain,
                  "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    check_request("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", &plain,
                  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    check_request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &plain,
                  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    check_request("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", &plain,
                  "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
}

static void a_host_is_always_sent_and_sent_once(void **state UNUSED)
{
    const struct http1_out other = {.host = STR("b:81")};

    check_request("GET / HTTP/1.0\r\n\r\n", &plain, "GET / HTTP/1.1\r\nHost: \r\n\r\n");
    check_request("GET http://a/ HTTP/1.0\r\nA: 1\r\n\r\n", &plain,
                  "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\n\r\n");
    check_request("GET / HTTP/1.1\r\nA: 1\r\nHost: a\r\nB: 2\r\n\r\n", &other,
                  "GET / HTTP/1.1\r\nHost: b:81\r\nA: 1\r\nB: 2\r\n\r\n");
    check_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n", &plain,
                  "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void request_framing_is_ours(void **state UNUSED)
{
    const struct http1_out length = {.body = {HTTP1_BODY_LENGTH, 18446744073709551615u}};
    const struct http1_out chunked = {.body = {HTTP1_BODY_CHUNKED, 0}};

    check_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", &length,
                  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n");
    check_request("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n", &chunked,
                  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    check_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", &plain,
                  "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void extra_fields_are_added_or_replace(void **state UNUSED)
{
    const struct http1_extra extra[] = {
        {STR("X-Forwarded-For"), STR("10.0.0.1"), false},
        {STR("X-User"), STR("7"), true},
        {STR("X-Debug"), {NULL, 0}, true},
        {STR("X-Empty"), STR(""), true},
    };
    const struct http1_out out = {
        .extra = extra, .extra_count = ARRAY_LEN(extra), .connection = HTTP1_CONNECTION_CLOSE};

    check_request(
        "GET / HTTP/1.1\r\nHost: a\r\nx-user: 1\r\nX-DEBUG: 1\r\nA: 1\r\n"
        "X-Forwarded-For: b\r\nX-User: 2\r\n\r\n",
        &out,
        "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nX-Forwarded-For: b\r\n"
        "X-Forwarded-For: 10.0.0.1\r\nX-User: 7\r\nX-Empty: \r\n"
        "Connection: close\r\n\r\n");
}

/* ---- responses ------------------------------------------------------------------------------ */

static void responses_keep_status_reason_and_fields(void **state UNUSED)
{
    const struct http1_out length = {.body = {HTTP1_BODY_LENGTH, 5},
                                     .connection = HTTP1_CONNECTION_KEEP_ALIVE};

    check_response(
        "HTTP/1.0 299 Very  Fine\r\nContent-Length: 5\r\nSet-Cookie: a\r\n"
        "Connection: X\r\nX: 1\r\nSet-Cookie: b\r\nHost: x\r\n\r\n",
        &length,
        "HTTP/1.1 299 Very  Fine\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nHost: x\r\n"
        "Content-Length: 5\r\nConnection: keep-alive\r\n\r\n");
    check_response("HTTP/1.1 200\r\n\r\n", &plain, "HTTP/1.1 200 \r\n\r\n");
}

static void response_framing_is_ours(void **state UNUSED)
{
    const struct http1_out chunked = {.body = {HTTP1_BODY_CHUNKED, 0}};
    const struct http1_out closing = {.body = {HTTP1_BODY_UNTIL_CLOSE, 0},
                                      .connection = HTTP1_CONNECTION_CLOSE};
    const struct http1_out empty = {.body = {HTTP1_BODY_LENGTH, 0}};
    const char *wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n";

    check_response(wire, &chunked,
                   "HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n");
    check_response(wire, &closing, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    check_response(wire, &empty, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void responses_without_a_date_get_one(void **state UNUSED)
{
    const struct http1_out dated = {.date = STR("today")};

    check_response("HTTP/1.1 200 OK\r\nA: 1\r\n\r\n", &dated,
                   "HTTP/1.1 200 OK\r\nA: 1\r\nDate: today\r\n\r\n");
    check_response("HTTP/1.1 200 OK\r\nConnection: date\r\ndate: 1\r\nA: 1\r\n\r\n", &dated,
                   "HTTP/1.1 200 OK\r\ndate: 1\r\nA: 1\r\n\r\n");
}

static void bodiless_responses_tell_the_length_they_would_have(void **state UNUSED)
{
    check_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", &plain,
                   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    check_response("HTTP/1.1 304 x\r\nContent-Length: 5\r\nETag: 1\r\n\r\n", &plain,
                   "HTTP/1.1 304 x\r\nETag: 1\r\nContent-Length: 5\r\n\r\n");
    check_response("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", &plain, "HTTP/1.1 204 x\r\n\r\n");
    check_response("HTTP/1.1 103 Early Hints\r\nLink: a\r\nContent-Length: 0\r\n\r\n", &plain,
                   "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
}

/* ---- our own answers ------------------------------------------------------------------------ */

static void check_answer(const struct http1_answer *a, const char *want)
{
    size_t n = strlen(want);

    for (size_t size = 0; size < n + 3; size++) {
        CLEANUP(xfreep) char *dst = xalloc(size ? size : 1);
        size_t written = http1_write_answer(a, dst, size);

        if (size < n)
            assert_int_equal(written, 0);
        else if (written != n || memcmp(dst, want, n) != 0)
            fail_msg("\n  wrote:  %.*s\n  wanted: %s", (int)written, dst, want);
    }
}

static void answers_say_what_went_wrong(void **state UNUSED)
{
    const struct http1_extra extra[] = {{STR("Retry-After"), STR("1"), false}};

    check_answer(&(struct http1_answer){.status = 404},
                 "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n"
                 "Cache-Control: no-store\r\nContent-Length: 14\r\n\r\n404 Not Found\n");
    check_answer(&(struct http1_answer){.status = 503,
                                        .why = "no system answers",
                                        .connection = HTTP1_CONNECTION_CLOSE,
                                        .extra = extra,
                                        .extra_count = 1},
                 "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"
                 "Cache-Control: no-store\r\nContent-Length: 43\r\nRetry-After: 1\r\n"
                 "Connection: close\r\n\r\n503 Service Unavailable: no system answers\n");
    check_answer(&(struct http1_answer){.status = 502, .head_only = true},
                 "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\n"
                 "Cache-Control: no-store\r\nContent-Length: 16\r\n\r\n");
}

static void every_status_we_answer_with_has_a_reason(void **state UNUSED)
{
    static const unsigned ours[] = {400, 404, 408, 413, 414, 417, 431,
                                    500, 501, 502, 503, 504, 505};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        assert_string_not_equal(http1_reason(ours[i]), "Unknown");
    assert_string_equal(http1_reason(299), "Unknown");
}

/* What went out is what another strict parser accepts, and means the same. */
static void written_heads_parse_again(void **state UNUSED)
{
    const struct http1_out out = {.body = {HTTP1_BODY_LENGTH, 5}};
    struct str value;
    struct http1_head h;
    char dst[512];

    heads_parse(HTTP1_REQUEST,
                STR("POST http://a/x HTTP/1.1\r\nHost: A:80\r\nX-K:\tv \r\nContent-Length: 5\r\n"
                    "Connection: X-L\r\nX-L: 1\r\n\r\nhello"),
                &h);
    size_t n = http1_write_request(&h, &out, dst, sizeof(dst));

    heads_parse(HTTP1_REQUEST, (struct str){dst, n}, &h);
    assert_int_equal(h.size, n);
    assert_int_equal(h.content_length, 5);
    assert_true(str_eq(http1_path(&h), STR("/x")));
    assert_true(http1_find(&h, STR("x-k"), &value) && str_eq(value, STR("v")));
    assert_false(http1_find(&h, STR("x-l"), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request_goes_out_as_it_came),
        cmocka_unit_test(hop_by_hop_fields_stay_here),
        cmocka_unit_test(the_wish_for_trailers_goes_on),
        cmocka_unit_test(an_upgrade_goes_on_when_told_so),
        cmocka_unit_test(odd_spelling_is_made_even),
        cmocka_unit_test(the_target_goes_out_in_origin_form),
        cmocka_unit_test(a_host_is_always_sent_and_sent_once),
        cmocka_unit_test(request_framing_is_ours),
        cmocka_unit_test(extra_fields_are_added_or_replace),
        cmocka_unit_test(responses_keep_status_reason_and_fields),
        cmocka_unit_test(response_framing_is_ours),
        cmocka_unit_test(responses_without_a_date_get_one),
        cmocka_unit_test(bodiless_responses_tell_the_length_they_would_have),
        cmocka_unit_test(answers_say_what_went_wrong),
        cmocka_unit_test(every_status_we_answer_with_has_a_reason),
        cmocka_unit_test(written_heads_parse_again),
    };

    return cmocka_run_group_tests_name("http1 write", tests, NULL, NULL);
}
