/* SPDX-License-Identifier: Apache-2.0 */
/* The words of store.h, held against every back end. A new back end adds a row to `backends`. */
#include "tests/store/store_fixture.h"

#include "common/base/mem.h"
#include "coordinator/store/store_changes.h"
#include "coordinator/store/store_etcd.h"
#include "tests/etcd/etcd_server.h"

struct backend {
    const char *name;
    bool persistent; /* opening it again shows what was there */
    bool shared;     /* revisions start anywhere; changes outlive the one who made them */
    int (*open)(const char *dir, struct store **ret, struct err *err);
};

static struct etcd_cluster etcd;

/* The store's revision when the test began: what follows counts from it. */
static store_rev base;

static int open_mem(const char *dir UNUSED, struct store **ret, struct err *err)
{
    return store_mem_new(ret, err);
}

static int open_sqlite(const char *dir, struct store **ret, struct err *err)
{
    char path[DIR_SIZE + 16];

    snprintf(path, sizeof path, "%s/store.db", dir);
    return store_sqlite_open(path, ret, err);
}

/* One etcd for all, in which each test has keys of its own. */
static int open_etcd(const char *dir, struct store **ret, struct err *err)
{
    const struct store_etcd_config config = {.endpoints = etcd.endpoints, .space = dir};

    return store_etcd_open(&config, ret, err);
}

static const struct backend backends[] = {
    {"mem", false, false, open_mem},
    {"sqlite", true, false, open_sqlite},
    {"etcd", true, true, open_etcd},
};

struct fixture {
    const struct backend *backend;
    char dir[DIR_SIZE];
    struct store *store;
};

static void open_store(struct fixture *f)
{
    struct err err;

    assert_ok(f->backend->open(f->dir, &f->store, &err), &err);
}

static void reopen(struct fixture *f)
{
    f->store = store_free(f->store);
    open_store(f);
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);

    f->backend = *state;
    make_dir(f->dir);
    open_store(f);
    base = revision(f->store);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_free(f->store);
    remove_dir(f->dir);
    free(f);
    return 0;
}

static const struct backend *backend_of(void **state)
{
    return ((struct fixture *)*state)->backend;
}

static struct store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

/* Commit what must succeed; yields how far the revision is from where the test began. */
static store_rev step(struct store *s, struct store_txn txn)
{
    return commit(s, txn) - base;
}

static store_rev steps(struct store *s)
{
    return revision(s) - base;
}

/* assert_value(), likewise. */
static store_rev value_since(struct store *s, struct str key, struct str want)
{
    return assert_value(s, key, want) - base;
}

/* ---- reading and writing --------------------------------------------------------------------- */

static void new_store_is_empty_at_revision_zero(void **state)
{
    struct store *s = store_of(state);
    struct store_list l = {0};
    struct err err;

    assert_absent(s, K("plans/a"));
    if (!backend_of(state)->shared)
        assert_int_equal(base, 0);
    assert_int_equal(steps(s), 0);
    assert_ok(store_list(s, STR(STORE_ROOT), &l, &err), &err);
    assert_int_equal(l.count, 0);
    assert_int_equal(l.rev, base);
    store_list_deinit(&l);
}

static void put_is_read_back_with_its_revision(void **state)
{
    struct store *s = store_of(state);

    assert_int_equal(step(s, TXN(PUT(K("plans/a"), STR("{\"a\":1}")))), 1);
    assert_int_equal(step(s, TXN(PUT(K("plans/b"), STR("2")))), 2);
    assert_int_equal(value_since(s, K("plans/a"), STR("{\"a\":1}")), 1);
    assert_int_equal(value_since(s, K("plans/b"), STR("2")), 2);
    assert_int_equal(step(s, TXN(PUT(K("plans/a"), STR("3")))), 3);
    assert_int_equal(value_since(s, K("plans/a"), STR("3")), 3);
}

