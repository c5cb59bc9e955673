/* SPDX-License-Identifier: Apache-2.0 */
/* Store calls off the loop: results come back on the loop, in the order asked for, once. */
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <semaphore.h>

#include "common/base/mem.h"
#include "coordinator/store/store_mem.h"
#include "coordinator/store/store_thread.h"

struct fixture {
    struct loop *loop;
    struct store *store; /* owned by the thread */
    struct store_thread *thread;
    struct buf told; /* what came back, in order */
    unsigned answers;
    pthread_t owner;
};

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err;

    buf_init(&f->told, 1u << 16);
    f->owner = pthread_self();
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(store_mem_new(&f->store, &err), &err);
    assert_ok(store_thread_new(f->loop, f->store, &f->thread, &err), &err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_thread_free(f->thread);
    loop_free(f->loop);
    buf_deinit(&f->told);
    free(f);
    return 0;
}

static void turn_until(struct fixture *f, unsigned answers)
{
    while (f->answers < answers)
        loop_turn(f->loop, dur_s(10));
}

static void answered(struct fixture *f)
{
    assert_true(pthread_equal(pthread_self(), f->owner));
    f->answers++;
}

static void on_txn(void *ctx, int r, store_rev rev, const struct err *err)
{
    struct fixture *f = ctx;

    answered(f);
    buf_addf(&f->told, "txn:%d@%d%s%s ", r, (int)rev, r < 0 ? "=" : "",
             r < 0 ? err_text(err->code) : "");
}

static void on_load(void *ctx, int r, struct store_list *list, const struct err *err)
{
    struct fixture *f = ctx;

    answered(f);
    buf_addf(&f->told, "load:%d@%d", r, (int)list->rev);
    for (size_t i = 0; i < list->count; i++)
        buf_addf(&f->told, ",%s=%s", list->item[i].key + strlen(STORE_ROOT), list->item[i].value);
    buf_addf(&f->told, "%s ", r < 0 ? err_text(err->code) : "");
}

static void ask_txn(struct fixture *f, struct store_txn txn)
{
    struct err err;

    assert_ok(store_thread_txn(f->thread, &txn, on_txn, f, &err), &err);
}

static void ask_load(struct fixture *f, struct str prefix)
{
    struct err err;

    assert_ok(store_thread_load(f->thread, prefix, on_load, f, &err), &err);
}

static void results_come_back_in_order(void **state)
{
    struct fixture *f = *state;

    ask_load(f, STR(STORE_ROOT));
    ask_txn(f, TXN(PUT(K("a"), STR("1")), PUT(K("b"), STR("2"))));
    ask_txn(f, TXN(COMPARE(K("a"), 1), PUT(K("a"), STR("3"))));
    ask_load(f, K("a"));
    ask_txn(f, TXN(COMPARE(K("a"), 1), PUT(K("a"), STR("4"))));
    ask_load(f, STR(STORE_ROOT));
    assert_int_equal(f->answers, 0); /* never from inside the call */
    turn_until(f, 6);
    assert_string_equal(buf_text(&f->told),
                        "load:0@0 txn:0@1 txn:0@2 load:0@2,a=3 txn:2@0 load:0@2,a=3,b=2 ");
    assert_string_equal(store_thread_incarnation(f->thread), f->store->incarnation);
}

static void transaction_is_copied(void **state)
{
    struct fixture *f = *state;
    char key[] = STORE_ROOT "key";
    char value[] = "value";

    {
        struct store_op op[] = {COMPARE(str_of(key), 0), PUT(str_of(key), str_of(value))};
        ask_txn(f, (struct store_txn){.op = op, .count = ARRAY_LEN(op)});
        memset(op, 0xff, sizeof op);
    }
    memset(key, 'x', sizeof key - 1);
    memset(value, 'x', sizeof value - 1);
    ask_load(f, STR(STORE_ROOT));
    turn_until(f, 2);
    assert_string_equal(buf_text(&f->told), "txn:0@1 load:0@1,key=value ");
}

static void failures_of_the_store_come_back(void **state)
{
    struct fixture *f = *state;

    store_mem_fail_after(f->store, 1, ERR_EXHAUSTED, false);
    ask_txn(f, TXN(PUT(K("a"), STR("1"))));
    ask_txn(f, TXN(PUT(K("a"), STR("2"))));
    ask_load(f, STR(STORE_ROOT));
    turn_until(f, 3);
    store_mem_fail_after(f->store, 0, ERR_UNKNOWN_OUTCOME, true);
    ask_txn(f, TXN(PUT(K("a"), STR("3"))));
    ask_load(f, STR(STORE_ROOT));
    turn_until(f, 5);
    store_mem_fail_after(f->store, 0, ERR_CORRUPT, false);
    ask_load(f, STR(STORE_ROOT));
    turn_until(f, 6);
    assert_false(store_mem_fault_pending(f->store));
    assert_string_equal(buf_text(&f->told),
                        "txn:0@1 txn:-7@0=exhausted load:0@1,a=1 "
                        "txn:-11@0=unknown_outcome load:0@2,a=3 "
                        "load:-12@0corrupt ");
}

