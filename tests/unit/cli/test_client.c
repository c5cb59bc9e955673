/* SPDX-License-Identifier: Apache-2.0 */
/* Which coordinators a call goes to, and what is said when none answers. The coordinators are
 * servers on the caller's own loop that do as they are told. */
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/base/mem.h"
#include "tests/lib/wait.h"

#define OPERATOR     (&switchyard__v1__operator__descriptor)
#define COORDINATORS 3u
#define METHODS_MAX  32u

enum mood {
    ANSWERS,
    REFUSES, /* with `code` */
    HOLDS,   /* takes the call and says nothing */
    BREAKS,  /* takes the call, then the connection is lost */
};

struct coordinator {
    struct fixture *f;
    struct rpc_server *server;
    enum mood mood;
    enum err_code code;
    unsigned moody; /* for so many calls; 0: for all */
    unsigned asked;
    struct rpc_call *held;
    bool stopping, stopped;
};

struct fixture {
    struct cli cli;
    struct coordinator c[COORDINATORS];
    char address[COORDINATORS][64];
    struct rpc_method methods[METHODS_MAX];
    int deaf; /* a socket that takes connections and says nothing */
};

/* ---- coordinators ---------------------------------------------------------------------------- */

static void on_stopped(void *ctx)
{
    *(bool *)ctx = true;
}

/* Nobody listens here any longer. */
static void kill_coordinator(struct coordinator *c)
{
    if (!c->stopping)
        rpc_server_stop(c->server, dur_s(0), c->f->cli.loop, on_stopped, &c->stopped);
    while (c->held || !c->stopped) {
        if (c->held && rpc_call_cancelled(c->held)) {
            struct err gone;

            err_set(&gone, ERR_CANCELLED, "gone");
            rpc_call_fail(steal(c->held), &gone);
        }
        loop_turn(c->f->cli.loop, dur_ms(5));
    }
    rpc_server_free(steal(c->server));
}

static enum mood mood_of(struct coordinator *c)
{
    return c->moody > 0 && c->asked > c->moody ? ANSWERS : c->mood;
}

static void on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req)
{
    Switchyard__V1__Plans plans = SWITCHYARD__V1__PLANS__INIT;
    Switchyard__V1__CommandResult result = SWITCHYARD__V1__COMMAND_RESULT__INIT;
    struct coordinator *c = ctx;
    struct err why;

    c->asked++;
    switch (mood_of(c)) {
    case ANSWERS:
        result.revision = (uint64_t)(c - c->f->c) + 1;
        if (req->descriptor == &switchyard__v1__command__descriptor)
            rpc_call_reply(call, &result.base);
        else
            rpc_call_reply(call, &plans.base);
        break;
    case REFUSES:
        err_set(&why, c->code, "said by %u", (unsigned)(c - c->f->c));
        rpc_call_fail(call, &why);
        break;
    case HOLDS:
        c->held = call;
        break;
    case BREAKS:
        c->held = call;
        c->stopping = true;
        rpc_server_stop(c->server, dur_s(0), c->f->cli.loop, on_stopped, &c->stopped);
        break;
    }
}

static int refuse_stream(void *ctx UNUSED, struct rpc_stream *s UNUSED, void **ret_ctx UNUSED,
                         struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "no streams here");
}

static const struct rpc_stream_events no_events = {.on_closed = NULL};

/* A line for each method there is. */
static void fill_methods(struct fixture *f)
{
    for (unsigned i = 0; i < OPERATOR->n_methods; i++) {
        struct rpc_method *m = &f->methods[i];
        const char *name = OPERATOR->methods[i].name;

        assert_true(i + 1 < METHODS_MAX);
        m->name = name;
        if (strcmp(name, "Backup") == 0 || strcmp(name, "Restore") == 0) {
            m->open = refuse_stream;
            m->events = &no_events;
        } else {
            m->unary = on_call;
        }
    }
}

static void open_coordinator(struct fixture *f, unsigned i)
{
    struct rpc_server_config config = {.listen = "127.0.0.1:0"};
    struct coordinator *c = &f->c[i];
    struct err err;

    c->f = f;
    assert_ok(rpc_server_new(&config, &c->server, &err), &err);
    assert_ok(rpc_server_add(c->server, OPERATOR, f->methods, f->cli.loop, c, &err), &err);
    assert_ok(rpc_server_start(c->server, &err), &err);
    str_fmt(f->address[i], sizeof f->address[i], "127.0.0.1:%d", rpc_server_port(c->server));
}

