/* SPDX-License-Identifier: Apache-2.0 */
/* Where a message's body ends, and what of the bytes on the wire is its payload. Pure.
 *
 * Every byte given is consumed and only trailers are kept, by those who want them
 * (http1_trailers.h), so a relay can hand payload on as it comes. Chunk extensions and trailers are
 * checked and limited; extensions are dropped (RFC 9112 7.1.1). */
#pragma once

#include "common/base/buf.h"
#include "common/http1/http1.h"

enum http1_body_kind {
    HTTP1_BODY_NONE,
    HTTP1_BODY_LENGTH,
    HTTP1_BODY_CHUNKED,
    HTTP1_BODY_UNTIL_CLOSE /* responses only */
};

struct http1_framing {
    enum http1_body_kind kind;
    uint64_t length; /* HTTP1_BODY_LENGTH only */
};

/* RFC 9112 6.3, for what was received. `asked` is the method of the request that the response
 * answers. */
struct http1_framing http1_request_framing(const struct http1_head *h);
struct http1_framing http1_response_framing(const struct http1_head *h, enum http1_method asked);

/* The framing to send on to a peer that speaks HTTP/1.`minor`: a body without a known length goes
 * chunked to 1.1 and until close to 1.0. */
struct http1_framing http1_framing_for(struct http1_framing received, unsigned minor);

enum {
    HTTP1_CHUNK_EXT_MAX = 4096, /* bytes of chunk extensions that a body has more than payload */
    HTTP1_TRAILERS_MAX = 8192,  /* bytes of trailer lines */
    HTTP1_TRAILERS_COUNT_MAX = 128
};

enum http1_body_result {
    HTTP1_BODY_DONE =
        0,           /* the body is complete; bytes after *ret_used belong to the next message */
    HTTP1_BODY_MORE, /* everything up to *ret_used was taken; go on */
    HTTP1_BODY_BAD   /* framing is broken: b->why says how; close the connection */
};

struct http1_body {
    const char *why;  /* of a BAD result: one static sentence for people */
    uint64_t payload; /* payload bytes seen so far */

    /* private */
    enum http1_body_kind kind;
    int state;
    uint64_t left; /* payload bytes of the body or of this chunk still to come */
    uint32_t digits;
    uint32_t extra; /* bytes of extensions not yet made good by payload, later of trailers */
    uint32_t trailers;
    struct buf *kept; /* borrowed; NULL: trailers are dropped */
    size_t line;      /* where in `kept` the latest begins */
};

void http1_body_init(struct http1_body *b, struct http1_framing framing);

/* Before the first byte of a chunked body: add the trailers that may go on to `into`, which is
 * borrowed (http1_trailers.h). What passes its maximum is BAD; HTTP1_TRAILERS_KEPT_MAX is enough
 * for all. */
void http1_body_keep_trailers(struct http1_body *b, struct buf *into);

/* Take from the front of `in` some framing and at most one run of payload: *ret_used bytes in all,
 * of which *ret_payload (a view into `in`, possibly empty) is payload. With MORE, call again with
 * what is left; *ret_used is 0 only when `in` is empty. Call with an empty `in` to learn whether a
 * body that takes nothing is DONE. A body until close is never DONE: its end of file is. */
enum http1_body_result http1_body_next(struct http1_body *b, struct str in, size_t *ret_used,
                                       struct str *ret_payload);

/* The same for a whole buffer at once: the payload of data[0..len) moves together at its front,
 * *ret_payload bytes of it; *ret_used is len unless the body ended before. */
enum http1_body_result http1_body_squeeze(struct http1_body *b, char *data, size_t len,
                                          size_t *ret_used, size_t *ret_payload);

/* The payload still to come of a body with a length; 0 for others. It may be passed on by others
 * than us: then say how much it was. */
uint64_t http1_body_rest(const struct http1_body *b);
void http1_body_passed(struct http1_body *b, uint64_t payload);

/* True when the peer may close now without cutting the body short. */
bool http1_body_may_end(const struct http1_body *b);

/* ---- sending chunks ------------------------------------------------------------------------- */

enum { HTTP1_CHUNK_HEAD_MAX = 20 };

/* "size CRLF" into `dst`; the payload and "\r\n" follow it. `size` > 0. Returns the length. */
size_t http1_chunk_head(char dst[HTTP1_CHUNK_HEAD_MAX], uint64_t size);

#define HTTP1_CHUNK_TAIL STR("\r\n")
#define HTTP1_CHUNK_LAST STR("0\r\n\r\n")
/* The same without the empty line: trailers follow, then that. */
#define HTTP1_CHUNK_ZERO STR("0\r\n")
