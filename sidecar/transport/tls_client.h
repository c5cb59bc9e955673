/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of TLS: how another system is reached and known. Immutable and counted; what is
 * asked for twice is made once per process. */
#pragma once

#include <stdbool.h>

#include "common/base/attrs.h"

/* Strings are copied. */
struct tls_client_config {
    const char
        *name;      /* asked for (SNI, unless it is an address), and that the certificate is for */
    const char *ca; /* a file in PEM; NULL or "": the system's authorities */
    const char *cert; /* ours, and `key`; NULL or "": none */
    const char *key;
    bool no_verify; /* take any certificate */
};

struct tls_client;
struct tls_faults;
struct tls_session;
struct ssl_st;

/* One reference, to be given back; never NULL. Where a file is bad, all of its connections fail,
 * for the reason of tls_client_fault(). Any thread; blocks for the files the first time. */
struct tls_client *tls_client_get(const struct tls_client_config *config) MUST_CHECK;
struct tls_client *tls_client_ref(struct tls_client *c);
void tls_client_unref(struct tls_client *c); /* tolerates NULL */
const char *tls_client_name(const struct tls_client *c);
const char *tls_client_fault(const struct tls_client *c); /* "": none */
/* Whether both have the same settings: they differ in what the files held. */
bool tls_client_is_like(const struct tls_client *a, const struct tls_client *b);
/* Whether the files have changed, and would make one without a fault. Blocks for them then. */
bool tls_client_is_outdated(const struct tls_client *c);

/* Handshakes that failed, to be told. Lives as long as `c`. Any thread. */
struct tls_faults *tls_client_faults(struct tls_client *c);

/* For tls.c: NULL when it has a fault, or memory is out. As tls_connect(). */
struct ssl_st *tls_client_ssl(struct tls_client *c, const char *alpn, struct tls_session *session);
