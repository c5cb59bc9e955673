/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a real server on the same loop, which plays the coordinator by hand. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/wait.h"
#include "tests/unit/sidecar/control/wire_fixture.h"

#include "sidecar/control/coord_client.h"

/* One coordinator: the last stream it took and what came on it. */
struct coordinator {
    struct rpc_server *server;
    struct rpc_stream *stream;
    unsigned streams, acks, nacks, reports, closed;
    char node[64], labels[64], boot[32], incarnation[64], address[64], control[64], nack[300];
    uint64_t revision, ack_revision, report_sequence, epoch;
    uint64_t told; /* epoch of an order beside Hello */
    bool unwritten;
    uint64_t dial;
    char ack_incarnation[64], past[64];
    size_t checksum;
    uint32_t clients, endpoints, healthy;
    bool stopped;
};

struct fixture {
    struct loop *loop;
    struct rng rng;
    struct coordinator c[2];
    struct coord_client *client;
    struct labels labels;
    char endpoints[128];
    struct position serving;
    struct epochs epochs;
    unsigned ups, downs, updates;
    bool unwritten;
    struct emergency pushed;
    char wanted[64];
    dur_t window;
    int answer; /* of on_update */
    char up_at[64], down_at[64], flaw[300];
    dur_t waits[16]; /* before the next attempt, as told */
    uint64_t got_revision;
};

/* ---- the coordinator's side ------------------------------------------------------------------ */

static void take_hello(struct coordinator *c, const Switchyard__V1__Hello *h)
{
    (void)str_fmt(c->node, sizeof c->node, "%s", h->node);
    (void)str_fmt(c->boot, sizeof c->boot, "%s", h->boot);
    (void)str_fmt(c->address, sizeof c->address, "%s", h->proxy_address);
    (void)str_fmt(c->control, sizeof c->control, "%s", h->control_address);
    (void)str_fmt(c->incarnation, sizeof c->incarnation, "%s", h->incarnation);
    if (h->n_labels > 0)
        (void)str_fmt(c->labels, sizeof c->labels, "%s=%s", h->labels[0]->key, h->labels[0]->value);
    c->dial = h->dial;
    c->revision = h->revision;
    c->checksum = h->checksum.len;
    c->epoch = h->n_emergencies > 0 ? h->emergencies[0]->epoch : 0;
}

static void on_message(struct rpc_stream *s, const ProtobufCMessage *message, void *ctx)
{
    const Switchyard__V1__NodeMessage *m = (const Switchyard__V1__NodeMessage *)message;
    struct coordinator *c = ctx;

    assert_ptr_equal(s, c->stream);
    if (m->kind_case == SWITCHYARD__V1__NODE_MESSAGE__KIND_HELLO) {
        take_hello(c, m->hello);
    } else if (m->kind_case == SWITCHYARD__V1__NODE_MESSAGE__KIND_ACK) {
        c->acks++;
        c->ack_revision = m->ack->revision;
        (void)str_fmt(c->ack_incarnation, sizeof c->ack_incarnation, "%s", m->ack->incarnation);
    } else if (m->kind_case == SWITCHYARD__V1__NODE_MESSAGE__KIND_NACK) {
        c->nacks++;
        (void)str_fmt(c->nack, sizeof c->nack, "%s", m->nack->reason);
    } else if (m->kind_case == SWITCHYARD__V1__NODE_MESSAGE__KIND_ORDER) {
        c->told = m->order->epoch;
        c->unwritten = m->order->unwritten;
    } else if (m->kind_case == SWITCHYARD__V1__NODE_MESSAGE__KIND_PAST) {
        (void)str_fmt(c->past, sizeof c->past, "%s", m->past->id);
    } else {
        c->reports++;
        c->report_sequence = m->report->sequence;
        c->clients = m->report->client_connections;
        c->endpoints = m->report->endpoints;
        c->healthy = m->report->endpoints_healthy;
    }
}

static void on_closed(struct rpc_stream *s, const struct err *status UNUSED, void *ctx)
{
    struct coordinator *c = ctx;

    c->closed++;
    if (c->stream == s)
        c->stream = NULL;
}

