/* SPDX-License-Identifier: Apache-2.0 */
/* The driver on the store in memory, with its faults: what is published and answered, in which
 * order, and what stays as it was. */
#include "tests/unit/coordinator/driver/rig.h"

static void saved_then_published_then_answered(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(run(f, CMD_APPLY), ERR_NONE);
    assert_string_equal(f->trace, "publish app stored; answer apply none; ");
    assert_int_equal(f->revision, f->leadership.term + 1);
    assert_int_equal(f->published_rev, f->revision);
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
    struct fixture *f = *state;
    uint64_t rev;

    run(f, CMD_APPLY);
    run(f, CMD_START);
    run(f, CMD_EMERGENCY);
    assert_true(f->published.has_emergency);
    rev = f->published_rev;
    stop_driver(f);
    f->published = (struct fleet_route){.removed = true};
    start_driver(f);
    assert_string_equal(f->published.route.migration.s, "app");
    assert_false(f->published.removed);
    assert_true(f->published.emergency.active);
    assert_int_equal(f->published_rev, rev);
}

/* ---- when the store fails -------------------------------------------------------------------- */

static void a_failed_transaction_refuses_the_command_and_changes_nothing(void **state)
{
    static const enum err_code codes[] = {ERR_EXHAUSTED, ERR_DENIED, ERR_IO};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        f->trace[0] = '\0';
        store_mem_fail_write(f->store, PLAN_KEY, codes[i], false);
        assert_int_equal(run(f, CMD_APPLY), codes[i]);
        assert_int_equal(stage_of(f), 99);
        assert_null(strstr(f->trace, "publish"));
        assert_int_equal(store_error(f).code, codes[i]);
    }
    assert_int_equal(run(f, CMD_APPLY), ERR_NONE);
    assert_int_equal(store_error(f).code, ERR_NONE);
}

static void hear_nothing(void *ctx UNUSED, const struct store_list *changes UNUSED)
{
}

/* The driver's watch is taken away: what others write shows as a conflict. */
static void deafen(struct fixture *f)
{
    struct err err;

    assert_ok(store_watch(f->store, STR(STORE_ROOT), 0, hear_nothing, NULL, &err), &err);
}

/* Somebody else writes the rollout as it is once more. */
static store_rev touch_rollout(struct fixture *f)
{
    CLEANUP(buf_deinitp) struct buf value = BUF_INIT(STORE_VALUE_MAX);
    struct store_op put = {STORE_PUT, .key = STR("/switchyard/v1/rollouts/app")};
    struct err err;
    store_rev rev;

    assert_ok(store_get(f->store, put.key, &value, NULL, &err), &err);
    put.value = buf_view(&value);
    assert_ok(store_txn(f->store, &(struct store_txn){.op = &put, .count = 1}, &rev, &err), &err);
    return rev;
}

static void a_command_that_met_a_conflict_is_decided_again(void **state)
{
    struct fixture *f = *state;
    store_rev rev;

    run(f, CMD_APPLY);
    run(f, CMD_START);
    deafen(f);
    rev = touch_rollout(f);
    assert_int_equal(run(f, CMD_ABORT), ERR_NONE);
    assert_true(f->revision > rev);
    assert_int_equal(stage_of(f), 0);
}

static void what_others_write_arrives_by_itself(void **state)
{
    struct fixture *f = *state;
    store_rev rev;

    run(f, CMD_APPLY);
    rev = touch_rollout(f);
    WAIT_FOR(f->loop, health(f).revision == rev);
}

/* More changes at once than anybody keeps. */
static void a_watch_that_was_lost_is_made_good_by_reading(void **state)
{
    struct fixture *f = *state;
    store_rev rev = 0;

    run(f, CMD_APPLY);
    for (unsigned i = 0; i < 3 * STORE_THREAD_CHANGES_MAX; i++)
        rev = touch_rollout(f);
    WAIT_FOR(f->loop, health(f).revision == rev);
    assert_int_equal(run(f, CMD_START), ERR_NONE);
    rev = touch_rollout(f); /* and there is a watch again */
    WAIT_FOR(f->loop, health(f).revision == rev);
}

/* A node's report is still counted after a conflict made the driver read all again. */
static void what_was_measured_survives_a_reading(void **state)
{
    struct fixture *f = *state;
    struct core_node n = {.name = {"n1"}, .connected = true};
    struct route_stats stats = {.migration = {"app"}};
    struct view_stats seen;
    struct err err;

    run(f, CMD_APPLY);
    run(f, CMD_START);
    driver_node(f->driver, &n, loop_now(f->loop));
    driver_past(f->driver, &n.name, NULL, 0, false);
    stats.system[SYSTEM_NEW].requests = 7;
    WAIT_FOR(f->loop, strstr(f->trace, "ask n1"));
    driver_report(f->driver, &n.name, &stats, 1);
    deafen(f);
    touch_rollout(f);
    assert_int_equal(run(f, CMD_ABORT), ERR_NONE);
    WAIT_FOR(f->loop, view_stats(driver_core(f->driver), "app", (dur_t){0}, loop_now(f->loop),
                                 &seen, &err) == 0 &&
                          seen.system[SYSTEM_NEW].requests == 7);
}

static void an_unknown_outcome_is_looked_up(void **state)
{
    struct fixture *f = *state;

    store_mem_fail_write(f->store, PLAN_KEY, ERR_UNKNOWN_OUTCOME, false);
    assert_int_equal(run(f, CMD_APPLY), ERR_UNAVAILABLE);
    assert_holds(f->answer.msg, "nothing was stored");
    assert_int_equal(stage_of(f), 99);

    store_mem_fail_write(f->store, PLAN_KEY, ERR_UNKNOWN_OUTCOME, true);
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
    WAIT_FOR(f->loop, store_error(f).code == ERR_CORRUPT);
    assert_int_equal(driver_command(f->driver, command(f, CMD_APPLY), &err), -ERR_UNAVAILABLE);
    assert_holds(err.msg, "plans/garbage");

    put_plan(f, "garbage", (struct str){NULL, 0});
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
    store_mem_fail_write(f->store, EMERGENCY_KEYS, ERR_IO, false);
    driver_order(f->driver, &node, &order);
    WAIT_FOR(f->loop, store_error(f).code == ERR_IO);
    assert_false(is_adopted(f));
    WAIT_FOR(f->loop, is_adopted(f));
    WAIT_FOR(f->loop, f->published.has_emergency && f->published.emergency.epoch == 8);
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
        DRIVER_TEST(a_command_that_met_a_conflict_is_decided_again),
        DRIVER_TEST(what_others_write_arrives_by_itself),
        DRIVER_TEST(a_watch_that_was_lost_is_made_good_by_reading),
        DRIVER_TEST(what_was_measured_survives_a_reading),
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
