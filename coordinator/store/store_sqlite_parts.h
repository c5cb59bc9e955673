/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the store in one SQLite file share: store_sqlite.c has its reads and its life,
 * store_sqlite_txn.c its writes, store_sqlite_file.c the file from making to closing, and
 * store_sqlite_calls.c the calls of SQLite and why they fail. Private to these; the only file that
 * includes sqlite3.h. owner: the store's thread. */
#pragma once

#include <sqlite3.h>

#include "coordinator/store/store.h"
#include "coordinator/store/store_changes.h"
#include "coordinator/store/store_list.h"

/* Statements that are prepared while the file is open. */
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

static inline struct store_sqlite *sqlite_of(struct store *s)
{
    return container_of(s, struct store_sqlite, store);
}

/* ---- store_sqlite_calls.c -------------------------------------------------------------------- */

/* Explain the connection's last failure, in the middle of `doing`. */
int store_sqlite_fail(const struct store_sqlite *q, const char *doing, struct err *err);
int store_sqlite_fail_corrupt(const struct store_sqlite *q, const char *why, struct err *err);
int store_sqlite_fail_read_only(const struct store_sqlite *q, struct err *err);
/* Was there no room for the call that failed with `rc`? Then it was not done. */
bool store_sqlite_is_full(const struct store_sqlite *q, int rc);

/* For CLEANUP: a statement that was stepped must let go of its row and its bindings. */
void store_sqlite_resetp(sqlite3_stmt **st);
/* From 1. `s` is borrowed until the statement is reset. */
void store_sqlite_bind_text(sqlite3_stmt *st, int i, struct str s);
/* From 0, of the row that was stepped to; until the next step or the reset. */
struct str store_sqlite_column(sqlite3_stmt *st, int i);
/* Run a statement that yields no row. */
int store_sqlite_run(struct store_sqlite *q, enum sql which, const char *doing,
                     struct err *err) MUST_CHECK;
/* Run statements that are needed once. */
int store_sqlite_exec(struct store_sqlite *q, const char *text, const char *doing,
                      struct err *err) MUST_CHECK;

/* ---- store_sqlite_file.c --------------------------------------------------------------------- */

/* An empty file, readable for its owner alone, and its folder, unless they exist. */
int store_sqlite_create_file(const char *path, struct err *err) MUST_CHECK;
/* The file exists. It is identified, filled if it is empty, checked, and its statements prepared.
 * On failure the caller closes. */
int store_sqlite_open_file(struct store_sqlite *q, struct err *err) MUST_CHECK;
void store_sqlite_close_file(struct store_sqlite *q);

/* ---- store_sqlite_txn.c ---------------------------------------------------------------------- */

/* Before anything is read or written: what became of the last commit, if it is in doubt? */
int store_sqlite_settle(struct store_sqlite *q, struct err *err) MUST_CHECK;
/* As store_txn(). */
int store_sqlite_txn(struct store *s, const struct store_txn *txn, store_rev *ret_rev,
                     struct err *err) MUST_CHECK;