static int on_open(void *service, struct rpc_stream *s, void **ret_ctx, struct err *err UNUSED)
{
    struct coordinator *c = service;

    c->stream = s;
    c->streams++;
    *ret_ctx = c;
    return 0;
}

static const struct rpc_stream_events node_events = {.on_message = on_message,
                                                     .on_closed = on_closed};
static const struct rpc_method methods[] = {
    {.name = "Connect", .open = on_open, .events = &node_events},
    {.name = NULL}};

static void serve(struct fixture *f, struct coordinator *c)
{
    const struct rpc_server_config config = {.listen = "127.0.0.1:0"};
    struct err err = {0};

    assert_ok(rpc_server_new(&config, &c->server, &err), &err);
    assert_ok(
        rpc_server_add(c->server, &switchyard__v1__fleet__descriptor, methods, f->loop, c, &err),
        &err);
    assert_ok(rpc_server_start(c->server, &err), &err);
}

static void on_stopped(void *ctx)
{
    struct coordinator *c = ctx;

    c->stopped = true;
}

static void stop(struct fixture *f, struct coordinator *c)
{
    if (!c->server)
        return;
    rpc_server_stop(c->server, dur_ms(0), f->loop, on_stopped, c);
    WAIT_FOR(f->loop, c->stopped);
    rpc_server_free(steal(c->server));
}

static void push(struct coordinator *c, uint64_t revision, size_t checksum_size)
{
    struct wire_update w;
    struct rpc_msg *msg;

    wire_update_init(&w, revision);
    w.m.checksum.len = checksum_size;
    msg = rpc_msg_encode(&w.message.base);
    assert_int_equal(rpc_stream_send(c->stream, msg, NULL), 0);
    rpc_msg_unref(msg);
    wire_update_deinit(&w);
}

/* ---- the node's side ------------------------------------------------------------------------- */

static void on_hello(void *ctx, struct coord_hello *ret)
{
    struct fixture *f = ctx;

    *ret = (struct coord_hello){f->serving, {{1}}, &f->epochs, f->unwritten};
}

static void on_order(void *ctx, const struct emergency *order)
{
    struct fixture *f = ctx;

    f->pushed = *order;
}

static void on_past_wanted(void *ctx, const char *id, dur_t window)
{
    struct fixture *f = ctx;

    (void)str_fmt(f->wanted, sizeof f->wanted, "%s", id);
    f->window = window;
}

static void on_up(void *ctx, const char *endpoint)
{
    struct fixture *f = ctx;

    f->ups++;
    (void)str_fmt(f->up_at, sizeof f->up_at, "%s", endpoint);
}

static int on_update(void *ctx, const struct agent_update *u)
{
    struct fixture *f = ctx;

    f->updates++;
    f->got_revision = u->to.revision;
    (void)str_fmt(f->flaw, sizeof f->flaw, "%s", u->flaw ? u->flaw : "");
    return f->answer;
}

static void on_down(void *ctx, const char *endpoint, const struct err *why, dur_t retry)
{
    struct fixture *f = ctx;

    assert_int_not_equal(why->code, ERR_NONE);
    assert_true(retry.ns > 0);
    if (f->downs < ARRAY_LEN(f->waits))
        f->waits[f->downs] = retry;
    f->downs++;
    (void)str_fmt(f->down_at, sizeof f->down_at, "%s", endpoint);
}

static const struct coord_client_events events = {.on_hello = on_hello,
                                                  .on_up = on_up,
                                                  .on_update = on_update,
                                                  .on_order = on_order,
                                                  .on_past_wanted = on_past_wanted,
                                                  .on_down = on_down};

