/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/thread.h"
#include "common/rpc/rpc.h"

#include "health.pb-c.h"
#include "tests/rpc/rpc_fixture.h"

static void messages_come_back_in_order(void **state)
{
    struct fixture *f = *state;
    struct peer p;
    struct err err;
    char text[16];

    peer_open(&p, f->client, "Chat");
    for (unsigned i = 0; i < 50; i++) {
        (void)str_fmt(text, sizeof text, "n%u", i);
        assert_ok(peer_say(&p, text, 1, &err), &err);
    }
    WAIT(f->loop, p.received == 50);
    assert_string_equal(p.text, "n49");
    assert_int_equal(f->echo.received, 50);
    rpc_stream_half_close(p.stream);
    WAIT(f->loop, p.closed && f->echo.closed);
    assert_int_equal(p.status.code, ERR_NONE);
    assert_int_equal(f->echo.last_status.code, ERR_NONE);
    assert_int_equal(f->echo.half_closed, 1);
}

static void nothing_said_is_a_stream_too(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    peer_open(&p, f->client, "Chat");
    rpc_stream_half_close(p.stream);
    WAIT(f->loop, p.closed && f->echo.closed);
    assert_int_equal(p.status.code, ERR_NONE);
    assert_int_equal(p.received, 0);
}

static void messages_sent_before_the_end_arrive(void **state)
{
    struct fixture *f = *state;
    struct peer p;
    struct err err;

    peer_open(&p, f->client, "Chat");
    assert_ok(peer_say(&p, "last words", 60, &err), &err);
    rpc_stream_half_close(p.stream);
    assert_fails(peer_say(&p, "too late", 1, &err), ERR_CANCELLED);
    WAIT(f->loop, p.closed);
    assert_int_equal(p.received, 60);
    assert_int_equal(p.status.code, ERR_NONE);
}

static void the_server_says_who_is_there(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    peer_open(&p, f->client, "Chat");
    assert_string_equal(rpc_stream_peer(p.stream), f->address);
    WAIT(f->loop, f->echo.stream);
    assert_holds(rpc_stream_peer(f->echo.stream), "ipv4:127.0.0.1:");
    rpc_client_free(steal(f->client));
}

/* ---- ends that are not OK ------------------------------------------------------------------ */

static void a_refused_stream_tells_why(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    peer_open(&p, f->client, "Refuse");
    WAIT(f->loop, p.closed);
    assert_int_equal(p.status.code, ERR_DENIED);
    assert_true(rpc_client_reached(f->client));
    assert_string_equal(p.status.msg, "nobody comes in here");
    assert_string_equal(p.status.hint, "try Chat");
    assert_int_equal(f->echo.closed, 0);
}

static void the_servers_status_arrives(void **state)
{
    struct fixture *f = *state;
    Test__Echo__Failure m = TEST__ECHO__FAILURE__INIT;
    char code[] = "refused", message[] = "an older term";
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *msg = NULL;
    struct peer p;
    struct err err;

    m.code = code;
    m.message = message;
    msg = rpc_msg_encode(&m.base);
    peer_open(&p, f->client, "Quit");
    assert_ok(rpc_stream_send(p.stream, msg, &err), &err);
    WAIT(f->loop, p.closed && f->echo.closed);
    assert_int_equal(p.status.code, ERR_REFUSED);
    assert_string_equal(p.status.msg, "an older term");
    assert_int_equal(f->echo.last_status.code, ERR_REFUSED);
}

static void a_message_that_is_not_the_type_ends_the_stream(void **state)
{
    struct fixture *f = *state;
    Grpc__Health__V1__HealthCheckResponse m = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *msg = NULL;
    struct peer p;
    struct err err;

    m.status = 1;
    msg = rpc_msg_encode(&m.base);
    peer_open(&p, f->client, "Chat");
    assert_ok(rpc_stream_send(p.stream, msg, &err), &err);
    WAIT(f->loop, p.closed && f->echo.closed);
    assert_int_equal(p.status.code, ERR_INVALID);
    assert_int_equal(f->echo.last_status.code, ERR_INVALID);
    assert_int_equal(f->echo.received, 0);
}

static void a_message_over_the_limit_ends_the_stream(void **state)
{
    struct fixture *f = *state;
    Test__Echo__Text m = TEST__ECHO__TEXT__INIT;
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *msg = NULL;
    struct peer p;
    struct err err;

    m.data.len = 5u << 20;
    m.data.data = xcalloc(1, m.data.len);
    msg = rpc_msg_encode(&m.base);
    free(m.data.data);
    peer_open(&p, f->client, "Chat");
    assert_ok(rpc_stream_send(p.stream, msg, &err), &err);
    WAIT(f->loop, p.closed && f->echo.closed);
    assert_int_equal(p.status.code, ERR_EXHAUSTED);
    assert_int_equal(f->echo.received, 0);
}

