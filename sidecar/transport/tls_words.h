/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's errors in words that an operator can act on, and as few kinds for counting. */
#pragma once

#include "common/base/str.h"

/* Why a handshake failed. X(ID, name): names are values of a metric's label. */
#define TLS_FAILURES(X)           \
    X(PLAIN_HTTP, "plain_http")   \
    X(NOT_TLS, "not_tls")         \
    X(VERSION, "version")         \
    X(CIPHER, "cipher")           \
    X(PROTOCOL, "protocol")       \
    X(CERTIFICATE, "certificate") \
    X(REFUSED, "refused")         \
    X(SILENT, "silent")           \
    X(CLOSED, "closed")           \
    X(TIMEOUT, "timeout")         \
    X(OTHER, "other")

enum tls_failure {
#define X(id, name) TLS_FAILED_##id,
    TLS_FAILURES(X)
#undef X
        TLS_FAILURE_COUNT
};

const char *tls_failure_name(enum tls_failure f);

#define TLS_WORDS_MAX 256

/* About the latest OpenSSL error of this thread, whose queue is emptied. `verified` is the result
 * of checking the peer's certificate (X509_V_OK: it was fine, or none was there), `peer` the name
 * it was checked for ("": none), `errnum` the socket's error, 0: it was closed. */
enum tls_failure tls_words(long verified, const char *peer, int errnum, char dst[TLS_WORDS_MAX]);

/* The same where a file was read: the reason of the latest error, "no PEM in it" for what is known
 * to be that. Empties the queue. */
void tls_words_of_file(char dst[TLS_WORDS_MAX]);
