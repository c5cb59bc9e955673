/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a server: binding, limits, stopping in order, coming back. */
#include "common/loop/thread.h"
#include "common/rpc/rpc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/rpc/rpc_fixture.h"

/* ---- binding ------------------------------------------------------------------------------- */

static int try_listen(const char *where, struct err *err)
{
    struct rpc_server_config config = {.listen = where};
    struct rpc_server *s = NULL;
    int r = rpc_server_new(&config, &s, err);

    rpc_server_free(s);
    return r;
}

static void a_taken_port_is_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_fails(try_listen(f->address, &err), ERR_UNAVAILABLE);
    assert_holds(err.msg, f->address);
    assert_holds(err.msg, "Address already in use");
    assert_holds(err.hint, "choose another address");
}

static void a_bad_address_is_refused_with_the_reason(void **state UNUSED)
{
    struct err err;

    assert_fails(try_listen("192.0.2.1:1", &err), ERR_UNAVAILABLE);
    assert_string_equal(err.msg, "cannot listen on 192.0.2.1:1: Cannot assign requested address");
    assert_fails(try_listen("unix:/nonexistent/socket", &err), ERR_UNAVAILABLE);
    assert_holds(err.msg, "No such file or directory");
}

static void a_server_may_be_freed_before_it_starts(void **state)
{
    struct fixture *f = *state;
    struct rpc_server_config config = {.listen = "127.0.0.1:0"};
    struct rpc_server *s;
    struct echo echo = {0};
    struct err err;

    assert_ok(rpc_server_new(&config, &s, &err), &err);
    assert_true(rpc_server_port(s) > 0);
    assert_ok(echo_add(&echo, s, f->loop, &err), &err);
    rpc_server_free(s);
}

static void a_server_without_services_does_not_start(void **state UNUSED)
{
    struct rpc_server_config config = {.listen = "127.0.0.1:0"};
    struct rpc_server *s;
    struct err err;

    assert_ok(rpc_server_new(&config, &s, &err), &err);
    assert_fails(rpc_server_start(s, &err), ERR_INVALID);
    rpc_server_free(s);
}

static void no_unary(void *ctx UNUSED, struct rpc_call *call UNUSED,
                     const ProtobufCMessage *m UNUSED)
{
}

static void a_method_table_with_a_hole_is_refused(void **state)
{
    static const struct rpc_method hole[] = {{.name = "Say", .unary = no_unary}, {.name = NULL}};
    static const struct rpc_method stray[] = {{.name = "Shout", .unary = no_unary}, {.name = NULL}};
    static const struct rpc_method neither[] = {{.name = "Say"}, {.name = NULL}};
    struct fixture *f = *state;
    struct rpc_server_config config = {.listen = "127.0.0.1:0"};
    struct rpc_server *s;
    struct err err;

    assert_ok(rpc_server_new(&config, &s, &err), &err);
    assert_fails(rpc_server_add(s, ECHO, hole, f->loop, NULL, &err), ERR_INVALID);
    assert_string_equal(err.msg, "test.echo.Echo/Fail has no handler");
    assert_fails(rpc_server_add(s, ECHO, stray, f->loop, NULL, &err), ERR_INVALID);
    assert_string_equal(err.msg, "service test.echo.Echo has no method Shout");
    assert_fails(rpc_server_add(s, ECHO, neither, f->loop, NULL, &err), ERR_INVALID);
    rpc_server_free(s);
}

/* ---- unix sockets -------------------------------------------------------------------------- */

static void a_unix_socket_is_served(void **state)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/rpc-test-XXXXXX";
    char where[64];
    struct answer a;
    struct err err;

    assert_non_null(mkdtemp(dir));
    (void)str_fmt(where, sizeof where, "unix:%s/s", dir);
    rpc_client_free(f->client);
    fixture_stop(f, dur_s(0));
    fixture_listen(f, (struct rpc_server_config){.listen = where});
    assert_int_equal(rpc_server_port(f->server), 0);
    f->client = fixture_connect(f, (struct rpc_client_config){0});
    ask(f->client, "Say", "hello", dur_s(5), &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_NONE);
    assert_string_equal(a.text, "hello");

    /* The library alone would take the path away from the living server. */
    assert_fails(try_listen(where, &err), ERR_UNAVAILABLE);
    assert_holds(err.msg, "Address already in use");
    fixture_stop(f, dur_s(0));
    (void)unlink(where + 5);
    assert_int_equal(rmdir(dir), 0);
}