/* ---- the fixture ----------------------------------------------------------------------------- */

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct args args = {.name_count = 0};
    struct err err;

    rpc_start();
    setenv("SWITCHYARD_CONFIG", "/nonexistent", 1);
    unsetenv("SWITCHYARD_ENDPOINTS");
    assert_ok(cli_init(&f->cli, &args, &err), &err);
    fill_methods(f);
    for (unsigned i = 0; i < COORDINATORS; i++)
        open_coordinator(f, i);
    str_fmt(f->cli.endpoints, sizeof f->cli.endpoints, "%s, %s,%s", f->address[0], f->address[1],
            f->address[2]);
    f->deaf = -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < COORDINATORS; i++)
        if (f->c[i].server)
            kill_coordinator(&f->c[i]);
    if (f->deaf >= 0)
        close(f->deaf);
    cli_deinit(&f->cli);
    free(f);
    rpc_shutdown();
    return 0;
}

/* As a coordinator that is stopped by SIGSTOP, in the place of the first one. */
static void deafen_first(struct fixture *f)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    f->deaf = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->deaf, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(f->deaf, 8), 0);
    assert_int_equal(getsockname(f->deaf, (struct sockaddr *)&at, &size), 0);
    str_fmt(f->cli.endpoints, sizeof f->cli.endpoints, "127.0.0.1:%d,%s", ntohs(at.sin_port),
            f->address[1]);
}

static int read_plans(struct fixture *f, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__PlansRequest request = SWITCHYARD__V1__PLANS_REQUEST__INIT;

    return cli_call(&f->cli, "ListPlans", &request.base, dur_ms(0), &reply, err);
}

/* The number of the coordinator that took it, from 1; or <0. */
static int command(struct fixture *f, bool emergency, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__Command request = SWITCHYARD__V1__COMMAND__INIT;
    Switchyard__V1__Start start = SWITCHYARD__V1__START__INIT;
    Switchyard__V1__Emergency order = SWITCHYARD__V1__EMERGENCY__INIT;
    int r;

    request.action_case = emergency ? SWITCHYARD__V1__COMMAND__ACTION_EMERGENCY
                                    : SWITCHYARD__V1__COMMAND__ACTION_START;
    if (emergency)
        request.emergency = &order;
    else
        request.start = &start;
    r = cli_call(&f->cli, "Execute", &request.base, dur_ms(0), &reply, err);
    return r < 0 ? r : (int)((const Switchyard__V1__CommandResult *)reply)->revision;
}

static void set_mood(struct fixture *f, enum mood mood, enum err_code code, unsigned moody)
{
    for (unsigned i = 0; i < COORDINATORS; i++) {
        f->c[i].mood = mood;
        f->c[i].code = code;
        f->c[i].moody = moody;
    }
}

static int64_t ms_since(mono_t start)
{
    return dur_to_ms(mono_sub(clock_system->mono(clock_system), start));
}

/* ---- who is asked ---------------------------------------------------------------------------- */

static void the_first_that_answers_is_taken_and_remembered(void **state)
{
    struct fixture *f = *state;
    struct err err;

    kill_coordinator(&f->c[0]);
    assert_ok(read_plans(f, &err), &err);
    assert_int_equal(f->c[1].asked, 1);
    assert_string_equal(f->cli.answered, f->address[1]);
    assert_int_equal(command(f, false, &err), 2);
    assert_int_equal(f->c[2].asked, 0);
}

static void a_refusal_is_the_answer(void **state)
{
    struct fixture *f = *state;
    struct err err;

    set_mood(f, REFUSES, ERR_REFUSED, 0);
    assert_fails(command(f, false, &err), ERR_REFUSED);
    assert_string_equal(err.msg, "said by 0");
    assert_fails(command(f, true, &err), ERR_REFUSED);
    assert_fails(read_plans(f, &err), ERR_REFUSED);
    assert_int_equal(f->c[0].asked, 3);
    assert_int_equal(f->c[1].asked + f->c[2].asked, 0);
}

/* No leader, twice around: then there is one. */
static void a_coordinator_that_is_not_able_yet_is_asked_again(void **state)
{
    struct fixture *f = *state;
    struct err err;

    set_mood(f, REFUSES, ERR_UNAVAILABLE, 2);
    assert_int_equal(command(f, false, &err), 1);
    assert_int_equal(f->c[0].asked, 3);
    assert_int_equal(f->c[1].asked, 2);
    assert_int_equal(f->c[2].asked, 2);
}

static void one_that_stays_unable_is_quoted_when_the_time_is_up(void **state)
{
    struct fixture *f = *state;
    mono_t start = clock_system->mono(clock_system);
    struct err err;

    kill_coordinator(&f->c[0]);
    kill_coordinator(&f->c[2]);
    set_mood(f, REFUSES, ERR_UNAVAILABLE, 0);
    f->cli.timeout = dur_s(1);
    assert_fails(command(f, false, &err), ERR_UNAVAILABLE);
    assert_holds(err.msg, "said by 1; tried for 1.0 s at ");
    assert_holds(err.hint, "get coordinators");
    assert_true(f->c[1].asked >= 2);
    assert_true(ms_since(start) <= 1500);
}