static void bad_calls_fail_at_once_and_are_not_called_back(void **state)
{
    struct fixture *f = *state;
    struct store_txn bad = TXN(PUT(STR("a"), STR("1")));
    struct err err;

    assert_int_equal(store_thread_txn(f->thread, &bad, on_txn, f, &err), -ERR_INVALID);
    assert_int_equal(store_thread_load(f->thread, STR("/"), on_load, f, &err), -ERR_INVALID);
    ask_load(f, STR(STORE_ROOT));
    turn_until(f, 1);
    assert_string_equal(buf_text(&f->told), "load:0@0 ");
}

static void what_waits_is_bounded_in_count(void **state)
{
    struct fixture *f = *state;
    struct store_txn txn = TXN(PUT(K("a"), STR("1")));
    struct err err;

    for (unsigned i = 0; i < STORE_THREAD_CALLS_MAX; i++)
        ask_txn(f, txn);
    assert_int_equal(store_thread_txn(f->thread, &txn, on_txn, f, &err), -ERR_EXHAUSTED);
    assert_int_equal(store_thread_load(f->thread, K("a"), on_load, f, &err), -ERR_EXHAUSTED);
    turn_until(f, STORE_THREAD_CALLS_MAX);
    ask_txn(f, txn);
    turn_until(f, STORE_THREAD_CALLS_MAX + 1);
}

static void what_waits_is_bounded_in_bytes(void **state)
{
    struct fixture *f = *state;
    char *big = xcalloc(1, STORE_VALUE_MAX);
    struct store_txn txn = TXN(PUT(K("a"), ((struct str){big, STORE_VALUE_MAX})));
    unsigned fit = STORE_THREAD_BYTES_MAX / (STORE_VALUE_MAX + (unsigned)txn.op[0].key.n);
    struct err err;

    for (unsigned i = 0; i < fit; i++)
        ask_txn(f, txn);
    assert_int_equal(store_thread_txn(f->thread, &txn, on_txn, f, &err), -ERR_EXHAUSTED);
    assert_non_null(strstr(err.msg, "too much waits"));
    turn_until(f, fit);
    ask_txn(f, txn);
    turn_until(f, fit + 1);
    free(big);
}

/* Asks again from inside an answer. */
static void on_txn_ask_again(void *ctx, int r, store_rev rev, const struct err *err UNUSED)
{
    struct fixture *f = ctx;
    struct store_txn txn = TXN(PUT(K("b"), STR("1")));
    struct err why;

    answered(f);
    assert_int_equal(r, 0);
    r = store_thread_txn(f->thread, &txn, on_txn, f, &why);
    buf_addf(&f->told, "first@%d,again:%d ", (int)rev, r);
}

static void answer_may_ask_again(void **state)
{
    struct fixture *f = *state;
    struct store_txn txn = TXN(PUT(K("a"), STR("1")));
    struct err err;

    assert_ok(store_thread_txn(f->thread, &txn, on_txn_ask_again, f, &err), &err);
    turn_until(f, 2);
    assert_string_equal(buf_text(&f->told), "first@1,again:0 txn:0@2 ");
}

static void closing_answers_what_waits_and_takes_nothing_new(void **state)
{
    struct fixture *f = *state;
    struct store_txn txn = TXN(PUT(K("a"), STR("1")));
    struct err err;

    ask_load(f, STR(STORE_ROOT));
    assert_ok(store_thread_txn(f->thread, &txn, on_txn_ask_again, f, &err), &err);
    ask_load(f, STR(STORE_ROOT));
    f->thread = store_thread_free(f->thread);
    assert_int_equal(f->answers, 3);
    assert_string_equal(buf_text(&f->told), "load:0@0 first@1,again:-10 load:0@1,a=1 ");
}

/* ---- the watch ------------------------------------------------------------------------------- */

static void on_watch(void *ctx, int r, const struct store_list *changes, const struct err *err)
{
    struct fixture *f = ctx;

    answered(f);
    if (r != 0) {
        buf_addf(&f->told, "end:%d%s ", r, err ? err_text(err->code) : "");
        return;
    }
    buf_addf(&f->told, "told@%d", (int)changes->rev);
    for (size_t i = 0; i < changes->count; i++)
        buf_addf(&f->told, ",%s%s%s", changes->item[i].key + strlen(STORE_ROOT),
                 changes->item[i].value ? "=" : "-",
                 changes->item[i].value ? changes->item[i].value : "");
    buf_addf(&f->told, " ");
}

