/* SPDX-License-Identifier: Apache-2.0 */
/* From an HTTP/1.1 head, or trailer lines, to the fields of an HTTP/2 header section (RFC 9113
 * 8.2, 8.3). Pure; the fields point into what they were made of. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "common/http1/http1_parse.h"

/* Pseudo-headers and te: trailers besides those of the head. */
enum { H2_FIELDS_MAX = HTTP1_HEADERS_WRITTEN_MAX + 8 };

struct h2_fields {
    size_t count;
    char status[4];
    nghttp2_nv nv[H2_FIELDS_MAX];
};

/* Names keep their letters: nghttp2 makes them small. `h` and *ret must both stay where they are
 * while the fields are used. What belongs to a connection stays behind, but for te: trailers, which
 * gRPC insists on. */
void h2_fields_request(const struct http1_head *h, bool secure, struct h2_fields *ret);
void h2_fields_answer(const struct http1_head *h, struct h2_fields *ret);

/* Of lines as http1_body_keep_trailers() keeps them. */
void h2_fields_trailers(struct str lines, struct h2_fields *ret);
