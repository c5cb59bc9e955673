/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: a body ends where RFC 9112 says, its payload comes out whole however its bytes arrive,
 * and broken framing is refused with its reason. */
#include "common/http1/http1_body.h"

#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "tests/http1/heads.h"

/* ---- where the body ends -------------------------------------------------------------------- */

static struct http1_framing response(const char *wire, enum http1_method asked)
{
    struct http1_head h;

    heads_parse(HTTP1_RESPONSE, str_of(wire), &h);
    return http1_response_framing(&h, asked);
}

static void requests_have_a_body_only_when_they_say_so(void **state UNUSED)
{
    struct http1_head h;

    heads_parse(HTTP1_REQUEST, STR("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), &h);
    assert_int_equal(http1_request_framing(&h).kind, HTTP1_BODY_NONE);
    heads_parse(HTTP1_REQUEST, STR("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n"), &h);
    assert_int_equal(http1_request_framing(&h).kind, HTTP1_BODY_LENGTH);
    assert_int_equal(http1_request_framing(&h).length, 7);
    heads_parse(HTTP1_REQUEST,
                STR("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), &h);
    assert_int_equal(http1_request_framing(&h).kind, HTTP1_BODY_CHUNKED);
}

static void some_responses_have_no_body_whatever_they_say(void **state UNUSED)
{
    const char *ok = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    const char *chunked = "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n";

    assert_int_equal(response(ok, HTTP1_HEAD).kind, HTTP1_BODY_NONE);
    assert_int_equal(response(ok, HTTP1_CONNECT).kind, HTTP1_BODY_NONE);
    assert_int_equal(response(ok, HTTP1_GET).kind, HTTP1_BODY_LENGTH);
    assert_int_equal(response(ok, HTTP1_GET).length, 9);
    assert_int_equal(response(chunked, HTTP1_GET).kind, HTTP1_BODY_NONE);
    assert_int_equal(response("HTTP/1.1 100 x\r\n\r\n", HTTP1_POST).kind, HTTP1_BODY_NONE);
    assert_int_equal(response("HTTP/1.1 103 x\r\n\r\n", HTTP1_GET).kind, HTTP1_BODY_NONE);
    assert_int_equal(response("HTTP/1.1 204 x\r\n\r\n", HTTP1_GET).kind, HTTP1_BODY_NONE);
}

static void other_responses_end_by_chunk_length_or_close(void **state UNUSED)
{
    assert_int_equal(
        response("HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_GET).kind,
        HTTP1_BODY_CHUNKED);
    assert_int_equal(response("HTTP/1.0 200 x\r\n\r\n", HTTP1_GET).kind, HTTP1_BODY_UNTIL_CLOSE);
    assert_int_equal(response("HTTP/1.1 405 x\r\n\r\n", HTTP1_CONNECT).kind,
                     HTTP1_BODY_UNTIL_CLOSE);
}

static void the_next_hop_decides_how_an_open_length_is_sent(void **state UNUSED)
{
    struct http1_framing length = {HTTP1_BODY_LENGTH, 5}, chunked = {HTTP1_BODY_CHUNKED, 0};
    struct http1_framing closing = {HTTP1_BODY_UNTIL_CLOSE, 0}, none = {HTTP1_BODY_NONE, 0};

    assert_int_equal(http1_framing_for(length, 0).length, 5);
    assert_int_equal(http1_framing_for(length, 1).kind, HTTP1_BODY_LENGTH);
    assert_int_equal(http1_framing_for(chunked, 1).kind, HTTP1_BODY_CHUNKED);
    assert_int_equal(http1_framing_for(chunked, 0).kind, HTTP1_BODY_UNTIL_CLOSE);
    assert_int_equal(http1_framing_for(closing, 1).kind, HTTP1_BODY_CHUNKED);
    assert_int_equal(http1_framing_for(none, 0).kind, HTTP1_BODY_NONE);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

struct body_case {
    struct str wire;
    const char *told; /* "payload|rest" when done, "payload..." when not, else the reason */
};

#define BODY(bytes, words)                    \
    {                                         \
        {(bytes), sizeof(bytes) - 1}, (words) \
    }

static void tell(struct buf *b, enum http1_body_result r, const struct http1_body *body,
                 struct str rest)
{
    if (r == HTTP1_BODY_DONE) {
        buf_addf(b, "|%.*s", (int)rest.n, rest.p);
    } else if (r == HTTP1_BODY_MORE) {
        buf_addf(b, "...");
    } else {
        buf_clear(b);
        buf_addf(b, "%s", body->why);
    }
}

/* Feed wire[*at..end), in memory of exactly that size. */
static enum http1_body_result feed(struct http1_body *body, struct str wire, size_t *at, size_t end,
                                   struct buf *told)
{
    CLEANUP(xfreep) char *copy = xmemdup(wire.p + *at, end - *at ? end - *at : 1);
    enum http1_body_result r;
    size_t used, payload;

    r = http1_body_squeeze(body, copy, end - *at, &used, &payload);
    if (r == HTTP1_BODY_MORE)
        assert_int_equal(used, end - *at);
    assert_true(buf_add(told, copy, payload));
    *at += used;
    return r;
}

/* Feed in two parts, then `step` bytes at a time. */
static void check_fed(const struct body_case *c, struct http1_framing framing, size_t cut,
                      size_t step)
{
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(4096);
    enum http1_body_result r;
    struct http1_body body;
    size_t at = 0;

    http1_body_init(&body, framing);
    r = feed(&body, c->wire, &at, cut, &told);
    while (r == HTTP1_BODY_MORE && at < c->wire.n)
        r = feed(&body, c->wire, &at, c->wire.n - at < step ? c->wire.n : at + step, &told);
    if (r != HTTP1_BODY_BAD)
        assert_int_equal(body.payload, told.len);
    tell(&told, r, &body, (struct str){c->wire.p + at, c->wire.n - at});
    if (strcmp(buf_text(&told), c->told) != 0)
        fail_msg("%.*s (cut at %zu)\n  told:   %s\n  wanted: %s", (int)c->wire.n, c->wire.p, cut,
                 buf_text(&told), c->told);
}

static void check_cases(const struct body_case *cases, size_t n, struct http1_framing framing)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t cut = 0; cut <= cases[i].wire.n; cut++)
            check_fed(&cases[i], framing, cut, cases[i].wire.n);
        check_fed(&cases[i], framing, 0, 1);
    }
}

static const char bad_size[] = "a chunk size is not a hexadecimal number";

static void chunked_bodies_hold(void **state UNUSED)
{
    static const struct body_case cases[] = {
        BODY("0\r\n\r\n", "|"),
        BODY("5\r\nhello\r\n0\r\n\r\n", "hello|"),
        BODY("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /", "hello world|GET /"),
        BODY("a\r\n0123456789\r\n0A\r\n0123456789\r\n000\r\n\r\n", "01234567890123456789|"),
        BODY("5;a=b;c=\"d;\t\"\r\nhello\r\n0;x\r\n\r\n", "hello|"),
        BODY("2\r\n\r\n\r\n0\r\n\r\n", "\r\n|"),
        BODY("0\r\nExpires: never\r\nX-Sum:1\r\nE:\r\n\r\nnext", "|next"),
        BODY("5\r\nhel", "hel..."),
        BODY("5\r\nhello\r\n0\r\n", "hello..."),
        BODY("", "..."),
        BODY("\r\n", bad_size),
        BODY("x", bad_size),
        BODY("-1\r\n", bad_size),
        BODY("+1\r\n", bad_size),
        BODY("0x5\r\nhello\r\n", bad_size),
        BODY(" 5\r\nhello\r\n", bad_size),
        BODY("5 \r\nhello\r\n", bad_size),
        BODY("5\nhello\r\n", bad_size),
        BODY(";a\r\n", bad_size),
        BODY("5\r\nhello0\r\n\r\n", "a chunk is longer than its size"),
        BODY("5\r\nhello\n0\r\n\r\n", "a chunk is longer than its size"),
        BODY("5\r\nhello\r0\r\n\r\n", "a chunk does not end with CR LF"),
        BODY("5\r\rhello\r\n", "a chunk size line does not end with CR LF"),
        BODY("5;a\rb\r\nhello\r\n", "a chunk size line does not end with CR LF"),
        BODY("5;a\nb\r\nhello\r\n", "a control byte in a chunk extension"),
        BODY("fffffffffffffff\r\nx", "x..."),
        BODY("1000000000000000\r\n", "a chunk size has too many digits"),
        BODY("0000000000000005\r\n", "a chunk size has too many digits"),
        BODY("0\r\nno colon\r\n\r\n", "a trailer is not a field line"),
        BODY("0\r\n: x\r\n\r\n", "a trailer has no name"),
        BODY("0\r\n x: y\r\n\r\n", "a trailer is not a field line"),
        BODY("0\r\nx: y\nz: y\r\n\r\n", "a control byte in a trailer"),
        BODY("0\r\nx: y\r\r\n\r\n", "a trailer does not end with CR LF"),
        BODY("0\r\n\rGET", "the body does not end with CR LF"),
        BODY("0\r\n\n", "a trailer is not a field line"),
    };

    check_cases(cases, ARRAY_LEN(cases), (struct http1_framing){.kind = HTTP1_BODY_CHUNKED});
}

static void bodies_with_a_length_hold(void **state UNUSED)
{
    static const struct body_case five[] = {
        BODY("hello", "hello|"),
        BODY("hello world", "hello| world"),
        BODY("hel", "hel..."),
    };
    static const struct body_case empty[] = {
        BODY("", "|"),
        BODY("GET /", "|GET /"),
    };

    check_cases(five, ARRAY_LEN(five), (struct http1_framing){HTTP1_BODY_LENGTH, 5});
    check_cases(empty, ARRAY_LEN(empty), (struct http1_framing){HTTP1_BODY_LENGTH, 0});
    check_cases(empty, ARRAY_LEN(empty), (struct http1_framing){HTTP1_BODY_NONE, 0});
}

static void a_body_until_close_takes_everything_and_may_end(void **state UNUSED)
{
    static const struct body_case cases[] = {BODY("0\r\n\r\n", "0\r\n\r\n...")};
    struct http1_framing framing = {.kind = HTTP1_BODY_UNTIL_CLOSE};
    struct http1_body body;

    check_cases(cases, 1, framing);
    http1_body_init(&body, framing);
    assert_true(http1_body_may_end(&body));
    http1_body_init(&body, (struct http1_framing){HTTP1_BODY_LENGTH, 1});
    assert_false(http1_body_may_end(&body));
    http1_body_init(&body, (struct http1_framing){.kind = HTTP1_BODY_CHUNKED});
    assert_false(http1_body_may_end(&body));
    http1_body_init(&body, (struct http1_framing){.kind = HTTP1_BODY_NONE});
    assert_true(http1_body_may_end(&body));
}

/* ---- limits --------------------------------------------------------------------------------- */

/* Feed `head`, then `unit` until it is refused; returns how many units were taken. */
static unsigned take_until_refused(const char *head, const char *unit, const char **ret_why)
{
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(1 << 20);
    struct http1_body body;
    unsigned n = 0;
    size_t at = 0;

    http1_body_init(&body, (struct http1_framing){.kind = HTTP1_BODY_CHUNKED});
    assert_int_equal(feed(&body, str_of(head), &at, strlen(head), &told), HTTP1_BODY_MORE);
    for (at = 0; feed(&body, str_of(unit), &at, strlen(unit), &told) == HTTP1_BODY_MORE; at = 0)
        n++;
    *ret_why = body.why;
    return n;
}

static void extensions_and_trailers_are_limited(void **state UNUSED)
{
    const char *why;

    assert_int_equal(take_until_refused("1;", "x", &why), HTTP1_CHUNK_EXT_MAX);
    assert_string_equal(why, "the chunk extensions are too long");
    /* The limit is for all chunks together: many small extensions cost as much as a long one. */
    assert_int_equal(take_until_refused("", "1;xx\r\na\r\n", &why), HTTP1_CHUNK_EXT_MAX - 1);
    assert_string_equal(why, "the chunk extensions are too long");
    assert_int_equal(take_until_refused("0\r\na:", "x", &why), HTTP1_TRAILERS_MAX - 2);
    assert_string_equal(why, "the trailers are too long");
    assert_int_equal(take_until_refused("0\r\n", "x", &why), HTTP1_TRAILERS_MAX);
    assert_int_equal(take_until_refused("0\r\n", "a:1\r\n", &why), HTTP1_TRAILERS_COUNT_MAX);
    assert_string_equal(why, "too many trailers");
}

/* Uploads whose every chunk is signed are as long as they like. */
static void extensions_that_come_with_payload_have_no_limit(void **state UNUSED)
{
    const struct str chunk = STR("8;sign=12\r\n01234567\r\n");
    struct http1_body body;

    http1_body_init(&body, (struct http1_framing){.kind = HTTP1_BODY_CHUNKED});
    for (unsigned i = 0; i < 10 * HTTP1_CHUNK_EXT_MAX; i++) {
        char data[32];
        size_t used, payload;

        memcpy(data, chunk.p, chunk.n);
        assert_int_equal(http1_body_squeeze(&body, data, chunk.n, &used, &payload),
                         HTTP1_BODY_MORE);
        assert_int_equal(payload, 8);
    }
}

static void payload_is_handed_out_without_copying(void **state UNUSED)
{
    struct str wire = STR("5\r\nhello\r\n0\r\n\r\n");
    struct http1_body body;
    struct str payload;
    size_t used;

    http1_body_init(&body, (struct http1_framing){.kind = HTTP1_BODY_CHUNKED});
    assert_int_equal(http1_body_next(&body, wire, &used, &payload), HTTP1_BODY_MORE);
    assert_ptr_equal(payload.p, wire.p + 3);
    assert_int_equal(payload.n, 5);
    assert_int_equal(used, 8);
    wire = (struct str){wire.p + used, wire.n - used};
    assert_int_equal(http1_body_next(&body, wire, &used, &payload), HTTP1_BODY_DONE);
    assert_int_equal(payload.n, 0);
    assert_int_equal(used, wire.n);
    assert_int_equal(http1_body_next(&body, STR("next"), &used, &payload), HTTP1_BODY_DONE);
    assert_int_equal(used, 0);
}

static void others_may_pass_payload_on(void **state UNUSED)
{
    const struct http1_framing chunked = {.kind = HTTP1_BODY_CHUNKED};
    struct http1_body b;
    struct str payload;
    size_t used;

    http1_body_init(&b, (struct http1_framing){.kind = HTTP1_BODY_LENGTH, .length = 10});
    assert_int_equal(http1_body_next(&b, STR("abc"), &used, &payload), HTTP1_BODY_MORE);
    assert_int_equal(http1_body_rest(&b), 7);
    http1_body_passed(&b, 6);
    assert_int_equal(http1_body_rest(&b), 1);
    assert_int_equal(b.payload, 9);
    assert_false(http1_body_may_end(&b));
    assert_int_equal(http1_body_next(&b, STR("xy"), &used, &payload), HTTP1_BODY_DONE);
    assert_int_equal(used, 1);
    assert_int_equal(http1_body_rest(&b), 0);
    http1_body_init(&b, chunked);
    assert_int_equal(http1_body_next(&b, STR("5\r\nab"), &used, &payload), HTTP1_BODY_MORE);
    assert_int_equal(http1_body_rest(&b), 0);
}

static void chunk_heads_are_hexadecimal(void **state UNUSED)
{
    static const struct {
        uint64_t size;
        const char *head;
    } cases[] = {
        {1, "1\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {4096, "1000\r\n"},
        {0xabcdef, "abcdef\r\n"},
        {UINT64_MAX, "ffffffffffffffff\r\n"},
    };
    char dst[HTTP1_CHUNK_HEAD_MAX];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = http1_chunk_head(dst, cases[i].size);

        assert_int_equal(n, strlen(cases[i].head));
        assert_memory_equal(dst, cases[i].head, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_have_a_body_only_when_they_say_so),
        cmocka_unit_test(some_responses_have_no_body_whatever_they_say),
        cmocka_unit_test(other_responses_end_by_chunk_length_or_close),
        cmocka_unit_test(the_next_hop_decides_how_an_open_length_is_sent),
        cmocka_unit_test(chunked_bodies_hold),
        cmocka_unit_test(bodies_with_a_length_hold),
        cmocka_unit_test(a_body_until_close_takes_everything_and_may_end),
        cmocka_unit_test(extensions_and_trailers_are_limited),
        cmocka_unit_test(extensions_that_come_with_payload_have_no_limit),
        cmocka_unit_test(payload_is_handed_out_without_copying),
        cmocka_unit_test(others_may_pass_payload_on),
        cmocka_unit_test(chunk_heads_are_hexadecimal),
    };

    return cmocka_run_group_tests_name("http1 body", tests, NULL, NULL);
}
