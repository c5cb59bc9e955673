/* SPDX-License-Identifier: Apache-2.0 */
/* Emergency orders while the store fails or hangs: they reach the nodes, and the store later. */
#include <pthread.h>
#include <unistd.h>

#include "tests/unit/coordinator/driver/rig.h"

/* ---- a store that hangs ---------------------------------------------------------------------- */

/* Transactions wait while the test holds this; the store in memory carries them out. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static const struct store_ops *mem_ops;

static int slow_txn(struct store *s, const struct store_txn *txn, store_rev *ret_rev,
                    struct err *err)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return mem_ops->txn(s, txn, ret_rev, err);
}

static void make_slow(struct fixture *f)
{
    static struct store_ops slow;

    mem_ops = f->store->ops;
    slow = *mem_ops;
    slow.txn = slow_txn;
    f->store->ops = &slow;
}

static void hang(bool hangs)
{
    if (hangs)
        pthread_mutex_lock(&gate);
    else
        pthread_mutex_unlock(&gate);
}

static int setup_slow(void **state)
{
    struct fixture *f;

    setup_stopped(state);
    f = *state;
    make_slow(f);
    start_leader(f);
    run(f, CMD_APPLY);
    run(f, CMD_START);
    return 0;
}

/* ---- helpers --------------------------------------------------------------------------------- */

static struct emergency known(struct fixture *f)
{
    struct emergency e = {.epoch = 0};

    return core_emergency(driver_core(f->driver), "app", &e) ? e : (struct emergency){.epoch = 0};
}

static unsigned history(struct fixture *f)
{
    const struct history_entry *entry[CORE_HISTORY_KEPT];

    return view_history(driver_core(f->driver), "app", entry, CORE_HISTORY_KEPT);
}

static void node_says(struct fixture *f, const char *name, uint64_t epoch)
{
    struct core_node n = {.connected = true, .newest_epoch_seen = epoch};
    struct emergency e = {.migration = {"app"}, .epoch = epoch, .active = true};

    str_fmt(n.name.s, sizeof n.name.s, "%s", name);
    if (epoch > 0)
        driver_order(f->driver, &n.name, &e);
    driver_node(f->driver, &n, loop_now(f->loop));
}

static struct view_convergence unstored(struct fixture *f, const char *migration)
{
    struct view_convergence c;

    driver_unstored_convergence(f->driver, migration, f->unstored_epoch, &c);
    return c;
}

/* ---- the store fails ------------------------------------------------------------------------- */

static void an_order_that_cannot_be_stored_is_pushed_answered_and_stored_later(void **state)
{
    static const enum err_code codes[] = {ERR_UNAVAILABLE, ERR_EXHAUSTED, ERR_IO, ERR_DENIED};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        unsigned before = history(f);

        f->trace[0] = '\0';
        store_mem_fail_write(f->store, EMERGENCY_KEYS, codes[i], false);
        assert_int_equal(run(f, CMD_EMERGENCY), ERR_NONE);
        assert_string_equal(f->trace, "push app; answer emergency_rollback none; ");
        assert_true(f->unstored_epoch > 0);
        assert_int_equal(f->pushed.epoch, f->unstored_epoch);
        assert_string_equal(f->pushed.reason, "a test");
        assert_int_equal(health(f).unstored, 1);

        WAIT_FOR(f->loop, health(f).unstored == 0);
        assert_int_equal(known(f).epoch, f->unstored_epoch);
        assert_true(known(f).active);
        assert_string_equal(known(f).operator_name, "tester");
        assert_int_equal(history(f), before + 1);
        assert_int_equal(stage_of(f), 0);
    }
}

static void an_order_that_was_stored_after_all_is_not_given_twice(void **state)
{
    struct fixture *f = *state;
    unsigned before = history(f);

    store_mem_fail_write(f->store, EMERGENCY_KEYS, ERR_UNKNOWN_OUTCOME, true);
    assert_int_equal(run(f, CMD_EMERGENCY), ERR_NONE);
    assert_true(f->unstored_epoch > 0);
    WAIT_FOR(f->loop, health(f).unstored == 0);
    assert_int_equal(known(f).epoch, f->unstored_epoch);
    assert_int_equal(history(f), before + 1);
    assert_int_equal(f->answers, 3);
}

