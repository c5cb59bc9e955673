/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/pg.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/base/patience.h"
#include "common/pg/pg_target.h"

#define ADDRESS_SIZE 128
/* The server gives up so much later than we do, so that our words are the ones that are told. */
#define SERVER_LATER dur_ms(200)

/* libpq keeps a whole row in memory, whatever its size, and reads on while the server is as fast as
 * it is. One that is larger is given up as soon as it is seen: at the latest when all is there. */
#define ROW_MAX (8u << 20)

struct asking {
    PGconn *conn; /* owned */
    struct patience patience;
    char address[ADDRESS_SIZE];
    struct buf *value; /* borrowed */
    uint64_t rows;
};

/* ---- failures -------------------------------------------------------------------------------- */

/* libpq's words have several lines; one is wanted, without what terminals obey. */
static int fail(const struct asking *a, enum err_code code, const char *words, struct err *err)
{
    char line[256];
    size_t n = 0;

    for (const char *c = words; *c && n < sizeof line - 1; c++) {
        bool space = *c == '\n' || *c == '\t' || *c == ' ';

        if (!space)
            line[n++] = (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c;
        else if (n > 0 && line[n - 1] != ' ')
            line[n++] = ' ';
    }
    while (n > 0 && line[n - 1] == ' ')
        n--;
    line[n] = '\0';
    return err_set(err, code, "%s: %s", a->address, n > 0 ? line : "the connection broke");
}

static int fail_row(const struct asking *a, struct err *err)
{
    return err_set(err, ERR_EXHAUSTED, "%s: a row is larger than %u MiB", a->address,
                   ROW_MAX >> 20);
}

static int wait_for(const struct asking *a, short events, const char *what, struct err *err)
{
    int r = patience_wait(&a->patience, PQsocket(a->conn), events, err);

    if (r == -ERR_TIMEOUT)
        return err_set(err, ERR_TIMEOUT, "%s: %s takes too long", a->address, what);
    return r < 0 ? err_ctx(err, "%s", a->address) : 0;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static int connect_to(struct asking *a, struct err *err)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    int r = 0;

    if (!a->conn || PQstatus(a->conn) == CONNECTION_BAD)
        return fail(a, ERR_UNAVAILABLE, a->conn ? PQerrorMessage(a->conn) : "", err);
    while (r == 0 && next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED)
            return fail(a, ERR_UNAVAILABLE, PQerrorMessage(a->conn), err);
        r = wait_for(a, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, "connecting", err);
        next = r == 0 ? PQconnectPoll(a->conn) : next;
    }
    if (r == 0 && PQsetnonblocking(a->conn, 1) != 0)
        return fail(a, ERR_UNAVAILABLE, PQerrorMessage(a->conn), err);
    return r;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int flush(const struct asking *a, struct err *err)
{
    int left = PQflush(a->conn);
    int r = 0;

    while (r == 0 && left > 0) {
        r = wait_for(a, POLLIN | POLLOUT, "sending the query", err);
        if (r == 0 && PQconsumeInput(a->conn) == 0)
            left = -1;
        else if (r == 0)
            left = PQflush(a->conn);
    }
    return left < 0 ? fail(a, ERR_UNAVAILABLE, PQerrorMessage(a->conn), err) : r;
}

/* What came over the network so far; 0 where the kernel does not tell, as of local sockets. */
static uint64_t received(const struct asking *a)
{
    struct tcp_info info = {.tcpi_bytes_received = 0};
    socklen_t size = sizeof info;

    if (getsockopt(PQsocket(a->conn), IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return 0;
    return info.tcpi_bytes_received;
}

/* The next result; NULL after the last. */
static int next_result(const struct asking *a, PGresult **ret, struct err *err)
{
    uint64_t before = received(a);

    while (PQisBusy(a->conn)) {
        int r = wait_for(a, POLLIN, "the query", err);

        if (r < 0)
            return r;
        if (received(a) > before + ROW_MAX)
            return fail_row(a, err);
        if (PQconsumeInput(a->conn) == 0)
            return fail(a, ERR_UNAVAILABLE, PQerrorMessage(a->conn), err);
    }
    *ret = PQgetResult(a->conn);
    return 0;
}

static size_t row_size(const PGresult *row)
{
    size_t size = 0;

    for (int i = 0; i < PQnfields(row); i++)
        size += (size_t)PQgetlength(row, 0, i);
    return size;
}

static int take_row(struct asking *a, const PGresult *row, struct err *err)
{
    if (row_size(row) > ROW_MAX)
        return fail_row(a, err);
    a->rows++;
    if (a->rows > 1 || PQnfields(row) == 0)
        return 0;
    if (!buf_add(a->value, PQgetvalue(row, 0, 0), (size_t)PQgetlength(row, 0, 0)))
        return err_set(err, ERR_EXHAUSTED, "%s: the value is longer than %zu bytes", a->address,
                       a->value->max);
    return 0;
}

static int take_result(struct asking *a, const PGresult *result, struct err *err)
{
    const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    switch ((int)PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        return take_row(a, result, err);
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        return 0;
    case PGRES_FATAL_ERROR:
        if (PQstatus(a->conn) != CONNECTION_OK || !words)
            return fail(a, ERR_UNAVAILABLE, words ? words : PQerrorMessage(a->conn), err);
        return fail(a, ERR_REFUSED, words, err);
    default:
        return fail(a, ERR_REFUSED, "the query asks for something else than rows", err);
    }
}

/* What was sent, to its last result. */
static int take_results(struct asking *a, struct err *err)
{
    PGresult *result = NULL;
    int r = flush(a, err);

    while (r == 0) {
        r = next_result(a, &result, err);
        if (r < 0 || !result)
            return r;
        r = take_result(a, result, err);
        PQclear(result);
    }
    return r;
}

static int begin(struct asking *a, struct err *err)
{
    dur_t left = patience_left(&a->patience);
    char text[128];

    str_fmt(text, sizeof text, "BEGIN READ ONLY; SET LOCAL statement_timeout = %" PRId64,
            dur_to_ms(left) + dur_to_ms(SERVER_LATER));
    if (!PQsendQuery(a->conn, text))
        return fail(a, ERR_UNAVAILABLE, PQerrorMessage(a->conn), err);
    return take_results(a, err);
}

/* With the extended protocol, which takes one statement: none can follow that ends the transaction.
 * Row by row: a query may have any number of them. */
static int run(struct asking *a, const char *query, struct err *err)
{
    if (!PQsendQueryParams(a->conn, query, 0, NULL, NULL, NULL, NULL, 0) ||
        !PQsetSingleRowMode(a->conn))
        return fail(a, ERR_UNAVAILABLE, PQerrorMessage(a->conn), err);
    return take_results(a, err);
}

static int ask(struct asking *a, const struct pg_target *t, const char *query, struct err *err)
{
    int r;

    a->conn = PQconnectStartParams(t->keyword, t->value, 0);
    r = connect_to(a, err);
    if (r == 0)
        r = begin(a, err);
    if (r == 0)
        r = run(a, query, err);
    PQfinish(a->conn);
    return r;
}

int pg_ask(const char *conninfo, const char *query, dur_t timeout, const atomic_bool *stop,
           struct buf *value, uint64_t *ret_rows, struct err *err)
{
    struct asking a = {.patience = patience_for(timeout, stop), .value = value};
    struct pg_target target;
    int r = pg_address(conninfo, a.address, sizeof a.address, err);

    if (r < 0)
        return r;
    r = pg_target_init(&target, conninfo, &a.patience, err);
    if (r < 0)
        err_ctx(err, "%s", a.address);
    else
        r = ask(&a, &target, query, err);
    pg_target_deinit(&target);
    if (r == 0)
        *ret_rows = a.rows;
    return r;
}
