/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP calls to others, for threads that may block. A handle is one kept-alive connection with its
 * settings; one owner thread. Bodies and heads are bounded, redirects are answers like any other,
 * and no proxy is used. What may be secret in an address, its user and its query, is never printed.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"

struct web;

struct web_config {
    const char *ca, *cert, *key; /* files; NULL: the system's trust, no certificate */
    dur_t connect_timeout;       /* default 5 s */
};

struct web_request {
    const char *method;        /* NULL: GET */
    const char *url;           /* http or https */
    const char *const *header; /* "Name: value", ends with NULL; NULL: none */
    struct str body;
    dur_t timeout; /* for all of it; must be set */
};

/* Process-wide; before the first and after the last handle. May be nested. */
void web_start(void);
void web_end(void);

int web_new(const struct web_config *config, struct web **ret, struct err *err) MUST_CHECK;
struct web *web_free(struct web *w); /* tolerates NULL; returns NULL */
static inline void web_freep(struct web **w)
{
    *w = web_free(*w);
}

/* The whole answer: *ret_status and its body, appended to `body`. Any status is success. <0:
 *   INVALID      the address is none
 *   UNAVAILABLE  no connection, or it broke before the answer was whole
 *   REFUSED      the host is there, and nobody listens
 *   DENIED       a certificate was refused, by us or by them
 *   TIMEOUT      EXHAUSTED past the maximum of `body`      CANCELLED by web_cancel() */
int web_call(struct web *w, const struct web_request *req, unsigned *ret_status, struct buf *body,
             struct err *err) MUST_CHECK;
/* From any thread: the call under way, or the next one, ends with CANCELLED, until web_again(). */
void web_cancel(struct web *w);
void web_again(struct web *w);

/* "http://db:8080/health", for messages: without user, password and query. `dst` has WEB_SHOW_SIZE
 * bytes; returns dst. */
#define WEB_SHOW_SIZE 160
const char *web_show(const char *url, char *dst);
