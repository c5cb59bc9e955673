/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: trailers that may go on are kept in one spelling however their bytes arrive, those that
 * belong into a head are not, and what cannot be read or kept is refused. */
#include "common/http1/http1_trailers.h"

#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>

#include <cmocka.h>

#include "common/base/mem.h"

/* A chunked body, `cut` bytes of it at first and then `step` at a time, in memory of exactly that
 * size. */
static enum http1_body_result take(struct http1_body *b, struct str wire, size_t cut, size_t step)
{
    enum http1_body_result r = HTTP1_BODY_MORE;
    size_t at = 0, used, payload;

    for (size_t end = cut; r == HTTP1_BODY_MORE && at < wire.n; end += step) {
        size_t n = (end < wire.n ? end : wire.n) - at;
        CLEANUP(xfreep) char *copy = xmemdup(wire.p + at, n ? n : 1);

        r = http1_body_squeeze(b, copy, n, &used, &payload);
        at += used;
    }
    return r;
}

static const struct http1_framing chunked = {.kind = HTTP1_BODY_CHUNKED};

static void check_kept(struct str wire, size_t cut, size_t step, const char *want)
{
    CLEANUP(buf_deinitp) struct buf kept = BUF_INIT(HTTP1_TRAILERS_KEPT_MAX);
    struct http1_body body;

    http1_body_init(&body, chunked);
    http1_body_keep_trailers(&body, &kept);
    assert_int_equal(take(&body, wire, cut, step), HTTP1_BODY_DONE);
    assert_string_equal(buf_text(&kept), want);
    assert_int_equal(kept.len, strlen(want));
}

static void trailers_are_kept_in_one_spelling(void **state UNUSED)
{
    static const struct {
        const char *wire, *kept;
    } cases[] = {
        {"0\r\n\r\n", ""},
        {"0\r\nX-Sum: 1\r\n\r\n", "X-Sum: 1\r\n"},
        {"3\r\nabc\r\n0\r\na:1\r\nB:  2 3\t \r\nc:\r\nd: \t\r\n\r\n",
         "a: 1\r\nB: 2 3\r\nc: \r\nd: \r\n"},
        {"0\r\na: 1\r\na: 1\r\n\r\n", "a: 1\r\na: 1\r\n"},
        {"0\r\na:b:c\r\n\r\n", "a: b:c\r\n"},
        {"0\r\na: \x80\r\n\r\n", "a: \x80\r\n"},
        {"0\r\nHost: x\r\na:1\r\ncontent_LENGTH:5\r\nb:2\r\nTransfer-Encoding: chunked\r\n\r\n",
         "a: 1\r\nb: 2\r\n"},
        {"0\r\nTE:\r\n\r\n", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str wire = str_of(cases[i].wire);

        for (size_t cut = 0; cut <= wire.n; cut++)
            check_kept(wire, cut, wire.n, cases[i].kept);
        check_kept(wire, 0, 1, cases[i].kept);
    }
}

static void what_belongs_into_a_head_does_not_go_on(void **state UNUSED)
{
    static const char *const no[] = {"content-length", "Transfer-Encoding",   "HOST",
                                     "Trailer",        "authorization",       "Set-Cookie",
                                     "If-Match",       "Proxy-Authorization", "X-Forwarded-For",
                                     "Content_Type",   "Connection",          "X_Switchyard_System",
                                     "Max-Forwards",   "Forwarded",           "cache-control"};
    static const char *const yes[] = {"grpc-status", "Server-Timing", "ETag",   "Content-Digest",
                                      "Hos",         "Hostt",         "X-Host", "iff"};

    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(http1_trailer_passes(str_of(no[i])));
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(http1_trailer_passes(str_of(yes[i])));
}

/* The most bytes that are not counted: each line may lack its space. */
static void there_is_room_for_all_that_is_allowed(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf wire = BUF_INIT(65536);
    CLEANUP(buf_deinitp) struct buf kept = BUF_INIT(HTTP1_TRAILERS_KEPT_MAX);
    const size_t each = HTTP1_TRAILERS_MAX / HTTP1_TRAILERS_COUNT_MAX;
    struct http1_body body;

    assert_true(buf_add_str(&wire, HTTP1_CHUNK_ZERO));
    for (unsigned i = 0; i < HTTP1_TRAILERS_COUNT_MAX; i++)
        buf_addf(&wire, "a:%0*u\r\n", (int)each - 2, i);
    buf_addf(&wire, "\r\n");
    http1_body_init(&body, chunked);
    http1_body_keep_trailers(&body, &kept);
    assert_int_equal(take(&body, buf_view(&wire), 0, wire.len), HTTP1_BODY_DONE);
    assert_int_equal(kept.len, HTTP1_TRAILERS_KEPT_MAX);
}

static void a_small_buffer_is_a_smaller_limit(void **state UNUSED)
{
    const char *wire = "0\r\nabc:12\r\n\r\n";

    for (size_t max = 0; max < 12; max++) {
        CLEANUP(buf_deinitp) struct buf kept = BUF_INIT(max);
        bool fits = max >= strlen("abc: 12\r\n");
        struct http1_body body;

        http1_body_init(&body, chunked);
        http1_body_keep_trailers(&body, &kept);
        assert_int_equal(take(&body, str_of(wire), 0, 1), fits ? HTTP1_BODY_DONE : HTTP1_BODY_BAD);
        if (!fits)
            assert_string_equal(body.why, "the trailers are too long");
    }
}

static void kept_lines_come_apart(void **state UNUSED)
{
    struct str rest = STR("grpc-status: 0\r\nx: \r\ny: a:b\r\n"), name, value;

    assert_true(http1_trailers_next(&rest, &name, &value));
    assert_true(str_eq(name, STR("grpc-status")) && str_eq(value, STR("0")));
    assert_true(http1_trailers_next(&rest, &name, &value));
    assert_true(str_eq(name, STR("x")) && value.n == 0);
    assert_true(http1_trailers_next(&rest, &name, &value));
    assert_true(str_eq(name, STR("y")) && str_eq(value, STR("a:b")));
    assert_false(http1_trailers_next(&rest, &name, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trailers_are_kept_in_one_spelling),
        cmocka_unit_test(what_belongs_into_a_head_does_not_go_on),
        cmocka_unit_test(there_is_room_for_all_that_is_allowed),
        cmocka_unit_test(a_small_buffer_is_a_smaller_limit),
        cmocka_unit_test(kept_lines_come_apart),
    };

    return cmocka_run_group_tests_name("http1 trailers", tests, NULL, NULL);
}
