/* SPDX-License-Identifier: Apache-2.0 */
/* The file, from making to closing.
 *
 *   meta  schema, incarnation, revision
 *   kv    key, value, revision of the last put
 *
 * Write-ahead log with an fsync at each commit. The connection holds the file alone from opening to
 * closing (locking_mode EXCLUSIVE), so nobody else can write: the revision is kept in memory, and a
 * compare needs no more than a look. */
#include "coordinator/store/store_sqlite_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/store/store_backend.h"

#define SCHEMA         1
#define APPLICATION_ID "1400330596" /* 0x53775964, "SwYd": tells our files from others */

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
        r = store_sqlite_fail(q, "open", err);
    sqlite3_finalize(st);
    return r;
}

static int ask_number(struct store_sqlite *q, const char *text, uint64_t *ret, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf answer = BUF_INIT(64);
    int r = ask(q, text, &answer, err);

    if (r == 0 && !str_to_u64(buf_view(&answer), INT64_MAX, ret))
        r = store_sqlite_fail_corrupt(q, text, err);
    return r;
}

void store_sqlite_close_file(struct store_sqlite *q)
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
int store_sqlite_create_file(const char *path, struct err *err)
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
    return store_sqlite_exec(q, text, "create", err);
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
        return store_sqlite_fail_corrupt(q, "it has no incarnation", err);
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
        r = store_sqlite_fail_corrupt(q, buf_text(&answer), err);
    return r;
}

/* In one transaction, so that a crash leaves a whole store or an empty file. Its lock also keeps
 * out whoever opens the file at the same moment. */
static int load_or_create(struct store_sqlite *q, bool fresh, struct err *err)
{
    int r = store_sqlite_exec(q, "PRAGMA journal_mode = WAL; BEGIN IMMEDIATE", "open", err);

    if (r == 0 && fresh)
        r = create_tables(q, err);
    if (r == 0)
        r = read_meta(q, err);
    if (r == 0)
        r = store_sqlite_exec(q, "COMMIT", "create", err);
    if (r == 0 && !fresh)
        r = check_pages(q, err);
    return r;
}

static int prepare(struct store_sqlite *q, struct err *err)
{
    for (int i = 0; i < SQL_COUNT; i++)
        if (sqlite3_prepare_v3(q->db, sql_text[i], -1, SQLITE_PREPARE_PERSISTENT, &q->stmt[i],
                               NULL) != SQLITE_OK)
            return store_sqlite_fail(q, "open", err);
    return 0;
}

/* The file exists. On failure the caller closes. */
int store_sqlite_open_file(struct store_sqlite *q, struct err *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    bool fresh = false;
    int r;

    if (sqlite3_open_v2(q->path, &q->db, flags, NULL) != SQLITE_OK)
        return store_sqlite_fail(q, "open", err);
    if (sqlite3_db_readonly(q->db, "main"))
        return store_sqlite_fail_read_only(q, err);
    r = store_sqlite_exec(q,
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
