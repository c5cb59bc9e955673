/* SPDX-License-Identifier: Apache-2.0 */
/* Failures with an explanation.
 *
 * Functions that can fail return 0 when done, a positive outcome of their own that the direct
 * caller must handle, or a negative enum err_code with *err filled in. The caller that passes a
 * failure up adds what it was doing with err_ctx(); the message then reads "outermost: ...:
 * innermost". A `struct err` lives on the caller's stack and owns nothing; every function here
 * accepts err == NULL and then only returns the code. */
#pragma once

#include <stdbool.h>

#include "common/base/attrs.h"
#include "common/base/err_codes.h"

enum err_code {
    ERR_NONE = 0,
#define X(name, text, retry, grpc, exit_status) ERR_##name,
    ERR_CODES(X)
#undef X
        ERR_COUNT
};

struct err {
    enum err_code code;
    char msg[512];  /* UTF-8, one line, truncated with "..." */
    char hint[256]; /* what to type or do next; empty when there is nothing better than the message
                     */
};

/* Set code and message, clear the hint. Returns -code, to be returned by the caller. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF(3, 4);

/* err_set() for a failed system call: appends ": strerror(errnum)" and picks the code from errnum
 * (ENOSPC, EDQUOT, EMFILE: EXHAUSTED; ENOENT: NOT_FOUND; EACCES, EPERM, EROFS: DENIED; ECONNREFUSED
 * and its kind: UNAVAILABLE; ETIMEDOUT: TIMEOUT; the rest: IO). */
int err_errno(struct err *e, int errnum, const char *fmt, ...) PRINTF(3, 4);

/* Put "words: " in front of the message. Returns -code. */
int err_ctx(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Set the hint. Returns -code. */
int err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Copy src to dst (dst may be NULL). Returns -src->code. */
int err_copy(struct err *dst, const struct err *src);

/* The table's columns. A code out of range reads as INTERNAL. */
const char *err_text(enum err_code code);
bool err_retryable(enum err_code code);
int err_grpc_status(enum err_code code);
int err_exit_status(enum err_code code);

/* Table lookups in the other direction: by stable text (ERR_NONE when unknown), by gRPC status. */
enum err_code err_from_text(const char *text);
enum err_code err_from_grpc_status(int status);
