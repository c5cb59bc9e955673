/* SPDX-License-Identifier: Apache-2.0 */
/* Several coordinators on one real etcd: one leads, the others follow what it stores; it dies, is
 * deposed, is cut off; and an emergency needs none of them in particular. */
#include "tests/unit/coordinator/driver/rig.h"

#include "coordinator/store/store_etcd.h"
#include "tests/etcd/etcd_server.h"

#define REPLICAS_MAX 3
#define TTL_S        3
#define KEY_LEADER   STORE_ROOT "leader"

static struct etcd_cluster etcd;

struct yard {
    char space[32];
    struct loop *loop;
    struct store *by_hand; /* somebody with etcdctl */
    struct fixture c[REPLICAS_MAX];
};

static struct store *open_store(const struct yard *y)
{
    const struct store_etcd_config config = {
        .endpoints = etcd.endpoints, .space = y->space, .timeout = dur_ms(800)};
    struct store *s;
    struct err err;

    assert_ok(store_etcd_open(&config, &s, &err), &err);
    return s;
}

static struct fixture *open_replica(struct yard *y, unsigned i, const char *id)
{
    struct fixture *f = &y->c[i];
    struct err err;

    f->loop = y->loop;
    f->store = open_store(y);
    init_fixture(f, id, i + 1);
    f->config.lease_ttl = dur_s(TTL_S);
    assert_ok(store_thread_new(f->loop, f->store, &f->thread, &err), &err);
    return f;
}

static struct fixture *start_replica(struct yard *y, unsigned i, const char *id)
{
    struct fixture *f = open_replica(y, i, id);

    start_driver(f);
    if (f->not_ready.code != ERR_NONE)
        fail_msg("%s", f->not_ready.msg);
    return f;
}

/* As by kill -9: nothing is given back. */
static void kill_replica(struct fixture *f)
{
    deinit_fixture(f);
    *f = (struct fixture){.loop = NULL};
}

static void stop_replica(struct fixture *f)
{
    leave(f);
    kill_replica(f);
}

static int setup_yard(void **state)
{
    static unsigned count;
    struct yard *y = xnew(struct yard);
    struct err err;

    str_fmt(y->space, sizeof y->space, "/yard-%u", count++);
    assert_ok(loop_new(clock_system, &y->loop, &err), &err);
    y->by_hand = open_store(y);
    *state = y;
    return 0;
}

/* c1 leads, c2 and c3 follow; a plan is at its first stage. */
static int setup_three(void **state)
{
    struct yard *y;

    setup_yard(state);
    y = *state;
    start_replica(y, 0, "c1");
    start_replica(y, 1, "c2");
    start_replica(y, 2, "c3");
    assert_true(y->c[0].leadership.here);
    assert_int_equal(run(&y->c[0], CMD_APPLY), ERR_NONE);
    assert_int_equal(run(&y->c[0], CMD_START), ERR_NONE);
    WAIT_FOR(y->loop, stage_of(&y->c[1]) == 1 && stage_of(&y->c[2]) == 1);
    return 0;
}

static int teardown_yard(void **state)
{
    struct yard *y = *state;

    for (unsigned i = 0; i < REPLICAS_MAX; i++)
        deinit_fixture(&y->c[i]);
    store_free(y->by_hand);
    loop_free(y->loop);
    free(y);
    return 0;
}

static void delete_by_hand(struct yard *y, const char *key)
{
    struct store_op op = {STORE_DELETE, .key = str_of(key)};
    struct err err;

    assert_ok(store_txn(y->by_hand, &(struct store_txn){.op = &op, .count = 1}, NULL, &err), &err);
}

static void hear_nothing(void *ctx UNUSED, int r UNUSED, const struct store_list *changes UNUSED,
                         const struct err *err UNUSED)
{
}

/* It does not hear any more what others write, and so acts on what it believed. */
static void deafen(struct fixture *f)
{
    struct err err;

    assert_ok(store_thread_watch(f->thread, STR(STORE_ROOT), health(f).revision, hear_nothing, NULL,
                                 &err),
              &err);
}

