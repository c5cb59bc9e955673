/* SPDX-License-Identifier: Apache-2.0 */
/* Names of hosts to addresses, for threads that may block, and no longer than they want to. The
 * system's resolver knows no limits, so it is asked on a thread of its own, which is left behind
 * when time is up; at most LOOKUP_LEFT_MAX are, then EXHAUSTED. */
#pragma once

#include <sys/socket.h>

#include "common/base/patience.h"

#define LOOKUP_MAX      8
#define LOOKUP_LEFT_MAX 32

struct lookup_address {
    struct sockaddr_storage at;
    socklen_t size;
};

struct lookup {
    struct lookup_address address[LOOKUP_MAX];
    unsigned count; /* at least 1 */
};

/* `host` may be an address, `port` is a number. UNAVAILABLE: nobody has this name, as far as is
 * known; TIMEOUT, CANCELLED. */
int lookup_host(const char *host, const char *port, const struct patience *p, struct lookup *ret,
                struct err *err) MUST_CHECK;

/* "127.0.0.1" or "::1"; `dst` has LOOKUP_TEXT_SIZE bytes; returns dst. */
#define LOOKUP_TEXT_SIZE 64
const char *lookup_text(const struct lookup_address *a, char *dst);