static void an_order_while_the_store_cannot_be_read_does_not_wait(void **state)
{
    struct fixture *f = *state;
    struct store_op put = {STORE_PUT, STR("/switchyard/v1/plans/garbage"), STR("{}"), 0};
    struct err err;

    assert_ok(store_txn(f->store, &(struct store_txn){.op = &put, .count = 1}, NULL, &err), &err);
    WAIT_FOR(f->loop, store_error(f).code == ERR_CORRUPT);
    assert_int_equal(driver_command(f->driver, command(f, CMD_PAUSE), &err), -ERR_UNAVAILABLE);
    assert_int_equal(run(f, CMD_EMERGENCY), ERR_NONE);
    assert_true(f->unstored_epoch > 0);
    assert_int_equal(health(f).unstored, 1);
    put.kind = STORE_DELETE;
    assert_ok(store_txn(f->store, &(struct store_txn){.op = &put, .count = 1}, NULL, &err), &err);
    WAIT_FOR(f->loop, health(f).unstored == 0);
    assert_int_equal(known(f).epoch, f->unstored_epoch);
}

static void what_cannot_be_ordered_is_refused_all_the_same(void **state)
{
    struct fixture *f = *state;
    struct core_command *cmd = command(f, CMD_EMERGENCY);
    struct err err;

    hang(true);
    submit(f, CMD_PAUSE);
    cmd->migration = "ap";
    assert_ok(driver_command(f->driver, cmd, &err), &err);
    WAIT_FOR(f->loop, f->answers == 3);
    assert_int_equal(f->answer.code, ERR_NOT_FOUND);
    assert_holds(f->answer.hint, "app");
    cmd->migration = "app";
    cmd->reason = "";
    assert_ok(driver_command(f->driver, cmd, &err), &err);
    WAIT_FOR(f->loop, f->answers == 4);
    assert_int_equal(f->answer.code, ERR_INVALID);
    cmd->reason = "a test";
    cmd->dry_run = true;
    assert_ok(driver_command(f->driver, cmd, &err), &err);
    WAIT_FOR(f->loop, f->answers == 5);
    assert_int_equal(f->answer.code, ERR_NONE);
    assert_int_equal(f->unstored_epoch, 0);
    hang(false);
    assert_int_equal(f->pushed_count, 0);
    WAIT_FOR(f->loop, f->answers == 6);
}

/* ---- the store hangs ------------------------------------------------------------------------- */

static void an_order_does_not_wait_for_its_own_transaction(void **state)
{
    struct fixture *f = *state;
    unsigned entries = history(f);

    hang(true);
    assert_int_equal(run(f, CMD_EMERGENCY), ERR_NONE);
    assert_true(f->unstored_epoch > 0);
    assert_int_equal(f->pushed_count, 1);
    hang(false);
    WAIT_FOR(f->loop, known(f).epoch == f->unstored_epoch);
    WAIT_FOR(f->loop, health(f).unstored == 0);
    assert_int_equal(history(f), entries + 1);
    assert_int_equal(f->answers, 3); /* once */
}

static void an_order_that_was_answered_belongs_to_its_giver(void **state)
{
    struct fixture *f = *state;
    struct core_command *cmd = xmemdup(command(f, CMD_EMERGENCY), sizeof *cmd);
    struct err err;

    hang(true);
    store_mem_fail_write(f->store, EMERGENCY_KEYS, ERR_UNKNOWN_OUTCOME, true);
    assert_ok(driver_command(f->driver, cmd, &err), &err);
    WAIT_FOR(f->loop, f->unstored_epoch > 0);
    free(cmd);
    hang(false);
    WAIT_FOR(f->loop, health(f).unstored == 0);
    assert_int_equal(f->answers, 3); /* once */
}

static void an_order_does_not_wait_for_anothers_transaction(void **state)
{
    struct fixture *f = *state;

    hang(true);
    submit(f, CMD_PAUSE);
    loop_turn(f->loop, dur_ms(0));
    assert_int_equal(run(f, CMD_EMERGENCY), ERR_NONE);
    assert_int_equal(f->pushed_count, 1);
    assert_int_equal(health(f).unstored, 1);
    hang(false);
    WAIT_FOR(f->loop, f->answers == 4);
    WAIT_FOR(f->loop, health(f).unstored == 0);
    assert_int_equal(known(f).epoch, f->pushed.epoch);
}

