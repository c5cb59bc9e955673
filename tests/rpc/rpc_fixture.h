/* SPDX-License-Identifier: Apache-2.0 */
/* A server with the echo service and clients of it, on one loop that the test turns by hand. */
#pragma once

#include "tests/lib/unit.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/rpc/echo_service.h"

#define ECHO (&test__echo__echo__descriptor)

/* Turn the loop until `cond` holds. */
#define WAIT(l, cond)                                                                \
    do {                                                                             \
        mono_t until_ = mono_add(clock_system->mono(clock_system), dur_s(20));       \
        while (!(cond)) {                                                            \
            if (!mono_before(clock_system->mono(clock_system), until_))              \
                fail_msg("%s:%d: waited in vain for %s", __FILE__, __LINE__, #cond); \
            loop_turn((l), dur_ms(50));                                              \
        }                                                                            \
    } while (0)

struct fixture {
    struct loop *loop;
    struct rpc_server *server;
    struct rpc_client *client;
    struct echo echo;
    char address[64];
    bool stopped;
};

static inline void fixture_listen(struct fixture *f, struct rpc_server_config config)
{
    struct err err;

    if (!config.listen)
        config.listen = "127.0.0.1:0";
    config.descriptors = echo_proto_descriptor_set;
    config.descriptors_size = echo_proto_descriptor_set_size;
    f->stopped = false;
    assert_ok(rpc_server_new(&config, &f->server, &err), &err);
    assert_ok(echo_add(&f->echo, f->server, f->loop, &err), &err);
    assert_ok(rpc_server_start(f->server, &err), &err);
    if (rpc_server_port(f->server))
        (void)str_fmt(f->address, sizeof f->address, "127.0.0.1:%d", rpc_server_port(f->server));
    else
        (void)str_fmt(f->address, sizeof f->address, "%s", config.listen);
}

static inline struct rpc_client *fixture_connect(struct fixture *f, struct rpc_client_config config)
{
    struct rpc_client *c;
    struct err err;

    if (!config.target)
        config.target = f->address;
    assert_ok(rpc_client_new(&config, f->loop, &c, &err), &err);
    return c;
}

static inline void on_fixture_stopped(void *ctx)
{
    struct fixture *f = ctx;

    f->stopped = true;
}

static inline void fixture_stop(struct fixture *f, dur_t grace)
{
    rpc_server_stop(f->server, grace, f->loop, on_fixture_stopped, f);
    WAIT(f->loop, f->stopped);
    rpc_server_free(steal(f->server));
}

static inline int fixture_setup_with(void **state, struct rpc_server_config config)
{
    struct fixture *f = xnew(struct fixture);
    struct err err;

    rpc_start();
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    fixture_listen(f, config);
    f->client = fixture_connect(f, (struct rpc_client_config){0});
    *state = f;
    return 0;
}

static inline int fixture_setup(void **state)
{
    return fixture_setup_with(state, (struct rpc_server_config){0});
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    rpc_client_free(f->client);
    if (f->server)
        fixture_stop(f, dur_s(0));
    loop_free(f->loop);
    free(f);
    rpc_shutdown();
    return 0;
}

/* ---- the answer to a unary call ------------------------------------------------------------ */

struct answer {
    bool came;
    struct err status;
    char text[256];
    size_t data;
};

static inline void on_answer(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    const Test__Echo__Text *t = (const Test__Echo__Text *)reply;
    struct answer *a = ctx;

    assert_false(a->came);
    assert_int_equal(reply != NULL, status->code == ERR_NONE);
    a->came = true;
    a->status = *status;
    if (t && t->base.descriptor == &test__echo__text__descriptor) {
        (void)str_fmt(a->text, sizeof a->text, "%s", t->text);
        a->data = t->data.len;
    }
}

static inline struct rpc_request *ask(struct rpc_client *c, const char *method, const char *text,
                                      dur_t deadline, struct answer *a)
{
    Test__Echo__Text req = TEST__ECHO__TEXT__INIT;

    *a = (struct answer){0};
    req.text = (char *)(uintptr_t)text;
    return rpc_client_call(c, ECHO, method, &req.base, deadline, on_answer, a);
}

/* ---- the client's side of a stream --------------------------------------------------------- */

struct peer {
    struct rpc_stream *stream;
    unsigned received;
    unsigned writable;
    unsigned closed;
    char text[256];
    struct err status;
};

static inline void on_peer_message(struct rpc_stream *s, const ProtobufCMessage *m, void *ctx)
{
    struct peer *p = ctx;

    assert_ptr_equal(p->stream, s);
    p->received++;
    (void)str_fmt(p->text, sizeof p->text, "%s", ((const Test__Echo__Text *)m)->text);
}

static inline void on_peer_closed(struct rpc_stream *s, const struct err *status, void *ctx)
{
    struct peer *p = ctx;

    assert_ptr_equal(p->stream, s);
    p->closed++;
    p->status = *status;
    p->stream = NULL;
}

static inline void on_peer_writable(struct rpc_stream *s UNUSED, void *ctx)
{
    struct peer *p = ctx;

    p->writable++;
}

static const struct rpc_stream_events peer_events UNUSED = {
    .on_message = on_peer_message,
    .on_closed = on_peer_closed,
    .on_writable = on_peer_writable,
};

static inline void peer_open(struct peer *p, struct rpc_client *c, const char *method)
{
    *p = (struct peer){0};
    p->stream = rpc_client_open(c, ECHO, method, &peer_events, p);
}

static inline struct rpc_msg *text_msg(const char *text, uint32_t times)
{
    Test__Echo__Text m = TEST__ECHO__TEXT__INIT;

    m.text = (char *)(uintptr_t)text;
    m.times = times;
    return rpc_msg_encode(&m.base);
}

static inline int peer_say(struct peer *p, const char *text, uint32_t times, struct err *err)
{
    struct rpc_msg *m = text_msg(text, times);
    int r = rpc_stream_send(p->stream, m, err);

    rpc_msg_unref(m);
    return r;
}
