/* SPDX-License-Identifier: Apache-2.0 */
/* Connections for copies. They are kept alive among themselves and are never a client's. owner:
 * lane. */
#pragma once

#include "sidecar/proxy/address.h"
#include "sidecar/proxy/deadline.h"
#include "sidecar/proxy/upstream.h"

struct copy;
struct lane;

/* Past this many idle ones of a lane, the oldest is closed. */
#define COPY_LINKS_IDLE_MAX 256

struct copy_link {
    struct transport transport;
    struct deadline deadline; /* of its copy; of its idleness */
    struct copy_link *prev, *next;
    struct lane *lane;
    struct address address;
    enum upstream_protocol protocol;
    struct tls_client *tls; /* one reference; NULL: without TLS */
    struct copy *copy;      /* works for this one; NULL while idle */
    bool connected;
    bool reused; /* has served a copy before this one */
};

/* To the system of `p`, which the copy holds, for a copy that must be over within `time`: an idle
 * one, unless it must be `fresh`, or one that begins to connect. NULL when that fails at once. */
struct copy_link *copy_link_take(struct copy *k, struct upstream_pool *p, bool fresh, dur_t time);
/* Its copy is over and it is good for another. Leaves NULL in *l. */
void copy_link_give(struct copy_link **l);
void copy_link_close(struct copy_link **l); /* tolerates NULL in *l */
void copy_link_close_idle(struct lane *lane);

/* In copy.c: something happened on the copy's link, or its time is over. The copy may be gone
 * afterwards. */
void copy_on_event(struct copy *k, unsigned events);
void copy_on_deadline(struct copy *k);
struct lane *copy_lane(const struct copy *k);
