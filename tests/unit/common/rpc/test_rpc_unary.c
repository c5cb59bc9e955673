/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <unistd.h>

#include "health.pb-c.h"
#include "tests/rpc/rpc_fixture.h"

static void a_request_is_answered(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    ask(f->client, "Say", "hello", dur_s(5), &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_NONE);
    assert_string_equal(a.text, "hello");
    assert_int_equal(f->echo.said, 1);
    assert_holds(f->echo.last_peer, "ipv4:127.0.0.1:");
}

static void the_callback_never_comes_inside_the_call(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    ask(f->client, "Say", "x", dur_s(5), &a);
    assert_false(a.came);
    WAIT(f->loop, a.came);
}

static void many_requests_are_answered(void **state)
{
    struct fixture *f = *state;
    struct answer a[200];

    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        ask(f->client, "Say", "x", dur_s(20), &a[i]);
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        WAIT(f->loop, a[i].came);
        assert_int_equal(a[i].status.code, ERR_NONE);
    }
}

/* ---- failures that the handler names ------------------------------------------------------- */

static void fail_with(struct fixture *f, enum err_code code, const char *message, const char *hint,
                      struct answer *a)
{
    Test__Echo__Failure req = TEST__ECHO__FAILURE__INIT;

    req.code = (char *)(uintptr_t)err_text(code);
    req.message = (char *)(uintptr_t)message;
    req.hint = (char *)(uintptr_t)hint;
    *a = (struct answer){0};
    rpc_client_call(f->client, ECHO, "Fail", &req.base, dur_s(5), on_answer, a);
    WAIT(f->loop, a->came);
}

static void every_code_comes_through_with_its_words(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        fail_with(f, (enum err_code)code, "stage half: not now", "wait a while", &a);
        assert_int_equal(a.status.code, code);
        assert_string_equal(a.status.msg, "stage half: not now");
        assert_string_equal(a.status.hint, "wait a while");
    }
}

static void any_text_comes_through(void **state)
{
    static const char odd[] =
        "100% of \"n\xc3\xb6"
        "des\" +%zz%41 ";
    struct fixture *f = *state;
    struct answer a;

    fail_with(f, ERR_REFUSED, odd, odd, &a);
    assert_string_equal(a.status.msg, odd);
    assert_string_equal(a.status.hint, odd);
}

static void a_missing_hint_stays_empty(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    fail_with(f, ERR_CONFLICT, "x", "", &a);
    assert_string_equal(a.status.hint, "");
}

static void the_longest_texts_come_through(void **state)
{
    struct fixture *f = *state;
    char message[sizeof((struct err *)0)->msg], hint[sizeof((struct err *)0)->hint];
    struct answer a;

    memset(message, '%', sizeof message - 1);
    memset(hint, '%', sizeof hint - 1);
    message[sizeof message - 1] = hint[sizeof hint - 1] = '\0';
    fail_with(f, ERR_INVALID, message, hint, &a);
    assert_string_equal(a.status.msg, message);
    assert_string_equal(a.status.hint, hint);
}

/* ---- failures that the library names ------------------------------------------------------- */

static void an_unknown_service_is_unimplemented(void **state)
{
    struct fixture *f = *state;
    ProtobufCServiceDescriptor other = *ECHO;
    Test__Echo__Text req = TEST__ECHO__TEXT__INIT;
    struct answer a = {0};

    other.name = "test.echo.Missing";
    rpc_client_call(f->client, &other, "Say", &req.base, dur_s(5), on_answer, &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_UNSUPPORTED);
    assert_holds(a.status.msg, "/test.echo.Missing/Say");
}

