/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of SQLite: statements, and why one failed, in words for an operator. */
#include "coordinator/store/store_sqlite_parts.h"

#include <errno.h>

#include "common/base/check.h"
#include "coordinator/store/lock_holder.h"

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

int store_sqlite_fail_corrupt(const struct store_sqlite *q, const char *why, struct err *err)
{
    err_set(err, ERR_CORRUPT, "store %s is damaged or is no store: %s", q->path, why);
    return err_hint(err, "put a backup in its place, or move it away to start empty: mv %s %s.bad",
                    q->path, q->path);
}

int store_sqlite_fail_read_only(const struct store_sqlite *q, struct err *err)
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
bool store_sqlite_is_full(const struct store_sqlite *q, int rc)
{
    int errnum;

    if (rc != SQLITE_IOERR_WRITE)
        return rc == SQLITE_FULL;
    errnum = errno_of(q, rc);
    return errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG;
}

int store_sqlite_fail(const struct store_sqlite *q, const char *doing, struct err *err)
{
    int rc = sqlite3_extended_errcode(q->db);
    int errnum = errno_of(q, rc);

    if (store_sqlite_is_full(q, rc))
        return fail_full(q, doing, err);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
        return fail_in_use(q, err);
    case SQLITE_READONLY:
        return store_sqlite_fail_read_only(q, err);
    case SQLITE_ERROR: /* our statements do not fit its tables */
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return store_sqlite_fail_corrupt(q, sqlite3_errmsg(q->db), err);
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

void store_sqlite_resetp(sqlite3_stmt **st)
{
    sqlite3_reset(*st);
    sqlite3_clear_bindings(*st);
}

void store_sqlite_bind_text(sqlite3_stmt *st, int i, struct str s)
{
    CHECK(sqlite3_bind_text(st, i, s.p, (int)s.n, SQLITE_STATIC) == SQLITE_OK);
}

struct str store_sqlite_column(sqlite3_stmt *st, int i)
{
    const char *p = sqlite3_column_blob(st, i);

    return (struct str){p, (size_t)sqlite3_column_bytes(st, i)};
}

int store_sqlite_run(struct store_sqlite *q, enum sql which, const char *doing, struct err *err)
{
    CLEANUP(store_sqlite_resetp) sqlite3_stmt *st = q->stmt[which];

    return sqlite3_step(st) == SQLITE_DONE ? 0 : store_sqlite_fail(q, doing, err);
}

int store_sqlite_exec(struct store_sqlite *q, const char *text, const char *doing, struct err *err)
{
    return sqlite3_exec(q->db, text, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : store_sqlite_fail(q, doing, err);
}