static void nobody_there_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    mono_t start = clock_system->mono(clock_system);
    struct err err;

    for (unsigned i = 0; i < COORDINATORS; i++)
        kill_coordinator(&f->c[i]);
    assert_fails(command(f, false, &err), ERR_UNAVAILABLE);
    assert_holds(err.msg, "no coordinator answers at ");
    assert_holds(err.msg, f->address[2]);
    assert_holds(err.hint, "SWITCHYARD_ENDPOINTS");
    assert_fails(command(f, true, &err), ERR_UNAVAILABLE);
    assert_fails(read_plans(f, &err), ERR_UNAVAILABLE);
    assert_true(ms_since(start) < 3000);
}

/* ---- a lost connection ----------------------------------------------------------------------- */

static void a_change_whose_answer_was_lost_is_not_given_again(void **state)
{
    struct fixture *f = *state;
    struct err err;

    f->c[0].mood = BREAKS;
    assert_fails(command(f, false, &err), ERR_UNKNOWN_OUTCOME);
    assert_holds(err.msg, "lost the connection to ");
    assert_holds(err.hint, "may or may not have been carried out");
    assert_int_equal(f->c[1].asked + f->c[2].asked, 0);
}

static void an_emergency_whose_answer_was_lost_is_given_again(void **state)
{
    struct fixture *f = *state;
    struct err err;

    f->c[0].mood = BREAKS;
    assert_int_equal(command(f, true, &err), 2);
    assert_int_equal(f->c[0].asked, 1);
}

static void a_read_whose_answer_was_lost_is_asked_again(void **state)
{
    struct fixture *f = *state;
    struct err err;

    f->c[0].mood = BREAKS;
    assert_ok(read_plans(f, &err), &err);
    assert_int_equal(f->c[1].asked, 1);
}

/* ---- silence --------------------------------------------------------------------------------- */

static void an_emergency_does_not_wait_for_a_silent_coordinator(void **state)
{
    struct fixture *f = *state;
    mono_t start = clock_system->mono(clock_system);
    struct err err;

    f->c[0].mood = f->c[1].mood = HOLDS;
    assert_int_equal(command(f, true, &err), 3);
    assert_int_equal(f->c[0].asked, 1);
    assert_int_equal(f->c[1].asked, 1);
    assert_true(ms_since(start) >= 290);
}

static void a_read_goes_past_a_silent_coordinator(void **state)
{
    struct fixture *f = *state;
    struct err err;

    deafen_first(f);
    assert_ok(read_plans(f, &err), &err);
    assert_int_equal(f->c[1].asked, 1);
}

/* The connection never came up: nothing was sent. */
static void a_change_goes_past_one_that_takes_no_connection(void **state)
{
    struct fixture *f = *state;
    struct err err;

    deafen_first(f);
    assert_int_equal(command(f, false, &err), 2);
}

static void a_change_waits_for_the_one_that_took_it(void **state)
{
    struct fixture *f = *state;
    struct err err;

    f->c[0].mood = HOLDS;
    f->cli.timeout = dur_ms(1500);
    assert_fails(command(f, false, &err), ERR_TIMEOUT);
    assert_holds(err.msg, "within 1.5 s");
    assert_holds(err.hint, "may or may not have been carried out");
    assert_int_equal(f->c[1].asked + f->c[2].asked, 0);
}

/* The disk of one is full: another one can take the order. */
static void an_emergency_goes_on_to_one_that_can_store_it(void **state)
{
    struct fixture *f = *state;
    struct err err;

    f->c[0].mood = REFUSES;
    f->c[0].code = ERR_EXHAUSTED;
    assert_int_equal(command(f, true, &err), 2);
    f->c[1].mood = f->c[2].mood = REFUSES;
    f->c[1].code = f->c[2].code = ERR_IO;
    assert_fails(command(f, true, &err), ERR_IO); /* the last word */
    assert_int_equal(f->c[0].asked, 2);
}

#define CLIENT_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(the_first_that_answers_is_taken_and_remembered),
        CLIENT_TEST(a_refusal_is_the_answer),
        CLIENT_TEST(a_coordinator_that_is_not_able_yet_is_asked_again),
        CLIENT_TEST(one_that_stays_unable_is_quoted_when_the_time_is_up),
        CLIENT_TEST(nobody_there_is_told_at_once),
        CLIENT_TEST(a_change_whose_answer_was_lost_is_not_given_again),
        CLIENT_TEST(an_emergency_whose_answer_was_lost_is_given_again),
        CLIENT_TEST(a_read_whose_answer_was_lost_is_asked_again),
        CLIENT_TEST(an_emergency_does_not_wait_for_a_silent_coordinator),
        CLIENT_TEST(a_read_goes_past_a_silent_coordinator),
        CLIENT_TEST(a_change_goes_past_one_that_takes_no_connection),
        CLIENT_TEST(a_change_waits_for_the_one_that_took_it),
        CLIENT_TEST(an_emergency_goes_on_to_one_that_can_store_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
