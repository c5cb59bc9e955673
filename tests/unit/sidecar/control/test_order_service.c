/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own door over a real socket and a real port, with the agent behind it and the proxy
 * played by hand. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/wait.h"
#include "tests/unit/sidecar/agent/agent_fixture.h"
#include "tests/unit/sidecar/control/wire_fixture.h"

#include "common/base/mem.h"
#include "common/rpc/rpc.h"
#include "sidecar.pb-c.h"
#include "sidecar/control/convert.h"
#include "sidecar/control/order_service.h"

struct fixture {
    struct loop *loop;
    struct labels labels;
    struct agent *agent;
    struct order_service *service;
    char folder[64];
    struct rpc_client *client;
    /* the latest answer */
    bool answered;
    struct err status;
    double measured_ms;
    unsigned migrations, serving;
    uint64_t epoch;
    char system[16], layer[16], stage[NAME_SIZE];
    bool stale;
    /* the latest probe */
    struct probe probe;
    probe_done_fn probe_fn;
    void *probe_ctx;
};

static int on_order(void *ctx, const struct emergency *order, struct err *err)
{
    struct fixture *f = ctx;

    return agent_order(f->agent, order, err);
}

/* "waves", whose bytes are those of a real rule: 25 % for all, 50 % for zone a of cluster eu-1. */
static void add_wave(struct fixture_update *u, struct buf *rule)
{
    struct wire_route w;

    wire_route_init(&w, "waves");
    w.m.forbid_legacy = false;
    w.m.override = SWITCHYARD__V1__SYSTEM__SYSTEM_UNSPECIFIED;
    wire_pack(&w.m.base, rule);
    fixture_add(u, "waves", 0);
    assert_int_equal(convert_route(buf_view(rule), &u->route[2].route, NULL), 0);
    u->route[2].rule = buf_view(rule);
}

static enum breaker_state on_breaker(void *ctx UNUSED, const char *migration)
{
    return strcmp(migration, "waves") == 0 ? BREAKER_CLOSED : BREAKER_DISABLED;
}

static int on_probe(void *ctx, const struct probe *probe, probe_done_fn fn, void *fn_ctx,
                    struct err *err UNUSED)
{
    struct fixture *f = ctx;

    f->probe = *probe;
    f->probe_fn = fn;
    f->probe_ctx = fn_ctx;
    return 0;
}

/* The agent serves "app", "baskets" and "waves". */
static void serve_routes(struct fixture *f)
{
    CLEANUP(buf_deinitp) struct buf rule = BUF_INIT(1u << 16);
    struct fixture_update u;
    struct ruleset *set;
    struct err err = {0};

    fixture_begin(&u, 5);
    fixture_add(&u, "app", 5000);
    fixture_add(&u, "baskets", 5000);
    add_wave(&u, &rule);
    u.u.checksum = fixture_sum(&u);
    assert_ok(agent_take(f->agent, &u.u, &err), &err);
    assert_non_null(agent_write_started(f->agent));
    agent_written(f->agent);
    set = agent_publishable(f->agent);
    agent_serving(f->agent, set, (wall_t){1});
    ruleset_unref(set);
}

