/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' API of a coordinator that does not lead: what it answers, what it hands on, and
 * what it waits for. The leader and the driver are played. */
#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "coordinator/core/core.h"
#include "coordinator/service/service.h"
#include "operator.pb-c.h"
#include "peer.pb-c.h"
#include "tests/lib/unit.h"
#include "tests/lib/wait.h"

#define OPERATOR (&switchyard__v1__operator__descriptor)

struct fixture {
    struct loop *loop;
    struct core *core;
    struct registry *registry;
    struct service *service;
    struct rpc_server *server;
    struct rpc_client *client;
    char address[64];
    bool stopped;

    /* What the rest of the coordinator would say. */
    struct service_facts facts;
    struct err no_leader; /* ERR_NONE: there is one */
    struct view_convergence unstored;

    /* What it was asked. */
    unsigned submits;
    const struct core_command *submitted;
    unsigned handed_on;
    char method[32];
    dur_t deadline;
    service_reply_fn reply_fn;
    void *reply_ctx;
    unsigned measured;
    double measured_value;
    unsigned ordered;
    uint64_t ordered_rev;
    uint64_t asked_epoch;

    /* What the caller got. */
    bool answered;
    struct err status;
    ProtobufCMessage *reply;
};

/* ---- the rest of the coordinator, played ----------------------------------------------------- */

static int submit(void *ctx, const struct core_command *cmd, struct err *err)
{
    struct fixture *f = ctx;

    f->submits++;
    f->submitted = cmd;
    if (!f->facts.leads && cmd->kind != CMD_EMERGENCY)
        return err_set(err, ERR_UNAVAILABLE, "another coordinator leads; nothing was done");
    return 0;
}

static int hand_on(void *ctx, const char *method, const ProtobufCMessage *request UNUSED,
                   dur_t deadline, service_reply_fn fn, void *fn_ctx, struct err *err)
{
    struct fixture *f = ctx;

    if (f->no_leader.code != ERR_NONE)
        return err_copy(err, &f->no_leader);
    f->handed_on++;
    str_fmt(f->method, sizeof(f->method), "%s", method);
    f->deadline = deadline;
    f->reply_fn = fn;
    f->reply_ctx = fn_ctx;
    return 0;
}

static void measure(void *ctx, const struct core_measure *m)
{
    struct fixture *f = ctx;

    f->measured++;
    f->measured_value = m->value;
}

static void ordered(void *ctx, uint64_t revision, mono_t taken UNUSED)
{
    struct fixture *f = ctx;

    f->ordered++;
    f->ordered_rev = revision;
}

static void unstored(void *ctx, const char *migration UNUSED, uint64_t epoch,
                     struct view_convergence *ret)
{
    struct fixture *f = ctx;

    f->asked_epoch = epoch;
    *ret = f->unstored;
}

static bool unstored_order(void *ctx UNUSED, const char *migration UNUSED,
                           struct emergency *ret UNUSED)
{
    return false;
}

static const struct core *core(void *ctx)
{
    return ((struct fixture *)ctx)->core;
}

static void facts(void *ctx, struct service_facts *ret)
{
    *ret = ((struct fixture *)ctx)->facts;
}