static void on_quiet_txn(void *ctx, int r, store_rev rev UNUSED, const struct err *err)
{
    struct fixture *f = ctx;

    assert_ok(r, err);
    answered(f);
}

static void change(struct fixture *f, struct store_txn txn)
{
    struct err err;

    assert_ok(store_thread_txn(f->thread, &txn, on_quiet_txn, f, &err), &err);
}

static void watch_tells_changes_on_the_loop_in_order(void **state)
{
    struct fixture *f = *state;
    struct err err;

    change(f, TXN(PUT(K("a"), STR("1")), PUT(K("other"), STR("1"))));
    assert_ok(store_thread_watch(f->thread, K("a"), 0, on_watch, f, &err), &err);
    change(f, TXN(PUT(K("a"), STR("2"))));
    change(f, TXN(DELETE(K("a"))));
    turn_until(f, 6);
    assert_string_equal(buf_text(&f->told), "told@1,a=1 told@2,a=2 told@3,a- ");
}

static void second_watch_silences_the_first(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_ok(store_thread_watch(f->thread, K("a"), 0, on_watch, f, &err), &err);
    change(f, TXN(PUT(K("a"), STR("1"))));
    assert_ok(store_thread_watch(f->thread, K("b"), 0, on_watch, f, &err), &err);
    change(f, TXN(PUT(K("a"), STR("2")), PUT(K("b"), STR("2"))));
    turn_until(f, 3);
    assert_string_equal(buf_text(&f->told), "told@2,b=2 ");
}

static void watch_from_an_unknown_revision_ends(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_int_equal(store_thread_watch(f->thread, STR("/"), 0, on_watch, f, &err), -ERR_INVALID);
    assert_ok(store_thread_watch(f->thread, K("a"), 7, on_watch, f, &err), &err);
    turn_until(f, 1);
    assert_string_equal(buf_text(&f->told), "end:3 ");
}

static void closing_tells_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_ok(store_thread_watch(f->thread, K("a"), 0, on_watch, f, &err), &err);
    for (unsigned i = 0; i < STORE_THREAD_CHANGES_MAX + 2; i++) /* more than can wait */
        change(f, TXN(PUT(K("a"), STR("1"))));
    f->thread = store_thread_free(f->thread);
    assert_int_equal(f->answers, STORE_THREAD_CHANGES_MAX + 2);
    assert_int_equal(f->told.len, 0);
}

/* ---- a back end that waits ------------------------------------------------------------------- */

/* A back end whose transactions wait for a word, or tell a change each; its leases take no time. */
struct slow {
    struct store store;
    sem_t go, done; /* a transaction may go on; it has */
    store_watch_fn fn;
    void *ctx;
    store_rev rev;
};

static struct slow *slow_of(struct store *s)
{
    return container_of(s, struct slow, store);
}

static int slow_txn(struct store *s, const struct store_txn *txn UNUSED, store_rev *ret_rev,
                    struct err *err UNUSED)
{
    struct slow *slow = slow_of(s);
    struct store_list none = {.rev = ++slow->rev};

    sem_wait(&slow->go);
    if (slow->fn)
        slow->fn(slow->ctx, &none);
    *ret_rev = slow->rev;
    sem_post(&slow->done);
    return 0;
}

static int slow_watch(struct store *s, struct str prefix UNUSED, store_rev from UNUSED,
                      store_watch_fn fn, void *ctx, struct err *err UNUSED)
{
    slow_of(s)->fn = fn;
    slow_of(s)->ctx = ctx;
    return 0;
}

static int slow_poll(struct store *s, dur_t wait UNUSED, struct err *err UNUSED)
{
    slow_of(s)->fn(slow_of(s)->ctx, &(struct store_list){.rev = 7});
    return 0;
}

static int slow_keep(struct store *s UNUSED, store_lease lease UNUSED, struct err *err UNUSED)
{
    return 0;
}

static int slow_grant(struct store *s UNUSED, dur_t ttl UNUSED, store_lease *ret,
                      struct err *err UNUSED)
{
    *ret = 1;
    return 0;
}

static void slow_free(struct store *s)
{
    sem_destroy(&slow_of(s)->go);
    sem_destroy(&slow_of(s)->done);
    free(slow_of(s));
}

/* In the place of the fixture's store. */
static struct slow *use_slow(struct fixture *f, const struct store_ops *ops)
{
    struct slow *slow = xnew(struct slow);
    struct err err;

