/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, and what became of the last one.
 *
 * A commit that fails because there is no room was not done. When the disk fails in another way the
 * last page may or may not have reached it, and only the file itself can tell: the answer is
 * UNKNOWN_OUTCOME and the store is `in_doubt` until the file has been opened anew. */
#include "coordinator/store/store_sqlite_parts.h"

#include "common/base/check.h"
#include "common/base/failpoint.h"

/* ---- doubt ----------------------------------------------------------------------------------- */

/* Find out what became of the last commit: open the file anew, as after a crash, and have what it
 * then shows written once more, for pages that the kernel failed to write count as clean. */
int store_sqlite_settle(struct store_sqlite *q, struct err *err)
{
    int r;

    if (!q->in_doubt)
        return 0;
    store_sqlite_close_file(q);
    r = store_sqlite_open_file(q, err);
    if (r == 0 && sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL))
        r = store_sqlite_fail(q, "write the log back", err);
    if (r < 0)
        return r;

    q->in_doubt = false;
    if (q->rev == q->doubtful.rev)
        store_changes_add(&q->changes, &q->doubtful);
    store_list_deinit(&q->doubtful);
    return 0;
}

static int enter_doubt(struct store_sqlite *q, struct store_list *changes, struct err *err)
{
    struct err why = *err;

    q->in_doubt = true;
    q->doubtful = *changes;
    *changes = (struct store_list){0};
    err_set(err, ERR_UNKNOWN_OUTCOME, "%s", why.msg);
    return err_hint(err, "look whether the command took effect before giving it again");
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* Whoever moves the file away, or puts another in its place, leaves us writing to one that nobody
 * will find again. */
static int check_place(const struct store_sqlite *q, struct err *err)
{
    int moved = 0;

    sqlite3_file_control(q->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (!moved)
        return 0;
    err_set(err, ERR_IO, "store %s was moved, removed or replaced while it was in use", q->path);
    return err_hint(err, "put the file in its place, then start the coordinator again");
}

static int compare(struct store_sqlite *q, const struct store_op *op, struct err *err)
{
    CLEANUP(store_sqlite_resetp) sqlite3_stmt *st = q->stmt[SQL_GET];
    store_rev rev = 0;
    int rc;

    store_sqlite_bind_text(st, 1, op->key);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        rev = (store_rev)sqlite3_column_int64(st, 0);
    else if (rc != SQLITE_DONE)
        return store_sqlite_fail(q, "read", err);
    return rev == op->rev ? 0 : STORE_CONFLICT;
}

static int put_key(struct store_sqlite *q, const struct store_op *op, struct store_list *changes,
                   struct err *err)
{
    sqlite3_stmt *st = q->stmt[SQL_PUT];
    const char *value = op->value.n > 0 ? op->value.p : ""; /* NULL would be bound as NULL */

    store_sqlite_bind_text(st, 1, op->key);
    CHECK(sqlite3_bind_blob(st, 2, value, (int)op->value.n, SQLITE_STATIC) == SQLITE_OK);
    CHECK(sqlite3_bind_int64(st, 3, (int64_t)changes->rev) == SQLITE_OK);
    store_list_put(changes, op->key, &op->value, changes->rev);
    return store_sqlite_run(q, SQL_PUT, "write", err);
}

static int delete_key(struct store_sqlite *q, const struct store_op *op, struct store_list *changes,
                      struct err *err)
{
    int r;

    store_sqlite_bind_text(q->stmt[SQL_DELETE], 1, op->key);
    r = store_sqlite_run(q, SQL_DELETE, "delete", err);
    if (r == 0 && sqlite3_changes(q->db) > 0)
        store_list_put(changes, op->key, NULL, changes->rev);
    return r;
}

/* Compare and write, inside a transaction. Notes in `changes`, whose revision it gets, what it
 * changed. */
static int apply(struct store_sqlite *q, const struct store_txn *txn, struct store_list *changes,
                 struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < txn->count && r == 0; i++)
        switch (txn->op[i].kind) {
        case STORE_COMPARE:
            r = compare(q, &txn->op[i], err);
            break;
        case STORE_PUT:
            r = put_key(q, &txn->op[i], changes, err);
            break;
        case STORE_DELETE:
            r = delete_key(q, &txn->op[i], changes, err);
            break;
        }
    if (r != 0 || changes->count == 0)
        return r;

    CHECK(sqlite3_bind_int64(q->stmt[SQL_SET_REVISION], 1, (int64_t)changes->rev) == SQLITE_OK);
    return store_sqlite_run(q, SQL_SET_REVISION, "write", err);
}

/* SQLite has ended the transaction by itself after some failures. A rollback that fails leaves
 * nothing behind either: what was not committed does not count when the file is read. */
static void roll_back(struct store_sqlite *q)
{
    if (!sqlite3_get_autocommit(q->db))
        (void)!store_sqlite_run(q, SQL_ROLLBACK, "roll back", NULL);
}

static bool may_be_written(const struct store_sqlite *q)
{
    int rc = sqlite3_extended_errcode(q->db);

    return (rc & 0xff) == SQLITE_IOERR && !store_sqlite_is_full(q, rc);
}

static int commit(struct store_sqlite *q, struct store_list *changes, struct err *err)
{
    int errnum = failpoint(FP_STORE_COMMIT_BEFORE);
    int r;

    if (errnum)
        return err_errno(err, errnum, "store %s: commit", q->path);
    r = store_sqlite_run(q, SQL_COMMIT, "commit", err);
    if (r < 0)
        return may_be_written(q) ? enter_doubt(q, changes, err) : r;

    q->rev = changes->rev;
    store_changes_add(&q->changes, changes);
    errnum = failpoint(FP_STORE_COMMIT_AFTER);
    if (errnum)
        r = err_set(err, ERR_UNKNOWN_OUTCOME, "store %s: commit: the answer got lost", q->path);
    return r;
}

int store_sqlite_txn(struct store *s, const struct store_txn *txn, store_rev *ret_rev,
                     struct err *err)
{
    struct store_sqlite *q = sqlite_of(s);
    int r = store_sqlite_settle(q, err);

    if (r == 0)
        r = check_place(q, err);
    if (r == 0)
        r = store_sqlite_run(q, SQL_BEGIN, "begin", err);
    if (r < 0)
        return r;

    CLEANUP(store_list_deinitp) struct store_list changes = {.rev = q->rev + 1};
    r = apply(q, txn, &changes, err);
    if (r == 0 && changes.count > 0)
        r = commit(q, &changes, err);
    roll_back(q);
    *ret_rev = q->rev;
    return r;
}
