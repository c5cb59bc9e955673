/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to the two systems, and the pools that keep the idle ones. One pool per address,
 * protocol, way to know it and lane, shared by all routes that name them. Where HTTP/2 is spoken, a
 * connection is a stream of one that the pool holds (h2_client.h), and never idle. owner: lane. */
#pragma once

#include "common/model/ruleset.h"
#include "sidecar/h2/h2_client.h"
#include "sidecar/proxy/address.h"
#include "sidecar/proxy/deadline.h"
#include "sidecar/proxy/iobuf.h"
#include "sidecar/transport/tls.h"

struct lane;
struct conn;
struct upstream;

/* Past this many idle connections of a pool, the oldest is closed. */
#define UPSTREAM_IDLE_MAX 1024

struct upstream_pool {
    struct upstream_pool *prev, *next; /* of the lane */
    struct lane *lane;                 /* borrowed */
    struct address address;
    struct tls_client *tls;     /* one reference; NULL: without TLS */
    struct tls_session session; /* the latest of its connections; copies have no part in it */
    enum upstream_protocol protocol;
    struct h2_client *h2;  /* its connections, where that is spoken; else NULL */
    struct upstream *idle; /* utlist, the latest first: the rest may grow old and close */
    unsigned idle_count;
    unsigned busy; /* connections that work for a request */
    unsigned refs; /* views and connections; at none it goes, once the views are gone it empties */
    unsigned views;
};

/* The lane's pool for an address, known by `tls` (NULL: without TLS), with one more view that uses
 * it. */
struct upstream_pool *upstream_pool_get(struct lane *lane, const struct address *address,
                                        struct tls_client *tls, enum upstream_protocol protocol);
/* Is it the pool for this address, known by `tls`, in this protocol? So may be a connection to it.
 */
bool upstream_pool_is_for(const struct upstream_pool *p, const struct address *address,
                          const struct tls_client *tls, enum upstream_protocol protocol);
/* The last view gone, idle connections are closed; busy ones close when they are done. */
void upstream_pool_put(struct upstream_pool *p);

/* Begin to connect `t` to the pool's system, for whoever holds the pool; LOOP_WRITE comes when it
 * stands or failed. `session` as tls_connect(), where it matters. *ret_reused: it is a stream of a
 * connection that is not new. False: it failed at once. */
bool upstream_dial(struct upstream_pool *p, struct tls_session *session, struct transport *t,
                   transport_fn fn, bool *ret_reused) MUST_CHECK;

struct upstream {
    struct transport transport;
    struct deadline deadline;
    struct upstream *prev, *next; /* in pool->idle */
    struct upstream_pool *pool;
    struct conn *conn; /* works for this one; NULL while idle */
    struct iobuf *in;  /* received, not yet consumed */
    struct iobuf *out; /* composed, not yet sent */
    unsigned ready;    /* LOOP_ bits of the event being handled */
    bool connected;
    bool heard;  /* said something to this request */
    bool reused; /* has served a request before this one */
    bool eof;    /* the peer has finished sending */
    bool full;   /* the last read took as much as it could: more may be there */
    bool broken; /* sending failed: what it said before may still be read */
};

/* An idle connection of the pool for `c`, or NULL. With `sure`, one whose peer has not closed it as
 * far as the kernel knows (a system call). */
struct upstream *upstream_take(struct upstream_pool *p, struct conn *c, bool sure);
/* Begin to connect; `c` hears LOOP_WRITE when it stands or failed. NULL when it fails at once. */
struct upstream *upstream_connect(struct upstream_pool *p, struct conn *c);
/* After LOOP_WRITE: whether it stands, and as transport_establish(). */
enum transport_state upstream_establish(struct upstream *u);

/* Its request is over. It goes back into the pool, or is closed. Leaves NULL in *u. */
void upstream_give(struct upstream **u);
void upstream_close(struct upstream **u);

/* Answers of `c`'s system are waited for this long from now on. */
void upstream_expect(struct upstream *u, dur_t within);