static unsigned coordinators(void *ctx UNUSED,
                             struct service_coordinator ret[SERVICE_COORDINATORS_MAX])
{
    ret[0] = (struct service_coordinator){.id = {"c-2"}, .here = true, .reachable = true};
    ret[1] = (struct service_coordinator){.id = {"c-1"}, .reachable = true};
    ret[2] = (struct service_coordinator){.id = {"c-3"}};
    str_fmt(ret[0].address, sizeof(ret[0].address), "10.0.0.2:7400");
    str_fmt(ret[2].why_not, sizeof(ret[2].why_not), "cannot reach it");
    return 3;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void open_service(struct fixture *f)
{
    struct service_host host = {.ctx = f,
                                .submit = submit,
                                .measure = measure,
                                .hand_on = hand_on,
                                .ordered = ordered,
                                .unstored = unstored,
                                .unstored_order = unstored_order,
                                .core = core,
                                .facts = facts,
                                .coordinators = coordinators};
    struct rpc_server_config config = {.listen = "127.0.0.1:0"};
    struct rpc_client_config client = {.target = f->address};
    struct err err;

    assert_ok(service_new(&host, f->registry, f->loop, &f->service, &err), &err);
    assert_ok(rpc_server_new(&config, &f->server, &err), &err);
    assert_ok(service_serve(f->service, f->server, &err), &err);
    assert_ok(rpc_server_start(f->server, &err), &err);
    str_fmt(f->address, sizeof(f->address), "127.0.0.1:%d", rpc_server_port(f->server));
    assert_ok(rpc_client_new(&client, f->loop, &f->client, &err), &err);
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct core_config config = {.startup_grace = dur_ms(1)};
    struct err err;

    rpc_start();
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    f->core = core_new(&config, loop_wall(f->loop), loop_now(f->loop));
    assert_ok(core_loaded(f->core, "c0ffee", 0, &err), &err);
    f->registry = registry_new();
    f->facts.leader = (struct name){"c-1"};
    f->facts.term = 4;
    open_service(f);
    *state = f;
    return 0;
}

static void on_stopped(void *ctx)
{
    ((struct fixture *)ctx)->stopped = true;
}

static void drop_reply(struct fixture *f)
{
    if (f->reply)
        protobuf_c_message_free_unpacked(steal(f->reply), NULL);
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
    core_free(f->core);
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
    CLEANUP(xfreep) uint8_t *bytes = NULL;
    size_t size;

    f->answered = true;
    f->status = *status;
    if (!reply)
        return;
    size = protobuf_c_message_get_packed_size(reply);
    bytes = xalloc(size + 1);
    protobuf_c_message_pack(reply, bytes);
    f->reply = protobuf_c_message_unpack(reply->descriptor, NULL, size, bytes);
}

static void begin(struct fixture *f, const char *method, const ProtobufCMessage *req)
{
    drop_reply(f);
    f->answered = false;
    rpc_client_call(f->client, OPERATOR, method, req, dur_s(20), on_reply, f);
}

static Switchyard__V1__Command *command(Switchyard__V1__Command__ActionCase action)
{
    static Switchyard__V1__Emergency emergency = SWITCHYARD__V1__EMERGENCY__INIT;
    static Switchyard__V1__Command c;

    switchyard__v1__command__init(&c);
    c.migration = rpc_lend("app");
    c.operator_ = rpc_lend("ada");
    c.reason = rpc_lend("a test");
    c.action_case = action;
    c.emergency = &emergency; /* empty actions look the same */
    return &c;
}

#define START     SWITCHYARD__V1__COMMAND__ACTION_START
#define EMERGENCY SWITCHYARD__V1__COMMAND__ACTION_EMERGENCY

static void execute(struct fixture *f, Switchyard__V1__Command__ActionCase action)
{
    begin(f, "Execute", &command(action)->base);
}

/* The leader's answer. */
static void leader_says(struct fixture *f, uint64_t revision, bool dry_run)
{
    Switchyard__V1__CommandResult m = SWITCHYARD__V1__COMMAND_RESULT__INIT;
    struct err none = {.code = ERR_NONE};
    uint8_t bytes[64];
    size_t size;

    m.revision = revision;
    m.dry_run = dry_run;
    size = switchyard__v1__command_result__pack(&m, bytes);
    f->reply_fn(f->reply_ctx, bytes, size, &none);
}

static void arrives(struct fixture *f, uint64_t revision)
{
    f->facts.revision = revision;
    service_settled(f->service);
}

/* Time for answers that must not come. */
static void turn_a_while(struct fixture *f)
{
    for (unsigned i = 0; i < 20; i++)
        loop_turn(f->loop, dur_ms(2));
}

static const Switchyard__V1__CommandResult *result(struct fixture *f)
{
    WAIT_FOR(f->loop, f->answered);
    assert_ok(-(int)f->status.code, &f->status);
    return (const Switchyard__V1__CommandResult *)f->reply;
}

/* ---- commands -------------------------------------------------------------------------------- */

static void a_command_goes_to_the_leader_with_what_is_left_of_its_time(void **state)
{
    struct fixture *f = *state;

    execute(f, START);
    WAIT_FOR(f->loop, f->handed_on == 1);
    assert_string_equal(f->method, "Execute");
    assert_true(f->deadline.ns <= dur_s(20).ns && f->deadline.ns > dur_s(10).ns);
    assert_int_equal(f->submits, 0);
    leader_says(f, 0, false);
    assert_int_equal(result(f)->revision, 0);
}

static void its_answer_waits_until_the_change_can_be_read_here(void **state)
{
    struct fixture *f = *state;

    f->facts.revision = 6;
    execute(f, START);
    WAIT_FOR(f->loop, f->handed_on == 1);
    leader_says(f, 8, false);
    assert_int_equal(f->ordered, 1);
    assert_int_equal(f->ordered_rev, 8);
    arrives(f, 7);
    turn_a_while(f);
    assert_false(f->answered);
    arrives(f, 8);
    assert_int_equal(result(f)->revision, 8);
}

static void it_does_not_wait_for_ever(void **state)
{
    struct fixture *f = *state;

    execute(f, START);
    WAIT_FOR(f->loop, f->handed_on == 1);
    leader_says(f, 8, false);
    assert_int_equal(result(f)->revision, 8);
}

static void a_dry_run_measures_nothing(void **state)
{
    struct fixture *f = *state;

    execute(f, START);
    WAIT_FOR(f->loop, f->handed_on == 1);
    leader_says(f, 0, true);
    assert_true(result(f)->dry_run);
    assert_int_equal(f->ordered, 0);
}

static void the_leaders_refusal_is_the_callers(void **state)
{
    struct fixture *f = *state;
    struct err why;

    err_set(&why, ERR_REFUSED, "nothing is left to start");
    err_hint(&why, "switchyard status app");
    execute(f, START);
    WAIT_FOR(f->loop, f->handed_on == 1);
    f->reply_fn(f->reply_ctx, NULL, 0, &why);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->status.code, ERR_REFUSED);
    assert_string_equal(f->status.msg, "nothing is left to start");
    assert_string_equal(f->status.hint, "switchyard status app");
}

