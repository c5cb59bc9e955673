/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: header sections become the text of heads that the strict parser takes, or are refused. */
#include "sidecar/h2/h2_text.h"

#include "common/base/mem.h"
#include "common/http1/http1_body.h"
#include "common/http1/http1_parse.h"
#include "tests/lib/unit.h"

#define HEAD_MAX 1024

static struct h2_text text;
static struct buf out;

static int set_up(void **state UNUSED)
{
    h2_text_init(&text, HEAD_MAX);
    buf_init(&out, HEAD_MAX + H2_TEXT_SLACK);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    h2_text_deinit(&text);
    buf_deinit(&out);
    return 0;
}

struct field {
    const char *name, *value;
};

static bool add_all(const struct field *f)
{
    for (; f->name; f++) {
        if (!h2_text_add(&text, str_of(f->name), str_of(f->value)))
            return false;
    }
    return true;
}

static bool translate(enum h2_text_kind kind, const struct field *f, enum h2_text_body body)
{
    h2_text_begin(&text, kind);
    buf_clear(&out);
    return add_all(f) && h2_text_finish(&text, body, &out);
}

#define FIELDS(...)        \
    (const struct field[]) \
    {                      \
        __VA_ARGS__,       \
        {                  \
            NULL, NULL     \
        }                  \
    }
#define GET                                                     \
    {":method", "GET"}, {":scheme", "http"}, {":path", "/a?b"}, \
    {                                                           \
        ":authority", "app:80"                                  \
    }

static void request_becomes_text(void **state UNUSED)
{
    assert_true(translate(
        H2_TEXT_REQUEST,
        FIELDS(GET, {"cookie", "a=1"}, {"x-user-id", "7"}, {"cookie", "b=2"}, {"te", "trailers"}),
        H2_TEXT_BODILESS));
    assert_string_equal(buf_text(&out),
                        "GET /a?b HTTP/1.1\r\nHost: app:80\r\nCookie: a=1; b=2\r\nx-user-id: 7\r\n"
                        "Connection: close, TE\r\nTE: trailers\r\n\r\n");
}