    slow->store.ops = ops;
    assert_int_equal(sem_init(&slow->go, 0, 0), 0);
    assert_int_equal(sem_init(&slow->done, 0, 0), 0);
    store_thread_free(f->thread);
    assert_ok(store_thread_new(f->loop, &slow->store, &f->thread, &err), &err);
    return slow;
}

static void on_lease(void *ctx, int r, store_lease lease, const struct err *err UNUSED)
{
    struct fixture *f = ctx;

    answered(f);
    buf_addf(&f->told, "lease:%d@%d ", r, (int)lease);
}

static void hanging_transaction_delays_neither_leases_nor_the_watch(void **state)
{
    static const struct store_ops ops = {.name = "slow",
                                         .apart = true,
                                         .txn = slow_txn,
                                         .watch = slow_watch,
                                         .lease_grant = slow_grant,
                                         .lease_keep = slow_keep,
                                         .poll = slow_poll,
                                         .free = slow_free};
    const struct store_thread_lease lease = {.lease = 5};
    struct fixture *f = *state;
    struct slow *slow = use_slow(f, &ops);
    struct err err;

    ask_txn(f, TXN(PUT(K("a"), STR("1"))));
    assert_ok(store_thread_lease(f->thread, STORE_LEASE_KEEP, &lease, on_lease, f, &err), &err);
    turn_until(f, 1);
    assert_ok(store_thread_watch(f->thread, K("a"), 0, on_watch, f, &err), &err);
    slow->store.on_news(slow->store.on_news_ctx);
    turn_until(f, 2);
    assert_string_equal(buf_text(&f->told), "lease:0@5 told@7 ");
    slow->fn = NULL;
    sem_post(&slow->go);
    turn_until(f, 3);
    assert_string_equal(buf_text(&f->told), "lease:0@5 told@7 txn:0@1 ");
}

/* More than the queue holds while the loop does not turn: what was lost is said, once. */
static void changes_that_nobody_took_end_the_watch(void **state)
{
    static const struct store_ops ops = {
        .name = "slow", .txn = slow_txn, .watch = slow_watch, .free = slow_free};
    struct fixture *f = *state;
    struct slow *slow = use_slow(f, &ops);
    unsigned count = STORE_THREAD_CHANGES_MAX + 1;
    struct err err;

    assert_ok(store_thread_watch(f->thread, K("a"), 0, on_watch, f, &err), &err);
    for (unsigned i = 0; i < count; i++) {
        change(f, TXN(PUT(K("a"), STR("1"))));
        sem_post(&slow->go);
    }
    for (unsigned i = 0; i < count; i++)
        sem_wait(&slow->done);
    turn_until(f, count + 2);
    assert_string_equal(buf_text(&f->told), "told@1 end:3 ");

    assert_ok(store_thread_watch(f->thread, K("a"), count, on_watch, f, &err), &err);
    sem_post(&slow->go);
    change(f, TXN(PUT(K("a"), STR("1"))));
    turn_until(f, count + 4);
    assert_string_equal(buf_text(&f->told), "told@1 end:3 told@130 ");
}

static void file_is_free_after_closing(void **state)
{
    struct fixture *f = *state;
    char dir[DIR_SIZE];
    char path[DIR_SIZE + 16];
    struct store *s;
    struct err err;

    make_dir(dir);
    snprintf(path, sizeof path, "%s/store.db", dir);
    store_thread_free(f->thread);
    assert_ok(store_sqlite_open(path, &s, &err), &err);
    assert_ok(store_thread_new(f->loop, s, &f->thread, &err), &err);
    ask_txn(f, TXN(PUT(K("a"), STR("1"))));
    turn_until(f, 1);
    ask_txn(f, TXN(PUT(K("b"), STR("1"))));
    f->thread = store_thread_free(f->thread);
    assert_ok(store_sqlite_open(path, &s, &err), &err);
    assert_value(s, K("b"), STR("1"));
    store_free(s);
    remove_dir(dir);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(results_come_back_in_order),
        T(transaction_is_copied),
        T(failures_of_the_store_come_back),
        T(bad_calls_fail_at_once_and_are_not_called_back),
        T(what_waits_is_bounded_in_count),
        T(what_waits_is_bounded_in_bytes),
        T(answer_may_ask_again),
        T(closing_answers_what_waits_and_takes_nothing_new),
        T(watch_tells_changes_on_the_loop_in_order),
        T(second_watch_silences_the_first),
        T(watch_from_an_unknown_revision_ends),
        T(closing_tells_nothing_more),
        T(hanging_transaction_delays_neither_leases_nor_the_watch),
        T(changes_that_nobody_took_end_the_watch),
        T(file_is_free_after_closing),
    };

    return cmocka_run_group_tests_name("store thread", tests, NULL, NULL);
}