static void get_appends_to_what_the_buffer_holds(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(64);

    step(s, TXN(PUT(K("a"), STR("world"))));
    assert_true(buf_add_str(&b, STR("hello ")));
    assert_int_equal(store_get(s, K("a"), &b, NULL, NULL), 0);
    assert_string_equal(buf_text(&b), "hello world");
}

static void get_into_a_buffer_that_is_too_small_is_refused(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(4);
    store_rev rev = 77;
    struct err err;

    step(s, TXN(PUT(K("a"), STR("12345"))));
    assert_int_equal(store_get(s, K("a"), &b, &rev, &err), -ERR_EXHAUSTED);
    assert_non_null(strstr(err.msg, STORE_ROOT "a"));
    assert_int_equal(b.len, 0);
    assert_int_equal(rev, 77);
}

static void values_are_any_bytes(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(buf_deinitp) struct buf big = BUF_INIT(STORE_VALUE_MAX);
    char all[256];

    for (unsigned i = 0; i < sizeof all; i++)
        all[i] = (char)i;
    memset(buf_reserve(&big, STORE_VALUE_MAX), 'x', STORE_VALUE_MAX);
    big.len = STORE_VALUE_MAX;
    step(s, TXN(PUT(K("all"), ((struct str){all, sizeof all})), PUT(K("empty"), STR("")),
                PUT(K("none"), ((struct str){0}))));
    step(s, TXN(PUT(K("big"), buf_view(&big))));
    assert_value(s, K("all"), (struct str){all, sizeof all});
    assert_value(s, K("empty"), STR(""));
    assert_value(s, K("none"), STR(""));
    assert_value(s, K("big"), buf_view(&big));
}

static void one_transaction_gives_its_keys_one_revision(void **state)
{
    struct store *s = store_of(state);

    step(s, TXN(PUT(K("a"), STR("1"))));
    assert_int_equal(step(s, TXN(PUT(K("b"), STR("2")), DELETE(K("a")), PUT(K("c"), STR("3")))), 2);
    assert_absent(s, K("a"));
    assert_int_equal(value_since(s, K("b"), STR("2")), 2);
    assert_int_equal(value_since(s, K("c"), STR("3")), 2);
}

static void revision_stands_still_when_nothing_changes(void **state)
{
    struct store *s = store_of(state);

    assert_int_equal(step(s, TXN(PUT(K("a"), STR("1")))), 1);
    assert_int_equal(steps(s), 1);
    assert_int_equal(step(s, TXN(DELETE(K("absent")))), 1);
    assert_int_equal(step(s, TXN(COMPARE(K("a"), base + 1), DELETE(K("absent")))), 1);
    assert_int_equal(step(s, TXN(DELETE(K("a")))), 2);
    assert_int_equal(step(s, TXN(DELETE(K("a")))), 2);
}

static void put_of_the_same_value_is_a_change(void **state)
{
    struct store *s = store_of(state);

    step(s, TXN(PUT(K("a"), STR("1"))));
    assert_int_equal(step(s, TXN(PUT(K("a"), STR("1")))), 2);
    assert_int_equal(value_since(s, K("a"), STR("1")), 2);
}

/* ---- compares -------------------------------------------------------------------------------- */

static void assert_conflict(struct store *s, struct store_txn txn)
{
    store_rev before = steps(s);
    store_rev rev = 77;

    assert_int_equal(store_txn(s, &txn, &rev, NULL), STORE_CONFLICT);
    assert_int_equal(rev, 77);
    assert_int_equal(steps(s), before);
}

static void compare_with_zero_creates_once(void **state)
{
    struct store *s = store_of(state);

    step(s, TXN(COMPARE(K("a"), 0), PUT(K("a"), STR("1"))));
    assert_conflict(s, TXN(COMPARE(K("a"), 0), PUT(K("a"), STR("2"))));
    assert_value(s, K("a"), STR("1"));
    step(s, TXN(DELETE(K("a"))));
    assert_int_equal(step(s, TXN(COMPARE(K("a"), 0), PUT(K("a"), STR("3")))), 3);
}

