/* SPDX-License-Identifier: Apache-2.0 */
/* One question to a PostgreSQL server, for threads that may block: the only folder that includes
 * libpq-fe.h. Every wait has a deadline. Passwords come from libpq's own files and environment
 * (~/.pgpass, PGPASSFILE, service files) and are never printed. */
#pragma once

#include <stdatomic.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"

/* Connect, run `query` in a read-only transaction, close. *ret_rows is the number of rows; the
 * first field of the first row is appended to `value` as text ("" for NULL or none). `stop`, when
 * set by another thread, ends it with CANCELLED. UNAVAILABLE: no connection, with libpq's words but
 * without the password; TIMEOUT; REFUSED: the server refused the query. */
int pg_ask(const char *conninfo, const char *query, dur_t timeout, const atomic_bool *stop,
           struct buf *value, uint64_t *ret_rows, struct err *err) MUST_CHECK;
/* "host=db port=5432 dbname=app", for messages, into dst; INVALID when it is no connection string,
 * or holds a password. */
int pg_address(const char *conninfo, char *dst, size_t size, struct err *err) MUST_CHECK;