static struct emergency order_at(struct fixture *f)
{
    struct emergency e = {.epoch = 0};

    return core_emergency(driver_core(f->driver), "app", &e) ? e : (struct emergency){.epoch = 0};
}

static unsigned leaders(struct yard *y)
{
    unsigned n = 0;

    for (unsigned i = 0; i < REPLICAS_MAX; i++)
        n += y->c[i].driver && health(&y->c[i]).leadership.here;
    return n;
}

static struct fixture *leader_of(struct yard *y)
{
    for (unsigned i = 0; i < REPLICAS_MAX; i++)
        if (y->c[i].driver && health(&y->c[i]).leadership.here)
            return &y->c[i];
    return NULL;
}

/* ---- following ------------------------------------------------------------------------------- */

static void all_publish_the_same_at_the_same_revision(void **state)
{
    struct yard *y = *state;

    run(&y->c[0], CMD_SET_WEIGHT);
    for (unsigned i = 1; i < REPLICAS_MAX; i++) {
        WAIT_FOR(y->loop, y->c[i].published_rev == y->c[0].published_rev);
        assert_memory_equal(&y->c[i].published, &y->c[0].published, sizeof(struct fleet_route));
    }
}

static void they_know_each_other_and_who_leads(void **state)
{
    struct yard *y = *state;
    uint64_t term = y->c[0].leadership.term;

    assert_int_equal(leaders(y), 1);
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        WAIT_FOR(y->loop, y->c[i].member_count == 2);
        WAIT_FOR(y->loop, y->c[i].leadership.term == term);
        assert_string_equal(y->c[i].leadership.leader.id.s, "c1");
        assert_string_equal(y->c[i].leadership.leader.boot, "boot-1");
        assert_true(wall_is_set(y->c[i].leadership.since));
    }
    stop_replica(&y->c[2]);
    WAIT_FOR(y->loop, y->c[0].member_count == 1 && y->c[1].member_count == 1);
    assert_string_equal(y->c[0].member.id.s, "c3");
}

static void commands_are_for_the_leader(void **state)
{
    struct yard *y = *state;
    struct err err;

    assert_fails(driver_command(y->c[1].driver, command(&y->c[1], CMD_PAUSE), &err),
                 ERR_UNAVAILABLE);
    assert_holds(err.msg, "nothing was done");
}

/* What is read anew begins where the others are. */
static void a_newcomer_publishes_what_the_others_do(void **state)
{
    struct yard *y = *state;
    uint64_t rev;

    run(&y->c[0], CMD_ABORT);
    run(&y->c[0], CMD_DELETE);
    assert_int_equal(y->c[0].answer.code, ERR_NONE);
    rev = y->c[0].published_rev;
    stop_replica(&y->c[2]);
    start_replica(y, 2, "c3");
    assert_int_equal(y->c[2].published_rev, rev);
}

/* ---- losing the leader ----------------------------------------------------------------------- */

static void another_one_leads_after_the_leader_died(void **state)
{
    struct yard *y = *state;
    uint64_t term = y->c[0].leadership.term;
    struct fixture *next;

    kill_replica(&y->c[0]);
    WAIT_FOR(y->loop, leaders(y) == 1);
    next = leader_of(y);
    assert_true(health(next).leadership.term > term);
    assert_int_equal(run(next, CMD_PAUSE), ERR_NONE);
}

static void one_that_leaves_does_not_keep_the_others_waiting(void **state)
{
    struct yard *y = *state;
    mono_t before = clock_system->mono(clock_system);

    stop_replica(&y->c[0]);
    WAIT_FOR(y->loop, leaders(y) == 1);
    assert_true(mono_sub(clock_system->mono(clock_system), before).ns < dur_s(TTL_S).ns);
}

