/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP calls to others, for threads that may block: the only folder that includes curl. A handle is
 * one kept-alive connection with its settings; one owner thread. Bodies are bounded. Addresses with
 * a password in them are never printed. */
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

/* Process-wide; before the first and after the last handle. */
void web_start(void);
void web_end(void);

int web_new(const struct web_config *config, struct web **ret, struct err *err) MUST_CHECK;
struct web *web_free(struct web *w); /* tolerates NULL; returns NULL */

/* The whole answer: *ret_status and its body, appended to `body` up to its maximum (EXHAUSTED
 * beyond). Any status is success. UNAVAILABLE: no connection; TIMEOUT; CANCELLED by web_cancel().
 */
int web_call(struct web *w, const struct web_request *req, unsigned *ret_status, struct buf *body,
             struct err *err) MUST_CHECK;
/* From any thread: the call under way, or the next one, ends with CANCELLED, until web_again(). */
void web_cancel(struct web *w);
void web_again(struct web *w);
