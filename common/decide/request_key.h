/* SPDX-License-Identifier: Apache-2.0 */
/* The key of a request: the bytes that decide on which system its sender is. Pure, no allocation;
 * the result is borrowed from the request. Like bucket.h this is a promise: the bytes are taken as
 * received, nothing is decoded, folded or unquoted. */
#pragma once

#include "common/model/ruleset.h"

/* The value of the `nth` (from 0) header of that name, in any case; p is NULL when there is
 * none. */
typedef struct str (*request_header_fn)(const void *head, struct str name, unsigned nth);

/* What is needed of a request; borrowed. */
struct request_view {
    request_header_fn header;
    const void *head;          /* handed to `header` */
    struct str path;           /* as received; a query may follow */
    struct str client_address; /* of the connection's peer, without port */
};

/* The bytes of the route's key, or of its fallback key when the request has none or an empty one.
 * False: neither is there, or it is random, and the caller takes a random bucket. */
bool request_key_find(const struct route *r, const struct request_view *req,
                      struct str *ret_key) MUST_CHECK;
