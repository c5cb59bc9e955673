/* SPDX-License-Identifier: Apache-2.0 */
/* The store in one SQLite file: the only file that includes sqlite3.h.
 *
 *   meta  schema, incarnation, revision
 *   kv    key, value, revision of the last put
 *
 * Write-ahead log with an fsync at each commit. The connection holds the file alone from opening to
 * closing (locking_mode EXCLUSIVE), so nobody else can write: the revision is kept in memory, and a
 * compare needs no more than a look.
 *
 * A commit that fails because there is no room was not done. When the disk fails in another way the
 * last page may or may not have reached it, and only the file itself can tell: the answer is
 * UNKNOWN_OUTCOME and the store is `in_doubt` until the file has been opened anew. */
#include "coordinator/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/mem.h"
#include "coordinator/store/lock_holder.h"
#include "coordinator/store/store_backend.h"
#include "coordinator/store/store_changes.h"
#include "coordinator/store/store_list.h"

#define SCHEMA         1
#define APPLICATION_ID "1400330596" /* 0x53775964, "SwYd": tells our files from others */

enum sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_GET,
    SQL_LIST,
    SQL_PUT,
    SQL_DELETE,
    SQL_SET_REVISION,
    SQL_COUNT
};

static const char *const sql_text[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_GET] = "SELECT rev, value FROM kv WHERE key = ?1",
    [SQL_LIST] = "SELECT rev, value, key FROM kv WHERE key >= ?1 AND key < ?2 ORDER BY key",
    [SQL_PUT] = ("INSERT INTO kv (key, value, rev) VALUES (?1, ?2, ?3) "
                 "ON CONFLICT (key) DO UPDATE SET value = excluded.value, rev = excluded.rev"),
    [SQL_DELETE] = "DELETE FROM kv WHERE key = ?1",
    [SQL_SET_REVISION] = "UPDATE meta SET value = ?1 WHERE name = 'revision'",
};

struct store_sqlite {
    struct store store;
    char *path;  /* owned */
    sqlite3 *db; /* NULL when opening it anew has failed */
    sqlite3_stmt *stmt[SQL_COUNT];
    store_rev rev;
    struct store_changes changes;
    struct store_list doubtful; /* what the commit of unknown outcome would have changed */
    bool in_doubt;
};

static struct store_sqlite *sqlite_of(struct store *s)
{
    return container_of(s, struct store_sqlite, store);
}

/* ---- failures -------------------------------------------------------------------------------- */

static int fail_in_use(const struct store_sqlite *q, struct err *err)
{
    long pid = lock_holder_pid(q->path);

    if (pid > 0)
        err_set(err, ERR_UNAVAILABLE, "store %s is in use by another coordinator (process %ld)",
                q->path, pid);
    else
        err_set(err, ERR_UNAVAILABLE, "store %s is in use by another coordinator", q->path);
    return err_hint(err, "stop that one first, or give this one its own folder with --data DIR");
}

static int fail_full(const struct store_sqlite *q, const char *doing, struct err *err)
{
    err_set(err, ERR_EXHAUSTED, "store %s: %s: no room is left on its disk", q->path, doing);
    return err_hint(err, "make room (df %s), then give the command again; nothing was written",
                    q->path);
}

static int fail_corrupt(const struct store_sqlite *q, const char *why, struct err *err)
{
    err_set(err, ERR_CORRUPT, "store %s is damaged or is no store: %s", q->path, why);
    return err_hint(err, "put a backup in its place, or move it away to start empty: mv %s %s.bad",
                    q->path, q->path);
}

static int fail_read_only(const struct store_sqlite *q, struct err *err)
{
    err_set(err, ERR_DENIED, "store %s cannot be written: it is read-only for this user", q->path);
    return err_hint(err, "give the coordinator's user write access to the file and its folder");
}

/* Why the last call failed with `rc`. SQLite keeps no errno for a commit: its log's file does. */
static int errno_of(const struct store_sqlite *q, int rc)
{
    sqlite3_file *log = NULL;
    int errnum = 0;

    if (rc != SQLITE_IOERR_WRITE && rc != SQLITE_IOERR_FSYNC)
        return sqlite3_system_errno(q->db);
    sqlite3_file_control(q->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log && log->pMethods)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &errnum);
    return errnum;
}

/* A quota or a file size limit is a full disk under another name. An fsync that finds none left is
 * not: by then the commit was written. */
static bool is_full(const struct store_sqlite *q, int rc)
{
    int errnum;

    if (rc != SQLITE_IOERR_WRITE)
        return rc == SQLITE_FULL;
    errnum = errno_of(q, rc);
    return errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG;
}

