/* SPDX-License-Identifier: Apache-2.0 */
/* The driver on the store in memory, with its faults: what is published and answered, in which
 * order, and what stays as it was. */
#include "coordinator/driver/driver.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/model/plan.h"
#include "coordinator/core/core_view.h"
#include "coordinator/store/store_mem.h"
#include "tests/lib/unit.h"
#include "tests/lib/wait.h"

#define PLAN_KEY "/switchyard/v1/plans/app"

struct fixture {
    struct loop *loop;
    struct store *store; /* owned by the thread */
    struct store_thread *thread;
    struct driver *driver;
    struct plan *plan;

    bool ready;
    struct err not_ready;
    unsigned settled;
    char trace[512]; /* "publish app rev=1 stored; answer apply none; ..." */
    unsigned answers;
    struct err answer;            /* the last */
    uint64_t revision;            /* of the last answer */
    struct fleet_route published; /* the last */
    uint64_t published_rev;
};

static void note(struct fixture *f, const char *fmt, ...) PRINTF(2, 3);

static void note(struct fixture *f, const char *fmt, ...)
{
    size_t n = strlen(f->trace);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(f->trace + n, sizeof(f->trace) - n, fmt, ap);
    va_end(ap);
}

static void on_ready(void *ctx, int r, const struct err *err)
{
    struct fixture *f = ctx;

    f->ready = true;
    if (r < 0)
        f->not_ready = *err;
}

/* The store's thread rests while the driver publishes: looking into the store is safe. */
static void on_publish(void *ctx, uint64_t revision, const struct fleet_route *route,
                       unsigned count)
{
    struct fixture *f = ctx;
    CLEANUP(buf_deinitp) struct buf value = BUF_INIT(STORE_VALUE_MAX);

    f->published_rev = revision;
    if (count == 0)
        return;
    f->published = route[count - 1];
    bool stored = store_get(f->store, STR(PLAN_KEY), &value, NULL, NULL) == 0;
    note(f, "publish %s%s; ", route[0].route.migration.s, stored ? " stored" : "");
}

static void on_answer(void *ctx, const struct core_update *u, uint64_t revision)
{
    struct fixture *f = ctx;
    const struct core_command *c = u->token;

    f->answers++;
    f->answer = u->refused;
    f->revision = revision;
    note(f, "answer %s %s; ", core_command_name(c->kind), err_text(u->refused.code));
}

static void on_settled(void *ctx)
{
    struct fixture *f = ctx;

    f->settled++;
}

static const struct driver_ports ports = {
    .on_ready = on_ready,
    .publish = on_publish,
    .answer = on_answer,
    .on_settled = on_settled,
};

static struct plan *make_plan(void)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(64u << 10);
    struct plan *plan;
    struct err err;

    assert_ok(plan_default("app", "http://127.0.0.1:8000", "http://127.0.0.1:8001", &text, &err),
              &err);
    assert_ok(plan_parse(buf_view(&text), "test", &plan, &err), &err);
    return plan;
}

static void start_driver(struct fixture *f)
{
    struct core_config config = {.startup_grace = dur_ms(1)};
    struct err err;

    assert_ok(store_thread_new(f->loop, f->store, &f->thread, &err), &err);
    assert_ok(driver_new(&config, f->loop, f->thread, &ports, f, &f->driver, &err), &err);
    WAIT_FOR(f->loop, f->ready);
}

static int setup_stopped(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err;

    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(store_mem_new(&f->store, &err), &err);
    f->plan = make_plan();
    *state = f;
    return 0;
}

static int setup(void **state)
{
    setup_stopped(state);
    start_driver(*state);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_thread_free(f->thread);
    driver_free(f->driver);
    plan_free(f->plan);
    loop_free(f->loop);
    free(f);
    return 0;
}

/* ---- commands -------------------------------------------------------------------------------- */

static struct core_command *command(struct fixture *f, enum core_command_kind kind)
{
    static struct core_command commands[CMD_COUNT];
    struct core_command *c = &commands[kind];

