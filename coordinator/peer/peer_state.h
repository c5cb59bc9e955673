/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the mesh share. owner: the core's loop.
 *
 *   peers.c         the set: who there is, who is up, what is called from outside
 *   peer_link.c     the stream to a peer: our nodes' news out, its wishes in
 *   peer_service.c  the streams from peers: their nodes' news in
 *   peer_wishes.c   our wishes about their nodes, out
 *   peer_forward.c  calls handed on, both sides
 *   peer_news.c     what is to be told
 *   peer_wire.c     messages <-> model */
#pragma once

#include "common/base/backoff.h"
#include "common/loop/timer.h"
#include "coordinator/peer/peer.h"
#include "coordinator/peer/peer_news.h"

/* The stream that we opened. */
struct peer_link {
    struct rpc_client *client; /* NULL: it is not registered */
    struct rpc_stream *stream; /* NULL: not dialled */
    bool heard;                /* our hello was taken */
    bool blocked;              /* its queue is full: goes on when it is writable */
    bool store_told;           /* what it was told of our store is true */
    uint64_t told;             /* changes of our nodes, by number */
    struct emergency *orders;  /* owned; to be pushed, the newest of each migration */
    unsigned order_count;      /* at most RULESET_ROUTES_MAX */
    struct measured_queue measured;
    struct backoff backoff;
    struct timer redial;
};

struct peer {
    struct peers *peers;
    struct name id;
    bool registered;
    char address[ENDPOINT_SIZE]; /* "": not known; it has a link to us */
    struct peer_link link;
    struct incoming *in; /* NULL: no link from it */
    bool up;             /* as it was told last */
    char why[TEXT_SIZE]; /* it is not */
    struct peer *prev, *next;
};

/* A node of a peer. */
struct their_node {
    struct name name;
    char boot[NAME_SIZE];
    uint64_t dial;
    mono_t since;                   /* of this connection, as far as is known here */
    dur_t window;                   /* of the past that is wanted */
    struct their_node *prev, *next; /* in `asked`, while the wish is not sent */
    bool is_asked;
    UT_hash_handle hh; /* by name */
};

struct refusal {
    struct name node;
    char boot[NAME_SIZE];
    char why[TEXT_SIZE];
    struct refusal *next;
};

/* A stream that a peer opened. Before its hello, and after a newer one took its place, it has no
 * peer. */
struct incoming {
    struct peers *peers;
    struct rpc_stream *stream;
    struct peer *peer;
    struct their_node *nodes;
    struct their_node *asked;
    struct refusal *refusals;
    unsigned refusal_count;
    bool store_works; /* the peer's, as it says */
    bool ending;      /* finished or cancelled: what it still says does not count */
    struct loop_deferred flush;
    struct incoming *prev, *next;
};

struct peers {
    struct peers_config config;
    struct loop *loop;                 /* borrowed */
    const struct peers_events *events; /* borrowed */
    void *ctx;
    struct rng rng;
    struct peer *list;
    unsigned count;
    struct incoming *incoming;
    unsigned incoming_count;
    struct forward *forwards; /* handed on, not answered */
    struct news news;
    struct loop_deferred flush; /* to every link */
    uint64_t dropped;
    bool store_works; /* ours */
    bool stopping;
};

/* ---- peers.c --------------------------------------------------------------------------------- */

struct peer *peers_find(const struct peers *p, const char *id); /* or NULL */
/* The peer with this id, a new one when there is none; NULL past PEERS_MAX. */
struct peer *peers_get(struct peers *p, const struct name *id) MUST_CHECK;
/* A link of `peer` changed: tell who wants to know, forget it when nothing is left of it. `why` is
 * NULL for one that came up. */
void peers_link_changed(struct peer *peer, const char *why);
/* The link from `peer` ended: the same, and ours to it ends when it is not registered. */
void peers_left(struct peer *peer, const char *why);

/* ---- peer_link.c ----------------------------------------------------------------------------- */

/* Dial; the client is there. */
void peer_link_dial(struct peer *peer);
/* Nothing of it is left, and no further dial. */
void peer_link_close(struct peer *peer);
/* Send what it has not heard, as much as it takes. */
void peer_link_tell(struct peer *peer);
/* Have it push an order, if it is up. */
void peer_link_order(struct peer *peer, const struct emergency *order);
/* The change up to which every link has told; what is behind it may be forgotten. */
uint64_t peer_link_told_by_all(const struct peers *p);

/* ---- peer_service.c -------------------------------------------------------------------------- */

extern const struct rpc_method peer_methods[];
/* End it, because of `why`. */
void incoming_finish(struct incoming *in, const struct err *why);

/* ---- peer_wishes.c --------------------------------------------------------------------------- */

/* Sent at the end of this turn. */
void incoming_ask(struct incoming *in, const struct name *node, dur_t window);
void incoming_refuse(struct incoming *in, const struct name *node, const char *boot,
                     const char *why);
/* The node is none of its any more. */
void incoming_unask(struct incoming *in, struct their_node *n);
/* Now, as much as it takes. */
void incoming_send_wishes(struct incoming *in);
void incoming_drop_wishes(struct incoming *in);
/* EXHAUSTED when its queue is full. */
int incoming_reply(struct incoming *in, const Switchyard__V1__PeerReply *m) MUST_CHECK;

/* ---- peer_forward.c -------------------------------------------------------------------------- */

/* The handler of Peer.Forward. */
void peer_forward_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req);