/* Explain the connection's last failure. */
static int fail(const struct store_sqlite *q, const char *doing, struct err *err)
{
    int rc = sqlite3_extended_errcode(q->db);
    int errnum = errno_of(q, rc);

    if (is_full(q, rc))
        return fail_full(q, doing, err);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
        return fail_in_use(q, err);
    case SQLITE_READONLY:
        return fail_read_only(q, err);
    case SQLITE_ERROR: /* our statements do not fit its tables */
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fail_corrupt(q, sqlite3_errmsg(q->db), err);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        if (errnum != 0)
            return err_errno(err, errnum, "store %s: %s", q->path, doing);
        break;
    default:
        break;
    }
    return err_set(err, ERR_IO, "store %s: %s: %s (%d)", q->path, doing, sqlite3_errmsg(q->db), rc);
}

/* ---- statements ------------------------------------------------------------------------------ */

/* For CLEANUP: a statement that was stepped must let go of its row and its bindings. */
static void resetp(sqlite3_stmt **st)
{
    sqlite3_reset(*st);
    sqlite3_clear_bindings(*st);
}

static void bind_text(sqlite3_stmt *st, int i, struct str s)
{
    CHECK(sqlite3_bind_text(st, i, s.p, (int)s.n, SQLITE_STATIC) == SQLITE_OK);
}

static struct str column(sqlite3_stmt *st, int i)
{
    const char *p = sqlite3_column_blob(st, i);

    return (struct str){p, (size_t)sqlite3_column_bytes(st, i)};
}

/* Run a statement that yields no row. */
static int run(struct store_sqlite *q, enum sql which, const char *doing, struct err *err)
{
    CLEANUP(resetp) sqlite3_stmt *st = q->stmt[which];

    return sqlite3_step(st) == SQLITE_DONE ? 0 : fail(q, doing, err);
}

/* Statements that run once, while opening. */
static int exec(struct store_sqlite *q, const char *text, const char *doing, struct err *err)
{
    return sqlite3_exec(q->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(q, doing, err);
}

/* The first column of the first row, as text; "" when there is no row. */
static int ask(struct store_sqlite *q, const char *text, struct buf *answer, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(q->db, text, -1, &st, NULL);
    int r = 0;

    buf_clear(answer);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        (void)!buf_addf(answer, "%s", (const char *)sqlite3_column_text(st, 0));
    else if (rc != SQLITE_DONE)
        r = fail(q, "open", err);
    sqlite3_finalize(st);
    return r;
}

static int ask_number(struct store_sqlite *q, const char *text, uint64_t *ret, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf answer = BUF_INIT(64);
    int r = ask(q, text, &answer, err);

    if (r == 0 && !str_to_u64(buf_view(&answer), INT64_MAX, ret))
        r = fail_corrupt(q, text, err);
    return r;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void close_file(struct store_sqlite *q)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(q->stmt[i]);
        q->stmt[i] = NULL;
    }
    CHECK(sqlite3_close(q->db) == SQLITE_OK);
    q->db = NULL;
}

/* SQLite would make the file readable for all; its log takes the mode of the file. O_EXCL, because
 * closing a descriptor of a file that is in use by this process would drop its locks. */
