/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

struct err_row {
    const char *text;
    bool retry;
    int grpc;
    int exit_status;
};

static const struct err_row rows[ERR_COUNT] = {[ERR_NONE] = {"none", false, 0, 0},
#define X(name, text, retry, grpc, exit_status) [ERR_##name] = {text, retry, grpc, exit_status},
                                               ERR_CODES(X)
#undef X
};

/* A message is one line of UTF-8 whatever went into it: control characters become spaces, and what
 * was cut ends in "..." without half a character before it. */
static void settle(char *text, size_t size, bool cut)
{
    for (char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7f)
            *p = ' ';
    }
    if (!cut)
        return;

    size_t end = size - sizeof "...";
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, "...", sizeof "...");
}

static void format(char *dst, size_t size, const char *fmt, va_list ap) PRINTF(3, 0);

static void format(char *dst, size_t size, const char *fmt, va_list ap)
{
    int n = vsnprintf(dst, size, fmt, ap);

    CHECK(n >= 0);
    settle(dst, size, (size_t)n >= size);
}

/* Arguments may point into *e itself, so the text is made elsewhere and then moved in. */
static void set_message(struct err *e, const char *words, const char *separator, const char *rest)
{
    char text[sizeof e->msg];
    int n = snprintf(text, sizeof text, "%s%s%s", words, separator, rest);

    CHECK(n >= 0);
    settle(text, sizeof text, (size_t)n >= sizeof text);
    memcpy(e->msg, text, sizeof text);
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    CHECK(code > ERR_NONE && code < ERR_COUNT);
    if (!e)
        return -(int)code;

    char text[sizeof e->msg];
    va_start(ap, fmt);
    format(text, sizeof text, fmt, ap);
    va_end(ap);
    memcpy(e->msg, text, sizeof text);
    e->hint[0] = '\0';
    e->code = code;
    return -(int)code;
}

static enum err_code code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return ERR_EXHAUSTED;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
        return ERR_UNAVAILABLE;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    default:
        return ERR_IO;
    }
}

int err_errno(struct err *e, int errnum, const char *fmt, ...)
{
    enum err_code code = code_of_errno(errnum);
    char words[sizeof e->msg];
    char reason[128];
    va_list ap;

    if (!e)
        return -(int)code;

    va_start(ap, fmt);
    format(words, sizeof words, fmt, ap);
    va_end(ap);
    set_message(e, words, ": ", strerror_r(errnum, reason, sizeof reason));
    e->hint[0] = '\0';
    e->code = code;
    return -(int)code;
}

int err_ctx(struct err *e, const char *fmt, ...)
{
    char words[sizeof e->msg];
    va_list ap;

    if (!e)
        return -ERR_INTERNAL;

    va_start(ap, fmt);
    format(words, sizeof words, fmt, ap);
    va_end(ap);
    set_message(e, words, ": ", e->msg);
    return -(int)e->code;
}

int err_hint(struct err *e, const char *fmt, ...)
{
    char text[sizeof e->hint];
    va_list ap;

    if (!e)
        return -ERR_INTERNAL;

    va_start(ap, fmt);
    format(text, sizeof text, fmt, ap);
    va_end(ap);
    memcpy(e->hint, text, sizeof text);
    return -(int)e->code;
}

int err_copy(struct err *dst, const struct err *src)
{
    if (dst && dst != src)
        *dst = *src;
    return -(int)src->code;
}

static const struct err_row *row_of(enum err_code code)
{
    return &rows[code < ERR_COUNT ? code : ERR_INTERNAL];
}

const char *err_text(enum err_code code)
{
    return row_of(code)->text;
}

bool err_retryable(enum err_code code)
{
    return row_of(code)->retry;
}

int err_grpc_status(enum err_code code)
{
    return row_of(code)->grpc;
}

int err_exit_status(enum err_code code)
{
    return row_of(code)->exit_status;
}

enum err_code err_from_text(const char *text)
{
    for (unsigned i = ERR_NONE + 1; i < ERR_COUNT; i++)
        if (strcmp(rows[i].text, text) == 0)
            return (enum err_code)i;
    return ERR_NONE;
}

enum err_code err_from_grpc_status(int status)
{
    if (status == 13) /* IO and INTERNAL share a status; from outside it says nothing about I/O */
        return ERR_INTERNAL;
    for (unsigned i = ERR_NONE; i < ERR_COUNT; i++)
        if (rows[i].grpc == status)
            return (enum err_code)i;
    return ERR_INTERNAL;
}