static void a_deposed_leader_cannot_write(void **state)
{
    struct yard *y = *state;
    struct fixture *old = &y->c[0];

    deafen(old);
    delete_by_hand(y, KEY_LEADER);
    WAIT_FOR(y->loop, y->c[1].leadership.here || y->c[2].leadership.here);
    assert_true(health(old).leadership.here); /* it has not heard */
    assert_int_equal(run(old, CMD_ABORT), ERR_UNAVAILABLE);
    assert_holds(old->answer.msg, "nothing was done");
    assert_false(health(old).leadership.here);
    assert_int_equal(stage_of(leader_of(y)), 1);
}

static void a_leader_whose_key_was_deleted_is_elected_anew(void **state)
{
    struct yard *y = *state;
    uint64_t term = y->c[0].leadership.term;

    delete_by_hand(y, KEY_LEADER);
    WAIT_FOR(y->loop, leader_of(y) && health(leader_of(y)).leadership.term > term);
    WAIT_FOR(y->loop, leaders(y) == 1);
}

static void one_whose_own_key_was_deleted_registers_anew(void **state)
{
    struct yard *y = *state;

    WAIT_FOR(y->loop, y->c[0].member_count == 2);
    delete_by_hand(y, STORE_ROOT "coordinators/c2");
    WAIT_FOR(y->loop, y->c[0].member_count == 1);
    WAIT_FOR(y->loop, y->c[0].member_count == 2);
    assert_string_equal(y->c[0].member.id.s, "c2");
}

/* Nobody leads while etcd hangs, from before the lease ends; afterwards one does. */
static void a_leader_that_cannot_renew_steps_down(void **state)
{
    struct yard *y = *state;
    mono_t before = clock_system->mono(clock_system);

    etcd_freeze(&etcd, 0, true);
    WAIT_FOR(y->loop, leaders(y) == 0);
    assert_true(mono_sub(clock_system->mono(clock_system), before).ns <
                dur_s(TTL_S).ns); /* before another one can lead */
    etcd_freeze(&etcd, 0, false);
    WAIT_FOR(y->loop, leaders(y) == 1);
    WAIT_FOR(y->loop, store_error(leader_of(y)).code == ERR_NONE);
    WAIT_FOR(y->loop, run(leader_of(y), CMD_PAUSE) == ERR_NONE);
}

/* ---- conflicts ------------------------------------------------------------------------------- */

static void a_command_that_met_anothers_order_is_decided_again(void **state)
{
    struct yard *y = *state;

    deafen(&y->c[0]);
    assert_int_equal(run(&y->c[1], CMD_EMERGENCY), ERR_NONE);
    assert_int_equal(run(&y->c[0], CMD_PAUSE), ERR_REFUSED); /* in the state that is */
    assert_holds(y->c[0].answer.msg, "does not pause");
    assert_true(order_at(&y->c[0]).active);
    assert_int_equal(run(&y->c[0], CMD_CLEAR), ERR_NONE);
}

/* ---- emergencies ----------------------------------------------------------------------------- */

static void a_follower_gives_an_emergency_order_itself(void **state)
{
    struct yard *y = *state;

    assert_int_equal(run(&y->c[1], CMD_EMERGENCY), ERR_NONE);
    assert_int_equal(y->c[1].unstored_epoch, 0);
    for (unsigned i = 0; i < REPLICAS_MAX; i++)
        WAIT_FOR(y->loop, order_at(&y->c[i]).active && y->c[i].published.emergency.active);
    assert_int_equal(y->c[0].published_rev, y->c[1].published_rev);
    assert_int_equal(leaders(y), 1);
}

static void an_emergency_does_not_wait_for_a_new_leader(void **state)
{
    struct yard *y = *state;

    kill_replica(&y->c[0]);
    assert_int_equal(run(&y->c[2], CMD_EMERGENCY), ERR_NONE);
    assert_int_equal(leaders(y), 0);
    WAIT_FOR(y->loop, order_at(&y->c[1]).active);
}

