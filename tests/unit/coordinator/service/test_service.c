/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' calls to a whole coordinator with its state in memory, and nodes that follow it. */
#include "coordinator/service/service.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/model/plan.h"
#include "coordinator/coordinator.h"
#include "operator.pb-c.h"
#include "tests/fleet/fake_node.h"
#include "tests/lib/unit.h"
#include "tests/lib/wait.h"

#define OPERATOR (&switchyard__v1__operator__descriptor)

struct fixture {
    struct loop *loop;
    struct coordinator *coordinator;
    struct rpc_client *client;
    char address[64];
    bool ready, stopped;

    bool answered;
    struct err status;
    ProtobufCMessage *reply; /* owned: a copy of the last one */
};

static void on_ready(void *ctx, int r, const struct err *err)
{
    struct fixture *f = ctx;

    assert_ok(r, err);
    f->ready = true;
}

static void on_stopped(void *ctx)
{
    struct fixture *f = ctx;

    f->stopped = true;
}

static const struct coordinator_events events = {.on_ready = on_ready, .on_stopped = on_stopped};

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct coordinator_config config = {.listen = "127.0.0.1:0",
                                        .core = {.startup_grace = dur_ms(1)}};
    struct rpc_client_config client = {.target = f->address};
    struct err err;

    rpc_start();
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(coordinator_new(&config, f->loop, &events, f, &f->coordinator, &err), &err);
    WAIT_FOR(f->loop, f->ready);
    str_fmt(f->address, sizeof(f->address), "127.0.0.1:%d", coordinator_port(f->coordinator));
    assert_ok(rpc_client_new(&client, f->loop, &f->client, &err), &err);
    *state = f;
    return 0;
}

