/* SPDX-License-Identifier: Apache-2.0 */
/* Test help: parse a head in every way its bytes can arrive, and tell the result in one line. */
#pragma once

#include "common/http1/http1_parse.h"

struct head_case {
    struct str wire;
    const char *told; /* the line that is expected of it */
};

/* A table row; the wire may hold NUL bytes. */
#define CASE(bytes, words)                    \
    {                                         \
        {(bytes), sizeof(bytes) - 1}, (words) \
    }

/* Small, so that cases about limits stay readable. */
#define HEADS_LIMITS ((struct http1_limits){.line_max = 64, .head_max = 512})
enum { HEADS_FIELDS_MAX = 12 };

/* Parse `wire` whole, byte by byte and cut in two at every place, in fresh memory each time; fail
 * the test unless all of them tell `told`. */
void heads_check(enum http1_kind kind, const struct head_case *c);

/* Parse `wire` at once, with headers for `ret_head` in static memory. Fails the test unless DONE.
 */
void heads_parse(enum http1_kind kind, struct str wire, struct http1_head *ret_head);