static void connect_client(struct fixture *f)
{
    const struct coord_client_config config = {
        .node = "n1",
        .labels = &f->labels,
        .version = "0",
        .proxy_address = "127.0.0.1:8080",
        .control_address = "unix:/run/control.sock",
        .endpoints = f->endpoints,
        .retry_base = dur_ms(200),
        .retry_cap = dur_ms(250),
        .answer_wait = dur_ms(300),
    };
    struct err err = {0};

    assert_ok(coord_client_new(&config, f->loop, &f->rng, &events, f, &f->client, &err), &err);
    coord_client_start(f->client);
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err = {0};

    rpc_start();
    rng_seed(&f->rng, 1);
    f->serving = (struct position){.incarnation = ""};
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(labels_parse(STR("cluster=eu-1"), &f->labels, &err), &err);
    for (unsigned i = 0; i < 2; i++)
        serve(f, &f->c[i]);
    (void)str_fmt(f->endpoints, sizeof f->endpoints, "127.0.0.1:%d, 127.0.0.1:%d",
                  rpc_server_port(f->c[0].server), rpc_server_port(f->c[1].server));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    coord_client_free(f->client);
    for (unsigned i = 0; i < 2; i++)
        stop(f, &f->c[i]);
    loop_free(f->loop);
    xfreep(&f);
    rpc_shutdown();
    return 0;
}

/* ---- what is proved -------------------------------------------------------------------------- */

static void hello_says_who_and_what(void **state)
{
    struct fixture *f = *state;
    struct emergency order = {{"app"}, 7, true, "x", "y", {1}, ""};

    f->serving = (struct position){"cafe", 2, 41};
    assert_int_equal(epochs_take(&f->epochs, &order), EPOCH_NEWER);
    connect_client(f);
    WAIT_FOR(f->loop, f->c[0].revision == 41);
    assert_string_equal(f->c[0].node, "n1");
    assert_string_equal(f->c[0].labels, "cluster=eu-1");
    assert_string_equal(f->c[0].incarnation, "cafe");
    assert_string_equal(f->c[0].address, "127.0.0.1:8080");
    assert_string_equal(f->c[0].control, "unix:/run/control.sock");
    assert_int_equal(strlen(f->c[0].boot), 16);
    assert_int_equal(f->c[0].checksum, SHA256_SIZE);
    assert_int_equal(f->c[0].epoch, 7);
    assert_false(coord_client_is_up(f->client));
}

static void a_node_that_serves_nothing_says_so(void **state)
{
    struct fixture *f = *state;

    connect_client(f);
    WAIT_FOR(f->loop, f->c[0].node[0]);
    assert_int_equal(f->c[0].revision, 0);
    assert_int_equal(f->c[0].checksum, 0);
    assert_string_equal(f->c[0].incarnation, "");
}

static void an_update_is_answered(void **state)
{
    struct fixture *f = *state;
    struct position p = {"cafe", 2, 5};
    struct emergency order = {.migration = {"app"}, .epoch = 17, .active = true};

    connect_client(f);
    WAIT_FOR(f->loop, f->c[0].node[0]);
    push(&f->c[0], 5, SHA256_SIZE);
    WAIT_FOR(f->loop, f->updates == 1);
    assert_int_equal(f->ups, 1);
    assert_int_equal(f->got_revision, 5);
    assert_string_equal(f->flaw, "");
    assert_true(coord_client_is_up(f->client));
    assert_string_equal(f->up_at, coord_client_endpoint(f->client));
    assert_true(coord_client_ack(f->client, &p, (wall_t){99}));
    assert_true(coord_client_nack(f->client, &p, "no such name"));
    assert_true(coord_client_tell(f->client, &order, true));
    WAIT_FOR(f->loop, f->c[0].acks == 1 && f->c[0].nacks == 1 && f->c[0].told == 17);
    assert_true(f->c[0].unwritten);
    assert_int_equal(f->c[0].ack_revision, 5);
    assert_string_equal(f->c[0].ack_incarnation, "cafe");
    assert_string_equal(f->c[0].nack, "no such name");
    push(&f->c[0], 6, SHA256_SIZE);
    WAIT_FOR(f->loop, f->updates == 2);
    assert_int_equal(f->ups, 1);
}

static void a_flawed_update_arrives_as_such(void **state)
{
    struct fixture *f = *state;

    connect_client(f);
    WAIT_FOR(f->loop, f->c[0].node[0]);
    push(&f->c[0], 5, 7);
    WAIT_FOR(f->loop, f->updates == 1);
    assert_holds(f->flaw, "7 bytes");
}

