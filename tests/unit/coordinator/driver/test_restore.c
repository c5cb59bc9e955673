/* SPDX-License-Identifier: Apache-2.0 */
/* A backup is put back: whole, in order, only where nothing is, and again when it was cut short. */
#include "tests/unit/coordinator/driver/rig.h"

#define KEYS_MAX 64
#define NEVER    1000000

/* What a store held; owned. */
struct saved {
    struct store_list list;
    struct core_kv kv[KEYS_MAX];
    unsigned count;
};

struct result {
    bool done;
    int r;
    uint64_t revision;
    struct err err;
};

static int by_rev(const void *a, const void *b)
{
    const struct core_kv *x = a, *y = b;

    return x->rev < y->rev ? -1 : x->rev > y->rev;
}

/* A migration at a stage, under an emergency order, and a second one. */
static void make_state(struct fixture *f)
{
    assert_int_equal(run(f, CMD_APPLY), ERR_NONE);
    assert_int_equal(run(f, CMD_START), ERR_NONE);
    assert_int_equal(run(f, CMD_EMERGENCY), ERR_NONE);
    assert_int_equal(run(f, CMD_CLEAR), ERR_NONE);
    assert_int_equal(run(f, CMD_ABORT), ERR_NONE);
    assert_int_equal(run(f, CMD_START), ERR_NONE);
}

static void save(struct fixture *f, struct saved *s)
{
    struct err err;

    *s = (struct saved){.count = 0};
    assert_ok(store_list(f->store, STR(STORE_ROOT), &s->list, &err), &err);
    for (size_t i = 0; i < s->list.count; i++) {
        const struct store_kv *kv = &s->list.item[i];

        assert_true(s->count < KEYS_MAX);
        s->kv[s->count++] = (struct core_kv){kv->key, {kv->value, kv->value_len}, kv->rev};
    }
    qsort(s->kv, s->count, sizeof s->kv[0], by_rev);
}

/* Onto a new store, with a leader. */
static void move(struct fixture *f)
{
    struct err err;

    stop_driver(f);
    f->thread = store_thread_free(f->thread);
    assert_ok(store_mem_new(&f->store, &err), &err);
    f->leadership.here = false;
    f->trace[0] = '\0';
    start_leader(f);
}

static int setup_saved(void **state)
{
    struct fixture *f;
    struct saved *s = xnew(struct saved);

    setup(state);
    f = *state;
    make_state(f);
    save(f, s);
    move(f);
    f->extra = s;
    return 0;
}

static int teardown_saved(void **state)
{
    struct fixture *f = *state;
    struct saved *s = f->extra;

    store_list_deinit(&s->list);
    free(s);
    return teardown(state);
}

static void on_restored(void *ctx, int r, uint64_t revision, const struct err *err)
{
    struct result *res = ctx;

    *res = (struct result){.done = true, .r = r, .revision = revision};
    if (r < 0)
        res->err = *err;
}

static struct result restore(struct fixture *f)
{
    struct saved *s = f->extra;
    struct result res = {.done = false};
    struct err err;

    assert_ok(driver_restore(f->driver, s->kv, s->count, on_restored, &res, &err), &err);
    WAIT_FOR(f->loop, res.done);
    return res;
}

static void get(struct fixture *f, const char *key, struct buf *b, store_rev *ret_rev)
{
    struct err err;

    assert_ok(store_get(f->store, str_of(key), b, ret_rev, &err), &err);
}

static bool is_state(const char *key)
{
    return str_starts(str_of(key), STR(STORE_ROOT "plans/")) ||
           str_starts(str_of(key), STR(STORE_ROOT "rollouts/")) ||
           str_starts(str_of(key), STR(STORE_ROOT "emergency/")) ||
           str_starts(str_of(key), STR(STORE_ROOT "history/"));
}

/* Byte by byte, in the same order. */
static void holds_what_was_saved(struct fixture *f)
{
    struct saved *s = f->extra;
    uint64_t before = 0;
    store_rev last = 0, rev;

    for (unsigned i = 0; i < s->count; i++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STORE_VALUE_MAX);

        if (!is_state(s->kv[i].key))
            continue;
        get(f, s->kv[i].key, &b, &rev);
        assert_true(str_eq(buf_view(&b), s->kv[i].value));
        assert_true(before == s->kv[i].rev ? rev == last : rev > last);
        before = s->kv[i].rev;
        last = rev;
    }
    assert_int_equal(
        store_get(f->store, STR(STORE_ROOT "restore"), &(struct buf){.max = 1000}, NULL, NULL),
        STORE_NOT_FOUND);
}