static void start(struct fixture *f, const char *listen)
{
    struct order_service_config c = {.node = "n1",
                                     .folder = f->folder,
                                     .listen = listen,
                                     .labels = &f->labels,
                                     .agent = f->agent,
                                     .breaker = on_breaker,
                                     .probe = on_probe,
                                     .ctx = f};
    struct err closed, err = {0};

    assert_ok(order_service_new(&c, f->loop, on_order, f, &f->service, &closed, &err), &err);
    assert_int_equal(closed.code, ERR_NONE);
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err = {0};

    rpc_start();
    (void)str_fmt(f->folder, sizeof f->folder, "/tmp/switchyard-order-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(labels_parse(STR("cluster=eu-1,zone=a"), &f->labels, &err), &err);
    f->agent = agent_new(&(struct name){"n1"}, &f->labels);
    serve_routes(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char path[128];

    rpc_client_free(f->client);
    order_service_free(f->service);
    agent_free(f->agent);
    loop_free(f->loop);
    (void)str_fmt(path, sizeof path, "%s/control.sock", f->folder);
    unlink(path);
    rmdir(f->folder);
    free(f);
    rpc_shutdown();
    return 0;
}

static void on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    const Switchyard__V1__OrderResult *m = (const Switchyard__V1__OrderResult *)reply;
    struct fixture *f = ctx;

    f->answered = true;
    f->status = *status;
    f->migrations = f->serving = 0;
    if (!m)
        return;
    assert_string_equal(m->node, "n1");
    f->measured_ms = m->measured_ms;
    f->migrations = (unsigned)m->n_migrations;
    for (size_t i = 0; i < m->n_migrations; i++) {
        f->serving += m->migrations[i]->serving;
        f->epoch = m->migrations[i]->epoch;
    }
}

static void ask(struct fixture *f, const char *migration, const char *reason)
{
    struct rpc_client_config config = {.target = order_service_address(f->service),
                                       .own_connection = true};
    Switchyard__V1__OrderRequest m = SWITCHYARD__V1__ORDER_REQUEST__INIT;
    struct err err = {0};

    m.all = migration[0] == '\0';
    m.migration = rpc_lend(migration);
    m.reason = rpc_lend(reason);
    m.operator_ = rpc_lend("bob");
    f->answered = false;
    if (!f->client)
        assert_ok(rpc_client_new(&config, f->loop, &f->client, &err), &err);
    rpc_client_call(f->client, &switchyard__v1__sidecar__descriptor, "Order", &m.base, dur_s(20),
                    on_reply, f);
}

static void serve_order(struct fixture *f)
{
    struct ruleset *set = agent_publishable(f->agent);

    agent_serving(f->agent, set, (wall_t){2});
    ruleset_unref(set);
    order_service_served(f->service);
}

static void an_order_is_answered_when_it_is_served(void **state)
{
    struct fixture *f = *state;

    start(f, NULL);
    ask(f, "", "INC-1");
    WAIT_FOR(f->loop, agent_next(f->agent) == AGENT_PUBLISH);
    order_service_served(f->service);
    assert_false(f->answered);
    serve_order(f);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->status.code, ERR_NONE);
    assert_int_equal(f->migrations, 3);
    assert_int_equal(f->serving, 3);
    assert_true(f->measured_ms >= 0);

    ask(f, "app", "INC-1"); /* stands and is served */
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->migrations, 1);
    assert_int_equal(f->epoch, 1);
}

static void an_order_that_is_not_served_is_told_as_such(void **state)
{
    struct fixture *f = *state;

    start(f, NULL);
    ask(f, "app", "INC-1");
    WAIT_FOR(f->loop, agent_next(f->agent) == AGENT_PUBLISH);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->migrations, 1);
    assert_int_equal(f->serving, 0);
    assert_true(f->measured_ms < 0);
}

static void on_explanation(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    const Switchyard__V1__Explanation *m = (const Switchyard__V1__Explanation *)reply;
    struct fixture *f = ctx;

    f->answered = true;
    f->status = *status;
    if (!m)
        return;
    assert_string_equal(m->node, "n1");
    (void)str_fmt(f->system, sizeof f->system, "%s", m->system);
    (void)str_fmt(f->stage, sizeof f->stage, "%s", m->stage);
    f->stale = m->stale;
    for (size_t i = 0; i < m->n_steps; i++)
        if (m->steps[i]->decides)
            (void)str_fmt(f->layer, sizeof f->layer, "%s", m->steps[i]->layer);
}

static void ask_why(struct fixture *f, const char *migration, const char *node)
{
    struct rpc_client_config config = {.target = order_service_address(f->service),
                                       .own_connection = true};
    Switchyard__V1__ExplainRequest m = SWITCHYARD__V1__EXPLAIN_REQUEST__INIT;
    struct err err = {0};

    m.migration = rpc_lend(migration);
    m.node = rpc_lend(node);
    m.key = rpc_lend("user-1");
    f->answered = false;
    if (!f->client)
        assert_ok(rpc_client_new(&config, f->loop, &f->client, &err), &err);
    rpc_client_call(f->client, &switchyard__v1__sidecar__descriptor, "Explain", &m.base, dur_s(20),
                    on_explanation, f);
    WAIT_FOR(f->loop, f->answered);
}

static void why_is_told_with_what_is_served(void **state)
{
    struct fixture *f = *state;

    start(f, NULL);
    ask_why(f, "waves", "n1");
    assert_ok((int)f->status.code, &f->status);
    assert_string_equal(f->layer, "weight");
    assert_string_equal(f->stage, "half");
    assert_true(f->stale);
    ask_why(f, "waves", "n2");
    assert_int_equal(f->status.code, ERR_NOT_FOUND);
    assert_holds(f->status.msg, "this is node n1, not n2");
    ask_why(f, "nope", "");
    assert_int_equal(f->status.code, ERR_NOT_FOUND);
}

/* ---- logs ------------------------------------------------------------------------------------ */

