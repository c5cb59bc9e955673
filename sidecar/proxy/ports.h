/* SPDX-License-Identifier: Apache-2.0 */
/* The ports whose connections are split (struct route_tcp). The control thread listens, one socket
 * for each lane, and hands the sockets over with the set that wants them; the lanes accept, and
 * close those that a set wants no more. owner: control. */
#pragma once

#include "common/loop/timer.h"
#include "common/model/ruleset.h"
#include "sidecar/proxy/address.h"

struct ports;

/* What a lane is to listen on. */
struct port_order {
    struct address at;
    int fd; /* owned; -1: it does already */
};

/* `base` is where a route without an address listens; its port does not matter. `on_free` comes
 * when a port can be had that was missing: follow and hand over again. */
typedef void (*ports_fn)(void *ctx);
struct ports *ports_new(struct loop *loop, unsigned lanes, const struct address *base,
                        ports_fn on_free, void *ctx) MUST_CHECK;
void ports_free(struct ports *p); /* tolerates NULL */

/* Listen wherever `set` asks for it, and nowhere else from now on. UNAVAILABLE names the first port
 * that cannot be had; the others are. */
int ports_follow(struct ports *p, const struct ruleset *set, struct err *err) MUST_CHECK;
/* The sockets of one lane for the set that was followed last: an owned array, whose sockets are the
 * caller's. Once for each lane. */
struct port_order *ports_hand_over(struct ports *p, unsigned lane, unsigned *ret_count) MUST_CHECK;

/* Where the route listens. */
void ports_address(const struct route_tcp *tcp, const struct address *base, struct address *ret);
