/* SPDX-License-Identifier: Apache-2.0 */
/* The socket under OpenSSL. What it does not take at once is kept here, so that OpenSSL never waits
 * in the middle of a record; it is asked to wait only with the next one. owner: tls.c. */
#pragma once

#include <openssl/bio.h>
#include <stdbool.h>
#include <stddef.h>

struct tls_wire {
    int fd;     /* owned by the user */
    int errnum; /* of the last call that failed; 0: none did */
    bool heard; /* a byte of the peer */
    char *rest; /* owned; taken from OpenSSL and not yet sent; NULL: nothing */
    size_t at, len;
};

/* A BIO for SSL_set_bio() on `w`, which must outlive it; never NULL. */
BIO *tls_wire_bio(struct tls_wire *w);
void tls_wire_deinit(struct tls_wire *w);

static inline bool tls_wire_is_clear(const struct tls_wire *w)
{
    return !w->rest;
}

/* Send what is kept, as far as the socket takes it. False: the socket is broken. */
bool tls_wire_flush(struct tls_wire *w);