static void drop_reply(struct fixture *f)
{
    if (f->reply)
        protobuf_c_message_free_unpacked(steal(f->reply), NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (!f->stopped)
        coordinator_stop(f->coordinator, dur_s(0));
    WAIT_FOR(f->loop, f->stopped);
    rpc_client_free(f->client);
    coordinator_free(f->coordinator);
    drop_reply(f);
    loop_free(f->loop);
    free(f);
    rpc_shutdown();
    return 0;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    struct fixture *f = ctx;

    f->answered = true;
    f->status = *status;
    if (reply) {
        size_t size = protobuf_c_message_get_packed_size(reply);
        uint8_t *bytes = xalloc(size + 1);

        protobuf_c_message_pack(reply, bytes);
        f->reply = protobuf_c_message_unpack(reply->descriptor, NULL, size, bytes);
        free(bytes);
    }
}

static void begin(struct fixture *f, const char *method, const ProtobufCMessage *req)
{
    drop_reply(f);
    f->answered = false;
    rpc_client_call(f->client, OPERATOR, method, req, dur_s(20), on_reply, f);
}

static const void *call(struct fixture *f, const char *method, const ProtobufCMessage *req)
{
    begin(f, method, req);
    WAIT_FOR(f->loop, f->answered);
    return f->reply;
}

static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static Switchyard__V1__Command command(Switchyard__V1__Command__ActionCase action)
{
    static Switchyard__V1__Start start = SWITCHYARD__V1__START__INIT;
    Switchyard__V1__Command c = SWITCHYARD__V1__COMMAND__INIT;

    c.migration = text("app");
    c.operator_ = text("ada");
    c.reason = text("a test");
    c.action_case = action;
    c.start = &start; /* all actions without fields look the same */
    return c;
}

static const Switchyard__V1__CommandResult *execute(struct fixture *f,
                                                    const Switchyard__V1__Command *c)
{
    return call(f, "Execute", &c->base);
}

static const Switchyard__V1__CommandResult *apply(struct fixture *f, bool dry_run)
{
    CLEANUP(buf_deinitp) struct buf plan = BUF_INIT(64u << 10);
    Switchyard__V1__Command c = command(SWITCHYARD__V1__COMMAND__ACTION_APPLY);
    Switchyard__V1__Apply a = SWITCHYARD__V1__APPLY__INIT;
    struct err err;

    assert_ok(plan_default("app", "http://127.0.0.1:1", "http://127.0.0.1:2", &plan, &err), &err);
    a.document = (ProtobufCBinaryData){plan.len, (uint8_t *)plan.data};
    c.migration = text("");
    c.dry_run = dry_run;
    c.apply = &a;
    return execute(f, &c);
}

static const Switchyard__V1__CommandResult *set_weight(struct fixture *f, double weight)
{
    Switchyard__V1__Command c = command(SWITCHYARD__V1__COMMAND__ACTION_SET_WEIGHT);
    Switchyard__V1__SetWeight set = SWITCHYARD__V1__SET_WEIGHT__INIT;

    set.weight = weight;
    c.set_weight = &set;
    return execute(f, &c);
}

static const Switchyard__V1__CommandResult *run_start(struct fixture *f)
{
    Switchyard__V1__Command c = command(SWITCHYARD__V1__COMMAND__ACTION_START);

    return execute(f, &c);
}

static const Switchyard__V1__CommandResult *emergency(struct fixture *f)
{
    Switchyard__V1__Command c = command(SWITCHYARD__V1__COMMAND__ACTION_EMERGENCY);
    Switchyard__V1__Emergency e = SWITCHYARD__V1__EMERGENCY__INIT;

    c.emergency = &e;
    return execute(f, &c);
}

static Switchyard__V1__AwaitRequest await_request(uint64_t revision, uint32_t timeout_ms)
{
    Switchyard__V1__AwaitRequest a = SWITCHYARD__V1__AWAIT_REQUEST__INIT;

    a.migration = text("app");
    a.revision = revision;
    a.timeout_ms = timeout_ms;
    return a;
}

static const Switchyard__V1__AwaitResult *await(struct fixture *f, uint64_t revision,
                                                uint32_t timeout_ms)
{
    Switchyard__V1__AwaitRequest a = await_request(revision, timeout_ms);

    return call(f, "Await", &a.base);
}

static const Switchyard__V1__Status *status_of(struct fixture *f, const char *migration)
{
    Switchyard__V1__StatusRequest q = SWITCHYARD__V1__STATUS_REQUEST__INIT;

    q.migration = text(migration);
    return call(f, "GetStatus", &q.base);
}

static const Switchyard__V1__Health *health(struct fixture *f)
{
    Switchyard__V1__HealthRequest q = SWITCHYARD__V1__HEALTH_REQUEST__INIT;

    return call(f, "GetHealth", &q.base);
}

static const Switchyard__V1__Component *component(const Switchyard__V1__Health *h, const char *name)
{
    for (size_t i = 0; i < h->n_components; i++) {
        if (strcmp(h->components[i]->name, name) == 0)
            return h->components[i];
    }
    fail_msg("no component %s", name);
    return NULL;
}

static const Switchyard__V1__Nodes *nodes(struct fixture *f)
{
    Switchyard__V1__NodesRequest q = SWITCHYARD__V1__NODES_REQUEST__INIT;

    return call(f, "ListNodes", &q.base);
}

/* Connect and wait until it has an update and the core knows it. */
static void join(struct fixture *f, struct fake_node *n)
{
    size_t before = nodes(f)->n_nodes;

    fake_node_open(n, f->address, f->loop);
    WAIT_FOR(f->loop, n->updates > 0);
    WAIT_FOR(f->loop, nodes(f)->n_nodes > before);
}

static const Switchyard__V1__Explanation *ask_why(struct fixture *f, const char *node,
                                                  const char *key)
{
    Switchyard__V1__ExplainRequest q = SWITCHYARD__V1__EXPLAIN_REQUEST__INIT;

    q.migration = text("app");
    q.node = text(node);
    q.key = text(key);
    return call(f, "Explain", &q.base);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void a_plan_is_applied_and_shown(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__PlansRequest list = SWITCHYARD__V1__PLANS_REQUEST__INIT;
    const Switchyard__V1__CommandResult *done = apply(f, false);

    assert_int_equal(done->n_changes, 1);
    assert_string_equal(done->changes[0]->migration, "app");
    assert_true(done->revision > 0);

    const Switchyard__V1__Plans *plans = call(f, "ListPlans", &list.base);
    assert_int_equal(plans->n_plans, 1);
    assert_string_equal(plans->plans[0]->name, "app");
    assert_int_equal(plans->plans[0]->stages, 5);

    const Switchyard__V1__Status *s = status_of(f, "app");
    assert_string_equal(s->phase, "pending");
    assert_string_equal(s->stage, "legacy");
    assert_int_equal(s->stage_index, 0);
    assert_string_equal(s->override, "none");
    assert_int_equal(s->n_plan, 5);
    assert_string_equal(s->plan[0]->state, "next");
    assert_string_equal(s->plan[1]->state, "later");
    assert_true(s->plan[4]->weight == 100);
    assert_null(s->last_rollback);
    assert_false(s->emergency->active);
}

static void a_plan_is_given_back_as_it_is_in_force(void **state)
{
    static char prod
        [] = "prod",
    document[] =
        "{apiVersion: switchyard/v1, kind: Migration, metadata: {name: app}, spec: {\n"
        "  systems: {legacy: {endpoints: [\"http://a:1\"]}, new: {endpoints: [\"http://a:2\"]}},\n"
        "  routing: {key: random}, environment: required,\n"
        "  environments: {prod: {stages: [{name: slow, weight: 1}]}},\n"
        "  stages: [{name: all, weight: 100}]}}\n";
    struct fixture *f = *state;
    Switchyard__V1__Command c = command(SWITCHYARD__V1__COMMAND__ACTION_APPLY);
    Switchyard__V1__Apply a = SWITCHYARD__V1__APPLY__INIT;
    Switchyard__V1__PlanRequest request = SWITCHYARD__V1__PLAN_REQUEST__INIT;
    CLEANUP(plan_freep) struct plan *plan = NULL;
    const Switchyard__V1__PlanDocument *p;
    struct err err;

    a.document = (ProtobufCBinaryData){sizeof document - 1, (uint8_t *)document};
    c.migration = text("");
    c.apply = &a;
    assert_null(execute(f, &c));
    assert_holds(f->status.msg, "--env NAME with one of prod");
    a.environment = prod;
    assert_non_null(execute(f, &c));

    request.migration = text("app");
    p = call(f, "GetPlan", &request.base);
    assert_string_equal(p->migration, "app");
    assert_string_equal(p->environment, "prod");
    assert_true(p->revision > 0);
    assert_ok(plan_parse((struct str){(char *)p->document.data, p->document.len}, "p", &plan, &err),
              &err);
    assert_string_equal(plan->environment, "prod");
    assert_string_equal(plan->stage[0].name.s, "slow");
    request.migration = text("ap");
    assert_null(call(f, "GetPlan", &request.base));
    assert_int_equal(f->status.code, ERR_NOT_FOUND);
}

static void a_dry_run_changes_nothing(void **state)
{
    struct fixture *f = *state;
    const Switchyard__V1__CommandResult *told = apply(f, true);

    assert_true(told->dry_run);
    assert_int_equal(told->n_changes, 1);
    assert_null(status_of(f, "app"));
    assert_int_equal(f->status.code, ERR_NOT_FOUND);
}

static void refusals_say_why(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__Command nobody = command(SWITCHYARD__V1__COMMAND__ACTION_START);

    nobody.operator_ = text("");
    assert_null(execute(f, &nobody));
    assert_int_equal(f->status.code, ERR_INVALID);
    assert_null(run_start(f));
    assert_int_equal(f->status.code, ERR_NOT_FOUND);
    apply(f, false);
    run_start(f);
    assert_null(run_start(f));
    assert_int_equal(f->status.code, ERR_REFUSED);
    assert_null(status_of(f, "ap"));
    assert_int_equal(f->status.code, ERR_NOT_FOUND);
    assert_holds(f->status.hint, "app");
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void await_answers_when_every_node_serves(void **state)
{
    struct fixture *f = *state;
    struct fake_node n1 = {.name = "n1"}, n2 = {.name = "n2", .silent = true};
    const Switchyard__V1__AwaitResult *a;
    uint64_t revision;

    apply(f, false);
    revision = run_start(f)->revision;
    join(f, &n1);
    join(f, &n2);
    revision = set_weight(f, 10)->revision;
    WAIT_FOR(f->loop, status_of(f, "app")->convergence->serving == 1);

    a = await(f, revision, 1);
    assert_false(a->converged);
    assert_int_equal(a->convergence->nodes, 2);
    assert_int_equal(a->convergence->lagging, 1);
    assert_string_equal(a->convergence->laggards[0], "n2");
    assert_true(a->measured_ms < 0);

    Switchyard__V1__AwaitRequest q = await_request(revision, 60000);
    begin(f, "Await", &q.base);
    WAIT_FOR(f->loop, n2.revision >= revision);
    assert_false(f->answered);
    fake_node_ack(&n2, revision);
    WAIT_FOR(f->loop, f->answered);
    a = (const Switchyard__V1__AwaitResult *)f->reply;
    assert_true(a->converged);
    assert_true(a->measured_ms >= 0);
    assert_int_equal(status_of(f, "app")->convergence->serving, 2);
    fake_node_close(&n1);
    fake_node_close(&n2);
}

static void await_of_a_change_that_nodes_do_not_see_is_answered(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__Command pause = command(SWITCHYARD__V1__COMMAND__ACTION_PAUSE);
    struct fake_node n = {.name = "n1"};
    uint64_t revision;

    apply(f, false);
    run_start(f);
    join(f, &n);
    revision = execute(f, &pause)->revision;
    assert_true(await(f, revision, 60000)->converged);
    fake_node_close(&n);
}

static void nodes_are_listed_with_what_they_serve(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};
    const Switchyard__V1__Nodes *list;
    uint64_t revision;

    apply(f, false);
    join(f, &n);
    fake_node_report(&n, "app", 10, 0, "closed");
    revision = run_start(f)->revision;
    await(f, revision, 20000);
    WAIT_FOR(f->loop, nodes(f)->nodes[0]->client_connections == 3);
    assert_int_equal(nodes(f)->nodes[0]->endpoints_healthy, 5);
    list = nodes(f);
    assert_int_equal(list->n_nodes, 1);
    assert_string_equal(list->nodes[0]->name, "n1");
    assert_string_equal(list->nodes[0]->state, "serving");
    assert_string_equal(list->nodes[0]->labels[0]->value, "eu-1");
    assert_true(list->nodes[0]->revision >= list->revision);
    fake_node_close(&n);
    WAIT_FOR(f->loop, strcmp(nodes(f)->nodes[0]->state, "gone") == 0);
}

static void reports_become_stats(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__StatsRequest q = SWITCHYARD__V1__STATS_REQUEST__INIT;
    struct fake_node n = {.name = "n1"};
    const Switchyard__V1__Stats *s;

    apply(f, false);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, n.pasts_wanted == 1);
    fake_node_past(&n, n.past_id, 0, 0, false);
    fake_node_report(&n, "app", 200, 10, "closed");
    q.migration = text("app");
    WAIT_FOR(f->loop,
             ((const Switchyard__V1__Stats *)call(f, "GetStats", &q.base))->new_->requests);
    s = (const Switchyard__V1__Stats *)f->reply;
    assert_int_equal(s->new_->requests, 200);
    assert_true(s->new_->error_rate == 5);
    assert_true(s->share_new == 100);
    assert_true(s->new_->latency_ms->p99 > 0);
    fake_node_close(&n);
}

static void a_review_is_made_of_days_and_history(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__ReviewRequest q = SWITCHYARD__V1__REVIEW_REQUEST__INIT;
    struct fake_node n = {.name = "n1"};
    const Switchyard__V1__MigrationReview *m;
    const Switchyard__V1__Review *r;

    apply(f, false);
    run_start(f);
    join(f, &n);
    WAIT_FOR(f->loop, n.pasts_wanted == 1);
    fake_node_past(&n, n.past_id, 0, 0, false);
    fake_node_report(&n, "app", 200, 10, "closed");
    WAIT_FOR(
        f->loop,
        ((const Switchyard__V1__Review *)call(f, "GetReview", &q.base))->migrations[0]->n_days);
    r = (const Switchyard__V1__Review *)f->reply;
    m = r->migrations[0];
    assert_int_equal(r->n_migrations, 1);
    assert_string_equal(m->status->migration, "app");
    assert_int_equal(m->stats->new_->requests, 200);
    assert_int_equal(m->days[0]->new_->errors, 10);
    assert_int_equal(strlen(m->days[0]->day), 10);
    assert_int_equal(m->n_changes, 2);
    assert_int_equal(m->n_rollbacks, 0);
    assert_non_null(r->health);
    q.migration = text("nobody");
    call(f, "GetReview", &q.base);
    assert_int_equal(f->status.code, ERR_NOT_FOUND);
    fake_node_close(&n);
}

/* ---- an emergency ---------------------------------------------------------------------------- */

static void an_emergency_reaches_the_nodes_and_is_measured(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__HistoryRequest q = SWITCHYARD__V1__HISTORY_REQUEST__INIT;
    struct fake_node n = {.name = "n1"};
    const Switchyard__V1__Status *s;
    uint64_t revision;

    apply(f, false);
    run_start(f);
    join(f, &n);
    set_weight(f, 50);
    revision = emergency(f)->revision;
    assert_true(await(f, revision, 20000)->measured_ms >= 0);
    assert_int_equal(n.orders, 1);

    WAIT_FOR(f->loop, (s = status_of(f, "app"))->last_rollback->measured_ms >= 0);
    assert_true(s->weight == 0);
    assert_true(s->emergency->active);
    assert_string_equal(s->emergency->operator_, "ada");
    assert_true(s->last_rollback->emergency);
    assert_string_equal(s->last_rollback->state, "rolled_back");
    assert_string_equal(s->last_rollback->reason, "a test");
    assert_string_equal(component(health(f), "migration/app")->state, "degraded");

    q.migration = text("app");
    const Switchyard__V1__History *h = call(f, "GetHistory", &q.base);
    assert_true(h->n_entries >= 4);
    assert_true(h->entries[0]->sequence > h->entries[1]->sequence);
    q.limit = 1;
    h = call(f, "GetHistory", &q.base);
    assert_int_equal(h->n_entries, 1);
    fake_node_close(&n);
}

/* ---- why ------------------------------------------------------------------------------------- */

static const Switchyard__V1__ExplainStep *deciding_step(const Switchyard__V1__Explanation *x)
{
    for (size_t i = 0; i < x->n_steps; i++)
        if (x->steps[i]->decides)
            return x->steps[i];
    fail_msg("no layer decides");
    return NULL;
}

static void why_is_told_for_a_node_as_it_decides(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};
    const Switchyard__V1__Explanation *x;

    apply(f, false);
    run_start(f);
    join(f, &n);
    set_weight(f, 100);
    x = ask_why(f, "n1", "user-1");
    assert_string_equal(x->system, "new");
    assert_string_equal(x->node, "n1");
    assert_true(x->weight == 100);
    assert_string_equal(deciding_step(x)->layer, "weight");
    emergency(f);
    x = ask_why(f, "", "user-1");
    assert_string_equal(x->system, "legacy");
    assert_string_equal(deciding_step(x)->layer, "emergency");
    assert_holds(deciding_step(x)->text, "a test");
    fake_node_close(&n);
}

