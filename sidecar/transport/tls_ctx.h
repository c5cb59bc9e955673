/* SPDX-License-Identifier: Apache-2.0 */
/* What every SSL_CTX of ours has in common, and reading PEM files into one. */
#pragma once

#include <openssl/ssl.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* TLS 1.2 and 1.3, forward-secret authenticated ciphers, nothing kept for idle connections. */
int tls_ctx_new(const SSL_METHOD *side, SSL_CTX **ret, struct err *err) MUST_CHECK;

/* A certificate with its chain, and the key to it; `key` "": it is in the same file. *ret_leaf is
 * borrowed from the ctx. NOT_FOUND, DENIED, INVALID with what is wrong. */
int tls_ctx_use_pair(SSL_CTX *ctx, const char *cert, const char *key, X509 **ret_leaf,
                     struct err *err) MUST_CHECK;

/* Trust the authorities in a file, and nobody else. */
int tls_ctx_trust(SSL_CTX *ctx, const char *file, struct err *err) MUST_CHECK;

/* "h2,http/1.1" as ALPN has it on the wire (RFC 7301 3.1). 0: it is none, or does not fit. */
size_t tls_ctx_alpn(const char *list, unsigned char *dst, size_t size);

/* A file's text. `what` it is to be, for errors: "certificate". */
int tls_ctx_read(const char *what, const char *file, struct buf *ret, struct err *err) MUST_CHECK;

#define TLS_FILE_MAX (1u << 20)
