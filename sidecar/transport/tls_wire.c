/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls_wire.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

#include "common/base/check.h"
#include "common/base/mem.h"

/* Bytes sent, 0 when the socket takes none now, -1 when it is broken. */
static ssize_t send_some(struct tls_wire *w, const char *p, size_t n)
{
    ssize_t sent;

    do {
        sent = send(w->fd, p, n, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EAGAIN)
        return 0;
    if (sent < 0)
        w->errnum = errno;
    return sent;
}

bool tls_wire_flush(struct tls_wire *w)
{
    ssize_t sent = w->rest ? send_some(w, w->rest + w->at, w->len - w->at) : 0;

    if (sent < 0)
        return false;
    w->at += (size_t)sent;
    if (w->at == w->len)
        tls_wire_deinit(w);
    return true;
}

void tls_wire_deinit(struct tls_wire *w)
{
    xfreep(&w->rest);
    w->at = w->len = 0;
}

/* ---- what OpenSSL calls ---------------------------------------------------------------------- */

static int wire_write(BIO *bio, const char *p, int n)
{
    struct tls_wire *w = BIO_get_data(bio);
    ssize_t sent;

    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    if (w->rest) {
        BIO_set_retry_write(bio);
        return -1;
    }
    sent = send_some(w, p, (size_t)n);
    if (sent < 0)
        return -1;
    if (sent < n) {
        w->len = (size_t)(n - sent);
        w->rest = xmemdup(p + sent, w->len);
    }
    return n;
}

static int wire_read(BIO *bio, char *dst, int size)
{
    struct tls_wire *w = BIO_get_data(bio);
    ssize_t n;

    BIO_clear_retry_flags(bio);
    do {
        n = recv(w->fd, dst, (size_t)size, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        w->heard = true;
    else if (n == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    else if (errno == EAGAIN)
        BIO_set_retry_read(bio);
    else
        w->errnum = errno;
    return (int)n;
}

static long wire_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_FLUSH)
        return 1;
    return command == BIO_CTRL_EOF && BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static BIO_METHOD *method; /* for the life of the process */

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "switchyard socket");
    CHECK(method);
    BIO_meth_set_write(method, wire_write);
    BIO_meth_set_read(method, wire_read);
    BIO_meth_set_ctrl(method, wire_ctrl);
}

BIO *tls_wire_bio(struct tls_wire *w)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    BIO *bio;

    pthread_once(&once, make_method);
    bio = BIO_new(method);
    CHECK(bio);
    BIO_set_data(bio, w);
    BIO_set_init(bio, 1);
    return bio;
}