static void why_needs_a_key_and_a_node_that_is_known(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__ExplainRequest q = SWITCHYARD__V1__EXPLAIN_REQUEST__INIT;

    apply(f, false);
    assert_null(ask_why(f, "", ""));
    assert_int_equal(f->status.code, ERR_INVALID);
    assert_null(ask_why(f, "n9", "user-1"));
    assert_int_equal(f->status.code, ERR_NOT_FOUND);
    assert_holds(f->status.msg, "no node \"n9\" is known");
    q.migration = text("other");
    q.key = text("user-1");
    assert_null(call(f, "Explain", &q.base));
    assert_int_equal(f->status.code, ERR_NOT_FOUND);
}

/* ---- health, the end ------------------------------------------------------------------------- */

static void health_names_each_part(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};
    const Switchyard__V1__Health *h = health(f);

    assert_string_equal(h->overall, "healthy");
    assert_string_equal(component(h, "store")->state, "healthy");
    assert_holds(component(h, "coordinator")->text, "version");

    apply(f, false);
    assert_string_equal(component(health(f), "nodes")->state, "degraded");
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, strcmp(health(f)->overall, "healthy") == 0);
    h = health(f);
    assert_holds(component(h, "nodes")->text, "1 of 1 serving");
    assert_holds(component(h, "migration/app")->text, "pending");
    fake_node_close(&n);
}