/* ---- limits -------------------------------------------------------------------------------- */

static int setup_two_calls(void **state)
{
    return fixture_setup_with(state, (struct rpc_server_config){.max_calls = 2});
}

static void calls_over_the_limit_are_refused(void **state)
{
    struct fixture *f = *state;
    struct peer p[2];
    struct answer a;

    peer_open(&p[0], f->client, "Chat");
    peer_open(&p[1], f->client, "Chat");
    WAIT(f->loop, f->echo.opened == 2);
    ask(f->client, "Say", "x", dur_s(5), &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_EXHAUSTED);
    assert_holds(a.status.msg, "2 calls");

    rpc_stream_half_close(p[0].stream);
    WAIT(f->loop, p[0].closed && f->echo.closed == 1);
    do {
        ask(f->client, "Say", "x", dur_s(5), &a);
        WAIT(f->loop, a.came);
    } while (a.status.code == ERR_EXHAUSTED);
    assert_int_equal(a.status.code, ERR_NONE);
    rpc_client_free(steal(f->client));
}

/* ---- stopping ------------------------------------------------------------------------------ */

static void stopping_an_idle_server_does_not_take_the_grace(void **state)
{
    struct fixture *f = *state;
    mono_t begin = clock_system->mono(clock_system);
    struct answer a;

    ask(f->client, "Say", "x", dur_s(5), &a);
    WAIT(f->loop, a.came);
    fixture_stop(f, dur_s(15));
    assert_true(mono_sub(clock_system->mono(clock_system), begin).ns < dur_s(10).ns);
}

static void open_streams_may_end_within_the_grace(void **state)
{
    struct fixture *f = *state;
    struct peer p;
    struct err err;

    peer_open(&p, f->client, "Chat");
    WAIT(f->loop, f->echo.stream);
    rpc_server_stop(f->server, dur_s(15), f->loop, on_fixture_stopped, f);
    assert_ok(peer_say(&p, "still here", 1, &err), &err);
    WAIT(f->loop, p.received == 1);
    assert_false(f->stopped);
    rpc_stream_half_close(p.stream);
    WAIT(f->loop, p.closed && f->stopped);
    assert_int_equal(p.status.code, ERR_NONE);
    rpc_server_free(steal(f->server));
}

static void open_streams_are_cancelled_after_the_grace(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    peer_open(&p, f->client, "Chat");
    WAIT(f->loop, f->echo.stream);
    rpc_server_stop(f->server, dur_ms(100), f->loop, on_fixture_stopped, f);
    WAIT(f->loop, f->stopped);
    assert_int_equal(f->echo.closed, 1); /* before on_stopped */
    assert_int_equal(f->echo.last_status.code, ERR_CANCELLED);
    WAIT(f->loop, p.closed);
    assert_true(p.status.code == ERR_UNAVAILABLE || p.status.code == ERR_CANCELLED);
    rpc_server_free(steal(f->server));
}

static void a_server_waits_for_its_handlers_answer(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    ask(f->client, "Hold", "x", dur_s(20), &a);
    WAIT(f->loop, f->echo.held);
    rpc_server_stop(f->server, dur_ms(50), f->loop, on_fixture_stopped, f);
    WAIT(f->loop, a.came && rpc_call_cancelled(f->echo.held));
    assert_int_equal(a.status.code, ERR_UNKNOWN_OUTCOME); /* the handler had it */
    assert_holds(a.status.msg, "lost the connection to ");
    for (int i = 0; i < 5; i++)
        loop_turn(f->loop, dur_ms(10));
    assert_false(f->stopped);
    echo_release(&f->echo);
    WAIT(f->loop, f->stopped);
    rpc_server_free(steal(f->server));
}

