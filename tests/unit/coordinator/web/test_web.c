/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/web/web.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "tests/rude/rude_server.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static struct web *new_web(void)
{
    struct web_config config = {.ca = NULL};
    struct web *w;
    struct err err;

    assert_ok(web_new(&config, &w, &err), &err);
    return w;
}

struct call {
    struct web *w;
    struct buf body;
    unsigned status;
    struct err err;
    int r;
    int64_t took_ms;
};

static void make_call(struct call *c, const char *url, dur_t timeout)
{
    struct web_request req = {.url = url, .timeout = timeout};
    mono_t begun = clock_system->mono(clock_system);

    buf_clear(&c->body);
    c->err = (struct err){.code = ERR_NONE};
    c->r = web_call(c->w, &req, &c->status, &c->body, &c->err);
    c->took_ms = dur_to_ms(mono_sub(clock_system->mono(clock_system), begun));
}

static void call_begin(struct call *c)
{
    *c = (struct call){.w = new_web(), .body = BUF_INIT(1024)};
}

static void call_end(struct call *c)
{
    web_free(c->w);
    buf_deinit(&c->body);
}

/* One call of a fresh handle that must fail so, with `part` in its words. */
static void fails(enum rude_manner manner, const char *text, enum err_code want, const char *part)
{
    CLEANUP(rude_stopp) struct rude_server *s = rude_start(manner, text);
    CLEANUP(call_end) struct call c;

    call_begin(&c);
    make_call(&c, rude_url(s, "/x"), dur_ms(want == ERR_TIMEOUT ? 150 : 10000));
    assert_int_equal(c.r, -(int)want);
    assert_holds(c.err.msg, part);
    assert_true(c.took_ms < 5000);
}

static void answers_arrive_whole_with_any_status(void **state UNUSED)
{
    CLEANUP(rude_stopp)
    struct rude_server *s =
        rude_start(RUDE_ANSWER, "HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nlater");
    CLEANUP(call_end) struct call c;

    call_begin(&c);
    for (int i = 0; i < 3; i++) {
        make_call(&c, rude_url(s, "/health"), dur_s(10));
        assert_ok(c.r, &c.err);
        assert_int_equal(c.status, 503);
        assert_string_equal(buf_text(&c.body), "later");
    }
    assert_int_equal(rude_connections(s), 1); /* it is kept */
}

static void requests_carry_method_headers_and_body(void **state UNUSED)
{
    CLEANUP(rude_stopp)
    struct rude_server *s = rude_start(RUDE_ANSWER, OK_HEAD "Content-Length: 0\r\n\r\n");
    struct web *w = new_web();
    const char *const header[] = {"Content-Type: application/json", "X-Seal: 1", NULL};
    struct web_request req = {.method = "POST",
                              .url = rude_url(s, "/hook?token=t"),
                              .header = header,
                              .body = STR("{\"a\":1}"),
                              .timeout = dur_s(10)};
    struct buf body = BUF_INIT(16);
    char heard[4096];
    unsigned status;
    struct err err;

    assert_ok(web_call(w, &req, &status, &body, &err), &err);
    rude_heard(s, heard);
    assert_holds(heard, "POST /hook?token=t HTTP/1.1\r\n");
    assert_holds(heard, "\r\nX-Seal: 1\r\n");
    assert_holds(heard, "\r\nContent-Length: 7\r\n");
    assert_holds(heard, "\r\n\r\n{\"a\":1}");
    req = (struct web_request){.url = rude_url(s, "/"), .timeout = dur_s(10)};
    assert_ok(web_call(w, &req, &status, &body, &err), &err);
    assert_holds(rude_heard(s, heard), "{\"a\":1}GET / HTTP/1.1\r\n");
    web_free(w);
    buf_deinit(&body);
}

static void redirects_are_not_followed(void **state UNUSED)
{
    CLEANUP(rude_stopp) struct rude_server *other = rude_start(RUDE_SAY, OK_HEAD "\r\n");
    CLEANUP(rude_stopp) struct rude_server *s = NULL;
    CLEANUP(call_end) struct call c;
    char text[256];

    str_fmt(text, sizeof text, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
            rude_url(other, "/"));
    s = rude_start(RUDE_SAY, text);
    call_begin(&c);
    make_call(&c, rude_url(s, "/"), dur_s(10));
    assert_ok(c.r, &c.err);
    assert_int_equal(c.status, 302);
    assert_int_equal(rude_connections(other), 0);
}

static void an_answer_that_never_begins_ends_in_time(void **state UNUSED)
{
    fails(RUDE_SILENT, NULL, ERR_TIMEOUT, "no answer within 150 ms");
}

static void an_answer_that_never_ends_ends_in_time(void **state UNUSED)
{
    fails(RUDE_DRIP, OK_HEAD "Content-Length: 1000\r\n\r\n", ERR_TIMEOUT, "no answer");
    fails(RUDE_DRIP, OK_HEAD "X-Long: ", ERR_TIMEOUT, "no answer");
}

static void a_large_body_is_given_up(void **state UNUSED)
{
    fails(RUDE_FLOOD, OK_HEAD "\r\n", ERR_EXHAUSTED, "larger than 1024 bytes");
}

static void a_large_head_is_given_up(void **state UNUSED)
{
    CLEANUP(rude_stopp) struct rude_server *s = rude_start(RUDE_LOOP, "HTTP/1.1 100 Go\r\n\r\n");
    CLEANUP(call_end) struct call c;

    call_begin(&c);
    make_call(&c, rude_url(s, "/"), dur_s(10));
    assert_int_equal(c.r, -(int)ERR_EXHAUSTED);
    assert_holds(c.err.msg, "larger than 65536 bytes");
}