static void on_log(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    const Switchyard__V1__Log *m = (const Switchyard__V1__Log *)reply;
    struct fixture *f = ctx;

    f->answered = true;
    f->status = *status;
    if (!m)
        return;
    (void)str_fmt(f->system, sizeof f->system, "%s", m->level);
    assert_non_null(memmem(m->lines.data, m->lines.len, "from=info to=error operator=maria\n", 34));
}

static void on_level(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    const Switchyard__V1__LogLevel *m = (const Switchyard__V1__LogLevel *)reply;
    struct fixture *f = ctx;

    f->answered = true;
    f->status = *status;
    if (m)
        (void)str_fmt(f->system, sizeof f->system, "%s", m->level);
}

static void set_level(struct fixture *f, const char *level, const char *operator_name)
{
    Switchyard__V1__LogLevel m = SWITCHYARD__V1__LOG_LEVEL__INIT;

    m.level = rpc_lend(level);
    m.operator_ = rpc_lend(operator_name);
    f->answered = false;
    rpc_client_call(f->client, &switchyard__v1__sidecar__descriptor, "SetLogLevel", &m.base,
                    dur_s(20), on_level, f);
    WAIT_FOR(f->loop, f->answered);
}

static void what_is_logged_is_told_and_set_from_outside(void **state)
{
    Switchyard__V1__LogRequest request = SWITCHYARD__V1__LOG_REQUEST__INIT;
    struct fixture *f = *state;

    start(f, NULL);
    ask_why(f, "waves", "n1"); /* connects */
    set_level(f, "error", "maria");
    assert_ok((int)f->status.code, &f->status);
    assert_string_equal(f->system, "info");
    f->answered = false;
    rpc_client_call(f->client, &switchyard__v1__sidecar__descriptor, "GetLog", &request.base,
                    dur_s(20), on_log, f);
    WAIT_FOR(f->loop, f->answered);
    assert_ok((int)f->status.code, &f->status);
    assert_string_equal(f->system, "error");
    set_level(f, "loud", "maria");
    assert_int_equal(f->status.code, ERR_INVALID);
    set_level(f, "info", "");
    assert_int_equal(f->status.code, ERR_INVALID);
    set_level(f, "info", "maria");
    assert_string_equal(f->system, "error");
}

/* ---- probes ---------------------------------------------------------------------------------- */

static void on_probe_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    const Switchyard__V1__ProbeResult *m = (const Switchyard__V1__ProbeResult *)reply;
    struct fixture *f = ctx;

    f->answered = true;
    f->status = *status;
    if (!m)
        return;
    assert_string_equal(m->node, "n1");
    assert_int_equal(m->n_answers, 2);
    assert_true(m->answers[0]->ok);
    assert_int_equal(m->answers[0]->status, 404);
    assert_int_equal(m->answers[0]->body_bytes, 3);
    assert_memory_equal(m->answers[0]->body.data, "abc", 3);
    assert_string_equal(m->answers[0]->headers[0]->key, "X-Name");
    assert_string_equal(m->answers[0]->headers[0]->value, "caf?");
    assert_false(m->answers[1]->ok);
    assert_string_equal(m->answers[1]->error, "no connection");
}

static Switchyard__V1__ProbeRequest probe_request(const char *method, const char *path)
{
    Switchyard__V1__ProbeRequest m = SWITCHYARD__V1__PROBE_REQUEST__INIT;

    m.migration = rpc_lend("app");
    m.method = rpc_lend(method);
    m.path = rpc_lend(path);
    return m;
}

static void send_probe(struct fixture *f, const Switchyard__V1__ProbeRequest *m)
{
    struct rpc_client_config config = {.target = order_service_address(f->service),
                                       .own_connection = true};
    struct err err = {0};

    f->answered = false;
    if (!f->client)
        assert_ok(rpc_client_new(&config, f->loop, &f->client, &err), &err);
    rpc_client_call(f->client, &switchyard__v1__sidecar__descriptor, "Probe", &m->base, dur_s(20),
                    on_probe_reply, f);
}

static void a_probe_is_carried_out_and_answered(void **state)
{
    static struct probe_answer answers[2] = {
        {.system = SYSTEM_LEGACY, .status = 404, .body = "abc", .body_kept = 3, .body_bytes = 3},
        {.system = SYSTEM_NEW, .error = "no connection"}};
    struct fixture *f = *state;
    Switchyard__V1__ProbeRequest m = probe_request("HEAD", "/a?b");

    answers[0].header[0] = (struct probe_header){"X-Name", "caf\xe9"};
    answers[0].header_count = 1;
    start(f, NULL);
    m.timeout_ms = 1500;
    send_probe(f, &m);
    WAIT_FOR(f->loop, f->probe_fn);
    assert_true(f->probe.head_only);
    assert_string_equal(f->probe.path, "/a?b");
    assert_int_equal(f->probe.timeout.ns, dur_ms(1500).ns);
    f->probe_fn(f->probe_ctx, answers, 2, NULL);
    f->probe_fn = NULL;
    WAIT_FOR(f->loop, f->answered);
    assert_ok((int)f->status.code, &f->status);
}

