/* SPDX-License-Identifier: Apache-2.0 */
/* One question to a PostgreSQL server, for threads that may block: the only folder that includes
 * libpq-fe.h. Every wait has a deadline. Passwords come from libpq's own files and environment
 * (~/.pgpass, PGPASSFILE, service files) and are never printed. */
#pragma once

#include <stdatomic.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"

/* Connect, run `query`, which is one statement, in a read-only transaction that is never committed,
 * close. *ret_rows is the number of rows; the first field of the first row is appended to `value`
 * as text ("" for NULL or none). The server is told to give up when we do. A host that a service
 * file names should be an address: libpq looks it up, as long as that takes.
 *   INVALID      as pg_address()
 *   UNAVAILABLE  no connection, with libpq's words
 *   REFUSED      the server refused the query, or its answer are no rows
 *   EXHAUSTED    the value is longer than the maximum of `value`, or a row than some MiB
 *   TIMEOUT      CANCELLED when `stop` (may be NULL) was set by another thread */
int pg_ask(const char *conninfo, const char *query, dur_t timeout, const atomic_bool *stop,
           struct buf *value, uint64_t *ret_rows, struct err *err) MUST_CHECK;
/* "host=db port=5432 dbname=app", for messages, into dst; INVALID when it is no connection string,
 * or holds a password. */
int pg_address(const char *conninfo, char *dst, size_t size, struct err *err) MUST_CHECK;
