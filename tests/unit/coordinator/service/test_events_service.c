/* SPDX-License-Identifier: Apache-2.0 */
/* Events as a caller hears them, through a real server, of a core that the test moves. */
#include "coordinator/service/events_service.h"

#include "coordinator/service/service.h"
#include "operator.pb-c.h"
#include "tests/lib/wait.h"
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define OPERATOR  (&switchyard__v1__operator__descriptor)
#define FOLLOWERS 200

#define CMD(what, ...) ((struct core_command){.kind = CMD_##what, ##__VA_ARGS__})

struct heard {
    struct rpc_stream *stream;
    unsigned count;
    struct event_place last;
    char kind[32]; /* of the last one */
    char text[TEXT_SIZE];
    uint64_t lost; /* as it said */
    bool in_order;
    bool closed;
    struct err status;
};

struct fixture {
    struct rig *rig;
    struct loop *loop;
    struct registry *registry;
    struct service *service;
    struct rpc_server *server;
    struct rpc_client *client;
    char address[64];
    bool stopped;
    uint64_t complete; /* what the watch has told */
    struct heard heard[FOLLOWERS];
};

static const struct core *core(void *ctx)
{
    return ((struct fixture *)ctx)->rig->core;
}

static void facts(void *ctx, struct service_facts *ret)
{
    *ret = (struct service_facts){.complete = ((struct fixture *)ctx)->complete};
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct service_host host = {.ctx = f, .core = core, .facts = facts};
    struct rpc_server_config config = {.listen = "127.0.0.1:0"};
    struct rpc_client_config client = {.target = f->address};
    struct err err;

    rpc_start();
    f->rig = rig_new();
    f->rig->compare_every = UINT32_MAX;
    f->complete = UINT64_MAX;
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    f->registry = registry_new();
    assert_ok(service_new(&host, f->registry, f->loop, &f->service, &err), &err);
    assert_ok(rpc_server_new(&config, &f->server, &err), &err);
    assert_ok(service_serve(f->service, f->server, &err), &err);
    assert_ok(rpc_server_start(f->server, &err), &err);
    str_fmt(f->address, sizeof f->address, "127.0.0.1:%d", rpc_server_port(f->server));
    assert_ok(rpc_client_new(&client, f->loop, &f->client, &err), &err);
    rig_apply_text(f->rig, PLAN_PLAIN);
    *state = f;
    return 0;
}

static void on_stopped(void *ctx)
{
    ((struct fixture *)ctx)->stopped = true;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    service_stop(f->service);
    rpc_server_stop(f->server, dur_s(0), f->loop, on_stopped, f);
    WAIT_FOR(f->loop, f->stopped);
    rpc_client_free(f->client);
    rpc_server_free(f->server);
    service_free(f->service);
    registry_free(f->registry);
    loop_free(f->loop);
    rig_free(f->rig);
    free(f);
    rpc_shutdown();
    return 0;
}

/* ---- a caller -------------------------------------------------------------------------------- */

static void on_event(struct rpc_stream *s UNUSED, const ProtobufCMessage *m, void *ctx)
{
    const Switchyard__V1__Event *e = (const Switchyard__V1__Event *)m;
    struct event_place at = {.revision = e->revision, .sequence = e->sequence};
    struct heard *h = ctx;

    str_fmt(at.migration.s, sizeof at.migration.s, "%s", e->migration);
    h->in_order = h->count == 0 || (h->in_order && event_place_cmp(&h->last, &at) < 0);
    h->last = at;
    h->lost += e->lost;
    str_fmt(h->kind, sizeof h->kind, "%s", e->kind);
    str_fmt(h->text, sizeof h->text, "%s", e->text);
    h->count++;
}

static void on_closed(struct rpc_stream *s UNUSED, const struct err *status, void *ctx)
{
    struct heard *h = ctx;

    h->closed = true;
    h->stream = NULL;
    h->status = *status;
}

static const struct rpc_stream_events events = {.on_message = on_event, .on_closed = on_closed};

static struct heard *ask(struct fixture *f, unsigned i,
                         const Switchyard__V1__EventsRequest *request)
{
    struct rpc_msg *m = rpc_msg_encode(&request->base);
    struct heard *h = &f->heard[i];
    struct err err;

    *h = (struct heard){.count = 0};
    h->stream = rpc_client_open(f->client, OPERATOR, "Events", &events, h);
    assert_ok(rpc_stream_send(h->stream, m, &err), &err);
    rpc_stream_half_close(h->stream);
    rpc_msg_unref(m);
    return h;
}

static struct heard *follow(struct fixture *f, unsigned i, uint64_t since)
{
    Switchyard__V1__EventsRequest request = SWITCHYARD__V1__EVENTS_REQUEST__INIT;

    request.follow = true;
    request.since_revision = since;
    return ask(f, i, &request);
}

/* All that there is now. */
static struct heard *read_all(struct fixture *f, const char *migration, uint64_t since, char *kind)
{
    Switchyard__V1__EventsRequest request = SWITCHYARD__V1__EVENTS_REQUEST__INIT;
    struct heard *h;