static void an_answer_that_is_not_understood_leaves_the_outcome_open(void **state)
{
    struct fixture *f = *state;
    struct err none = {.code = ERR_NONE};

    execute(f, START);
    WAIT_FOR(f->loop, f->handed_on == 1);
    f->reply_fn(f->reply_ctx, (const uint8_t *)"\377\377", 2, &none);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->status.code, ERR_UNKNOWN_OUTCOME);
}

static void without_a_leader_a_command_is_refused_and_an_emergency_is_not(void **state)
{
    struct fixture *f = *state;
    struct core_update u = {.has_answer = true};

    err_set(&f->no_leader, ERR_UNAVAILABLE, "no coordinator leads at the moment; nothing was done");
    execute(f, START);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->status.code, ERR_UNAVAILABLE);
    assert_holds(f->status.msg, "nothing was done");
    assert_int_equal(f->submits, 0);

    execute(f, EMERGENCY);
    WAIT_FOR(f->loop, f->submits == 1);
    u.token = f->submitted->token;
    service_answer(f->service, &u, 9, 3);
    assert_int_equal(result(f)->unstored_epoch, 3);
}

static void what_is_wrong_is_told_without_the_leader(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__Command *c = command(START);

    c->operator_ = rpc_lend("");
    begin(f, "Execute", &c->base);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->status.code, ERR_INVALID);
    assert_int_equal(f->handed_on, 0);
}

/* ---- Await ----------------------------------------------------------------------------------- */

static Switchyard__V1__AwaitRequest await_of(uint64_t revision, uint32_t timeout_ms)
{
    Switchyard__V1__AwaitRequest a = SWITCHYARD__V1__AWAIT_REQUEST__INIT;

    a.revision = revision;
    a.timeout_ms = timeout_ms;
    return a;
}

static void nothing_converges_before_it_is_known_here(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__AwaitRequest a = await_of(8, 20000);

    a.migration = rpc_lend("new-here"); /* not even its plan has come */
    begin(f, "Await", &a.base);
    turn_a_while(f);
    assert_false(f->answered);
    arrives(f, 8);
    WAIT_FOR(f->loop, f->answered);
    assert_true(((const Switchyard__V1__AwaitResult *)f->reply)->converged);

    a = await_of(9, 20);
    begin(f, "Await", &a.base);
    WAIT_FOR(f->loop, f->answered);
    assert_false(((const Switchyard__V1__AwaitResult *)f->reply)->converged);

    a.migration = rpc_lend("nowhere");
    a.revision = 8;
    begin(f, "Await", &a.base);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->status.code, ERR_NOT_FOUND);
}

static void an_order_without_a_store_is_awaited_by_its_epoch(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__AwaitRequest a = await_of(0, 20000);

    f->unstored = (struct view_convergence){.nodes = 2, .serving = 1, .lagging = 1};
    a.unstored_epoch = 5;
    begin(f, "Await", &a.base);
    WAIT_FOR(f->loop, f->asked_epoch == 5);
    turn_a_while(f);
    assert_false(f->answered);
    f->unstored = (struct view_convergence){.nodes = 2, .serving = 2};
    service_settled(f->service);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(((const Switchyard__V1__AwaitResult *)f->reply)->convergence->serving, 2);
}

