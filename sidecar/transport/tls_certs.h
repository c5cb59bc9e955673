/* SPDX-License-Identifier: Apache-2.0 */
/* A set of certificates, immutable and counted, and which of them a client gets. */
#pragma once

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "sidecar/transport/tls_files.h"
#include "sidecar/transport/tls_tickets.h"

#define TLS_NAMES_TEXT 512

struct tls_cert {
    SSL_CTX *ctx; /* owned */
    char *file;   /* owned */
    char names[TLS_NAMES_TEXT];
    wall_t expires;
};

/* A name of a certificate, in lower case. */
struct tls_cert_name {
    char *name; /* owned; "*.example.com" stands for one label more */
    unsigned cert;
};

struct tls_certs {
    atomic_uint refs;
    struct tls_cert *cert;
    unsigned count;
    struct tls_cert_name *name; /* sorted */
    unsigned name_count;
    unsigned char alpn[TLS_ALPN_MAX];
    unsigned alpn_size;
    char warning[TLS_WORDS_MAX * 2];
};

/* Read all of `files`; one that is bad is an error. An expired certificate is one unless
 * `takes_expired`. `tickets` must outlive the set. */
int tls_certs_new(const struct tls_files *files, const struct tls_server_config *config,
                  struct tls_tickets *tickets, wall_t now, bool takes_expired,
                  struct tls_certs **ret, struct err *err) MUST_CHECK;
struct tls_certs *tls_certs_ref(struct tls_certs *c);

/* The index of the certificate for a name that a client asks for; that of the first one when none
 * is (RFC 6125 6.4.3: a wildcard stands for one whole label). */
unsigned tls_certs_find(const struct tls_certs *c, const char *name);