static void nobody_there_closes_the_stream(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    fixture_stop(f, dur_s(0));
    peer_open(&p, f->client, "Chat");
    assert_int_equal(p.closed, 0);
    WAIT(f->loop, p.closed);
    assert_int_equal(p.status.code, ERR_UNAVAILABLE);
    assert_holds(p.status.msg, "cannot reach ");
}

static void cancelling_ends_both_sides(void **state)
{
    struct fixture *f = *state;
    struct peer p;
    struct err err;

    peer_open(&p, f->client, "Chat");
    WAIT(f->loop, f->echo.stream);
    rpc_stream_cancel(p.stream);
    assert_fails(peer_say(&p, "x", 1, &err), ERR_CANCELLED);
    assert_int_equal(p.closed, 0);
    WAIT(f->loop, p.closed && f->echo.closed);
    assert_int_equal(p.status.code, ERR_CANCELLED);
    assert_int_equal(f->echo.last_status.code, ERR_CANCELLED);
}

static void the_server_may_cancel(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    peer_open(&p, f->client, "Chat");
    WAIT(f->loop, f->echo.stream);
    rpc_stream_cancel(f->echo.stream);
    WAIT(f->loop, p.closed && f->echo.closed);
    assert_int_equal(p.status.code, ERR_CANCELLED);
}

static void freeing_the_client_closes_its_streams_first(void **state)
{
    struct fixture *f = *state;
    struct peer p[3];
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        peer_open(&p[i], f->client, "Chat");
    WAIT(f->loop, f->echo.opened == 3);
    for (unsigned i = 0; i < 20; i++)
        assert_ok(peer_say(&p[1], "x", 3, &err), &err);
    rpc_client_free(steal(f->client));
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        assert_int_equal(p[i].closed, 1);
        assert_int_equal(p[i].status.code, ERR_CANCELLED);
    }
    WAIT(f->loop, f->echo.closed == 3);
}

static void on_message_free(struct rpc_stream *s UNUSED, const ProtobufCMessage *m UNUSED,
                            void *ctx)
{
    rpc_client_free(steal(((struct fixture *)ctx)->client));
}

static void on_closed_count(struct rpc_stream *s UNUSED, const struct err *status, void *ctx)
{
    ((struct fixture *)ctx)->echo.last_status = *status;
}

static void a_client_may_be_freed_in_a_message(void **state)
{
    static const struct rpc_stream_events events = {.on_message = on_message_free,
                                                    .on_closed = on_closed_count};
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = text_msg("x", 20);
    struct fixture *f = *state;
    struct rpc_stream *s = rpc_client_open(f->client, ECHO, "Chat", &events, f);
    struct err err;

    assert_ok(rpc_stream_send(s, m, &err), &err);
    WAIT(f->loop, !f->client);
    assert_int_equal(f->echo.last_status.code, ERR_CANCELLED);
    WAIT(f->loop, f->echo.closed);
}

/* ---- flow control -------------------------------------------------------------------------- */

/* A client whose loop does not turn reads nothing, so the server's sends stop at the window. */
struct slow {
    struct loop *loop;
    struct rpc_client *client;
    struct peer peer;
};

static void slow_init(struct slow *w, struct fixture *f)
{
    struct rpc_client_config config = {.target = f->address, .own_connection = true};
    struct err err;

    assert_ok(loop_new(clock_system, &w->loop, &err), &err);
    assert_ok(rpc_client_new(&config, w->loop, &w->client, &err), &err);
    peer_open(&w->peer, w->client, "Chat");
    WAIT(f->loop, f->echo.stream);
}

static void slow_deinit(struct slow *w)
{
    rpc_client_free(w->client);
    loop_free(w->loop);
}

static unsigned fill(struct fixture *f, size_t size, struct err *err)
{
    Test__Echo__Text m = TEST__ECHO__TEXT__INIT;
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *msg = NULL;
    mono_t until = mono_add(clock_system->mono(clock_system), dur_s(20));
    unsigned sent = 0;

    m.data.len = size;
    m.data.data = xcalloc(1, size);
    msg = rpc_msg_encode(&m.base);
    free(m.data.data);
    while (rpc_stream_send(f->echo.stream, msg, err) == 0) {
        sent++;
        loop_turn(f->loop, dur_ms(0));
        assert_true(mono_before(clock_system->mono(clock_system), until));
    }
    return sent;
}