static void a_stopping_server_takes_no_calls(void **state)
{
    struct fixture *f = *state;
    struct rpc_client *late;
    struct answer held, a;

    ask(f->client, "Hold", "x", dur_s(20), &held);
    WAIT(f->loop, f->echo.held);
    late = fixture_connect(f, (struct rpc_client_config){.own_connection = true});
    rpc_server_stop(f->server, dur_s(15), f->loop, on_fixture_stopped, f);
    do {
        ask(late, "Say", "x", dur_s(1), &a);
        WAIT(f->loop, a.came);
    } while (a.status.code == ERR_NONE);
    rpc_client_free(late);
    rpc_client_free(steal(f->client));
    echo_release(&f->echo);
    WAIT(f->loop, f->stopped);
    rpc_server_free(steal(f->server));
}

static void a_client_finds_the_server_again_after_a_restart(void **state)
{
    struct fixture *f = *state;
    char address[sizeof f->address];
    struct answer a;
    struct peer p;

    (void)str_fmt(address, sizeof address, "%s", f->address);
    peer_open(&p, f->client, "Chat");
    WAIT(f->loop, f->echo.stream);
    fixture_stop(f, dur_s(0));
    WAIT(f->loop, p.closed);
    ask(f->client, "Say", "x", dur_s(1), &a);
    WAIT(f->loop, a.came);
    assert_int_equal(a.status.code, ERR_UNAVAILABLE);

    fixture_listen(f, (struct rpc_server_config){.listen = address});
    do {
        ask(f->client, "Say", "again", dur_s(1), &a);
        WAIT(f->loop, a.came);
    } while (a.status.code == ERR_UNAVAILABLE);
    assert_int_equal(a.status.code, ERR_NONE);
    assert_string_equal(a.text, "again");
}

/* ---- several loops ------------------------------------------------------------------------- */

struct other {
    struct loop *loop;
    struct loop_thread *thread;
    struct echo echo;
};

static void a_service_may_live_on_another_loop(void **state)
{
    struct fixture *f = *state;
    struct rpc_server_config config = {.listen = "127.0.0.1:0"};
    ProtobufCServiceDescriptor renamed = *ECHO;
    Test__Echo__Text req = TEST__ECHO__TEXT__INIT;
    struct other o = {0};
    struct answer here, there = {0};
    struct err err;

    rpc_client_free(f->client);
    fixture_stop(f, dur_s(0));
    renamed.name = "test.echo.Other";
    assert_ok(loop_new(clock_system, &o.loop, &err), &err);
    assert_ok(rpc_server_new(&config, &f->server, &err), &err);
    assert_ok(echo_add(&f->echo, f->server, f->loop, &err), &err);
    assert_ok(echo_add_as(&o.echo, f->server, &renamed, o.loop, &err), &err);
    assert_ok(rpc_server_start(f->server, &err), &err);
    assert_ok(loop_thread_start(o.loop, "other", &o.thread, &err), &err);
    (void)str_fmt(f->address, sizeof f->address, "127.0.0.1:%d", rpc_server_port(f->server));
    f->client = fixture_connect(f, (struct rpc_client_config){0});

    ask(f->client, "Say", "here", dur_s(5), &here);
    rpc_client_call(f->client, &renamed, "Say", &req.base, dur_s(5), on_answer, &there);
    WAIT(f->loop, here.came && there.came);
    assert_int_equal(here.status.code, ERR_NONE);
    assert_int_equal(there.status.code, ERR_NONE);

    f->stopped = false;
    fixture_stop(f, dur_s(0));
    loop_thread_join(o.thread);
    loop_free(o.loop);
    assert_int_equal(o.echo.said, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(a_taken_port_is_refused_with_the_reason),
        T(a_bad_address_is_refused_with_the_reason),
        T(a_server_may_be_freed_before_it_starts),
        T(a_server_without_services_does_not_start),
        T(a_method_table_with_a_hole_is_refused),
        T(a_unix_socket_is_served),
        cmocka_unit_test_setup_teardown(calls_over_the_limit_are_refused, setup_two_calls,
                                        fixture_teardown),
        T(stopping_an_idle_server_does_not_take_the_grace),
        T(open_streams_may_end_within_the_grace),
        T(open_streams_are_cancelled_after_the_grace),
        T(a_server_waits_for_its_handlers_answer),
        T(a_stopping_server_takes_no_calls),
        T(a_client_finds_the_server_again_after_a_restart),
        T(a_service_may_live_on_another_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
