/* SPDX-License-Identifier: Apache-2.0 */
/* What goes through: plaintext of records that came, and records of plaintext that goes. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "sidecar/transport/tls_core.h"

/* RFC 8446 5.1: the most that a record holds. */
#define RECORD_MAX 16384

/* ---- what OpenSSL says ----------------------------------------------------------------------- */

/* Clearing an empty queue costs as much as a small system call. */
void tls_forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

bool tls_is_waiting(struct tls *x)
{
    int why = SSL_get_error(x->ssl, 0);

    x->stuck = why == SSL_ERROR_WANT_WRITE;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

/* After a read that had nothing. */
static void note_reading(struct tls *x)
{
    if (tls_is_waiting(x)) {
        x->held = HELD_NOTHING;
    } else if (SSL_get_error(x->ssl, 0) == SSL_ERROR_ZERO_RETURN) {
        x->held = HELD_END;
    } else {
        x->held = HELD_LOST;
        tls_note_refusal(x);
    }
    tls_forget_errors();
}

bool tls_has_news(struct tls *x)
{
    size_t n;
    char byte;

    if (x->held == HELD_END || x->held == HELD_LOST)
        return true;
    tls_forget_errors();
    if (!SSL_peek_ex(x->ssl, &byte, 1, &n))
        note_reading(x);
    else
        x->held = HELD_MAYBE;
    return x->held != HELD_NOTHING;
}

/* ---- reading --------------------------------------------------------------------------------- */

static ssize_t fail_with(int errnum)
{
    errno = errnum;
    return -1;
}

static size_t read_plain(struct tls *x, char *dst, size_t size)
{
    size_t got = 0, n;

    tls_forget_errors();
    do {
        if (!SSL_read_ex(x->ssl, dst + got, size - got, &n)) {
            note_reading(x);
            return got;
        }
        got += n;
        x->heard = true;
        x->held = SSL_has_pending(x->ssl) ? HELD_MAYBE : HELD_NOTHING;
    } while (got < size && x->held != HELD_NOTHING);
    return got;
}

ssize_t tls_recv(struct transport *t, void *dst, size_t size)
{
    struct tls *x = t->behind;
    size_t got = 0;

    if (x->state != TRANSPORT_STANDS)
        return fail_with(x->state == TRANSPORT_BEGINS ? EAGAIN : ECONNRESET);
    if (x->held == HELD_NOTHING || x->held == HELD_MAYBE) {
        got = read_plain(x, dst, size);
        tls_arm(x);
    }
    if (got > 0 || x->held == HELD_END)
        return (ssize_t)got;
    return fail_with(x->held == HELD_NOTHING ? EAGAIN : ECONNRESET);
}

/* ---- sending --------------------------------------------------------------------------------- */

/* How far a list of pieces is through. */
struct cursor {
    const struct iovec *piece;
    int count;
    size_t at; /* of the first piece */
};

static void skip(struct cursor *c, size_t n)
{
    c->at += n;
    while (c->count > 0 && c->at >= c->piece->iov_len) {
        c->at -= c->piece->iov_len;
        c->piece++;
        c->count--;
    }
}

/* What one record holds next: small pieces are copied together, for a record costs more than that.
 */
static struct str next_record(struct cursor *c, char scratch[RECORD_MAX])
{
    size_t used = 0;

    if (c->count == 1 || c->piece->iov_len - c->at >= RECORD_MAX) {
        const char *from = (const char *)c->piece->iov_base + c->at;
        size_t left = c->piece->iov_len - c->at;

        skip(c, left < RECORD_MAX ? left : RECORD_MAX);
        return (struct str){from, left < RECORD_MAX ? left : RECORD_MAX};
    }
    while (c->count > 0 && used < RECORD_MAX) {
        size_t n = c->piece->iov_len - c->at;

        if (n > RECORD_MAX - used)
            n = RECORD_MAX - used;
        memcpy(scratch + used, (const char *)c->piece->iov_base + c->at, n);
        used += n;
        skip(c, n);
    }
    return (struct str){scratch, used};
}

/* A record is taken when the socket has all of it, so that nothing is lost when the user closes
 * then. Until it has, nothing is, and the user comes again with the same bytes. */
static size_t take_owed(struct tls *x, struct cursor *c)
{
    size_t n = tls_wire_is_clear(&x->wire) ? x->owed : 0;

    x->owed -= n;
    skip(c, n);
    return n;
}

ssize_t tls_send(struct transport *t, const struct iovec *piece, int count)
{
    struct tls *x = t->behind;
    struct cursor c = {.piece = piece, .count = count};
    char scratch[RECORD_MAX];
    ssize_t taken;
    size_t n;

    if (x->broken || x->state == TRANSPORT_FAILED || x->goodbye != GOODBYE_NOT)
        return fail_with(EPIPE);
    taken = (ssize_t)take_owed(x, &c);
    tls_forget_errors();
    while (c.count > 0 && x->state == TRANSPORT_STANDS && tls_wire_is_clear(&x->wire)) {
        struct str record = next_record(&c, scratch);

        if (!SSL_write_ex(x->ssl, record.p, record.n, &n)) {
            x->broken = !tls_is_waiting(x);
            tls_forget_errors();
            break;
        }
        if (tls_wire_is_clear(&x->wire))
            taken += (ssize_t)n;
        else
            x->owed = n;
    }
    if (x->broken && x->client && !x->heard)
        (void)tls_has_news(x); /* a system that has refused our certificate says why and closes */
    tls_arm(x);
    return x->broken && taken == 0 ? fail_with(EPIPE) : taken;
}
