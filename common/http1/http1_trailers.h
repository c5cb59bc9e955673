/* SPDX-License-Identifier: Apache-2.0 */
/* Trailer fields: what comes behind the last chunk of a body (RFC 9112 7.1.2).
 *
 * A body that was given a buffer by http1_body_keep_trailers() leaves in it those that may go on,
 * as lines "Name: value CR LF" in our spelling. So they can be sent as they are, between
 * HTTP1_CHUNK_ZERO and an empty line, or be taken apart with http1_trailers_next(). Pure. */
#pragma once

#include "common/base/buf.h"
#include "common/http1/http1_body.h"

/* Room for all that a body may have: they are limited as received, and each line gets three bytes
 * at most that were not counted. */
enum { HTTP1_TRAILERS_KEPT_MAX = HTTP1_TRAILERS_MAX + 3 * HTTP1_TRAILERS_COUNT_MAX };

/* False: a field that means something only in a head (RFC 9110 6.5.1): framing, routing, who asks,
 * conditions, what the body is. Who would add such a trailer to the head would be deceived, so it
 * does not go on. A _ in the name counts as a -. */
bool http1_trailer_passes(struct str name);

/* The next line of what was kept, cut off the front of *rest; false when that is empty. */
bool http1_trailers_next(struct str *rest, struct str *ret_name, struct str *ret_value);

/* For http1_body.c: a whole line, a token with a colon and a value, begins at `from` and ends with
 * `b`, without its line end. It is put in our spelling, or taken away when it must not pass. False
 * when the buffer's maximum would be passed. */
bool http1_trailers_end_line(struct buf *b, size_t from) MUST_CHECK;