static void a_full_queue_says_so_and_says_when_it_is_empty(void **state)
{
    struct fixture *f = *state;
    struct slow w;
    struct err err;
    unsigned sent;

    slow_init(&w, f);
    sent = fill(f, 64 * 1024, &err);
    assert_int_equal(err.code, ERR_EXHAUSTED);
    assert_holds(err.msg, "does not keep up");
    assert_true(sent >= RPC_STREAM_QUEUE_BYTES / (64 * 1024));
    assert_int_equal(f->echo.writable, 0);

    while (f->echo.writable == 0) {
        loop_turn(w.loop, dur_ms(1));
        loop_turn(f->loop, dur_ms(1));
    }
    assert_int_equal(f->echo.writable, 1);
    WAIT(w.loop, w.peer.received == sent);
    slow_deinit(&w);
    WAIT(f->loop, f->echo.closed);
}

static void small_messages_fill_the_queue_too(void **state)
{
    struct fixture *f = *state;
    struct slow w;
    struct err err;

    slow_init(&w, f);
    assert_true(fill(f, 1000, &err) >= RPC_STREAM_QUEUE_MESSAGES);
    assert_int_equal(err.code, ERR_EXHAUSTED);
    slow_deinit(&w);
    WAIT(f->loop, f->echo.closed);
    assert_int_equal(f->echo.last_status.code, ERR_CANCELLED);
}

static void cancelling_drops_what_waits_to_be_sent(void **state)
{
    struct fixture *f = *state;
    struct slow w;
    struct err err;

    slow_init(&w, f);
    fill(f, 64 * 1024, &err);
    rpc_stream_cancel(f->echo.stream);
    WAIT(f->loop, f->echo.closed);
    assert_int_equal(f->echo.last_status.code, ERR_CANCELLED);
    assert_int_equal(f->echo.writable, 0);
    WAIT(w.loop, w.peer.closed);
    slow_deinit(&w);
}

/* ---- many ---------------------------------------------------------------------------------- */

#define MANY 1000

static void on_many_message(struct rpc_stream *s UNUSED, const ProtobufCMessage *m UNUSED,
                            void *ctx)
{
    ++*(unsigned *)ctx;
}

static void on_many_closed(struct rpc_stream *s UNUSED, const struct err *status, void *ctx)
{
    if (status->code == ERR_NONE)
        ++*(unsigned *)ctx;
}

static void a_thousand_streams_are_served(void **state)
{
    static const struct rpc_stream_events events = {.on_message = on_many_message,
                                                    .on_closed = on_many_closed};
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = text_msg("x", 2);
    struct fixture *f = *state;
    struct rpc_stream **streams = xcalloc(MANY, sizeof(struct rpc_stream *));
    unsigned count = 0;
    struct err err;

    for (unsigned i = 0; i < MANY; i++) {
        streams[i] = rpc_client_open(f->client, ECHO, "Chat", &events, &count);
        assert_ok(rpc_stream_send(streams[i], m, &err), &err);
    }
    WAIT(f->loop, count == 2 * MANY);
    assert_int_equal(f->echo.opened, MANY);
    count = 0;
    for (unsigned i = 0; i < MANY; i++)
        rpc_stream_half_close(streams[i]);
    WAIT(f->loop, count == MANY && f->echo.closed == MANY);
    free(streams);
}

static void clients_with_their_own_connections_share_a_loop(void **state)
{
    struct fixture *f = *state;
    struct rpc_client *clients[50];
    struct peer p[ARRAY_LEN(clients)];
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = fixture_connect(f, (struct rpc_client_config){.own_connection = true});
        peer_open(&p[i], clients[i], "Chat");
        assert_ok(peer_say(&p[i], "x", 1, &err), &err);
    }
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        WAIT(f->loop, p[i].received == 1);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        rpc_client_free(clients[i]);
    WAIT(f->loop, f->echo.closed == ARRAY_LEN(clients));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(messages_come_back_in_order),
        T(nothing_said_is_a_stream_too),
        T(messages_sent_before_the_end_arrive),
        T(the_server_says_who_is_there),
        T(a_refused_stream_tells_why),
        T(the_servers_status_arrives),
        T(a_message_that_is_not_the_type_ends_the_stream),
        T(a_message_over_the_limit_ends_the_stream),
        T(nobody_there_closes_the_stream),
        T(cancelling_ends_both_sides),
        T(the_server_may_cancel),
        T(freeing_the_client_closes_its_streams_first),
        T(a_client_may_be_freed_in_a_message),
        T(a_full_queue_says_so_and_says_when_it_is_empty),
        T(small_messages_fill_the_queue_too),
        T(cancelling_drops_what_waits_to_be_sent),
        T(a_thousand_streams_are_served),
        T(clients_with_their_own_connections_share_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
