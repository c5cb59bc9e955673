/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of TLS: how another system is reached and known. Immutable and counted; what is
 * asked for twice is made once per process. */
#pragma once

#include "common/base/err.h"
#include "common/base/str.h"

/* Strings are copied. */
struct tls_client_config {
    const char
        *name;      /* asked for (SNI, unless it is an address), and that the certificate is for */
    const char *ca; /* a file in PEM; NULL or "": the system's authorities */
    const char *cert; /* ours, and `key`; NULL or "": none */
    const char *key;
    const char *alpn; /* what we offer, "h2"; NULL: "http/1.1" */
    bool no_verify;   /* take any certificate */
};

struct tls_client;
struct tls_session;
struct ssl_st;

/* One reference, to be given back. INVALID, NOT_FOUND, DENIED with what is wrong with a file. Any
 * thread; blocks for the files the first time. */
int tls_client_get(const struct tls_client_config *config, struct tls_client **ret,
                   struct err *err) MUST_CHECK;
struct tls_client *tls_client_ref(struct tls_client *c);
void tls_client_unref(struct tls_client *c); /* tolerates NULL */
const char *tls_client_name(const struct tls_client *c);

/* For tls.c: NULL when memory is out. */
struct ssl_st *tls_client_ssl(struct tls_client *c, struct tls_session *session);
