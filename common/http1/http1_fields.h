/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields: from lines to what they say together. Private to this folder; used by
 * http1_parse.c. Every function returns false after http1_refuse(). */
#pragma once

#include "common/http1/http1_parse.h"

/* Record why the head is not acceptable. Returns false. A response always becomes a 502. */
bool http1_refuse(struct http1_parser *p, unsigned status, const char *why);

/* Take one field line, [at, at + n) of the buffer, without its line end and free of control
 * bytes. */
bool http1_field_add(struct http1_parser *p, uint32_t at, uint32_t n) MUST_CHECK;

/* After the last field: everything that needs all of them. */
bool http1_fields_finish(struct http1_parser *p) MUST_CHECK;

/* host [":" port], RFC 3986 3.2, without user information; the port may be empty, the host not (RFC
 * 9110 4.2.1). */
bool http1_host_valid(struct str host);