/* ---- what it says of the others -------------------------------------------------------------- */

static void coordinators_are_listed_as_they_are_seen_from_here(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__CoordinatorsRequest q = SWITCHYARD__V1__COORDINATORS_REQUEST__INIT;
    struct fleet_node n = {.name = {"n1"}, .connected = true};
    const struct name c1 = {"c-1"};
    const Switchyard__V1__Coordinators *m;

    assert_int_equal(registry_update(f->registry, &c1, &n, loop_now(f->loop)), REGISTRY_TAKEN);
    begin(f, "ListCoordinators", &q.base);
    WAIT_FOR(f->loop, f->answered);
    m = (const Switchyard__V1__Coordinators *)f->reply;
    assert_string_equal(m->leader, "c-1");
    assert_int_equal(m->term, 4);
    assert_int_equal(m->n_coordinators, 3);
    assert_true(m->coordinators[0]->answering);
    assert_string_equal(m->coordinators[0]->role, "follower");
    assert_string_equal(m->coordinators[0]->address, "10.0.0.2:7400");
    assert_string_equal(m->coordinators[1]->role, "leader");
    assert_int_equal(m->coordinators[1]->nodes, 1);
    assert_false(m->coordinators[2]->reachable);
}

static const Switchyard__V1__Component *component(struct fixture *f, const char *name)
{
    Switchyard__V1__HealthRequest q = SWITCHYARD__V1__HEALTH_REQUEST__INIT;
    const Switchyard__V1__Health *h;

    begin(f, "GetHealth", &q.base);
    WAIT_FOR(f->loop, f->answered);
    h = (const Switchyard__V1__Health *)f->reply;
    for (size_t i = 0; i < h->n_components; i++) {
        if (strcmp(h->components[i]->name, name) == 0)
            return h->components[i];
    }
    return NULL;
}

static void health_names_leader_others_and_orders_that_wait(void **state)
{
    struct fixture *f = *state;

    assert_holds(component(f, "leader")->text, "c-1 leads");
    assert_string_equal(component(f, "coordinator/c-1")->state, "healthy");
    assert_string_equal(component(f, "coordinator/c-3")->state, "degraded");
    assert_holds(component(f, "coordinator/c-3")->text, "cannot reach it");
    assert_null(component(f, "coordinator/c-2"));
    assert_null(component(f, "journal"));

    f->facts.leader.s[0] = '\0';
    f->facts.unstored = 2;
    assert_string_equal(component(f, "leader")->state, "degraded");
    assert_holds(component(f, "journal")->text, "2 emergency orders");
}

/* Cut off from the store it knows who led, not who leads. */
static void who_is_cut_off_does_not_say_who_leads(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__CoordinatorsRequest q = SWITCHYARD__V1__COORDINATORS_REQUEST__INIT;
    const Switchyard__V1__Coordinators *m;

    err_set(&f->facts.store, ERR_UNAVAILABLE, "etcd does not answer");
    begin(f, "ListCoordinators", &q.base);
    WAIT_FOR(f->loop, f->answered);
    m = (const Switchyard__V1__Coordinators *)f->reply;
    assert_string_equal(m->leader, "");
    assert_holds(m->leader_unknown, "c-1 was the last leader");
    assert_string_equal(m->coordinators[1]->role, "follower");
    assert_string_equal(component(f, "leader")->state, "degraded");
    assert_holds(component(f, "leader")->text, "the last one it knew is c-1");
}

/* ---- from a peer ----------------------------------------------------------------------------- */

/* The service of another coordinator, whose calls come by a Peer service. */
struct far_side {
    struct fixture *f;
    struct rpc_server *server;
    struct rpc_client *client;
    bool stopped, answered;
    struct err status;
    uint64_t revision;
};

static void on_forward(void *ctx, struct rpc_call *call, const ProtobufCMessage *req)
{
    const Switchyard__V1__ForwardRequest *m = (const Switchyard__V1__ForwardRequest *)req;
    struct far_side *far = ctx;

    service_forwarded(far->f->service, call, m->from, m->method, m->message.data, m->message.len);
}

static int refuse_link(void *ctx UNUSED, struct rpc_stream *s UNUSED, void **ret UNUSED,
                       struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "no links here");
}

static const struct rpc_stream_events no_events = {.on_message = NULL};
static const struct rpc_method peer_methods[] = {
    {.name = "Link", .open = refuse_link, .events = &no_events},
    {.name = "Forward", .unary = on_forward},
    {.name = NULL},
};