static void a_probe_that_is_none_is_refused(void **state)
{
    static char long_path[PROBE_PATH_SIZE + 1];
    struct fixture *f = *state;
    Switchyard__V1__ProbeRequest bad[] = {probe_request("POST", "/"), probe_request("", long_path),
                                          probe_request("", "/")};

    memset(long_path, '/', sizeof long_path - 1);
    bad[2].system = (Switchyard__V1__System)9;
    start(f, NULL);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        send_probe(f, &bad[i]);
        WAIT_FOR(f->loop, f->answered);
        assert_int_equal(f->status.code, ERR_INVALID);
    }
    assert_null(f->probe_fn);
}

static void a_probe_under_way_does_not_hold_up_the_end(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__ProbeRequest m = probe_request("", "");
    struct err why = {.code = ERR_CANCELLED};

    start(f, NULL);
    send_probe(f, &m);
    WAIT_FOR(f->loop, f->probe_fn);
    f->service = order_service_free(f->service);
    f->probe_fn(f->probe_ctx, NULL, 0, &why);
    WAIT_FOR(f->loop, f->answered);
    assert_int_not_equal(f->status.code, ERR_NONE);
}

static void the_socket_is_the_owners_alone(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    start(f, NULL);
    assert_holds(order_service_address(f->service), "unix:/");
    assert_int_equal(stat(order_service_address(f->service) + 5, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_port_answers_the_same(void **state)
{
    struct fixture *f = *state;

    start(f, "127.0.0.1:0");
    assert_holds(order_service_address(f->service), "127.0.0.1:");
    ask(f, "app", "INC-1");
    WAIT_FOR(f->loop, agent_next(f->agent) == AGENT_PUBLISH);
    serve_order(f);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->serving, 1);
}

static void assert_refused(struct fixture *f, const char *migration, const char *reason,
                           const char *part)
{
    ask(f, migration, reason);
    WAIT_FOR(f->loop, f->answered);
    assert_int_not_equal(f->status.code, ERR_NONE);
    assert_holds(f->status.msg, part);
}

static void what_is_no_order_is_refused(void **state)
{
    struct fixture *f = *state;
    char novel[TEXT_SIZE + 10];

    memset(novel, 'x', sizeof novel);
    novel[sizeof novel - 1] = '\0';
    start(f, NULL);
    assert_refused(f, "app", "", "reason");
    assert_refused(f, "app", novel, "longer");
    assert_refused(f, "app", "two\nlines", "byte 4");
    assert_refused(f, "app",
                   "\xc2\x9b"
                   "31m",
                   "byte 1"); /* a terminal would obey it */
    assert_refused(f, "apx", "INC-1", "no route for a migration");
    assert_refused(f, "no name", "INC-1", "migration");
    assert_int_equal(agent_epochs(f->agent)->count, 0);
}

static void a_folder_too_deep_for_a_socket_leaves_the_port(void **state)
{
    struct fixture *f = *state;
    char deep[256], part[161];
    struct order_service_config c = {
        .node = "n1", .folder = deep, .listen = "127.0.0.1:0", .agent = f->agent};
    struct err closed, err = {0};

    memset(part, 'd', sizeof part);
    part[sizeof part - 1] = '\0';
    assert_true(str_fmt(deep, sizeof deep, "%s/%s", f->folder, part));
    assert_int_equal(mkdir(deep, 0700), 0);
    assert_ok(order_service_new(&c, f->loop, on_order, f, &f->service, &closed, &err), &err);
    assert_int_not_equal(closed.code, ERR_NONE);
    assert_holds(order_service_address(f->service), "127.0.0.1:");
    rmdir(deep);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_order_is_answered_when_it_is_served),
        TEST(an_order_that_is_not_served_is_told_as_such),
        TEST(why_is_told_with_what_is_served),
        TEST(what_is_logged_is_told_and_set_from_outside),
        TEST(a_probe_is_carried_out_and_answered),
        TEST(a_probe_that_is_none_is_refused),
        TEST(a_probe_under_way_does_not_hold_up_the_end),
        TEST(the_socket_is_the_owners_alone),
        TEST(a_port_answers_the_same),
        TEST(what_is_no_order_is_refused),
        TEST(a_folder_too_deep_for_a_socket_leaves_the_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
