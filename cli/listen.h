/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that `switchyard dev` gives to its programs to listen on. */
#pragma once

#include "common/base/err.h"
#include "common/model/ids.h"

struct listen_address {
    char host[ENDPOINT_SIZE]; /* IPv6 in brackets */
    unsigned port;
};

/* "ADDRESS:PORT" with a port above 0; `option` is its name for messages. */
int listen_parse(const char *option, const char *text, struct listen_address *ret,
                 struct err *err) MUST_CHECK;

/* UNAVAILABLE when something listens there already: what answers would not be ours. */
int listen_check_free(const char *option, const struct listen_address *a,
                      struct err *err) MUST_CHECK;