static void say(struct coordinator *c, const Switchyard__V1__CoordinatorMessage *m)
{
    struct rpc_msg *msg = rpc_msg_encode(&m->base);

    assert_int_equal(rpc_stream_send(c->stream, msg, NULL), 0);
    rpc_msg_unref(msg);
}

static void orders_and_wishes_come_without_an_update(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__CoordinatorMessage m = SWITCHYARD__V1__COORDINATOR_MESSAGE__INIT;
    Switchyard__V1__EmergencyOrder order = SWITCHYARD__V1__EMERGENCY_ORDER__INIT;
    Switchyard__V1__PastWanted wanted = SWITCHYARD__V1__PAST_WANTED__INIT;
    Switchyard__V1__Past past = SWITCHYARD__V1__PAST__INIT;

    connect_client(f);
    WAIT_FOR(f->loop, f->c[0].node[0]);
    m.kind_case = SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_ORDER;
    m.order = &order;
    order.migration = rpc_lend("app"); /* without an epoch: nothing to obey */
    say(&f->c[0], &m);
    order.epoch = 6;
    order.active = true;
    say(&f->c[0], &m);
    m.kind_case = SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_PAST_WANTED;
    m.past_wanted = &wanted;
    wanted.id = rpc_lend("c2-7");
    wanted.max_age_s = 300;
    say(&f->c[0], &m);
    WAIT_FOR(f->loop, f->wanted[0]);
    assert_int_equal(f->ups, 1);
    assert_int_equal(f->pushed.epoch, 6);
    assert_string_equal(f->pushed.migration.s, "app");
    assert_string_equal(f->wanted, "c2-7");
    assert_int_equal(f->window.ns, dur_s(300).ns);
    past.id = rpc_lend("c2-7");
    assert_true(coord_client_past(f->client, &past));
    WAIT_FOR(f->loop, f->c[0].past[0]);
    assert_string_equal(f->c[0].past, "c2-7");
}

static void a_gap_asks_again(void **state)
{
    struct fixture *f = *state;

    connect_client(f);
    WAIT_FOR(f->loop, f->c[0].node[0]);
    f->answer = AGENT_GAP;
    push(&f->c[0], 5, SHA256_SIZE);
    WAIT_FOR(f->loop, f->c[0].streams == 2 && f->c[0].closed == 1);
    assert_int_equal(f->downs, 0); /* it was our wish */
    f->answer = 0;
    push(&f->c[0], 5, SHA256_SIZE);
    WAIT_FOR(f->loop, f->updates == 2);
    assert_int_equal(f->ups, 2);
}

static void an_ended_stream_goes_on_at_the_next(void **state)
{
    struct fixture *f = *state;

    connect_client(f);
    WAIT_FOR(f->loop, f->c[0].node[0]);
    push(&f->c[0], 5, SHA256_SIZE);
    WAIT_FOR(f->loop, f->ups == 1);
    rpc_stream_finish(f->c[0].stream, NULL);
    WAIT_FOR(f->loop, f->c[1].node[0]);
    assert_int_equal(f->downs, 1);
    assert_string_equal(f->down_at, f->up_at);
    assert_string_equal(f->c[0].boot, f->c[1].boot);
    assert_int_equal(f->c[0].dial, 1);
    assert_int_equal(f->c[1].dial, 2);
    assert_false(coord_client_is_up(f->client));
    push(&f->c[1], 5, SHA256_SIZE);
    WAIT_FOR(f->loop, f->ups == 2);
    assert_string_not_equal(f->down_at, f->up_at);
}

static void a_dead_coordinator_is_passed_over(void **state)
{
    struct fixture *f = *state;

    stop(f, &f->c[0]);
    connect_client(f);
    WAIT_FOR(f->loop, f->c[1].node[0]);
    assert_true(f->downs >= 1);
    assert_int_equal(f->ups, 0);
}