static void broken_answers_are_no_answers(void **state UNUSED)
{
    fails(RUDE_RESET, NULL, ERR_UNAVAILABLE, "127.0.0.1");
    fails(RUDE_SAY, NULL, ERR_UNAVAILABLE, "127.0.0.1");
    fails(RUDE_SAY, OK_HEAD "Content-Length: 100\r\n\r\nhalf", ERR_UNAVAILABLE, "127.0.0.1");
    fails(RUDE_SAY, "SSH-2.0-OpenSSH_9.2\r\n", ERR_UNAVAILABLE, "127.0.0.1");
}

static void who_is_not_there_is_named_without_secrets(void **state UNUSED)
{
    CLEANUP(call_end) struct call c;
    char url[128];

    call_begin(&c);
    str_fmt(url, sizeof url, "http://user:s3cret@127.0.0.1:%u/health?token=s3cret", rude_no_port());
    make_call(&c, url, dur_s(10));
    assert_int_equal(c.r, -(int)ERR_REFUSED);
    assert_holds(c.err.msg, "/health: ");
    assert_null(strstr(c.err.msg, "s3cret"));
}

static void addresses_that_are_none_are_invalid(void **state UNUSED)
{
    CLEANUP(call_end) struct call c;

    call_begin(&c);
    make_call(&c, "http://[::1", dur_s(10));
    assert_int_equal(c.r, -(int)ERR_INVALID);
    make_call(&c, "file:///etc/passwd", dur_s(10));
    assert_int_equal(c.r, -(int)ERR_INVALID);
    assert_int_equal(c.body.len, 0);
}

static void a_server_without_tls_is_refused(void **state UNUSED)
{
    CLEANUP(rude_stopp) struct rude_server *s = rude_start(RUDE_SAY, "HTTP/1.1 400 No\r\n\r\n");
    CLEANUP(call_end) struct call c;
    char url[64];

    call_begin(&c);
    str_fmt(url, sizeof url, "https://127.0.0.1:%u/", rude_port(s));
    make_call(&c, url, dur_s(10));
    assert_int_equal(c.r, -(int)ERR_DENIED);
}

static void a_name_that_nobody_has_is_unavailable(void **state UNUSED)
{
    CLEANUP(call_end) struct call c;

    call_begin(&c);
    make_call(&c, "http://nobody.invalid/", dur_s(10));
    assert_true(c.r == -(int)ERR_UNAVAILABLE || c.r == -(int)ERR_TIMEOUT);
}

static void *cancel_it(void *arg)
{
    struct call *c = arg;

    (void)poll(NULL, 0, 50);
    web_cancel(c->w);
    return NULL;
}

static void cancelling_ends_the_call_at_once(void **state UNUSED)
{
    CLEANUP(rude_stopp) struct rude_server *s = rude_start(RUDE_SILENT, NULL);
    CLEANUP(call_end) struct call c;
    pthread_t thread;

    call_begin(&c);
    assert_int_equal(pthread_create(&thread, NULL, cancel_it, &c), 0);
    make_call(&c, rude_url(s, "/"), dur_s(60));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(c.r, -(int)ERR_CANCELLED);
    assert_true(c.took_ms < 5000);
    make_call(&c, rude_url(s, "/"), dur_s(60)); /* until web_again() */
    assert_int_equal(c.r, -(int)ERR_CANCELLED);

    rude_become(s, RUDE_SAY, OK_HEAD "Content-Length: 0\r\n\r\n");
    web_again(c.w);
    make_call(&c, rude_url(s, "/"), dur_s(10));
    assert_ok(c.r, &c.err);
}

static void shown_addresses_hold_no_secrets(void **state UNUSED)
{
    char shown[WEB_SHOW_SIZE];

    assert_string_equal(web_show("http://a:b@h:1/p?q=1#f", shown), "http://h:1/p");
    assert_string_equal(web_show("https://h", shown), "https://h");
    assert_string_equal(web_show("http://h/a@b", shown), "http://h/a@b");
    assert_string_equal(web_show("http://a@b@h/", shown), "http://h/");
    assert_string_equal(web_show("http://h/\x1b[1m", shown), "http://h/?[1m");
    assert_string_equal(web_show("h/p?q", shown), "h/p");
    assert_string_equal(web_show("", shown), "");
}

static int start(void **state UNUSED)
{
    web_start();
    return 0;
}

static int end(void **state UNUSED)
{
    web_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_arrive_whole_with_any_status),
        cmocka_unit_test(requests_carry_method_headers_and_body),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(an_answer_that_never_begins_ends_in_time),
        cmocka_unit_test(an_answer_that_never_ends_ends_in_time),
        cmocka_unit_test(a_large_body_is_given_up),
        cmocka_unit_test(a_large_head_is_given_up),
        cmocka_unit_test(broken_answers_are_no_answers),
        cmocka_unit_test(who_is_not_there_is_named_without_secrets),
        cmocka_unit_test(addresses_that_are_none_are_invalid),
        cmocka_unit_test(a_server_without_tls_is_refused),
        cmocka_unit_test(a_name_that_nobody_has_is_unavailable),
        cmocka_unit_test(cancelling_ends_the_call_at_once),
        cmocka_unit_test(shown_addresses_hold_no_secrets),
    };

    return cmocka_run_group_tests(tests, start, end);
}
