/* SPDX-License-Identifier: Apache-2.0 */
/* The store in one SQLite file: what is read of it, and its life. */
#include "coordinator/store/store_sqlite_parts.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/store/store_backend.h"

static int sqlite_get(struct store *s, struct str key, struct buf *value, store_rev *ret_rev,
                      struct err *err)
{
    struct store_sqlite *q = sqlite_of(s);
    int r = store_sqlite_settle(q, err);

    if (r < 0)
        return r;

    CLEANUP(store_sqlite_resetp) sqlite3_stmt *st = q->stmt[SQL_GET];
    store_sqlite_bind_text(st, 1, key);
    switch (sqlite3_step(st)) {
    case SQLITE_ROW:
        *ret_rev = (store_rev)sqlite3_column_int64(st, 0);
        return store_backend_answer(key, store_sqlite_column(st, 1), value, err);
    case SQLITE_DONE:
        return STORE_NOT_FOUND;
    default:
        return store_sqlite_fail(q, "read", err);
    }
}

/* The first text after all that start with `prefix`: its last byte plus one, which for UTF-8 always
 * is a byte. */
static struct str after_prefix(struct str prefix, char text[STORE_KEY_MAX])
{
    memcpy(text, prefix.p, prefix.n);
    text[prefix.n - 1]++;
    return (struct str){text, prefix.n};
}

static int sqlite_list(struct store *s, struct str prefix, struct store_list *ret, struct err *err)
{
    struct store_sqlite *q = sqlite_of(s);
    char end[STORE_KEY_MAX];
    int r = store_sqlite_settle(q, err);
    int rc;

    if (r < 0)
        return r;

    CLEANUP(store_sqlite_resetp) sqlite3_stmt *st = q->stmt[SQL_LIST];
    store_sqlite_bind_text(st, 1, prefix);
    store_sqlite_bind_text(st, 2, after_prefix(prefix, end));
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct str value = store_sqlite_column(st, 1);
        store_list_put(ret, store_sqlite_column(st, 2), &value,
                       (store_rev)sqlite3_column_int64(st, 0));
    }
    ret->rev = q->rev;
    return rc == SQLITE_DONE ? 0 : store_sqlite_fail(q, "read", err);
}

static int sqlite_watch(struct store *s, struct str prefix, store_rev from, store_watch_fn fn,
                        void *ctx, struct err *err)
{
    struct store_sqlite *q = sqlite_of(s);
    int r = store_sqlite_settle(q, err);

    return r < 0 ? r : store_changes_watch(&q->changes, prefix, from, fn, ctx);
}

static void sqlite_free(struct store *s)
{
    struct store_sqlite *q = sqlite_of(s);

    store_sqlite_close_file(q);
    store_changes_deinit(&q->changes);
    store_list_deinit(&q->doubtful);
    free(q->path);
    free(q);
}

static const struct store_ops sqlite_ops = {
    .name = "sqlite",
    .get = sqlite_get,
    .list = sqlite_list,
    .txn = store_sqlite_txn,
    .watch = sqlite_watch,
    .free = sqlite_free,
};

int store_sqlite_open(const char *path, struct store **ret, struct err *err)
{
    struct store_sqlite *q = xnew(struct store_sqlite);
    struct err scratch;
    int r;

    q->store.ops = &sqlite_ops;
    q->path = xstrdup(path);
    err = err ? err : &scratch;
    r = store_sqlite_create_file(path, err);
    if (r == 0)
        r = store_sqlite_open_file(q, err);
    if (r < 0) {
        sqlite_free(&q->store);
        return r;
    }
    store_changes_init(&q->changes, q->rev);
    *ret = &q->store;
    return 0;
}

int store_sqlite_renew(const char *path, struct err *err)
{
    char incarnation[STORE_INCARNATION_SIZE];
    char text[128];
    struct store *s;
    int r = store_sqlite_open(path, &s, err);

    if (r < 0)
        return r;
    store_backend_incarnation(incarnation);
    CHECK(str_fmt(text, sizeof text, "UPDATE meta SET value = '%s' WHERE name = 'incarnation'",
                  incarnation));
    r = store_sqlite_exec(sqlite_of(s), text, "renew", err);
    store_free(s);
    return r;
}