static void give(struct fixture *f, const char *request, bool dry_run)
{
    struct core_command *cmd = command(f, CMD_EMERGENCY);
    unsigned before = f->answers;
    struct err err;

    cmd->request = request;
    cmd->dry_run = dry_run;
    assert_ok(driver_command(f->driver, cmd, &err), &err);
    WAIT_FOR(f->loop, f->answers > before);
    assert_int_equal(f->answer.code, ERR_NONE);
}

/* Its giver heard nothing for a moment, and gave it to a follower, too, which handed it on. */
static void an_order_that_comes_twice_is_given_once(void **state)
{
    struct fixture *f = *state;
    unsigned entries = history(f);
    uint64_t epoch;

    hang(true);
    give(f, "4f00", false);
    epoch = f->unstored_epoch;
    give(f, "4f00", true);
    give(f, "4f00", false);
    assert_holds(f->summary, "already, by emergency order");
    assert_int_equal(f->unstored_epoch, epoch);
    assert_int_equal(f->pushed_count, 1);
    give(f, "4f01", false); /* somebody means it once more */
    assert_int_equal(f->pushed_count, 2);
    assert_true(f->unstored_epoch > epoch);
    epoch = f->unstored_epoch;
    hang(false);
    WAIT_FOR(f->loop, health(f).unstored == 0);
    assert_int_equal(known(f).epoch, epoch);
    assert_true(history(f) <= entries + 2);
}

static void an_order_that_comes_after_its_lifting_stays_lifted(void **state)
{
    struct fixture *f = *state;
    struct core_command *slow = command(f, CMD_SET_OVERRIDE);
    unsigned entries;
    struct err err;

    give(f, "4f00", false);
    run(f, CMD_CLEAR);
    assert_false(known(f).active);
    entries = history(f);
    hang(true);
    slow->system = SYSTEM_LEGACY;
    assert_ok(driver_command(f->driver, slow, &err), &err);
    loop_turn(f->loop, dur_ms(0));
    give(f, "4f00", false);
    assert_holds(f->summary, "lifted since");
    assert_int_equal(f->unstored_epoch, 0);
    assert_int_equal(f->pushed_count, 0);
    hang(false);
    WAIT_FOR(f->loop, history(f) > entries);
    assert_false(known(f).active);
}

static void an_order_that_could_not_be_adopted_stays_in_the_journal(void **state)
{
    struct fixture *f = *state;

    store_mem_fail_write(f->store, EMERGENCY_KEYS, ERR_IO, false);
    assert_int_equal(run(f, CMD_EMERGENCY), ERR_NONE);
    store_mem_fail_write(f->store, EMERGENCY_KEYS, ERR_IO, false); /* the store seemed to be back */
    WAIT_FOR(f->loop, known(f).epoch == f->unstored_epoch);
    WAIT_FOR(f->loop, health(f).unstored == 0);
}

static void an_order_that_no_disk_keeps_says_so(void **state)
{
    struct fixture *f = *state;

    stop_driver(f);
    f->config.journal = "/proc/no/journal";
    start_leader(f);
    store_mem_fail_write(f->store, EMERGENCY_KEYS, ERR_IO, false);
    assert_int_equal(run(f, CMD_EMERGENCY), ERR_NONE);
    assert_int_equal(f->pushed_count, 1);
    assert_holds(f->summary, "only in this coordinator's memory");
    WAIT_FOR(f->loop, known(f).epoch == f->unstored_epoch);
}

/* ---- epochs ---------------------------------------------------------------------------------- */

static void its_epoch_is_above_what_nodes_have_seen(void **state)
{
    struct fixture *f = *state;

    node_says(f, "n1", 40);
    store_mem_fail_write(f->store, EMERGENCY_KEYS, ERR_IO, false);
    assert_int_equal(run(f, CMD_EMERGENCY), ERR_NONE);
    assert_true(f->pushed.epoch > 40);
}

/* ---- who serves it --------------------------------------------------------------------------- */