static void compare_holds_for_the_last_revision_only(void **state)
{
    struct store *s = store_of(state);

    step(s, TXN(PUT(K("a"), STR("1"))));
    step(s, TXN(PUT(K("b"), STR("1"))));
    assert_int_equal(step(s, TXN(COMPARE(K("a"), base + 1), PUT(K("a"), STR("2")))), 3);
    assert_conflict(s, TXN(COMPARE(K("a"), base + 1), PUT(K("a"), STR("3"))));
    assert_conflict(s, TXN(COMPARE(K("a"), base + 4), PUT(K("a"), STR("3"))));
    assert_conflict(s, TXN(COMPARE(K("absent"), base + 1), PUT(K("a"), STR("3"))));
    assert_value(s, K("a"), STR("2"));
}

static void one_compare_that_fails_undoes_all(void **state)
{
    struct store *s = store_of(state);

    step(s, TXN(PUT(K("a"), STR("1")), PUT(K("b"), STR("1"))));
    assert_conflict(s, TXN(COMPARE(K("a"), base + 1), COMPARE(K("b"), base + 9),
                           PUT(K("a"), STR("2")), DELETE(K("b")), PUT(K("c"), STR("2"))));
    assert_value(s, K("a"), STR("1"));
    assert_value(s, K("b"), STR("1"));
    assert_absent(s, K("c"));
}

