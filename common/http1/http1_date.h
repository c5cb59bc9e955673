/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a Date field (RFC 9110 5.6.7), written anew once a second at most. */
#pragma once

#include "common/base/clock.h"

/* Zero at first. owner: whoever embeds it. */
struct http1_date {
    int64_t second; /* that `text` says; since 1970 */
    size_t n;
    char text[32];
};

/* "Sun, 06 Nov 1994 08:49:37 GMT"; valid until the next call. */
struct str http1_date_at(struct http1_date *d, wall_t now);