static void a_backup_is_put_back_whole_and_in_order(void **state)
{
    struct fixture *f = *state;
    struct result res = restore(f);
    struct emergency e;

    assert_ok(res.r, &res.err);
    assert_true(res.revision > 0);
    holds_what_was_saved(f);
    assert_int_equal(stage_of(f), 1);
    assert_true(core_emergency(driver_core(f->driver), "app", &e) && !e.active);
    assert_string_equal(f->published.route.migration.s, "app");
    assert_int_equal(f->published_rev, health(f).revision);
    assert_int_equal(run(f, CMD_ABORT), ERR_NONE);
    assert_true(f->leadership.here);
}

static void the_next_process_finds_it(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(restore(f).r, 0);
    stop_driver(f);
    start_leader(f);
    assert_int_equal(stage_of(f), 1);
}

static void a_store_with_plans_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct saved *s = f->extra;
    struct err err;

    run(f, CMD_APPLY);
    assert_fails(driver_restore(f->driver, s->kv, s->count, on_restored, NULL, &err), ERR_REFUSED);
    assert_holds(err.msg, "app");
    assert_int_equal(stage_of(f), 0);
}

static void two_at_a_time_are_refused(void **state)
{
    struct fixture *f = *state;
    struct saved *s = f->extra;
    struct result res = {.done = false};
    struct err err;

    assert_ok(driver_restore(f->driver, s->kv, s->count, on_restored, &res, &err), &err);
    assert_fails(driver_restore(f->driver, s->kv, s->count, on_restored, &res, &err),
                 ERR_EXHAUSTED);
    WAIT_FOR(f->loop, res.done);
    assert_ok(res.r, &res.err);
}

/* It fails at its first operation, its second, and so on, until none is left to fail. */
static void a_restore_that_was_cut_short_is_done_again(void **state)
{
    struct fixture *f = *state;
    unsigned cut_short = 0;

    for (unsigned n = 0;; n++) {
        struct result res;
        struct err err;
        bool pending;

        store_mem_fail_after(f->store, n, ERR_IO, false);
        res = restore(f);
        pending = store_mem_fault_pending(f->store);
        if (res.r < 0 && strstr(res.err.hint, "again")) {
            WAIT_FOR(f->loop, store_error(f).code == ERR_CORRUPT);
            assert_holds(store_error(f).msg, STORE_ROOT "restore");
            assert_fails(driver_command(f->driver, command(f, CMD_APPLY), &err), ERR_CORRUPT);
            cut_short++;
        }
        store_mem_fail_after(f->store, NEVER, ERR_IO, false);
        if (pending)
            break;
        WAIT_FOR(f->loop, f->leadership.here);
        if (res.r < 0)
            res = restore(f);
        assert_ok(res.r, &res.err);
        holds_what_was_saved(f);
        move(f);
    }
    assert_true(cut_short > 3);
    holds_what_was_saved(f);
}

static void a_process_that_starts_over_half_a_backup_says_so(void **state)
{
    struct fixture *f = *state;
    struct result res;

    store_mem_fail_after(f->store, 4, ERR_IO, false);
    res = restore(f);
    assert_int_equal(res.r, -ERR_IO);
    stop_driver(f);
    f->published_rev = 0;
    f->leadership.here = false;
    start_leader(f);
    assert_int_equal(store_error(f).code, ERR_CORRUPT);
    assert_int_equal(f->published_rev, 0); /* nodes keep what they have */
    assert_int_equal(stage_of(f), 99);
    assert_int_equal(restore(f).r, 0);
    assert_int_equal(store_error(f).code, ERR_NONE);
    holds_what_was_saved(f);
    assert_int_equal(stage_of(f), 1);
}

/* Before it began, and with the store's answer on its way. */
static void who_waits_hears_that_the_coordinator_stops(void **state)
{
    struct fixture *f = *state;
    struct saved *s = f->extra;

    for (int under_way = 0; under_way < 2; under_way++) {
        struct result res = {.done = false};
        struct err err;

        if (!under_way)
            submit(f, CMD_APPLY); /* the restore stands behind it */
        assert_ok(driver_restore(f->driver, s->kv, s->count, on_restored, &res, &err), &err);
        f->thread = store_thread_free(f->thread);
        driver_free(steal(f->driver));
        assert_true(res.done);
        assert_true(res.r < 0);
        assert_ok(store_mem_new(&f->store, &err), &err);
        f->leadership.here = false;
        start_leader(f);
    }
}

#define RESTORE_TEST(t) cmocka_unit_test_setup_teardown(t, setup_saved, teardown_saved)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESTORE_TEST(a_backup_is_put_back_whole_and_in_order),
        RESTORE_TEST(the_next_process_finds_it),
        RESTORE_TEST(a_store_with_plans_is_left_alone),
        RESTORE_TEST(who_waits_hears_that_the_coordinator_stops),
        RESTORE_TEST(two_at_a_time_are_refused),
        RESTORE_TEST(a_restore_that_was_cut_short_is_done_again),
        RESTORE_TEST(a_process_that_starts_over_half_a_backup_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