static void compares_alone_are_a_question(void **state)
{
    struct store *s = store_of(state);

    step(s, TXN(PUT(K("a"), STR("1"))));
    assert_int_equal(step(s, TXN(COMPARE(K("a"), base + 1), COMPARE(K("b"), 0))), 1);
    assert_conflict(s, TXN(COMPARE(K("a"), base + 1), COMPARE(K("b"), base + 1)));
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void assert_keys(struct store *s, struct str prefix, const char *const *want)
{
    struct store_list l = {0};
    struct err err;
    size_t i;

    assert_ok(store_list(s, prefix, &l, &err), &err);
    for (i = 0; i < l.count && want[i]; i++)
        assert_string_equal(l.item[i].key + strlen(STORE_ROOT), want[i]);
    assert_int_equal(i, l.count);
    assert_null(want[i]);
    assert_int_equal(l.rev, base + steps(s));
    store_list_deinit(&l);
}

static void list_is_ordered_by_bytes_and_ends_with_the_prefix(void **state)
{
    struct store *s = store_of(state);

    step(s, TXN(PUT(K("plans/b"), STR("1")), PUT(K("plans0"), STR("1")),
                PUT(K("plans/\xc3\xa9t\xc3\xa9"), STR("1")), PUT(K("plans"), STR("1")),
                PUT(K("plans/a/x"), STR("1")), PUT(K("plans/a"), STR("1")),
                PUT(K("plans/B"), STR("1")), PUT(K("flags/z"), STR("1"))));
    assert_keys(s, K("plans/"),
                (const char *[]){"plans/B", "plans/a", "plans/a/x", "plans/b",
                                 "plans/\xc3\xa9t\xc3\xa9", NULL});
    assert_keys(s, K("plans/a"), (const char *[]){"plans/a", "plans/a/x", NULL});
    assert_keys(s, K("plans/\xc3\xa9"), (const char *[]){"plans/\xc3\xa9t\xc3\xa9", NULL});
    assert_keys(s, K("rollouts/"), (const char *[]){NULL});
    assert_keys(s, STR(STORE_ROOT),
                (const char *[]){"flags/z", "plans", "plans/B", "plans/a", "plans/a/x", "plans/b",
                                 "plans/\xc3\xa9t\xc3\xa9", "plans0", NULL});
}

static void list_gives_values_and_revisions(void **state)
{
    struct store *s = store_of(state);
    struct store_list l = {0};
    struct err err;

    step(s, TXN(PUT(K("a"), STR("x\0y")), PUT(K("b"), STR("1"))));
    step(s, TXN(PUT(K("b"), STR(""))));
    assert_ok(store_list(s, STR(STORE_ROOT), &l, &err), &err);
    assert_int_equal(l.count, 2);
    assert_int_equal(l.item[0].value_len, 3);
    assert_memory_equal(l.item[0].value, "x\0y", 4); /* and the NUL after it */
    assert_int_equal(l.item[0].rev, base + 1);
    assert_string_equal(l.item[1].value, "");
    assert_int_equal(l.item[1].rev, base + 2);
    assert_int_equal(l.rev, base + 2);
    store_list_deinit(&l);
}

static void many_keys_keep_their_order(void **state)
{
    struct store *s = store_of(state);
    struct store_list l = {0};
    struct err err;
    char key[64];

    for (unsigned i = 0; i < 500; i++) {
        snprintf(key, sizeof key, STORE_ROOT "history/app/%04u", i * 7 % 500);
        step(s, TXN(PUT(str_of(key), STR("1"))));
    }
    assert_ok(store_list(s, K("history/"), &l, &err), &err);
    assert_int_equal(l.count, 500);
    for (unsigned i = 0; i < 500; i++) {
        snprintf(key, sizeof key, STORE_ROOT "history/app/%04u", i);
        assert_string_equal(l.item[i].key, key);
    }
    store_list_deinit(&l);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void assert_refused(struct store *s, struct store_txn txn, const char *words)
{
    store_rev before = steps(s);
    store_rev rev = 77;
    struct err err;

    assert_int_equal(store_txn(s, &txn, &rev, &err), -ERR_INVALID);
    if (!strstr(err.msg, words))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, words);
    assert_int_equal(rev, 77);
    assert_int_equal(steps(s), before);
}

static void bad_keys_are_refused(void **state)
{
    struct store *s = store_of(state);
    struct err err;
    char longest[STORE_KEY_MAX + 1];

    memset(longest, 'k', sizeof longest);
    memcpy(longest, STORE_ROOT, strlen(STORE_ROOT));
    step(s, TXN(PUT(((struct str){longest, STORE_KEY_MAX}), STR("1"))));
    assert_value(s, (struct str){longest, STORE_KEY_MAX}, STR("1"));
    assert_refused(s, TXN(PUT(((struct str){longest, STORE_KEY_MAX + 1}), STR("1"))), "257 bytes");
    assert_refused(s, TXN(PUT(STR("/other/a"), STR("1"))), "\"/other/a\" is not under");
    assert_refused(s, TXN(PUT(STR(""), STR("1"))), "is not under");
    assert_refused(s, TXN(PUT(STR(STORE_ROOT), STR("1"))), "has no name");
    assert_refused(s, TXN(PUT(K("a\nb"), STR("1"))), "control character at byte 16");
    assert_refused(s, TXN(DELETE(K("a\0b"))), "control character at byte 16");
    assert_refused(s, TXN(COMPARE(K("a\xff"), 0)), "not UTF-8 at byte 16");
    assert_int_equal(store_get(s, STR("a"), NULL, NULL, &err), -ERR_INVALID);
    assert_int_equal(store_list(s, STR("/"), NULL, &err), -ERR_INVALID);
    assert_non_null(strstr(err.msg, "prefix"));
}

static void sizes_past_the_limits_are_refused(void **state)
{
    struct store *s = store_of(state);
    char *big = xcalloc(1, STORE_VALUE_MAX + 1);
    struct store_op op[STORE_OPS_MAX + 1];
    char key[STORE_OPS_MAX + 1][32];

    assert_refused(s, TXN(PUT(K("a"), ((struct str){big, STORE_VALUE_MAX + 1}))), "1048577 bytes");
    assert_refused(s,
                   TXN(PUT(K("a"), ((struct str){big, STORE_VALUE_MAX})),
                       PUT(K("b"), ((struct str){big, 256u << 10}))),
                   "a transaction of");
    for (unsigned i = 0; i <= STORE_OPS_MAX; i++) {
        snprintf(key[i], sizeof key[i], STORE_ROOT "%u", i);
        op[i] = PUT(str_of(key[i]), STR("1"));
    }
    assert_refused(s, (struct store_txn){.op = op, .count = STORE_OPS_MAX + 1}, "3073 operations");
    step(s, (struct store_txn){.op = op, .count = STORE_OPS_MAX});
    free(big);
}

static void muddled_transactions_are_refused(void **state)
{
    struct store *s = store_of(state);

    assert_refused(s, TXN(PUT(K("a"), STR("1")), COMPARE(K("b"), 0)), "stands after a write");
    assert_refused(s, TXN(PUT(K("a"), STR("1")), DELETE(K("a"))), "written twice");
    assert_refused(s, TXN(PUT(K("a"), STR("1")), PUT(K("b"), STR("1")), PUT(K("a"), STR("2"))),
                   "written twice");
    assert_absent(s, K("a"));
}

/* ---- watch ----------------------------------------------------------------------------------- */

/* What was told, one line: "3:a=1,b- 4:c=2". */
static void note(void *ctx, const struct store_list *changes)
{
    struct buf *told = ctx;

    buf_addf(told, "%s%d:", told->len ? " " : "", (int)(changes->rev - base));
    for (size_t i = 0; i < changes->count; i++) {
        const struct store_kv *kv = &changes->item[i];
        assert_int_equal(kv->rev, changes->rev);
        buf_addf(told, "%s%s%s%s", i ? "," : "", kv->key + strlen(STORE_ROOT),
                 kv->value ? "=" : "-", kv->value ? kv->value : "");
    }
}

/* What has been told is `want` exactly, at once or soon. */
static void assert_told(struct store *s, const struct buf *told, const char *want)
{
    mono_t end = mono_add(clock_system->mono(clock_system), dur_s(10));
    struct err err;

    do {
        assert_ok(store_poll(s, dur_ms(20), &err), &err);
    } while (told->len < strlen(want) && mono_before(clock_system->mono(clock_system), end));
    assert_ok(store_poll(s, dur_ms(0), &err), &err);
    assert_string_equal(buf_text(told), want);
}

static void watch_tells_every_change_once_in_order(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(4096);
    struct err err;

    assert_ok(store_watch(s, STR(STORE_ROOT), base + 0, note, &told, &err), &err);
    step(s, TXN(PUT(K("b"), STR("1")), PUT(K("a"), STR("2"))));
    step(s, TXN(DELETE(K("absent"))));
    assert_conflict(s, TXN(COMPARE(K("a"), base + 9), PUT(K("a"), STR("9"))));
    step(s, TXN(DELETE(K("a")), DELETE(K("absent"))));
    step(s, TXN(PUT(K("a"), STR("3"))));
    assert_told(s, &told, "1:a=2,b=1 2:a- 3:a=3");
}

static void watch_tells_what_is_under_its_prefix(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(4096);
    struct err err;

    assert_ok(store_watch(s, K("b/"), base + 0, note, &told, &err), &err);
    step(s, TXN(PUT(K("b/2"), STR("1")), PUT(K("a"), STR("2")), PUT(K("c"), STR("2")),
                PUT(K("b/1"), STR("2"))));
    step(s, TXN(PUT(K("b"), STR("1"))));
    step(s, TXN(DELETE(K("b/2"))));
    assert_told(s, &told, "1:b/1=2,b/2=1 3:b/2-");
}

static void watch_from_the_past_tells_what_was_missed(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(4096);
    struct err err;

    for (int i = 0; i < 4; i++)
        step(s, TXN(PUT(K("a"), ((struct str){&"1234"[i], 1}))));
    assert_ok(store_watch(s, STR(STORE_ROOT), base + 2, note, &told, &err), &err);
    step(s, TXN(PUT(K("b"), STR("5"))));
    assert_told(s, &told, "3:a=3 4:a=4 5:b=5");
}

static void second_watch_takes_the_place_of_the_first(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(buf_deinitp) struct buf first = BUF_INIT(4096);
    CLEANUP(buf_deinitp) struct buf second = BUF_INIT(4096);
    struct err err;

    assert_ok(store_watch(s, STR(STORE_ROOT), base + 0, note, &first, &err), &err);
    step(s, TXN(PUT(K("a"), STR("1"))));
    assert_told(s, &first, "1:a=1");
    assert_ok(store_watch(s, STR(STORE_ROOT), base + 1, note, &second, &err), &err);
    step(s, TXN(PUT(K("a"), STR("2"))));
    assert_told(s, &second, "2:a=2");
    assert_string_equal(buf_text(&first), "1:a=1");
}

static void compact(store_rev rev)
{
    char text[32];

    snprintf(text, sizeof text, "%llu", (unsigned long long)rev);
    assert_int_equal(ETCDCTL(&etcd, "compact", text), 0);
}

static void watch_from_what_is_forgotten_or_to_come_is_compacted(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(4096);
    struct err err;

    for (unsigned i = 0; i < STORE_CHANGES_MAX + 2; i++)
        step(s, TXN(PUT(K("a"), STR("1"))));
    if (backend_of(state)->shared)
        compact(base + 2);
    assert_int_equal(store_watch(s, STR(STORE_ROOT), base + 0, note, &told, &err), STORE_COMPACTED);
    assert_int_equal(store_watch(s, STR(STORE_ROOT), base + 1, note, &told, &err), STORE_COMPACTED);
    assert_int_equal(store_watch(s, STR(STORE_ROOT), base + steps(s) + 1, note, &told, &err),
                     STORE_COMPACTED);
    assert_int_equal(told.len, 0);
    assert_int_equal(store_watch(s, STR(STORE_ROOT), base + 2, note, &told, &err), 0);
    while (told.len < 12)
        assert_ok(store_poll(s, dur_s(10), &err), &err);
    assert_int_equal(strncmp(buf_text(&told), "3:a=1 4:a=1 ", 12), 0);
    assert_int_equal(store_watch(s, STR("nowhere"), base + 2, note, &told, &err), -ERR_INVALID);
}

static void log_of_changes_is_bounded_in_bytes(void **state)
{
    struct store *s = store_of(state);
    char *big = xcalloc(1, STORE_VALUE_MAX);
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(4096);
    unsigned n = STORE_CHANGES_BYTES_MAX / STORE_VALUE_MAX;
    struct err err;

    if (backend_of(state)->shared) {
        free(big);
        skip(); /* etcd has its own log */
    }
    for (unsigned i = 0; i < n; i++)
        step(s, TXN(PUT(K("a"), ((struct str){big, STORE_VALUE_MAX}))));
    assert_int_equal(store_watch(s, STR(STORE_ROOT), base + 0, note, &told, &err), STORE_COMPACTED);
    assert_int_equal(store_watch(s, STR(STORE_ROOT), base + n - 1, note, &told, &err), 0);
    free(big);
}

/* ---- leases ---------------------------------------------------------------------------------- */

static store_lease grant(struct store *s, int seconds)
{
    store_lease lease = 0;
    struct err err;

    assert_ok(store_lease_grant(s, dur_s(seconds), &lease, &err), &err);
    assert_int_not_equal(lease, 0);
    return lease;
}

static store_rev put_leased(struct store *s, struct str key, store_lease lease)
{
    struct store_txn txn = TXN(COMPARE(key, 0), PUT(key, STR("me")));

    txn.lease = lease;
    return step(s, txn);
}

static bool has_leases(void **state)
{
    struct err err;
    store_lease lease;

    if (backend_of(state)->open != open_sqlite)
        return true;
    assert_int_equal(store_lease_grant(store_of(state), dur_s(5), &lease, &err), -ERR_UNSUPPORTED);
    assert_int_equal(store_lease_keep(store_of(state), 1, &err), -ERR_UNSUPPORTED);
    assert_int_equal(store_lease_revoke(store_of(state), 1, &err), -ERR_UNSUPPORTED);
    return false;
}

static void keys_go_with_their_lease(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(4096);
    store_lease lease;
    struct err err;

    if (!has_leases(state))
        return;
    assert_ok(store_watch(s, STR(STORE_ROOT), base, note, &told, &err), &err);
    lease = grant(s, 60);
    put_leased(s, K("leader"), lease);
    put_leased(s, K("stays"), lease);
    step(s, TXN(PUT(K("stays"), STR("mine")))); /* now without a lease */
    assert_int_equal(store_lease_keep(s, lease, &err), 0);
    assert_ok(store_lease_revoke(s, lease, &err), &err);
    assert_absent(s, K("leader"));
    assert_value(s, K("stays"), STR("mine"));
    assert_told(s, &told, "1:leader=me 2:stays=me 3:stays=mine 4:leader-");
    assert_ok(store_lease_revoke(s, lease, &err), &err);
    assert_int_equal(store_lease_keep(s, lease, &err), STORE_NOT_FOUND);
}

static void lease_that_has_ended_takes_no_keys(void **state)
{
    struct store *s = store_of(state);
    struct store_txn txn = TXN(PUT(K("leader"), STR("me")));
    struct err err;

    if (!has_leases(state))
        return;
    txn.lease = grant(s, 60);
    assert_ok(store_lease_revoke(s, txn.lease, &err), &err);
    assert_int_equal(store_txn(s, &txn, NULL, &err), -ERR_NOT_FOUND);
    assert_absent(s, K("leader"));
    assert_int_equal(store_lease_grant(s, dur_ms(10), &txn.lease, &err), -ERR_INVALID);
}

static void only_one_of_two_candidates_gets_the_key(void **state)
{
    struct store *s = store_of(state);
    struct store_txn txn = TXN(COMPARE(K("leader"), 0), PUT(K("leader"), STR("second")));
    store_rev first;

    if (!has_leases(state))
        return;
    first = put_leased(s, K("leader"), grant(s, 60));
    txn.lease = grant(s, 60);
    assert_conflict(s, txn);
    assert_value(s, K("leader"), STR("me"));
    step(s, TXN(COMPARE(K("leader"), base + first), PUT(K("a"), STR("fenced"))));
}

/* ---- opening again --------------------------------------------------------------------------- */

static void incarnation_is_made_once_per_store(void **state)
{
    struct fixture *f = *state;
    struct store *other;
    char before[STORE_INCARNATION_SIZE];
    char dir[DIR_SIZE];
    struct err err;

    memcpy(before, f->store->incarnation, sizeof before);
    assert_int_equal(strlen(before), 32);
    make_dir(dir);
    assert_ok(f->backend->open(dir, &other, &err), &err);
    assert_string_not_equal(other->incarnation, before);
    store_free(other);
    remove_dir(dir);
    if (!f->backend->persistent)
        return;
    reopen(f);
    assert_string_equal(f->store->incarnation, before);
}

static void what_was_committed_is_there_when_opened_again(void **state)
{
    struct fixture *f = *state;

    if (!f->backend->persistent)
        skip();
    step(f->store, TXN(PUT(K("a"), STR("1")), PUT(K("gone"), STR("1"))));
    step(f->store, TXN(PUT(K("b"), STR("x\0y")), DELETE(K("gone"))));
    reopen(f);
    assert_int_equal(steps(f->store), 2);
    assert_int_equal(value_since(f->store, K("a"), STR("1")), 1);
    assert_int_equal(value_since(f->store, K("b"), STR("x\0y")), 2);
    assert_absent(f->store, K("gone"));
    assert_int_equal(step(f->store, TXN(COMPARE(K("b"), base + 2), PUT(K("b"), STR("2")))), 3);
}

static void watch_after_opening_again_knows_the_present_or_all(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(4096);
    struct err err;

    if (!f->backend->persistent)
        skip();
    step(f->store, TXN(PUT(K("a"), STR("1"))));
    step(f->store, TXN(PUT(K("a"), STR("2"))));
    reopen(f);
    if (f->backend->shared) {
        assert_ok(store_watch(f->store, STR(STORE_ROOT), base + 1, note, &told, &err), &err);
        assert_told(f->store, &told, "2:a=2");
        return;
    }
    assert_int_equal(store_watch(f->store, STR(STORE_ROOT), base + 1, note, &told, &err),
                     STORE_COMPACTED);
    assert_int_equal(store_watch(f->store, STR(STORE_ROOT), base + 2, note, &told, &err), 0);
    step(f->store, TXN(PUT(K("a"), STR("3"))));
    assert_told(f->store, &told, "3:a=3");
}

#define T(f)  \
    {         \
#f, f \
    }
static const struct {
    const char *name;
    CMUnitTestFunction run;
} tests[] = {
    T(new_store_is_empty_at_revision_zero),
    T(put_is_read_back_with_its_revision),
    T(get_appends_to_what_the_buffer_holds),
    T(get_into_a_buffer_that_is_too_small_is_refused),
    T(values_are_any_bytes),
    T(one_transaction_gives_its_keys_one_revision),
    T(revision_stands_still_when_nothing_changes),
    T(put_of_the_same_value_is_a_change),
    T(compare_with_zero_creates_once),
    T(compare_holds_for_the_last_revision_only),
    T(one_compare_that_fails_undoes_all),
    T(compares_alone_are_a_question),
    T(list_is_ordered_by_bytes_and_ends_with_the_prefix),
    T(list_gives_values_and_revisions),
    T(many_keys_keep_their_order),
    T(bad_keys_are_refused),
    T(sizes_past_the_limits_are_refused),
    T(muddled_transactions_are_refused),
    T(watch_tells_every_change_once_in_order),
    T(watch_tells_what_is_under_its_prefix),
    T(watch_from_the_past_tells_what_was_missed),
    T(second_watch_takes_the_place_of_the_first),
    T(watch_from_what_is_forgotten_or_to_come_is_compacted),
    T(log_of_changes_is_bounded_in_bytes),
    T(keys_go_with_their_lease),
    T(lease_that_has_ended_takes_no_keys),
    T(only_one_of_two_candidates_gets_the_key),
    T(incarnation_is_made_once_per_store),
    T(what_was_committed_is_there_when_opened_again),
    T(watch_after_opening_again_knows_the_present_or_all),
};

static int start_etcd(void **state UNUSED)
{
    if (etcd_installed())
        etcd_start(&etcd, 1, "http", NULL);
    return 0;
}

static int stop_etcd(void **state UNUSED)
{
    etcd_stop(&etcd);
    return 0;
}

int main(void)
{
    struct CMUnitTest suite[ARRAY_LEN(backends) * ARRAY_LEN(tests)] = {{NULL}};
    char name[ARRAY_LEN(suite)][96];
    size_t used = etcd_installed() ? ARRAY_LEN(backends) : ARRAY_LEN(backends) - 1;
    size_t n = 0;

    for (size_t b = 0; b < used; b++)
        for (size_t t = 0; t < ARRAY_LEN(tests); t++, n++) {
            snprintf(name[n], sizeof name[n], "%s: %s", backends[b].name, tests[t].name);
            suite[n] = (struct CMUnitTest){name[n], tests[t].run, setup, teardown,
                                           (void *)(uintptr_t)&backends[b]};
        }
    return cmocka_run_group_tests_name("store contract", suite, start_etcd, stop_etcd);
}
