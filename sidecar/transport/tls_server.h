/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of TLS: certificates from files, chosen by the name that a client asks for, and
 * sessions that it can resume.
 *
 * A set of certificates is immutable and counted. tls_server_check() puts a new one in place of it
 * for handshakes from then on when the files have changed and are fine; when they are not, the old
 * ones stay. Sessions are resumed by tickets (RFC 5077, RFC 8446 4.6.1), whose keys all threads
 * share and which change every hour.
 *
 * Made, checked, asked and freed on the control thread; tls_accept() may be called on any. */
#pragma once

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "sidecar/transport/tls_faults.h"

#define TLS_PAIRS_MAX 64
#define TLS_ALPN_MAX  64

/* Files in PEM. `cert` is followed by the certificates that lead to its authority; `key` NULL: it
 * is in the same file. */
struct tls_pair {
    const char *cert;
    const char *key;
};

/* Strings are borrowed and outlive the server. */
struct tls_server_config {
    struct tls_pair pair[TLS_PAIRS_MAX]; /* the first one serves names that none of them has */
    unsigned pair_count;
    const char *dir;       /* in place of pairs: its NAME.crt or NAME.pem, each with NAME.key */
    const char *client_ca; /* clients must show a certificate of these authorities; NULL: none */
    const char *alpn;      /* "h2,http/1.1", what we like best first; NULL: "http/1.1" */
};

struct tls_server;

/* Reads the files. Certificates that have expired are taken, for a node that starts must serve what
 * it can, and named by tls_server_warning(). INVALID, NOT_FOUND, DENIED with what is wrong. */
int tls_server_new(const struct tls_server_config *config, wall_t now, struct tls_server **ret,
                   struct err *err) MUST_CHECK;
/* After the last transport. Tolerates NULL; returns NULL. */
struct tls_server *tls_server_free(struct tls_server *s);
static inline void tls_server_freep(struct tls_server **s)
{
    *s = tls_server_free(*s);
}

/* Reload if the files have changed, by size and time, and then been the same for one more call; or,
 * with `force`, whatever they look like. To be called every few seconds. TLS_RELOADED, 0, or what
 * is wrong with the new ones, once for each change; an expired certificate is refused here. */
enum { TLS_RELOADED = 1 };
int tls_server_check(struct tls_server *s, bool force, wall_t now, struct err *err) MUST_CHECK;

/* What is odd about the files in use, a sentence; "": nothing. */
const char *tls_server_warning(const struct tls_server *s);

/* The certificates in use, the first one first. */
struct tls_cert_info {
    const char *file;
    const char *names; /* "example.com, *.example.com"; "": it has none */
    wall_t expires;
};
unsigned tls_server_cert_count(const struct tls_server *s);
struct tls_cert_info tls_server_cert(const struct tls_server *s, unsigned i);

/* Since the start. Any thread. */
struct tls_tally {
    uint64_t handshakes; /* done; `resumed` among them */
    uint64_t resumed;
    uint64_t reloads, reloads_refused;
    uint64_t failed[TLS_FAILURE_COUNT];
};
struct tls_tally tls_server_tally(struct tls_server *s);

/* Handshakes that failed, to be told. Any thread; lives as long as `s`. */
struct tls_faults *tls_server_faults(struct tls_server *s);

/* ---- for tls.c ------------------------------------------------------------------------------- */

struct tls_certs;
struct ssl_st;

/* The set for a new handshake, with a reference. Any thread. */
struct tls_certs *tls_server_certs(struct tls_server *s);
void tls_certs_unref(struct tls_certs *c); /* tolerates NULL */
/* NULL: out of memory. */
struct ssl_st *tls_certs_ssl(struct tls_certs *c);
void tls_server_note_handshake(struct tls_server *s, bool resumed);
