/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 message head as data: what the parser fills, the router reads and the writer
 * re-serialises.
 *
 * A head owns nothing. Everything in it is an offset from `base`, the first byte of the caller's
 * buffer, so the buffer may move: set `base` to its new address and all views are good again. */
#pragma once

#include "common/base/str.h"

/* X(NAME): the methods we tell apart. Others are HTTP1_METHOD_OTHER and pass through by name. */
#define HTTP1_METHODS(X) \
    X(GET) X(HEAD) X(POST) X(PUT) X(DELETE) X(CONNECT) X(OPTIONS) X(TRACE) X(PATCH)

enum http1_method {
    HTTP1_METHOD_OTHER,
#define X(name) HTTP1_##name,
    HTTP1_METHODS(X)
#undef X
        HTTP1_METHOD_COUNT
};

/* RFC 9112 3.2. */
enum http1_form {
    HTTP1_FORM_ORIGIN,    /* /path?query */
    HTTP1_FORM_ABSOLUTE,  /* http://authority/path?query */
    HTTP1_FORM_AUTHORITY, /* host:port, CONNECT only */
    HTTP1_FORM_ASTERISK   /* *, OPTIONS only */
};

/* The header fields that mean something to the protocol itself. */
enum http1_id {
    HTTP1_ID_OTHER,
    HTTP1_ID_CONNECTION,
    HTTP1_ID_CONTENT_LENGTH,
    HTTP1_ID_DATE,
    HTTP1_ID_EXPECT,
    HTTP1_ID_HOST,
    HTTP1_ID_KEEP_ALIVE,
    HTTP1_ID_PROXY_CONNECTION,
    HTTP1_ID_TE,
    HTTP1_ID_TRAILER,
    HTTP1_ID_TRANSFER_ENCODING,
    HTTP1_ID_UPGRADE,
    HTTP1_ID_COUNT
};

struct http1_part {
    uint32_t at; /* from base */
    uint32_t n;
};

struct http1_header {
    struct http1_part name;
    struct http1_part value; /* without the white space around it */
    uint8_t id;              /* enum http1_id */
    bool hop;                /* hop-by-hop or framing: the writer never copies it */
    bool odd;                /* valid, but not spelled "Name: value": copied in that form */
};

struct http1_head {
    const char *base;             /* borrowed: the caller's buffer */
    struct http1_header *headers; /* borrowed: the caller's array */
    uint32_t header_max;
    uint32_t header_count;
    uint32_t size; /* bytes of the whole head with its empty line; the body starts at base + size */
    uint8_t minor; /* HTTP/1.minor: 0 or 1 */

    /* request line */
    enum http1_method method;
    enum http1_form form;
    struct http1_part method_name;
    struct http1_part target; /* as received */
    struct http1_part path;   /* path and query; see http1_path() */
    struct http1_part
        host; /* the target's authority, or else the Host field; empty when there is none */

    /* status line */
    uint16_t status;
    struct http1_part reason;

    /* what the fields say together */
    uint64_t content_length; /* when has_length */
    bool has_length;
    bool chunked;
    bool keep_alive;      /* the sender lets the connection live after this message */
    bool expect_continue; /* waits for 100 before it sends the body */
    bool upgrade;         /* asks for another protocol (Connection: upgrade and Upgrade) */
    bool wants_trailers;  /* a request with TE: trailers */
    bool has_date;
    bool names_fields; /* Connection names some, in the trailers too: none of those go on */
};

static inline struct str http1_str(const struct http1_head *h, struct http1_part part)
{
    return (struct str){h->base + part.at, part.n};
}
static inline struct str http1_name(const struct http1_head *h, uint32_t i)
{
    return http1_str(h, h->headers[i].name);
}
static inline struct str http1_value(const struct http1_head *h, uint32_t i)
{
    return http1_str(h, h->headers[i].value);
}
static inline struct str http1_host(const struct http1_head *h)
{
    return http1_str(h, h->host);
}

/* Path and query as an origin server gets them: "/" for an absolute target without a path, "*" for
 * OPTIONS on the whole server, empty for CONNECT. */
struct str http1_path(const struct http1_head *h);

/* The value of the first field called `name` (any case); false when there is none. */
bool http1_find(const struct http1_head *h, struct str name, struct str *ret_value);

/* The standard reason phrase; "Unknown" for a status that has none here. */
const char *http1_reason(unsigned status);