    *c = (struct core_command){
        .kind = kind,
        .migration = "app",
        .operator_name = "tester",
        .reason = "a test",
        .plan = f->plan,
        .token = c,
    };
    return c;
}

static void submit(struct fixture *f, enum core_command_kind kind)
{
    struct err err;

    assert_ok(driver_command(f->driver, command(f, kind), &err), &err);
}

static enum err_code run(struct fixture *f, enum core_command_kind kind)
{
    unsigned before = f->answers;

    submit(f, kind);
    WAIT_FOR(f->loop, f->answers > before);
    return f->answer.code;
}

static unsigned stage_of(struct fixture *f)
{
    struct view_status s;
    wall_t now = clock_system->wall(clock_system);
    mono_t mono = clock_system->mono(clock_system);

    if (view_status(driver_core(f->driver), "app", now, mono, &s, NULL) < 0)
        return 99;
    return s.rollout->stage;
}

static struct err store_error(struct fixture *f)
{
    struct driver_health h;

    driver_health(f->driver, &h);
    return h.store;
}

static void saved_then_published_then_answered(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(run(f, CMD_APPLY), ERR_NONE);
    assert_string_equal(f->trace, "publish app stored; answer apply none; ");
    assert_int_equal(f->revision, 1);
    assert_int_equal(f->published_rev, 1);
    assert_false(f->published.removed);
    assert_int_equal(f->published.route.weight_bp, 0);

    f->trace[0] = '\0';
    assert_int_equal(run(f, CMD_START), ERR_NONE);
    assert_int_equal(run(f, CMD_START), ERR_REFUSED);
    assert_int_equal(stage_of(f), 1);
}

static void a_dry_run_stores_and_publishes_nothing(void **state)
{
    struct fixture *f = *state;
    struct core_command *apply = command(f, CMD_APPLY);
    struct err err;

    apply->dry_run = true;
    assert_ok(driver_command(f->driver, apply, &err), &err);
    WAIT_FOR(f->loop, f->answers == 1);
    assert_string_equal(f->trace, "answer apply none; ");
    assert_int_equal(f->revision, 0);
    assert_int_equal(stage_of(f), 99);
}

static void a_restart_publishes_what_was_stored(void **state)
{
    struct core_config config = {.startup_grace = dur_s(5)};
    struct fixture *f = *state;
    struct err err;

    run(f, CMD_APPLY);
    run(f, CMD_START);
    run(f, CMD_EMERGENCY);
    assert_true(f->published.has_emergency);
    driver_free(steal(f->driver));
    f->published = (struct fleet_route){.removed = true};
    f->ready = false;

    assert_ok(driver_new(&config, f->loop, f->thread, &ports, f, &f->driver, &err), &err);
    WAIT_FOR(f->loop, f->ready);
    assert_string_equal(f->published.route.migration.s, "app");
    assert_false(f->published.removed);
    assert_true(f->published.emergency.active);
    assert_true(f->published_rev >= 3);
}

/* ---- when the store fails -------------------------------------------------------------------- */

static void a_failed_transaction_refuses_the_command_and_changes_nothing(void **state)
{
    static const enum err_code codes[] = {ERR_EXHAUSTED, ERR_DENIED, ERR_IO};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        f->trace[0] = '\0';
        store_mem_fail_after(f->store, 0, codes[i], false);
        assert_int_equal(run(f, CMD_APPLY), codes[i]);
        assert_int_equal(stage_of(f), 99);
        assert_null(strstr(f->trace, "publish"));
        assert_int_equal(store_error(f).code, codes[i]);
    }
    assert_int_equal(run(f, CMD_APPLY), ERR_NONE);
    assert_int_equal(store_error(f).code, ERR_NONE);
}

