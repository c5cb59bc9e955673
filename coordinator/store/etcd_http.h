/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP to etcd (why not by coordinator/web: docs/adr/0009). Knows endpoints and bytes, not what
 * they mean.
 *
 * One etcd_http is one connection that is kept alive, and one more for a stream. It blocks; owner:
 * one thread at a time. Only etcd_http_cancel() may be called from another. */
#pragma once

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/clock.h"

struct etcd_http_config {
    const char *ca;   /* file with the authorities to trust; NULL: the system's */
    const char *cert; /* client certificate and key, files; NULL: none */
    const char *key;
    dur_t connect_timeout;
    dur_t timeout; /* of a whole request */
};

struct etcd_http;

/* The strings of `config` are copied. */
int etcd_http_new(const struct etcd_http_config *config, struct etcd_http **ret,
                  struct err *err) MUST_CHECK;
void etcd_http_free(struct etcd_http *h);
DEFINE_CLEANUP(struct etcd_http, etcd_http_free)

struct etcd_request {
    const char *endpoint; /* "http://10.0.0.1:2379" */
    const char *path;     /* "/v3/kv/range" */
    struct str body;
    const char *token; /* NULL: none */
    bool repeatable;   /* arriving twice does no harm */
    dur_t timeout;     /* 0: the configuration's */
};

/* POST, and append the answer's body, whatever its status. <0:
 *   UNAVAILABLE      it did not arrive: no connection
 *   DENIED           it did not arrive: a certificate was refused, by us or by them
 *   UNKNOWN_OUTCOME  it may have arrived; a whole answer has not
 *   EXHAUSTED        the answer does not fit into `ret_body`
 *   CANCELLED        etcd_http_cancel(); it may have arrived */
int etcd_http_post(struct etcd_http *h, const struct etcd_request *r, struct buf *ret_body,
                   int *ret_status, struct err *err) MUST_CHECK;

/* A stream of lines. `fn` gets each line without its end, from inside etcd_http_stream_wait(). */
#define ETCD_LINE_MAX (16u << 20)
typedef void (*etcd_line_fn)(void *ctx, struct str line);

/* One at a time; it takes the place of another. Failures show in the first wait. */
void etcd_http_stream_open(struct etcd_http *h, const struct etcd_request *r, etcd_line_fn fn,
                           void *ctx);
/* Wait for lines. 0 when some were handed out or the time is over; <0 as etcd_http_post() when the
 * stream has ended, which it must not without a reason (UNAVAILABLE). */
int etcd_http_stream_wait(struct etcd_http *h, dur_t wait, struct err *err) MUST_CHECK;
void etcd_http_stream_close(struct etcd_http *h);

/* Wait, or until etcd_http_cancel(). */
void etcd_http_pause(struct etcd_http *h, dur_t time);

/* Any thread: what runs and what comes ends as CANCELLED at once. */
void etcd_http_cancel(struct etcd_http *h);
bool etcd_http_is_cancelled(const struct etcd_http *h);
