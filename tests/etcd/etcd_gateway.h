/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between a store and a real etcd, and does to requests, answers and events what networks,
 * proxies and etcd 3.4 itself have done to others. */
#pragma once

#include <stdbool.h>

enum gateway_fault {
    GATEWAY_FINE,
    /* a request */
    GATEWAY_DROP_REQUEST, /* closes instead of passing it on */
    GATEWAY_HOLD,         /* passes it on when gateway_release() says so, without an answer */
    GATEWAY_REFUSE,       /* answers with the text of gateway_say() and status 503 */
    GATEWAY_BABBLE,       /* answers with the text of gateway_say() and status 200 */
    /* an answer */
    GATEWAY_DROP_ANSWER, /* closes instead of passing it back */
    GATEWAY_CUT_JSON,    /* half of it, framed as if it were whole */
    GATEWAY_CUT_BODY,    /* half of it, and closes */
    GATEWAY_TIME_TRAVEL, /* what the same path was answered with first */
    /* a line of events */
    GATEWAY_DUPLICATE,
    GATEWAY_REORDER, /* it and the one after it change places */
    GATEWAY_LOSE,
    GATEWAY_CUT_LINE, /* half of it, and closes */
};

struct etcd_gateway;

/* In front of the etcd on this loopback port. */
struct etcd_gateway *gateway_start(unsigned etcd_port);
/* Closes every connection. */
void gateway_stop(struct etcd_gateway *g);
const char *gateway_endpoint(const struct etcd_gateway *g);

/* Do this to the next `times` requests, answers or lines of events on paths that contain `path`;
 * replaces what was armed. */
void gateway_arm(struct etcd_gateway *g, enum gateway_fault f, const char *path, unsigned times);
/* The text of GATEWAY_REFUSE and GATEWAY_BABBLE; static. */
void gateway_say(struct etcd_gateway *g, const char *text);
/* How many of those are still to come. */
unsigned gateway_armed(struct etcd_gateway *g);
/* Pass on what is held, and wait until etcd has answered. */
void gateway_release(struct etcd_gateway *g);
/* Close all streams. */
void gateway_end_streams(struct etcd_gateway *g);
/* Requests that arrived. */
unsigned gateway_requests(struct etcd_gateway *g);