static void an_unknown_method_is_unimplemented(void **state)
{
    static const unsigned index[] = {0};
    struct fixture *f = *state;
    ProtobufCMethodDescriptor method = {"Shout", &test__echo__text__descriptor,
                                        &test__echo__text__descriptor};
    ProtobufCServiceDescriptor other = *ECHO;
    Test__Echo__Text req = TEST__ECHO__TEXT__INIT;
    struct answer a = {0};

    other.n_methods = 1;
    other.methods = &method;
    other.method_indices_by_name = index;
    rpc_client_call(f->client, &other, "Shout", &req.base, dur_s(5), on_answer, &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_UNSUPPORTED);
    assert_string_equal(a.status.msg, "service test.echo.Echo has no method Shout");
}

/* Field 1 of HealthCheckResponse is a number, of Text a string. */
static void a_request_that_is_not_the_type_is_invalid(void **state)
{
    struct fixture *f = *state;
    Grpc__Health__V1__HealthCheckResponse req = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    struct answer a = {0};

    req.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    rpc_client_call(f->client, ECHO, "Say", &req.base, dur_s(5), on_answer, &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_INVALID);
    assert_holds(a.status.msg, "test.echo.Text");
    assert_int_equal(f->echo.said, 0);
}

static void a_request_over_the_limit_is_refused(void **state)
{
    struct fixture *f = *state;
    Test__Echo__Text req = TEST__ECHO__TEXT__INIT;
    struct answer a = {0};

    req.data.len = 4u << 20;
    req.data.data = xcalloc(1, req.data.len);
    rpc_client_call(f->client, ECHO, "Say", &req.base, dur_s(10), on_answer, &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_EXHAUSTED);
    req.data.len /= 2;
    a = (struct answer){0};
    rpc_client_call(f->client, ECHO, "Say", &req.base, dur_s(10), on_answer, &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_NONE);
    assert_int_equal(a.data, req.data.len);
    free(req.data.data);
}

static void a_deadline_ends_the_call_on_both_sides(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    ask(f->client, "Hold", "x", dur_ms(200), &a);
    WAIT(f->loop, f->echo.held);
    assert_true(mono_sub(rpc_call_deadline(f->echo.held), loop_now(f->loop)).ns < dur_ms(300).ns);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_TIMEOUT);
    assert_holds(a.status.msg, f->address);
    WAIT(f->loop, rpc_call_cancelled(f->echo.held));
    echo_release(&f->echo);
}

static unsigned open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* A port that the kernel answers for a process that is stopped. */
static int listen_mute(char address[64])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    assert_true(str_fmt(address, 64, "127.0.0.1:%d", ntohs(a.sin_port)));
    return fd;
}

static void a_client_that_goes_while_it_connects_leaves_no_socket(void **state)
{
    struct fixture *f = *state;
    char address[64];
    int mute = listen_mute(address);
    struct rpc_client *c;
    struct answer a;
    unsigned before = open_files();

    for (unsigned i = 0; i < 8; i++) {
        c = fixture_connect(
            f, (struct rpc_client_config){.target = address, .connect_timeout = dur_ms(300)});
        ask(c, "Say", "hello", dur_ms(100), &a);
        WAIT(f->loop, a.came);
        rpc_client_free(c);
    }
    WAIT(f->loop, open_files() <= before);
    close(mute);
}

static void a_call_may_be_answered_later(void **state)
{
    struct fixture *f = *state;
    struct answer a, b;

    ask(f->client, "Hold", "x", dur_s(5), &a);
    WAIT(f->loop, f->echo.held);
    ask(f->client, "Say", "in between", dur_s(5), &b);
    WAIT(f->loop, b.came);
    assert_false(a.came);
    assert_false(rpc_call_cancelled(f->echo.held));
    echo_release(&f->echo);
    WAIT(f->loop, a.came);
    assert_string_equal(a.text, "released");
}

static void a_cancelled_call_says_so_on_both_sides(void **state)
{
    struct fixture *f = *state;
    struct rpc_request *r;
    struct answer a;

    r = ask(f->client, "Hold", "x", dur_s(20), &a);
    WAIT(f->loop, f->echo.held);
    rpc_request_cancel(r);
    WAIT(f->loop, a.came && rpc_call_cancelled(f->echo.held));
    assert_int_equal(a.status.code, ERR_CANCELLED);
    echo_release(&f->echo);
}

