/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a request of our own (a probe, a copy), read off its connection. Interim answers
 * are passed over (RFC 9110 15.2), the head stays, the body is handed on as it comes. Memory is the
 * caller's buffer, whatever the peer sends. owner: lane. */
#pragma once

#include "common/http1/http1_body.h"
#include "common/http1/http1_grpc.h"
#include "common/http1/http1_parse.h"
#include "sidecar/transport/transport.h"

enum reply_result { REPLY_MORE, REPLY_DONE, REPLY_BROKEN };

/* A piece of the body; borrowed for the call. */
typedef void (*reply_body_fn)(void *ctx, struct str piece);

struct reply {
    const char *why;        /* of BROKEN: a static sentence */
    struct http1_head head; /* whole once has_head; in `in` until reply_init() */
    bool has_head;
    bool heard;             /* the peer said something */
    bool may_reuse;         /* once DONE: the connection is good for another request */
    uint64_t body_size;     /* so far */
    uint64_t bytes;         /* read so far */
    struct http1_grpc grpc; /* once DONE, of one whose trailers were kept */

    /* private */
    enum http1_method asked;
    struct http1_limits limits;
    struct http1_parser parser;
    struct http1_body body;
    struct buf *trailers; /* borrowed; NULL: nobody wants them */
    char *in;
    size_t size;
    size_t received; /* in `in` */
    /* Not cleared. */
    struct http1_header headers[HTTP1_HEADERS_MAX];
};

/* Of a request with method `asked`. `in` is borrowed until the last reply_read(); its `size` is
 * more than limits.head_max. */
void reply_init(struct reply *r, enum http1_method asked, struct http1_limits limits, char *in,
                size_t size);

/* It answers what may be a gRPC call: keep its trailers in `into`, which is empty and borrowed as
 * `in` is, and say how the call went. */
void reply_watch_call(struct reply *r, struct buf *into);

/* Read once. `fn` gets what came of the body. */
enum reply_result reply_read(struct reply *r, struct transport *from, reply_body_fn fn, void *ctx);