/* One that ends what it began, again and again, is not dialled as fast as that. */
static void streams_that_do_not_last_are_failures(void **state)
{
    struct fixture *f = *state;

    connect_client(f);
    for (unsigned i = 0; i < 4; i++) {
        struct coordinator *c = &f->c[i % 2];

        WAIT_FOR(f->loop, c->streams == i / 2 + 1 && c->node[0]);
        c->node[0] = '\0';
        push(c, 5, SHA256_SIZE);
        WAIT_FOR(f->loop, f->ups == i + 1);
        rpc_stream_finish(c->stream, NULL);
        WAIT_FOR(f->loop, f->downs == i + 1);
    }
    assert_true(f->waits[0].ns <= dur_ms(100).ns);
    assert_true(f->waits[1].ns >= dur_ms(200).ns);
    assert_true(f->waits[3].ns >= dur_ms(200).ns);
}

/* As a stopped process does: the kernel takes the call, and nothing more comes. */
static void one_that_does_not_answer_is_passed_over(void **state)
{
    struct fixture *f = *state;
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    (void)str_fmt(f->endpoints, sizeof f->endpoints, "127.0.0.1:%u,127.0.0.1:%d",
                  ntohs(at.sin_port), rpc_server_port(f->c[1].server));
    connect_client(f);
    WAIT_FOR(f->loop, f->c[1].node[0]);
    assert_int_equal(f->downs, 1);
    assert_true(f->waits[0].ns <= dur_ms(100).ns);
    close(fd);
}

static void nobody_there_is_tried_again_and_again(void **state)
{
    struct fixture *f = *state;

    stop(f, &f->c[0]);
    stop(f, &f->c[1]);
    connect_client(f);
    WAIT_FOR(f->loop, f->downs >= 5);
    for (unsigned i = 0; i < 5; i++) {
        bool tried_all = i % 2 == 1;

        assert_true(tried_all ? f->waits[i].ns >= dur_ms(200).ns
                              : f->waits[i].ns <= dur_ms(100).ns);
    }
    assert_false(coord_client_ack(f->client, &f->serving, (wall_t){1}));
}

static void reports_count_up_while_the_stream_is_up(void **state)
{
    struct route_stats *stats = xcalloc(1, sizeof *stats);
    struct fixture *f = *state;

    stats[0].migration = (struct name){"app"};
    connect_client(f);
    WAIT_FOR(f->loop, f->c[0].node[0]);
    coord_client_report(f->client, 5, dur_s(1), stats, 1,
                        &(struct node_now){3, 2, 1}); /* not up: lost */
    push(&f->c[0], 5, SHA256_SIZE);
    WAIT_FOR(f->loop, f->ups == 1);
    coord_client_report(f->client, 5, dur_s(1), stats, 1, &(struct node_now){3, 2, 1});
    coord_client_report(f->client, 5, dur_s(1), stats, 1, &(struct node_now){4, 3, 2});
    WAIT_FOR(f->loop, f->c[0].reports == 2);
    assert_int_equal(f->c[0].report_sequence, 2);
    assert_int_equal(f->c[0].clients, 4);
    assert_int_equal(f->c[0].endpoints, 3);
    assert_int_equal(f->c[0].healthy, 2);
    xfreep(&stats);
}

static void bad_endpoints_are_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "a:1,,b:2",
        ",",
        "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
    };
    struct labels labels = {.count = 0};
    struct coord_client *c;
    struct rng rng;

    rng_seed(&rng, 1);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        const struct coord_client_config config = {
            .node = "n", .labels = &labels, .endpoints = bad[i]};
        struct err err = {0};

        assert_fails(coord_client_new(&config, NULL, &rng, &events, NULL, &c, &err), ERR_INVALID);
        assert_holds(err.msg, "coordinator");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hello_says_who_and_what),
        TEST(a_node_that_serves_nothing_says_so),
        TEST(an_update_is_answered),
        TEST(a_flawed_update_arrives_as_such),
        TEST(orders_and_wishes_come_without_an_update),
        TEST(a_gap_asks_again),
        TEST(an_ended_stream_goes_on_at_the_next),
        TEST(a_dead_coordinator_is_passed_over),
        TEST(streams_that_do_not_last_are_failures),
        TEST(one_that_does_not_answer_is_passed_over),
        TEST(nobody_there_is_tried_again_and_again),
        TEST(reports_count_up_while_the_stream_is_up),
        cmocka_unit_test(bad_endpoints_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