    request.migration = rpc_lend(migration);
    request.since_revision = since;
    request.n_kinds = kind ? 1 : 0;
    request.kinds = &kind;
    h = ask(f, 0, &request);
    WAIT_FOR(f->loop, h->closed);
    return h;
}

static void pauses(struct fixture *f, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        rig_does(f->rig, CMD(PAUSE));
        rig_does(f->rig, CMD(RESUME));
        service_settled(f->service);
    }
}

static void started(struct fixture *f)
{
    rig_all_serve(f->rig, 1);
    rig_does(f->rig, CMD(START));
    service_settled(f->service);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_what_there_is_is_told_and_then_it_ends(void **state)
{
    struct fixture *f = *state;
    struct heard *h;

    started(f);
    h = read_all(f, "", 0, NULL);
    assert_int_equal(h->status.code, ERR_NONE);
    assert_int_equal(h->count, 2);
    assert_true(h->in_order);
    assert_string_equal(h->kind, "stage_enabled");
    assert_int_equal(h->lost, 0);
    h = read_all(f, "orders", h->last.revision, NULL);
    assert_int_equal(h->count, 0);
    h = read_all(f, "", 0, rpc_lend("plan_applied"));
    assert_int_equal(h->count, 1);
    assert_string_equal(h->text, "the plan is new, with 4 stages: test");
}

static void test_what_is_asked_wrongly_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_all(f, "oders", 0, NULL)->status.code, ERR_NOT_FOUND);
    assert_non_null(strstr(f->heard[0].status.hint, "orders"));
    assert_int_equal(read_all(f, "", 0, rpc_lend("stage_enabeld"))->status.code, ERR_INVALID);
    assert_non_null(strstr(f->heard[0].status.hint, "stage_enabled"));
    assert_int_equal(read_all(f, "no/name", 0, NULL)->status.code, ERR_INVALID);
}

/* As after a transaction of ours, which came behind one that the watch has not told of yet. */
static void test_nothing_is_told_past_a_gap(void **state)
{
    struct fixture *f = *state;
    struct heard *h = follow(f, 0, 0);

    WAIT_FOR(f->loop, h->count == 1);
    f->complete = f->rig->rev;
    started(f);
    assert_int_equal(read_all(f, "", h->last.revision, NULL)->count, 0);
    h = follow(f, 1, f->complete);
    f->complete++;
    service_settled(f->service);
    WAIT_FOR(f->loop, h->count == 1);
    assert_string_equal(h->kind, "stage_enabled");
}

static void test_many_follow_and_hear_the_same(void **state)
{
    struct fixture *f = *state;
    unsigned done = 0;

    started(f);
    for (unsigned i = 0; i < FOLLOWERS; i++)
        follow(f, i, i % 2 ? 0 : 1);
    pauses(f, 20);
    WAIT_FOR(f->loop, f->heard[FOLLOWERS - 1].count == 42);
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        WAIT_FOR(f->loop, f->heard[i].count == (i % 2 ? 42 : 41));
        assert_true(f->heard[i].in_order);
        done += f->heard[i].last.revision == f->rig->rev;
    }
    assert_int_equal(done, FOLLOWERS);
}

/* It cannot read while its loop does not turn: what it misses is told. */
static void test_a_slow_one_is_told_what_it_missed(void **state)
{
    struct fixture *f = *state;
    struct heard *h;

    started(f);
    h = follow(f, 0, 0);
    WAIT_FOR(f->loop, h->count == 2);
    pauses(f, 1000);
    WAIT_FOR(f->loop, h->last.revision == f->rig->rev);
    assert_true(h->in_order);
    assert_true(h->lost > 0);
    assert_int_equal(h->count + h->lost, 2002);
    assert_int_equal(h->last.sequence, 2002);
}

static void test_who_comes_late_is_told_what_is_not_kept(void **state)
{
    struct fixture *f = *state;

    started(f);
    pauses(f, 200);
    assert_int_equal(read_all(f, "", 0, NULL)->lost, 402 - 256);
    assert_int_equal(f->heard[0].count, 256);
    assert_int_equal(read_all(f, "", 0, rpc_lend("paused"))->lost, 402 - 256);
}

static void test_a_coordinator_that_stops_sends_them_on(void **state)
{
    struct fixture *f = *state;
    struct heard *h = follow(f, 0, 0);

    WAIT_FOR(f->loop, h->count == 1);
    service_stop(f->service);
    WAIT_FOR(f->loop, h->closed);
    assert_int_equal(h->status.code, ERR_UNAVAILABLE);
    h = follow(f, 1, 0);
    WAIT_FOR(f->loop, h->closed);
    assert_int_equal(h->status.code, ERR_UNAVAILABLE);
}

#define EVENTS_TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVENTS_TEST(what_there_is_is_told_and_then_it_ends),
        EVENTS_TEST(what_is_asked_wrongly_is_refused),
        EVENTS_TEST(nothing_is_told_past_a_gap),
        EVENTS_TEST(many_follow_and_hear_the_same),
        EVENTS_TEST(a_slow_one_is_told_what_it_missed),
        EVENTS_TEST(who_comes_late_is_told_what_is_not_kept),
        EVENTS_TEST(a_coordinator_that_stops_sends_them_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
