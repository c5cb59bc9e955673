/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of an A/B run, as a file gives them: a line each.
 *
 *   /orders/17
 *   HEAD /orders/17
 *   {"method": "GET", "path": "/orders/17", ...}     as access logs record them
 *
 * Empty lines and those that begin with '#' are passed over; so are, and counted, requests with
 * other methods than GET and HEAD: they would be carried out twice. Pure. */
#pragma once

#include "common/base/err.h"
#include "common/base/str.h"

#define AB_REQUESTS_MAX 100000

struct ab_request {
    bool head_only;
    char *path; /* owned */
};

struct ab_requests {
    struct ab_request *item; /* owned */
    unsigned count;
    unsigned unsafe; /* passed over for their method */
};

/* INVALID names the source and the line; a file without any request is INVALID, too. */
int ab_requests_read(struct str text, const char *source, struct ab_requests *ret,
                     struct err *err) MUST_CHECK;
void ab_requests_deinit(struct ab_requests *r);