static void far_on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    const Switchyard__V1__ForwardReply *m = (const Switchyard__V1__ForwardReply *)reply;
    struct far_side *far = ctx;
    Switchyard__V1__CommandResult *done;

    far->answered = true;
    far->status = *status;
    if (!m)
        return;
    done = switchyard__v1__command_result__unpack(NULL, m->message.len, m->message.data);
    assert_non_null(done);
    far->revision = done->revision;
    switchyard__v1__command_result__free_unpacked(done, NULL);
}

static void forward(struct far_side *far, const char *method, const uint8_t *bytes, size_t size)
{
    Switchyard__V1__ForwardRequest m = SWITCHYARD__V1__FORWARD_REQUEST__INIT;

    m.from = rpc_lend("c-3");
    m.method = rpc_lend(method);
    m.message = (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)bytes};
    far->answered = false;
    rpc_client_call(far->client, &switchyard__v1__peer__descriptor, "Forward", &m.base, dur_s(20),
                    far_on_reply, far);
}

static void open_far(struct fixture *f, struct far_side *far)
{
    struct rpc_server_config config = {.listen = "127.0.0.1:0"};
    char address[64];
    struct rpc_client_config client = {.target = address};
    struct err err;

    *far = (struct far_side){.f = f};
    assert_ok(rpc_server_new(&config, &far->server, &err), &err);
    assert_ok(rpc_server_add(far->server, &switchyard__v1__peer__descriptor, peer_methods, f->loop,
                             far, &err),
              &err);
    assert_ok(rpc_server_start(far->server, &err), &err);
    str_fmt(address, sizeof(address), "127.0.0.1:%d", rpc_server_port(far->server));
    assert_ok(rpc_client_new(&client, f->loop, &far->client, &err), &err);
}

static void far_stopped(void *ctx)
{
    ((struct far_side *)ctx)->stopped = true;
}

static void close_far(struct fixture *f, struct far_side *far)
{
    rpc_server_stop(far->server, dur_s(0), f->loop, far_stopped, far);
    WAIT_FOR(f->loop, far->stopped);
    rpc_client_free(far->client);
    rpc_server_free(far->server);
}

static void what_was_handed_on_is_carried_out_or_refused_but_never_handed_on_again(void **state)
{
    struct fixture *f = *state;
    struct core_update u = {.has_answer = true};
    struct far_side far;
    uint8_t bytes[128];
    size_t size = switchyard__v1__command__pack(command(START), bytes);

    open_far(f, &far);
    forward(&far, "Execute", bytes, size);
    WAIT_FOR(f->loop, far.answered);
    assert_int_equal(far.status.code, ERR_UNAVAILABLE);
    assert_int_equal(f->handed_on, 0);

    f->facts.leads = true;
    forward(&far, "Execute", bytes, size);
    WAIT_FOR(f->loop, f->submits == 2);
    assert_string_equal(f->submitted->operator_name, "ada");
    u.token = f->submitted->token;
    service_answer(f->service, &u, 12, 0);
    WAIT_FOR(f->loop, far.answered);
    assert_ok(-(int)far.status.code, &far.status);
    assert_int_equal(far.revision, 12);

    forward(&far, "GetStatus", bytes, size);
    WAIT_FOR(f->loop, far.answered);
    assert_int_equal(far.status.code, ERR_UNSUPPORTED);
    forward(&far, "Execute", (const uint8_t *)"\377\377\377", 3);
    WAIT_FOR(f->loop, far.answered);
    assert_int_equal(far.status.code, ERR_UNSUPPORTED);
    close_far(f, &far);
}

static Switchyard__V1__MeasureRequest measured(const char *migration, const char *name,
                                               double value)
{
    Switchyard__V1__MeasureRequest m = SWITCHYARD__V1__MEASURE_REQUEST__INIT;

    m.migration = rpc_lend(migration);
    m.name = rpc_lend(name);
    m.value = value;
    m.source = rpc_lend("node-agent");
    return m;
}