static void nobody_there_is_said_at_once(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    fixture_stop(f, dur_s(0));
    ask(f->client, "Say", "x", dur_s(20), &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_UNAVAILABLE);
    assert_holds(a.status.msg, "cannot reach ");
    assert_holds(a.status.msg, f->address);
    assert_holds(a.status.msg, "Connection refused");
    assert_false(rpc_client_reached(f->client));
}

/* It accepts connections and says nothing: a process that is stopped. */
static void an_attempt_to_connect_has_a_limit(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct rpc_client *deaf;
    struct answer a;

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    (void)str_fmt(f->address, sizeof f->address, "127.0.0.1:%d", ntohs(at.sin_port));
    deaf = fixture_connect(f, (struct rpc_client_config){.connect_timeout = dur_ms(50)});
    ask(deaf, "Say", "x", dur_s(20), &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_UNAVAILABLE);
    assert_holds(a.status.msg, "cannot reach ");
    assert_false(rpc_client_reached(deaf));
    rpc_client_free(deaf);
    close(fd);
}

static void a_refusal_is_an_answer(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    assert_false(rpc_client_reached(f->client));
    fail_with(f, ERR_UNAVAILABLE, "not now", "", &a);
    assert_int_equal(a.status.code, ERR_UNAVAILABLE);
    assert_true(rpc_client_reached(f->client));
}

/* ---- the client's end ---------------------------------------------------------------------- */

static void freeing_the_client_answers_its_calls_first(void **state)
{
    struct fixture *f = *state;
    struct answer a[3];

    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        ask(f->client, i ? "Say" : "Hold", "x", dur_s(20), &a[i]);
    WAIT(f->loop, f->echo.held);
    rpc_client_free(steal(f->client));
    assert_true(a[0].came);
    assert_int_equal(a[0].status.code, ERR_CANCELLED);
    WAIT(f->loop, rpc_call_cancelled(f->echo.held));
    echo_release(&f->echo);
}

struct last_words {
    struct fixture *f;
    bool came;
};

static void on_free_me(void *ctx, const ProtobufCMessage *reply UNUSED,
                       const struct err *status UNUSED)
{
    struct last_words *w = ctx;

    w->came = true;
    rpc_client_free(steal(w->f->client));
}

static void a_client_may_be_freed_in_its_callback(void **state)
{
    struct fixture *f = *state;
    Test__Echo__Text req = TEST__ECHO__TEXT__INIT;
    struct last_words w = {.f = f};

    rpc_client_call(f->client, ECHO, "Say", &req.base, dur_s(5), on_free_me, &w);
    WAIT(f->loop, w.came);
    assert_null(f->client);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(a_request_is_answered),
        T(the_callback_never_comes_inside_the_call),
        T(many_requests_are_answered),
        T(every_code_comes_through_with_its_words),
        T(any_text_comes_through),
        T(a_missing_hint_stays_empty),
        T(the_longest_texts_come_through),
        T(an_unknown_service_is_unimplemented),
        T(an_unknown_method_is_unimplemented),
        T(a_request_that_is_not_the_type_is_invalid),
        T(a_request_over_the_limit_is_refused),
        T(a_deadline_ends_the_call_on_both_sides),
        T(a_client_that_goes_while_it_connects_leaves_no_socket),
        T(a_call_may_be_answered_later),
        T(a_cancelled_call_says_so_on_both_sides),
        T(nobody_there_is_said_at_once),
        T(an_attempt_to_connect_has_a_limit),
        T(a_refusal_is_an_answer),
        T(freeing_the_client_answers_its_calls_first),
        T(a_client_may_be_freed_in_its_callback),
    };
    /* The address given is the address used. */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("grpc_proxy", "http://127.0.0.1:1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
