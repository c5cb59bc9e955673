/* SPDX-License-Identifier: Apache-2.0 */
#include "health.pb-c.h"
#include "tests/rpc/rpc_fixture.h"

#define HEALTH (&grpc__health__v1__health__descriptor)

typedef Grpc__Health__V1__HealthCheckRequest Request;
typedef Grpc__Health__V1__HealthCheckResponse Response;

enum { SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

struct seen {
    unsigned count;
    int status; /* the last */
    bool ended;
    struct err err;
};

static void on_check(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    struct seen *s = ctx;

    s->count++;
    s->err = *status;
    if (reply)
        s->status = (int)((const Response *)reply)->status;
}

static struct seen check(struct fixture *f, const char *service)
{
    Request req = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct seen s = {0};

    req.service = (char *)(uintptr_t)service;
    rpc_client_call(f->client, HEALTH, "Check", &req.base, dur_s(5), on_check, &s);
    WAIT(f->loop, s.count);
    return s;
}

static void the_server_and_each_service_are_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(check(f, "").status, SERVING);
    assert_int_equal(check(f, "test.echo.Echo").status, SERVING);
    assert_int_equal(check(f, "grpc.health.v1.Health").status, SERVING);
    rpc_server_set_serving(f->server, false);
    assert_int_equal(check(f, "").status, NOT_SERVING);
    assert_int_equal(check(f, "test.echo.Echo").status, NOT_SERVING);
}

static void an_unknown_service_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct seen s = check(f, "test.echo.None");

    assert_int_equal(s.err.code, ERR_NOT_FOUND);
    assert_holds(s.err.msg, "test.echo.None");
}

/* ---- Watch --------------------------------------------------------------------------------- */

static void on_status(struct rpc_stream *s UNUSED, const ProtobufCMessage *m, void *ctx)
{
    struct seen *w = ctx;

    w->count++;
    w->status = (int)((const Response *)m)->status;
}

static void on_end(struct rpc_stream *s UNUSED, const struct err *status, void *ctx)
{
    struct seen *w = ctx;

    w->ended = true;
    w->err = *status;
}

static const struct rpc_stream_events watch_events = {.on_message = on_status, .on_closed = on_end};

static struct rpc_stream *watch(struct fixture *f, const char *service, struct seen *w)
{
    Request req = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct rpc_stream *s = rpc_client_open(f->client, HEALTH, "Watch", &watch_events, w);
    struct rpc_msg *m;
    struct err err;

    req.service = (char *)(uintptr_t)service;
    m = rpc_msg_encode(&req.base);
    assert_ok(rpc_stream_send(s, m, &err), &err);
    rpc_msg_unref(m);
    return s;
}

static void a_watcher_hears_of_every_change_once(void **state)
{
    struct fixture *f = *state;
    struct seen w = {0};
    struct rpc_stream *s = watch(f, "", &w);

    rpc_stream_half_close(s);
    WAIT(f->loop, w.count == 1);
    assert_int_equal(w.status, SERVING);
    rpc_server_set_serving(f->server, true);
    rpc_server_set_serving(f->server, false);
    WAIT(f->loop, w.count == 2);
    assert_int_equal(w.status, NOT_SERVING);
    rpc_server_set_serving(f->server, true);
    WAIT(f->loop, w.count == 3);
    assert_false(w.ended);
    rpc_stream_cancel(s);
    WAIT(f->loop, w.ended);
}

static void an_unknown_service_may_be_watched(void **state)
{
    struct fixture *f = *state;
    struct seen w = {0};
    struct rpc_stream *s = watch(f, "test.echo.None", &w);

    WAIT(f->loop, w.count == 1);
    assert_int_equal(w.status, SERVICE_UNKNOWN);
    rpc_stream_cancel(s);
    WAIT(f->loop, w.ended);
}

static void a_second_request_is_refused(void **state)
{
    struct fixture *f = *state;
    struct seen w = {0};
    struct rpc_stream *s = watch(f, "", &w);
    Request req = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = rpc_msg_encode(&req.base);
    struct err err;

    assert_ok(rpc_stream_send(s, m, &err), &err);
    WAIT(f->loop, w.ended);
    assert_int_equal(w.err.code, ERR_INVALID);
}

static void watchers_are_told_and_let_go_when_the_server_stops(void **state)
{
    struct fixture *f = *state;
    struct seen w = {0};

    watch(f, "", &w);
    WAIT(f->loop, w.count == 1);
    fixture_stop(f, dur_s(15)); /* they do not hold up the stop */
    WAIT(f->loop, w.ended);
    assert_int_equal(w.status, NOT_SERVING);
    assert_int_equal(w.err.code, ERR_UNAVAILABLE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(the_server_and_each_service_are_told),
        T(an_unknown_service_is_not_found),
        T(a_watcher_hears_of_every_change_once),
        T(an_unknown_service_may_be_watched),
        T(a_second_request_is_refused),
        T(watchers_are_told_and_let_go_when_the_server_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