static int create_file(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    int fd;
    int r;

    if (slash && slash != path) {
        CLEANUP(xfreep) char *folder = xmemdup(path, (size_t)(slash - path) + 1);
        folder[slash - path] = '\0';
        r = dir_make(folder, err);
        if (r < 0)
            return err_ctx(err, "store %s", path);
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return err_errno(err, errno, "store %s: create", path);
    if (fd >= 0)
        close(fd);
    return 0;
}

/* Fresh, ours, or somebody else's? Looks before anything is written. */
static int identify(struct store_sqlite *q, bool *ret_fresh, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf id = BUF_INIT(64);
    uint64_t tables = 0;
    int r = ask_number(q, "SELECT count(*) FROM sqlite_master", &tables, err);

    if (r == 0)
        r = ask(q, "PRAGMA application_id", &id, err);
    if (r < 0)
        return r;
    *ret_fresh = tables == 0 && str_eq(buf_view(&id), STR("0"));
    if (*ret_fresh || str_eq(buf_view(&id), STR(APPLICATION_ID)))
        return 0;
    err_set(err, ERR_REFUSED, "%s is a database of another program (application id %s)", q->path,
            buf_text(&id));
    return err_hint(err, "name a file that does not exist yet, or a Switchyard store");
}

static int create_tables(struct store_sqlite *q, struct err *err)
{
    char incarnation[STORE_INCARNATION_SIZE];
    char text[512];

    store_backend_incarnation(incarnation);
    CHECK(str_fmt(text, sizeof text,
                  "CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
                  "CREATE TABLE kv (key TEXT NOT NULL UNIQUE, value BLOB NOT NULL,"
                  "                 rev INTEGER NOT NULL);"
                  "INSERT INTO meta VALUES ('schema', %d), ('incarnation', '%s'), ('revision', 0);"
                  "PRAGMA application_id = " APPLICATION_ID,
                  SCHEMA, incarnation));
    return exec(q, text, "create", err);
}

static int check_schema(struct store_sqlite *q, struct err *err)
{
    uint64_t schema = 0;
    int r = ask_number(q, "SELECT value FROM meta WHERE name = 'schema'", &schema, err);

    if (r < 0 || schema == SCHEMA)
        return r;
    err_set(err, ERR_UNSUPPORTED,
            "store %s was written with schema %" PRIu64 "; this coordinator knows schema %d",
            q->path, schema, SCHEMA);
    return err_hint(err, "run the version of Switchyard that wrote it, or a newer one");
}

static int read_meta(struct store_sqlite *q, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf incarnation = BUF_INIT(STORE_INCARNATION_SIZE - 1);
    uint64_t rev = 0;
    int r = check_schema(q, err);

    if (r == 0)
        r = ask_number(q, "SELECT value FROM meta WHERE name = 'revision'", &rev, err);
    if (r == 0)
        r = ask(q, "SELECT value FROM meta WHERE name = 'incarnation'", &incarnation, err);
    if (r < 0)
        return r;
    if (incarnation.len == 0)
        return fail_corrupt(q, "it has no incarnation", err);
    if (q->store.incarnation[0] && strcmp(q->store.incarnation, buf_text(&incarnation)) != 0)
        return err_set(err, ERR_REFUSED, "store %s was replaced while it was in use", q->path);
    CHECK(str_copy(buf_view(&incarnation), q->store.incarnation, sizeof q->store.incarnation));
    q->rev = rev;
    return 0;
}

static int check_pages(struct store_sqlite *q, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf answer = BUF_INIT(400);
    int r = ask(q, "PRAGMA quick_check(1)", &answer, err);

    if (r == 0 && !str_eq(buf_view(&answer), STR("ok")))
        r = fail_corrupt(q, buf_text(&answer), err);
    return r;
}

/* In one transaction, so that a crash leaves a whole store or an empty file. Its lock also keeps
 * out whoever opens the file at the same moment. */
static int load_or_create(struct store_sqlite *q, bool fresh, struct err *err)
{
    int r = exec(q, "PRAGMA journal_mode = WAL; BEGIN IMMEDIATE", "open", err);

    if (r == 0 && fresh)
        r = create_tables(q, err);
    if (r == 0)
        r = read_meta(q, err);
    if (r == 0)
        r = exec(q, "COMMIT", "create", err);
    if (r == 0 && !fresh)
        r = check_pages(q, err);
    return r;
}

static int prepare(struct store_sqlite *q, struct err *err)
{
    for (int i = 0; i < SQL_COUNT; i++)
        if (sqlite3_prepare_v3(q->db, sql_text[i], -1, SQLITE_PREPARE_PERSISTENT, &q->stmt[i],
                               NULL) != SQLITE_OK)
            return fail(q, "open", err);
    return 0;
}

/* The file exists. On failure the caller closes. */
static int open_file(struct store_sqlite *q, struct err *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    bool fresh = false;
    int r;

    if (sqlite3_open_v2(q->path, &q->db, flags, NULL) != SQLITE_OK)
        return fail(q, "open", err);
    if (sqlite3_db_readonly(q->db, "main"))
        return fail_read_only(q, err);
    r = exec(q,
             "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;"
             "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
             "PRAGMA journal_size_limit = 8388608",
             "open", err);
    if (r == 0)
        r = identify(q, &fresh, err);
    if (r == 0)
        r = load_or_create(q, fresh, err);
    if (r == 0)
        r = prepare(q, err);
    return r;
}

/* ---- doubt ----------------------------------------------------------------------------------- */

/* Find out what became of the last commit: open the file anew, as after a crash, and have what it
 * then shows written once more, for pages that the kernel failed to write count as clean. */
static int settle(struct store_sqlite *q, struct err *err)
{
    int r;

    if (!q->in_doubt)
        return 0;
    close_file(q);
    r = open_file(q, err);
    if (r == 0 && sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL))
        r = fail(q, "write the log back", err);
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

/* ---- operations ------------------------------------------------------------------------------ */

static int sqlite_get(struct store *s, struct str key, struct buf *value, store_rev *ret_rev,
                      struct err *err)
{
    struct store_sqlite *q = sqlite_of(s);
    int r = settle(q, err);

    if (r < 0)
        return r;

    CLEANUP(resetp) sqlite3_stmt *st = q->stmt[SQL_GET];
    bind_text(st, 1, key);
    switch (sqlite3_step(st)) {
    case SQLITE_ROW:
        *ret_rev = (store_rev)sqlite3_column_int64(st, 0);
        return store_backend_answer(key, column(st, 1), value, err);
    case SQLITE_DONE:
        return STORE_NOT_FOUND;
    default:
        return fail(q, "read", err);
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
    int r = settle(q, err);
    int rc;

    if (r < 0)
        return r;

    CLEANUP(resetp) sqlite3_stmt *st = q->stmt[SQL_LIST];
    bind_text(st, 1, prefix);
    bind_text(st, 2, after_prefix(prefix, end));
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct str value = column(st, 1);
        store_list_put(ret, column(st, 2), &value, (store_rev)sqlite3_column_int64(st, 0));
    }
    ret->rev = q->rev;
    return rc == SQLITE_DONE ? 0 : fail(q, "read", err);
}

static int compare(struct store_sqlite *q, const struct store_op *op, struct err *err)
{
    CLEANUP(resetp) sqlite3_stmt *st = q->stmt[SQL_GET];
    store_rev rev = 0;
    int rc;

    bind_text(st, 1, op->key);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        rev = (store_rev)sqlite3_column_int64(st, 0);
    else if (rc != SQLITE_DONE)
        return fail(q, "read", err);
    return rev == op->rev ? 0 : STORE_CONFLICT;
}

static int put_key(struct store_sqlite *q, const struct store_op *op, struct store_list *changes,
                   struct err *err)
{
    sqlite3_stmt *st = q->stmt[SQL_PUT];
    const char *value = op->value.n > 0 ? op->value.p : ""; /* NULL would be bound as NULL */

    bind_text(st, 1, op->key);
    CHECK(sqlite3_bind_blob(st, 2, value, (int)op->value.n, SQLITE_STATIC) == SQLITE_OK);
    CHECK(sqlite3_bind_int64(st, 3, (int64_t)changes->rev) == SQLITE_OK);
    store_list_put(changes, op->key, &op->value, changes->rev);
    return run(q, SQL_PUT, "write", err);
}

static int delete_key(struct store_sqlite *q, const struct store_op *op, struct store_list *changes,
                      struct err *err)
{
    int r;

    bind_text(q->stmt[SQL_DELETE], 1, op->key);
    r = run(q, SQL_DELETE, "delete", err);
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
    return run(q, SQL_SET_REVISION, "write", err);
}

/* SQLite has ended the transaction by itself after some failures. A rollback that fails leaves
 * nothing behind either: what was not committed does not count when the file is read. */
static void roll_back(struct store_sqlite *q)
{
    if (!sqlite3_get_autocommit(q->db))
        (void)run(q, SQL_ROLLBACK, "roll back", NULL);
}

static bool may_be_written(const struct store_sqlite *q)
{
    int rc = sqlite3_extended_errcode(q->db);

    return (rc & 0xff) == SQLITE_IOERR && !is_full(q, rc);
}

static int commit(struct store_sqlite *q, struct store_list *changes, struct err *err)
{
    int errnum = failpoint(FP_STORE_COMMIT_BEFORE);
    int r;

    if (errnum)
        return err_errno(err, errnum, "store %s: commit", q->path);
    r = run(q, SQL_COMMIT, "commit", err);
    if (r < 0)
        return may_be_written(q) ? enter_doubt(q, changes, err) : r;

    q->rev = changes->rev;
    store_changes_add(&q->changes, changes);
    errnum = failpoint(FP_STORE_COMMIT_AFTER);
    if (errnum)
        r = err_set(err, ERR_UNKNOWN_OUTCOME, "store %s: commit: the answer got lost", q->path);
    return r;
}

static int sqlite_txn(struct store *s, const struct store_txn *txn, store_rev *ret_rev,
                      struct err *err)
{
    struct store_sqlite *q = sqlite_of(s);
    int r = settle(q, err);

    if (r == 0)
        r = check_place(q, err);
    if (r == 0)
        r = run(q, SQL_BEGIN, "begin", err);
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

static int sqlite_watch(struct store *s, struct str prefix, store_rev from, store_watch_fn fn,
                        void *ctx, struct err *err)
{
    struct store_sqlite *q = sqlite_of(s);
    int r = settle(q, err);

    return r < 0 ? r : store_changes_watch(&q->changes, prefix, from, fn, ctx);
}

static void sqlite_free(struct store *s)
{
    struct store_sqlite *q = sqlite_of(s);

    close_file(q);
    store_changes_deinit(&q->changes);
    store_list_deinit(&q->doubtful);
    free(q->path);
    free(q);
}

static const struct store_ops sqlite_ops = {
    .name = "sqlite",
    .get = sqlite_get,
    .list = sqlite_list,
    .txn = sqlite_txn,
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
    r = create_file(path, err);
    if (r == 0)
        r = open_file(q, err);
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
    r = exec(sqlite_of(s), text, "renew", err);
    store_free(s);
    return r;
}