/* Both may be answered; one order stands, above both. */
static void two_emergencies_at_once_are_both_carried_out(void **state)
{
    struct yard *y = *state;
    unsigned answers[2] = {y->c[1].answers, y->c[2].answers};

    submit(&y->c[1], CMD_EMERGENCY);
    submit(&y->c[2], CMD_EMERGENCY);
    WAIT_FOR(y->loop, y->c[1].answers > answers[0] && y->c[2].answers > answers[1]);
    assert_int_equal(y->c[1].answer.code, ERR_NONE);
    assert_int_equal(y->c[2].answer.code, ERR_NONE);
    WAIT_FOR(y->loop, order_at(&y->c[0]).epoch == 2);
}

static void an_emergency_while_etcd_hangs_is_stored_when_it_goes_on(void **state)
{
    struct yard *y = *state;
    struct fixture *f = &y->c[1];
    uint64_t epoch;

    etcd_freeze(&etcd, 0, true);
    assert_int_equal(run(f, CMD_EMERGENCY), ERR_NONE);
    epoch = f->unstored_epoch;
    assert_true(epoch > 0);
    assert_int_equal(f->pushed.epoch, epoch);
    etcd_freeze(&etcd, 0, false);
    WAIT_FOR(y->loop, health(f).unstored == 0);
    WAIT_FOR(y->loop, order_at(&y->c[0]).epoch == epoch && order_at(&y->c[2]).epoch == epoch);
    assert_string_equal(order_at(&y->c[0]).reason, "a test");
}

/* ---- names ----------------------------------------------------------------------------------- */

static void an_id_that_is_in_use_is_refused_by_name(void **state)
{
    struct yard *y = *state;
    struct fixture *f;

    start_replica(y, 0, "c1");
    f = open_replica(y, 1, "c1");
    start_driver(f);
    assert_int_equal(f->not_ready.code, ERR_EXISTS);
    assert_holds(f->not_ready.msg, "id c1 is registered already, at 127.0.0.1:7400");
    assert_holds(f->not_ready.hint, "--id");
    assert_true(health(&y->c[0]).leadership.here);
}

static void the_next_process_with_an_id_waits_for_its_lease(void **state)
{
    struct yard *y = *state;

    start_replica(y, 0, "c1");
    kill_replica(&y->c[0]);
    start_replica(y, 1, "c1");
    WAIT_FOR(y->loop, y->c[1].leadership.here);
}

#define YARD_TEST(t)  cmocka_unit_test_setup_teardown(t, setup_yard, teardown_yard)
#define THREE_TEST(t) cmocka_unit_test_setup_teardown(t, setup_three, teardown_yard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREE_TEST(all_publish_the_same_at_the_same_revision),
        THREE_TEST(they_know_each_other_and_who_leads),
        THREE_TEST(commands_are_for_the_leader),
        THREE_TEST(a_newcomer_publishes_what_the_others_do),
        THREE_TEST(another_one_leads_after_the_leader_died),
        THREE_TEST(one_that_leaves_does_not_keep_the_others_waiting),
        THREE_TEST(a_deposed_leader_cannot_write),
        THREE_TEST(a_leader_whose_key_was_deleted_is_elected_anew),
        THREE_TEST(one_whose_own_key_was_deleted_registers_anew),
        THREE_TEST(a_leader_that_cannot_renew_steps_down),
        THREE_TEST(a_command_that_met_anothers_order_is_decided_again),
        THREE_TEST(a_follower_gives_an_emergency_order_itself),
        THREE_TEST(an_emergency_does_not_wait_for_a_new_leader),
        THREE_TEST(two_emergencies_at_once_are_both_carried_out),
        THREE_TEST(an_emergency_while_etcd_hangs_is_stored_when_it_goes_on),
        YARD_TEST(an_id_that_is_in_use_is_refused_by_name),
        YARD_TEST(the_next_process_with_an_id_waits_for_its_lease),
    };
    int failed;

    if (!etcd_installed())
        return 0;
    etcd_start(&etcd, 1, "http", NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    etcd_stop(&etcd);
    return failed;
}