static void stopping_answers_those_who_wait_and_lets_nodes_go(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1", .silent = true};
    uint64_t revision;

    apply(f, false);
    revision = run_start(f)->revision;
    join(f, &n);
    Switchyard__V1__AwaitRequest q = await_request(revision, 60000);
    begin(f, "Await", &q.base);
    for (unsigned i = 0; i < 20; i++)
        loop_turn(f->loop, dur_ms(5));
    assert_false(f->answered);
    coordinator_stop(f->coordinator, dur_s(600));
    WAIT_FOR(f->loop, f->answered && n.closed);
    assert_false(((const Switchyard__V1__AwaitResult *)f->reply)->converged);
    assert_int_equal(n.status.code, ERR_UNAVAILABLE);
    assert_holds(n.status.msg, "stops");
    WAIT_FOR(f->loop, f->stopped);
    fake_node_close(&n);
}

static void a_second_coordinator_on_the_address_is_refused(void **state)
{
    struct fixture *f = *state;
    struct coordinator_config config = {.listen = f->address};
    struct coordinator *second;
    struct err err;

    assert_fails(coordinator_new(&config, f->loop, &events, f, &second, &err), ERR_UNAVAILABLE);
    assert_holds(err.msg, f->address);
}

#define SERVICE_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVICE_TEST(a_plan_is_applied_and_shown),
        SERVICE_TEST(a_plan_is_given_back_as_it_is_in_force),
        SERVICE_TEST(a_dry_run_changes_nothing),
        SERVICE_TEST(refusals_say_why),
        SERVICE_TEST(await_answers_when_every_node_serves),
        SERVICE_TEST(await_of_a_change_that_nodes_do_not_see_is_answered),
        SERVICE_TEST(nodes_are_listed_with_what_they_serve),
        SERVICE_TEST(reports_become_stats),
        SERVICE_TEST(an_emergency_reaches_the_nodes_and_is_measured),
        SERVICE_TEST(a_review_is_made_of_days_and_history),
        SERVICE_TEST(why_is_told_for_a_node_as_it_decides),
        SERVICE_TEST(why_needs_a_key_and_a_node_that_is_known),
        SERVICE_TEST(health_names_each_part),
        SERVICE_TEST(stopping_answers_those_who_wait_and_lets_nodes_go),
        SERVICE_TEST(a_second_coordinator_on_the_address_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