static void a_conflict_reads_the_store_again(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinitp) struct buf value = BUF_INIT(STORE_VALUE_MAX);
    struct err err;
    store_rev rev;

    run(f, CMD_APPLY);
    run(f, CMD_START);
    /* Somebody else writes the same rollout once more. */
    assert_ok(store_get(f->store, STR("/switchyard/v1/rollouts/app"), &value, NULL, &err), &err);
    struct store_op put = {STORE_PUT, STR("/switchyard/v1/rollouts/app"), buf_view(&value), 0};
    assert_ok(store_txn(f->store, &(struct store_txn){.op = &put, .count = 1}, &rev, &err), &err);

    assert_int_equal(run(f, CMD_ABORT), ERR_CONFLICT);
    assert_int_equal(stage_of(f), 1);
    assert_int_equal(run(f, CMD_ABORT), ERR_NONE);
    assert_true(f->revision > rev);
}

static void an_unknown_outcome_is_looked_up(void **state)
{
    struct fixture *f = *state;

    store_mem_fail_after(f->store, 0, ERR_UNKNOWN_OUTCOME, false);
    assert_int_equal(run(f, CMD_APPLY), ERR_UNAVAILABLE);
    assert_holds(f->answer.msg, "nothing was stored");
    assert_int_equal(stage_of(f), 99);

    store_mem_fail_after(f->store, 0, ERR_UNKNOWN_OUTCOME, true);
    f->trace[0] = '\0';
    assert_int_equal(run(f, CMD_APPLY), ERR_NONE);
    assert_string_equal(f->trace, "publish app stored; answer apply none; ");
    assert_int_equal(stage_of(f), 0);
    assert_int_equal(store_error(f).code, ERR_NONE);
}

static void put_plan(struct fixture *f, const char *name, struct str value)
{
    char key[128];
    struct store_op op = {value.p ? STORE_PUT : STORE_DELETE, .value = value};
    struct err err;

    str_fmt(key, sizeof(key), "/switchyard/v1/plans/%s", name);
    op.key = str_of(key);
    assert_ok(store_txn(f->store, &(struct store_txn){.op = &op, .count = 1}, NULL, &err), &err);
}

static void commands_are_refused_while_the_store_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    struct err err;

    put_plan(f, "garbage", STR("{}"));
    put_plan(f, "app", STR("{}"));
    assert_int_equal(run(f, CMD_APPLY), ERR_CONFLICT);
    assert_int_equal(driver_command(f->driver, command(f, CMD_APPLY), &err), -ERR_UNAVAILABLE);
    assert_holds(err.msg, "plans/");

    put_plan(f, "garbage", (struct str){NULL, 0});
    put_plan(f, "app", (struct str){NULL, 0});
    WAIT_FOR(f->loop, store_error(f).code == ERR_NONE);
    assert_int_equal(run(f, CMD_APPLY), ERR_NONE);
}

static void a_store_that_cannot_be_read_at_the_start_is_named(void **state)
{
    struct fixture *f = *state;

    store_mem_fail_after(f->store, 0, ERR_IO, false);
    start_driver(f);
    assert_int_equal(f->not_ready.code, ERR_IO);
    assert_null(driver_core(f->driver));
}

static void a_broken_value_at_the_start_is_named(void **state)
{
    struct fixture *f = *state;

    put_plan(f, "app", STR("{\"broken\": true}"));
    start_driver(f);
    assert_int_not_equal(f->not_ready.code, ERR_NONE);
    assert_holds(f->not_ready.msg, PLAN_KEY);
}

/* ---- order and bounds ------------------------------------------------------------------------ */

static void an_emergency_overtakes_what_waits(void **state)
{
    struct fixture *f = *state;

    run(f, CMD_APPLY);
    run(f, CMD_START);
    f->trace[0] = '\0';
    submit(f, CMD_PAUSE);
    submit(f, CMD_SET_OVERRIDE);
    submit(f, CMD_EMERGENCY);
    WAIT_FOR(f->loop, f->answers == 5);
    assert_holds(f->trace, "answer emergency_rollback none; ");
    assert_true(strstr(f->trace, "emergency") < strstr(f->trace, "pause"));
}

