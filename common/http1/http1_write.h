/* SPDX-License-Identifier: Apache-2.0 */
/* Serialises heads into the caller's memory, for the next hop.
 *
 * Lines that stay are copied as runs. Left out are the hop-by-hop fields (Connection and all it
 * names, Keep-Alive, Proxy-Connection, TE, Upgrade unless it is to be passed on), Trailer where the
 * body does not go chunked, Expect (the proxy answers it) and the framing fields, which are written
 * anew from the caller's framing. Of TE, only "trailers" is said to the next hop.
 * The version is always HTTP/1.1. Pure. */
#pragma once

#include "common/http1/http1_body.h"

/* A field of ours. With `replace`, received fields of that name are left out; a replacement without
 * a value (value.p == NULL) only removes. Name and value must hold no control bytes: they are the
 * caller's word. */
struct http1_extra {
    struct str name;
    struct str value;
    bool replace;
};

enum http1_connection {
    HTTP1_CONNECTION_SILENT, /* HTTP/1.1's default: stay open */
    HTTP1_CONNECTION_CLOSE,
    HTTP1_CONNECTION_KEEP_ALIVE /* says so, for HTTP/1.0 clients */
};

struct http1_out {
    struct http1_framing body; /* how the body will be sent */
    enum http1_connection connection;
    bool upgrade; /* the received Upgrade fields go on, named in a Connection field */
    const struct http1_extra *extra;
    unsigned extra_count;
    struct str host; /* requests: in place of the received Host, when not empty */
    struct str date; /* responses: Date, of one that has none; empty: it stays without */
};

/* Return the bytes written, or 0 when `size` is too small. Requests go out in origin form (asterisk
 * and authority forms stay). A Host field is always sent, empty when none is known (RFC 9112
 * 3.2). */
size_t http1_write_request(const struct http1_head *h, const struct http1_out *out, char *dst,
                           size_t size);

/* A response without a body still says the length that a GET would have had (RFC 9110 8.6), except
 * 1xx and 204, which carry no framing at all. */
size_t http1_write_response(const struct http1_head *h, const struct http1_out *out, char *dst,
                            size_t size);

/* A whole answer of our own: head and a text/plain body "STATUS REASON: why". `why` NULL leaves the
 * sentence out. With `head_only` (an answer to HEAD) the body is left out and its length is
 * kept. */
struct http1_answer {
    unsigned status;
    const char *why; /* printable, one line; truncated at 200 bytes */
    enum http1_connection connection;
    bool head_only;
    struct str date;                 /* empty: it has none */
    const struct http1_extra *extra; /* `replace` means nothing here */
    unsigned extra_count;
};
size_t http1_write_answer(const struct http1_answer *a, char *dst, size_t size);

/* The interim answer to Expect: 100-continue. */
#define HTTP1_CONTINUE STR("HTTP/1.1 100 Continue\r\n\r\n")