static void nodes_count_once_they_have_told_of_it(void **state)
{
    struct fixture *f = *state;
    unsigned settled = f->settled;

    node_says(f, "n1", 0);
    node_says(f, "n2", 0);
    WAIT_FOR(f->loop, f->settled > settled);
    hang(true);
    run(f, CMD_EMERGENCY);
    assert_int_equal(unstored(f, "app").nodes, 2);
    assert_int_equal(unstored(f, "app").lagging, 2);
    node_says(f, "n1", f->unstored_epoch);
    assert_int_equal(unstored(f, "app").serving, 1);
    assert_string_equal(unstored(f, "").laggard[0], "n2");
    node_says(f, "n2", f->unstored_epoch);
    assert_int_equal(unstored(f, "").serving, 2);
    assert_int_equal(unstored(f, "").lagging, 0);
    hang(false);
    WAIT_FOR(f->loop, health(f).unstored == 0);
    assert_int_equal(unstored(f, "").serving, 2);
}

static void what_nodes_obey_is_known_before_it_is_stored(void **state)
{
    struct fixture *f = *state;
    struct emergency e;

    assert_false(driver_unstored_order(f->driver, "app", &e));
    hang(true);
    run(f, CMD_EMERGENCY);
    assert_true(driver_unstored_order(f->driver, "app", &e));
    assert_int_equal(e.epoch, f->unstored_epoch);
    assert_string_equal(e.reason, "a test");
    assert_false(driver_unstored_order(f->driver, "shop", &e));
    node_says(f, "n1", e.epoch + 3); /* of another coordinator, or given at the node */
    assert_true(driver_unstored_order(f->driver, "app", &e));
    assert_int_equal(e.epoch, f->unstored_epoch + 3);
    node_says(f, "n2", UINT64_MAX); /* is no order */
    assert_true(driver_unstored_order(f->driver, "app", &e));
    assert_int_equal(e.epoch, f->unstored_epoch + 3);
    hang(false);
    WAIT_FOR(f->loop, !driver_unstored_order(f->driver, "app", &e));
}

/* ---- the next process ------------------------------------------------------------------------ */

static void the_next_process_stores_it(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/unstored-XXXXXX";
    uint64_t epoch;

    assert_non_null(mkdtemp(path));
    char file[64];
    str_fmt(file, sizeof file, "%s/journal", path);
    stop_driver(f);
    f->config.journal = file;
    start_leader(f);
    store_mem_fail_write(f->store, EMERGENCY_KEYS, ERR_IO, false);
    run(f, CMD_EMERGENCY);
    epoch = f->unstored_epoch;
    assert_true(epoch > 0);
    /* Killed here: what is in memory is gone. */
    stop_driver(f);
    start_leader(f);
    WAIT_FOR(f->loop, health(f).unstored == 0);
    assert_int_equal(known(f).epoch, epoch);
    assert_string_equal(known(f).reason, "a test");
    unlink(file);
    rmdir(path);
}

#define UNSTORED_TEST(t) cmocka_unit_test_setup_teardown(t, setup_slow, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNSTORED_TEST(an_order_that_cannot_be_stored_is_pushed_answered_and_stored_later),
        UNSTORED_TEST(an_order_that_was_stored_after_all_is_not_given_twice),
        UNSTORED_TEST(an_order_while_the_store_cannot_be_read_does_not_wait),
        UNSTORED_TEST(what_cannot_be_ordered_is_refused_all_the_same),
        UNSTORED_TEST(an_order_does_not_wait_for_its_own_transaction),
        UNSTORED_TEST(an_order_that_was_answered_belongs_to_its_giver),
        UNSTORED_TEST(an_order_does_not_wait_for_anothers_transaction),
        UNSTORED_TEST(an_order_that_comes_twice_is_given_once),
        UNSTORED_TEST(an_order_that_comes_after_its_lifting_stays_lifted),
        UNSTORED_TEST(an_order_that_could_not_be_adopted_stays_in_the_journal),
        UNSTORED_TEST(an_order_that_no_disk_keeps_says_so),
        UNSTORED_TEST(its_epoch_is_above_what_nodes_have_seen),
        UNSTORED_TEST(nodes_count_once_they_have_told_of_it),
        UNSTORED_TEST(what_nodes_obey_is_known_before_it_is_stored),
        UNSTORED_TEST(the_next_process_stores_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