static void too_many_commands_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {.code = ERR_NONE};
    unsigned taken = 0;

    while (driver_command(f->driver, command(f, CMD_PAUSE), &err) == 0)
        taken++;
    assert_int_equal(err.code, ERR_EXHAUSTED);
    WAIT_FOR(f->loop, f->answers == taken);
    assert_int_equal(f->answer.code, ERR_NOT_FOUND);
}

static void nodes_are_counted_and_the_last_one_converges_at_once(void **state)
{
    struct fixture *f = *state;
    struct core_node n = {.name = {"n1"}, .connected = true};
    struct view_convergence c;
    unsigned settled;

    run(f, CMD_APPLY);
    driver_node(f->driver, &n, loop_now(f->loop));
    settled = f->settled;
    WAIT_FOR(f->loop, f->settled > settled);
    view_convergence(driver_core(f->driver), "app", 1, loop_now(f->loop), &c);
    assert_int_equal(c.lagging, 1);

    n.serving_rev = f->published_rev;
    driver_node(f->driver, &n, loop_now(f->loop));
    settled = f->settled;
    WAIT_FOR(f->loop, f->settled > settled);
    view_convergence(driver_core(f->driver), "app", 1, loop_now(f->loop), &c);
    assert_int_equal(c.serving, 1);
    assert_int_equal(c.lagging, 0);
}

static bool is_adopted(struct fixture *f)
{
    struct emergency e;

    return core_emergency(driver_core(f->driver), "app", &e) && e.active && e.epoch == 8;
}

static void an_order_of_a_node_is_adopted_when_the_store_works_again(void **state)
{
    struct fixture *f = *state;
    struct name node = {"n1"};
    struct emergency order = {.migration = {"app"}, .epoch = 8, .active = true};

    run(f, CMD_APPLY);
    store_mem_fail_after(f->store, 0, ERR_IO, false);
    driver_order(f->driver, &node, &order);
    WAIT_FOR(f->loop, store_error(f).code == ERR_IO);
    assert_false(is_adopted(f));
    WAIT_FOR(f->loop, is_adopted(f));
    assert_true(f->published.has_emergency && f->published.emergency.epoch == 8);
}

static void an_order_waits_for_its_migration_to_be_applied(void **state)
{
    struct fixture *f = *state;
    struct name node = {"n1"};
    struct emergency order = {.migration = {"app"}, .epoch = 8, .active = true};

    driver_order(f->driver, &node, &order);
    run(f, CMD_APPLY);
    WAIT_FOR(f->loop, is_adopted(f));
}

#define DRIVER_TEST(t)         cmocka_unit_test_setup_teardown(t, setup, teardown)
#define STOPPED_DRIVER_TEST(t) cmocka_unit_test_setup_teardown(t, setup_stopped, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(saved_then_published_then_answered),
        DRIVER_TEST(a_dry_run_stores_and_publishes_nothing),
        DRIVER_TEST(a_restart_publishes_what_was_stored),
        DRIVER_TEST(a_failed_transaction_refuses_the_command_and_changes_nothing),
        DRIVER_TEST(a_conflict_reads_the_store_again),
        DRIVER_TEST(an_unknown_outcome_is_looked_up),
        DRIVER_TEST(commands_are_refused_while_the_store_cannot_be_read),
        STOPPED_DRIVER_TEST(a_store_that_cannot_be_read_at_the_start_is_named),
        STOPPED_DRIVER_TEST(a_broken_value_at_the_start_is_named),
        DRIVER_TEST(an_emergency_overtakes_what_waits),
        DRIVER_TEST(too_many_commands_are_refused),
        DRIVER_TEST(nodes_are_counted_and_the_last_one_converges_at_once),
        DRIVER_TEST(an_order_of_a_node_is_adopted_when_the_store_works_again),
        DRIVER_TEST(an_order_waits_for_its_migration_to_be_applied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