static void body_is_framed(void **state UNUSED)
{
    assert_true(translate(H2_TEXT_REQUEST, FIELDS(GET), H2_TEXT_BODY));
    assert_holds(buf_text(&out), "\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_true(translate(H2_TEXT_REQUEST, FIELDS(GET, {"content-length", "5"}), H2_TEXT_BODY));
    assert_holds(buf_text(&out), "\r\ncontent-length: 5\r\n");
    assert_null(strstr(buf_text(&out), "chunked"));
}

static void length_gives_way_to_trailers(void **state UNUSED)
{
    static const struct field length = {"content-length", "5"};
    static const struct field status = {":status", "200"};
    static const struct field grpc = {"content-type", "application/grpc"};

    assert_true(translate(H2_TEXT_ANSWER, FIELDS(status, length, grpc), H2_TEXT_BODY));
    assert_false(text.has_length);
    assert_holds(buf_text(&out), "\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_null(strstr(buf_text(&out), "content-length"));
    assert_true(translate(H2_TEXT_ANSWER, FIELDS(status, length, grpc), H2_TEXT_BODILESS));
    assert_holds(buf_text(&out), "\r\ncontent-length: 5\r\n\r\n");
    assert_true(translate(H2_TEXT_REQUEST, FIELDS(GET, {"trailer", "a"}, length), H2_TEXT_BODY));
    assert_holds(buf_text(&out), "\r\nTransfer-Encoding: chunked\r\n\r\n");
    /* A call's messages have no trailers behind them on their way up. */
    assert_true(translate(H2_TEXT_REQUEST, FIELDS(GET, length, grpc), H2_TEXT_BODY));
    assert_holds(buf_text(&out), "\r\ncontent-length: 5\r\n\r\n");
}

static void host_stands_in_for_authority(void **state UNUSED)
{
    assert_true(
        translate(H2_TEXT_REQUEST,
                  FIELDS({":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "app"}),
                  H2_TEXT_BODILESS));
    assert_holds(buf_text(&out), "\r\nHost: app\r\n");
    assert_true(translate(H2_TEXT_REQUEST, FIELDS(GET, {"host", "APP:80"}), H2_TEXT_BODILESS));
    assert_holds(buf_text(&out), "\r\nHost: app:80\r\nConnection");
}

static void answers_and_trailers_become_text(void **state UNUSED)
{
    assert_true(
        translate(H2_TEXT_ANSWER, FIELDS({":status", "204"}, {"x-a", ""}), H2_TEXT_BODILESS));
    assert_string_equal(buf_text(&out),
                        "HTTP/1.1 204 No Content\r\nx-a: \r\nConnection: close\r\n\r\n");
    assert_true(translate(H2_TEXT_ANSWER, FIELDS({":status", "200"}), H2_TEXT_EMPTY));
    assert_holds(buf_text(&out), "\r\nContent-Length: 0\r\n\r\n");
    assert_true(translate(H2_TEXT_ANSWER, FIELDS({":status", "100"}, {"link", "x"}), H2_TEXT_BODY));
    assert_string_equal(buf_text(&out), "HTTP/1.1 100 Continue\r\nlink: x\r\n\r\n");
    assert_true(translate(H2_TEXT_ANSWER, FIELDS({"grpc-status", "0"}), H2_TEXT_BODY));
    assert_string_equal(buf_text(&out), "grpc-status: 0\r\n");
    assert_int_equal(text.status, 0);
}

static void malformed_sections_are_refused(void **state UNUSED)
{
    static const struct field bad[] = {
        {"Upper", "1"},
        {"", "1"},
        {"a b", "1"},
        {"a:", "1"},
        {"a", " 1"},
        {"a", "1\t"},
        {"a", "1\r\nb: 2"},
        {"a", "\x7f"},
        {"connection", "x"},
        {"upgrade", "x"},
        {"keep-alive", "1"},
        {"te", "gzip"},
        {"transfer-encoding", "chunked"},
        {"proxy-connection", "x"},
        {":path", "/late"},
        {":unknown", "1"},
        {"host", "other"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (translate(H2_TEXT_REQUEST, FIELDS(GET, bad[i]), H2_TEXT_BODILESS))
            fail_msg("%s: %s was taken", bad[i].name, bad[i].value);
    }
    assert_false(
        translate(H2_TEXT_REQUEST, FIELDS({":method", "GET"}, {":path", "/"}), H2_TEXT_BODILESS));
    assert_false(translate(H2_TEXT_REQUEST, FIELDS(GET, {":method", "PUT"}), H2_TEXT_BODILESS));
    assert_false(
        translate(H2_TEXT_REQUEST, FIELDS({":method", "GET /x HTTP/1.1\r\n"}), H2_TEXT_BODILESS));
    assert_false(translate(H2_TEXT_REQUEST, FIELDS({":path", "/a b"}), H2_TEXT_BODILESS));
    assert_false(translate(H2_TEXT_REQUEST, FIELDS({":status", "200"}), H2_TEXT_BODILESS));
    assert_false(translate(H2_TEXT_ANSWER, FIELDS({":status", "101"}), H2_TEXT_BODILESS));
    assert_false(translate(H2_TEXT_ANSWER, FIELDS({":status", "20"}), H2_TEXT_BODILESS));
    assert_false(translate(H2_TEXT_TRAILERS, FIELDS({":path", "/"}), H2_TEXT_BODILESS));
}

static void connect_has_an_authority_only(void **state UNUSED)
{
    assert_true(translate(H2_TEXT_REQUEST,
                          FIELDS({":method", "CONNECT"}, {":authority", "app:443"}), H2_TEXT_BODY));
    assert_holds(buf_text(&out), "CONNECT app:443 HTTP/1.1\r\nHost: app:443\r\n");
    assert_false(translate(H2_TEXT_REQUEST, FIELDS({":method", "CONNECT"}), H2_TEXT_BODY));
}

static unsigned refusal_of(struct str head)
{
    struct http1_header headers[HTTP1_HEADERS_MAX];
    struct http1_limits limits = {.line_max = 256, .head_max = HEAD_MAX};
    struct http1_parser p;
    struct http1_head h;

    http1_parser_init(&p, HTTP1_REQUEST, limits, &h, headers, HTTP1_HEADERS_MAX);
    return http1_parse(&p, head.p, head.n) == HTTP1_REFUSED ? p.status : 0;
}

/* What does not fit in the text must not vanish from it. */
static void large_sections_are_refused_as_heads(void **state UNUSED)
{
    static char large[HEAD_MAX + 1];

    memset(large, 'a', HEAD_MAX);
    assert_true(translate(H2_TEXT_REQUEST, FIELDS(GET, {"x-big", large}), H2_TEXT_BODILESS));
    assert_int_equal(refusal_of(buf_view(&out)), 431);
    assert_true(
        translate(H2_TEXT_REQUEST, FIELDS(GET, {"cookie", large}, {"a", "b"}), H2_TEXT_BODILESS));
    assert_int_equal(refusal_of(buf_view(&out)), 431);
    large[512] = '\0';
    assert_true(translate(H2_TEXT_REQUEST, FIELDS(GET, {"x-big", large}), H2_TEXT_BODILESS));
    assert_int_equal(refusal_of(buf_view(&out)), 0);
    assert_true(translate(
        H2_TEXT_REQUEST,
        FIELDS({":method", "GET"}, {":scheme", "http"}, {":path", large}, {":authority", "app"}),
        H2_TEXT_BODILESS));
    assert_int_equal(refusal_of(buf_view(&out)), 414);
}

static bool translate_trailers(enum h2_text_kind kind, unsigned count, struct str value)
{
    h2_text_begin(&text, kind);
    buf_clear(&out);
    for (unsigned i = 0; i < count; i++)
        assert_true(h2_text_add(&text, STR("a"), value));
    return h2_text_finish(&text, H2_TEXT_BODILESS, &out);
}

static enum http1_body_result read_trailers(void)
{
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(2 * HTTP1_TRAILERS_MAX);
    struct http1_body b;
    struct str payload;
    size_t used;

    assert_true(buf_addf(&body, "0\r\n%s\r\n", buf_text(&out)));
    http1_body_init(&b, (struct http1_framing){.kind = HTTP1_BODY_CHUNKED});
    return http1_body_next(&b, buf_view(&body), &used, &payload);
}

/* What is taken here can be read there, and nothing is left out for that. */
static void trailers_past_what_http1_takes_are_refused(void **state UNUSED)
{
    static const enum h2_text_kind kinds[] = {H2_TEXT_TRAILERS, H2_TEXT_ANSWER};
    static const struct str none = {"", 0};
    static char large[2 * HTTP1_TRAILERS_MAX];
    const size_t most = HTTP1_TRAILERS_MAX - strlen("a: \r\n");

    tear_down(NULL);
    h2_text_init(&text, sizeof large);
    buf_init(&out, sizeof large);
    memset(large, 'a', sizeof large);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        assert_true(translate_trailers(kinds[i], HTTP1_TRAILERS_COUNT_MAX, none));
        assert_int_equal(read_trailers(), HTTP1_BODY_DONE);
        assert_false(translate_trailers(kinds[i], HTTP1_TRAILERS_COUNT_MAX + 1, none));
        assert_true(translate_trailers(kinds[i], 1, (struct str){large, most}));
        assert_int_equal(read_trailers(), HTTP1_BODY_DONE);
        assert_false(translate_trailers(kinds[i], 1, (struct str){large, most + 1}));
        assert_false(translate_trailers(kinds[i], 1, (struct str){large, sizeof large}));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_becomes_text),
        cmocka_unit_test(body_is_framed),
        cmocka_unit_test(length_gives_way_to_trailers),
        cmocka_unit_test(host_stands_in_for_authority),
        cmocka_unit_test(answers_and_trailers_become_text),
        cmocka_unit_test(malformed_sections_are_refused),
        cmocka_unit_test(connect_has_an_authority_only),
        cmocka_unit_test(large_sections_are_refused_as_heads),
        cmocka_unit_test(trailers_past_what_http1_takes_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
