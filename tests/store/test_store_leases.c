/* SPDX-License-Identifier: Apache-2.0 */
/* Leases by a clock that the test moves, and through the store's thread. */
#include "tests/store/store_fixture.h"

#include "common/base/mem.h"
#include "coordinator/store/store_mem.h"
#include "coordinator/store/store_thread.h"

struct fixture {
    struct clock_fake clock;
    struct store *store;
    struct buf told;
};

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err;

    clock_fake_init(&f->clock, (wall_t){1});
    assert_ok(store_mem_new(&f->store, &err), &err);
    store_mem_set_clock(f->store, &f->clock.clock);
    buf_init(&f->told, 1024);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_free(f->store);
    buf_deinit(&f->told);
    free(f);
    return 0;
}

static store_lease lead(struct fixture *f, struct str key, int seconds)
{
    struct store_txn txn = TXN(COMPARE(key, 0), PUT(key, STR("me")));
    struct err err;

    assert_ok(store_lease_grant(f->store, dur_s(seconds), &txn.lease, &err), &err);
    commit(f->store, txn);
    return txn.lease;
}

static void note(void *ctx, const struct store_list *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        buf_addf(ctx, "%s%s ", changes->item[i].key + strlen(STORE_ROOT),
                 changes->item[i].value ? "" : "-");
}

static void lease_ends_when_nobody_keeps_it(void **state)
{
    struct fixture *f = *state;
    store_lease lease = lead(f, K("leader"), 5);
    store_rev before = revision(f->store);

    clock_fake_advance(&f->clock, dur_ms(4999));
    assert_value(f->store, K("leader"), STR("me"));
    assert_int_equal(store_lease_keep(f->store, lease, NULL), 0);
    clock_fake_advance(&f->clock, dur_ms(4999));
    assert_value(f->store, K("leader"), STR("me"));
    clock_fake_advance(&f->clock, dur_ms(1));
    assert_absent(f->store, K("leader"));
    assert_int_equal(revision(f->store), before + 1);
    assert_int_equal(store_lease_keep(f->store, lease, NULL), STORE_NOT_FOUND);
    lead(f, K("leader"), 5);
}

static void end_of_a_lease_is_a_change(void **state)
{
    struct fixture *f = *state;
    struct err err;

    lead(f, K("a"), 5);
    lead(f, K("b"), 7);
    assert_ok(store_watch(f->store, STR(STORE_ROOT), revision(f->store), note, &f->told, &err),
              &err);
    clock_fake_advance(&f->clock, dur_s(5));
    assert_ok(store_poll(f->store, dur_s(0), &err), &err);
    assert_string_equal(buf_text(&f->told), "a- ");
    clock_fake_advance(&f->clock, dur_s(5));
    assert_ok(store_poll(f->store, dur_s(0), &err), &err);
    assert_string_equal(buf_text(&f->told), "a- b- ");
}

static void leases_are_bounded_and_used_again(void **state)
{
    struct fixture *f = *state;
    store_lease first = 0;
    store_lease lease;
    struct err err;
    int r = 0;

    for (unsigned i = 0; i < 1000 && r == 0; i++) {
        r = store_lease_grant(f->store, dur_s(5), &lease, &err);
        first = first ? first : lease;
    }
    assert_int_equal(r, -ERR_EXHAUSTED);
    assert_int_equal(store_lease_revoke(f->store, first, NULL), 0);
    assert_int_equal(store_lease_grant(f->store, dur_s(5), &lease, &err), 0);
    assert_int_not_equal(lease, first);
}

static void failures_can_be_told_to_happen(void **state)
{
    struct fixture *f = *state;
    store_lease lease;
    struct err err;

    store_mem_fail_after(f->store, 0, ERR_UNAVAILABLE, false);
    assert_int_equal(store_lease_grant(f->store, dur_s(5), &lease, &err), -ERR_UNAVAILABLE);
    store_mem_fail_after(f->store, 0, ERR_UNAVAILABLE, false);
    assert_int_equal(store_lease_keep(f->store, 1, &err), -ERR_UNAVAILABLE);
    store_mem_fail_after(f->store, 0, ERR_UNAVAILABLE, false);
    assert_int_equal(store_lease_revoke(f->store, 1, &err), -ERR_UNAVAILABLE);
}

/* ---- the thread ------------------------------------------------------------------------------ */

struct asked {
    unsigned answers;
    int r;
    store_lease lease;
};

static void on_lease(void *ctx, int r, store_lease lease, const struct err *err UNUSED)
{
    struct asked *a = ctx;

    *a = (struct asked){a->answers + 1, r, lease};
}

static void ask(struct store_thread *t, struct loop *l, enum store_lease_call what, struct asked *a)
{
    const struct store_thread_lease lease = {.lease = a->lease, .ttl = dur_s(5)};
    unsigned want = a->answers + 1;
    struct err err;

    assert_ok(store_thread_lease(t, what, &lease, on_lease, a, &err), &err);
    while (a->answers < want)
        loop_turn(l, dur_s(10));
}

static void thread_grants_keeps_and_revokes(void **state)
{
    struct fixture *f = *state;
    struct store_thread *t;
    struct asked a = {0};
    struct loop *l;
    struct err err;

    assert_ok(loop_new(clock_system, &l, &err), &err);
    assert_ok(store_thread_new(l, f->store, &t, &err), &err);
    f->store = NULL;
    ask(t, l, STORE_LEASE_GRANT, &a);
    assert_int_equal(a.r, 0);
    assert_int_not_equal(a.lease, 0);
    ask(t, l, STORE_LEASE_KEEP, &a);
    assert_int_equal(a.r, 0);
    ask(t, l, STORE_LEASE_REVOKE, &a);
    assert_int_equal(a.r, 0);
    ask(t, l, STORE_LEASE_KEEP, &a);
    assert_int_equal(a.r, STORE_NOT_FOUND);
    store_thread_free(t);
    loop_free(l);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lease_ends_when_nobody_keeps_it),   T(end_of_a_lease_is_a_change),
        T(leases_are_bounded_and_used_again), T(failures_can_be_told_to_happen),
        T(thread_grants_keeps_and_revokes),
    };

    return cmocka_run_group_tests_name("store leases", tests, NULL, NULL);
}