static void what_is_measured_goes_to_the_leader(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__MeasureRequest m = measured("orders", "syncLag", 2.5);
    struct err refused = {.code = ERR_NONE};

    begin(f, "Measure", &m.base);
    WAIT_FOR(f->loop, f->handed_on == 1);
    assert_string_equal(f->method, "Measure");
    f->reply_fn(f->reply_ctx, NULL, 0, &refused);
    WAIT_FOR(f->loop, f->answered);
    assert_ok(-(int)f->status.code, &f->status);
    assert_int_equal(f->measured, 0);

    err_set(&refused, ERR_NOT_FOUND, "there is no migration \"orders\"");
    begin(f, "Measure", &m.base);
    WAIT_FOR(f->loop, f->handed_on == 2);
    f->reply_fn(f->reply_ctx, NULL, 0, &refused);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->status.code, ERR_NOT_FOUND);

    err_set(&f->no_leader, ERR_UNAVAILABLE, "no coordinator leads at the moment");
    begin(f, "Measure", &m.base);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->status.code, ERR_UNAVAILABLE);
}

static void refuses_measured(struct fixture *f, Switchyard__V1__MeasureRequest m,
                             enum err_code code, const char *words)
{
    begin(f, "Measure", &m.base);
    WAIT_FOR(f->loop, f->answered);
    assert_int_equal(f->status.code, code);
    assert_holds(f->status.msg, words);
}

static void what_cannot_be_measured_is_refused(void **state)
{
    struct fixture *f = *state;

    f->facts.leads = true;
    refuses_measured(f, measured("", "syncLag", 1), ERR_INVALID, "which migration");
    refuses_measured(f, measured("orders", "lag", 1), ERR_INVALID, "nothing that is reported");
    refuses_measured(f, measured("orders", "syncLag", NAN), ERR_INVALID, "not a number");
    refuses_measured(f, measured("orders", "syncLag", -1), ERR_INVALID, "not a number");
    refuses_measured(f, measured("nobody", "syncLag", 1), ERR_NOT_FOUND, "no migration");
    assert_int_equal(f->measured, 0);
    assert_int_equal(f->handed_on, 0);
}

static void know(struct fixture *f, const char *migration)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1u << 16);
    CLEANUP(plan_freep) struct plan *plan = NULL;
    struct core_command cmd = {.kind = CMD_APPLY, .operator_name = "ada", .reason = ""};
    struct core_event ev = {.kind = EV_COMMAND, .command = &cmd};
    struct core_update u;
    struct err err;

    assert_ok(plan_default(migration, "http://127.0.0.1:1", "http://127.0.0.1:2", &text, &err),
              &err);
    assert_ok(plan_parse(buf_view(&text), "test", &plan, &err), &err);
    cmd.plan = plan;
    cmd.migration = migration;
    ev.now = loop_wall(f->loop);
    ev.mono = loop_now(f->loop);
    core_update_init(&u);
    core_step(f->core, &ev, &u);
    assert_non_null(u.save);
    core_commit(f->core, 1, &u);
    core_update_deinit(&u);
}

static void what_was_measured_and_handed_on_counts_here(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__MeasureRequest m = measured("orders", "restartsPerMinute", 0.5);
    struct far_side far;
    uint8_t bytes[128];
    size_t size = protobuf_c_message_pack(&m.base, bytes);

    know(f, "orders");
    open_far(f, &far);
    forward(&far, "Measure", bytes, size);
    WAIT_FOR(f->loop, far.answered);
    assert_int_equal(far.status.code, ERR_UNAVAILABLE);
    f->facts.leads = true;
    forward(&far, "Measure", bytes, size);
    WAIT_FOR(f->loop, far.answered);
    assert_ok(-(int)far.status.code, &far.status);
    assert_int_equal(f->measured, 1);
    assert_float_equal(f->measured_value, 0.5, 0);
    close_far(f, &far);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_command_goes_to_the_leader_with_what_is_left_of_its_time),
        T(its_answer_waits_until_the_change_can_be_read_here),
        T(it_does_not_wait_for_ever),
        T(a_dry_run_measures_nothing),
        T(the_leaders_refusal_is_the_callers),
        T(an_answer_that_is_not_understood_leaves_the_outcome_open),
        T(without_a_leader_a_command_is_refused_and_an_emergency_is_not),
        T(what_is_wrong_is_told_without_the_leader),
        T(nothing_converges_before_it_is_known_here),
        T(an_order_without_a_store_is_awaited_by_its_epoch),
        T(coordinators_are_listed_as_they_are_seen_from_here),
        T(who_is_cut_off_does_not_say_who_leads),
        T(health_names_leader_others_and_orders_that_wait),
        T(what_was_handed_on_is_carried_out_or_refused_but_never_handed_on_again),
        T(what_is_measured_goes_to_the_leader),
        T(what_cannot_be_measured_is_refused),
        T(what_was_measured_and_handed_on_counts_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
