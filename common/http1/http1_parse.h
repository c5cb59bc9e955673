/* SPDX-License-Identifier: Apache-2.0 */
/* Incremental, strict parser of request and response heads (RFC 9110, RFC 9112).
 *
 * Strict means that whatever two implementations could read differently is refused, never repaired:
 * both Content-Length and Transfer-Encoding, lengths that are lists or said twice, any transfer
 * coding but a single "chunked", framing fields with tabs or underscores, folded lines, white space
 * before a colon, bare CR or LF, control bytes, more or less than one Host, or an empty one. Pure:
 * no allocation, no socket, no clock. One byte is looked at twice at most, however it arrives. */
#pragma once

#include "common/http1/http1.h"

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

/* On REFUSED, answer parser.status and close; parser.why says what is wrong. */
enum http1_result {
    HTTP1_DONE = 0, /* the head is complete: head->size bytes of the buffer */
    HTTP1_MORE,     /* call again when the buffer has grown */
    HTTP1_REFUSED
};

struct http1_limits {
    uint32_t line_max; /* request or status line: 414 when longer (502 for a response) */
    uint32_t head_max; /* the whole head: 431 when longer (502 for a response) */
};

#define HTTP1_LIMITS_DEFAULT                \
    (struct http1_limits)                   \
    {                                       \
        .line_max = 8192, .head_max = 32768 \
    }

/* Peers may send so many fields. A head that we wrote has a few of ours besides, and more than that
 * are never accepted, whatever array the caller brings. */
enum { HTTP1_HEADERS_MAX = 128, HTTP1_HEADERS_WRITTEN_MAX = HTTP1_HEADERS_MAX + 16 };

struct http1_parser {
    unsigned status; /* of a refusal: 400, 414, 417, 431, 501, 505; 502 for a response */
    const char *why; /* of a refusal: one static sentence for people */

    /* private */
    enum http1_kind kind;
    int state;
    struct http1_limits limits;
    struct http1_head *head;
    uint32_t line;    /* where the current line starts */
    uint32_t scanned; /* bytes before this are known to hold no control byte but tabs */
    uint32_t seen;    /* bit per enum http1_id */
};

/* Start on a new head. `head` and `headers` (`max` of them) are the caller's and are filled in. */
void http1_parser_init(struct http1_parser *p, enum http1_kind kind, struct http1_limits limits,
                       struct http1_head *head, struct http1_header *headers, unsigned max);

/* Look at the buffer: `data` is where the head starts, `len` how much has arrived since. Between
 * calls the buffer may grow and move but bytes already seen may not change. After DONE or REFUSED
 * the result stays the same until http1_parser_init(). */
enum http1_result http1_parse(struct http1_parser *p, const char *data, size_t len);
