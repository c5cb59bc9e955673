/* SPDX-License-Identifier: Apache-2.0 */
/* The other coordinators (proto/peer.proto). Each tells every other one what its own nodes say, so
 * that all know the whole fleet; calls for the leader are handed on to it, once.
 *
 *   mine ─ peers_node, peers_report, peers_past ─► each link out ─► their on_node, on_report, ...
 *   their peers_ask_past ─► my on_ask (the node is connected here)
 *
 * A link that breaks is dialled again with jitter; then every node that is connected is told anew.
 * What cannot be sent is bounded: nodes are kept (the latest of each), reports and pasts are
 * dropped and counted. owner: the core's loop, on which everything runs. */
#pragma once

#include "common/rpc/rpc.h"
#include "coordinator/fleet/fleet.h"

#define PEERS_MAX 15

struct peers;

struct peers_config {
    struct name id; /* this coordinator's */
    char boot[NAME_SIZE];
    char incarnation[40];
    char version[NAME_SIZE];
};

struct peers_events {
    /* What a node of `peer` says; `n` as the fleet's own. When the link is lost each of its nodes
     * is told once more with connected = false, and then only name, boot, dial and why_gone. */
    void (*on_node)(void *ctx, const struct name *peer, const struct fleet_node *n);
    /* In the order in which the node gave them. */
    void (*on_report)(void *ctx, const struct name *peer, const struct fleet_report *r);
    void (*on_past)(void *ctx, const struct name *peer, const struct fleet_past *h);
    /* A peer knows of an order, stored or not; who does not know it: fleet_push_order(). */
    void (*on_order)(void *ctx, const struct name *peer, const struct emergency *order);
    /* A peer wants the past of a node that is connected here: fleet_ask_past() with `id`; what
     * comes goes to peers_past(). */
    void (*on_ask)(void *ctx, const struct name *node, const char *id, dur_t window);
    /* A peer refuses a node that is connected here, because another process has its name. */
    void (*on_refusal)(void *ctx, const struct name *node, const char *boot, const char *why);
    /* A link to or from `peer` came up, the last one is gone, or it cannot be had for another
     * reason than before. */
    void (*on_link)(void *ctx, const struct name *peer, bool up, const char *why);
    /* A call was handed on to this coordinator: answer `call` with a ForwardReply or a failure. */
    void (*on_forward)(void *ctx, struct rpc_call *call, const char *from, const char *method,
                       const uint8_t *message, size_t size);
};

int peers_new(const struct peers_config *config, struct loop *l, const struct peers_events *events,
              void *ctx, struct peers **ret, struct err *err) MUST_CHECK;
/* Add the Peer service to a server that has not started. */
int peers_serve(struct peers *p, struct rpc_server *server, struct err *err) MUST_CHECK;
/* No new dials; links end, and calls that were handed on. Before the server is stopped. */
void peers_stop(struct peers *p);
/* After the server has stopped. Tolerates NULL. */
void peers_free(struct peers *p);
DEFINE_CLEANUP(struct peers, peers_free)

/* A coordinator is registered at `address`, or (NULL) is no more. Past PEERS_MAX, or with this
 * one's id, it does not count. Not from inside an event. */
void peers_set(struct peers *p, const struct name *id, const char *address);

/* News of a node that is connected here (or just left). Copied, to every peer. */
void peers_node(struct peers *p, const struct fleet_node *n);
/* To every peer; whether it counts there is for its core to say. */
void peers_report(struct peers *p, const struct fleet_report *r);
/* To the peer whose request has this id. */
void peers_past(struct peers *p, const struct fleet_past *h);

/* An order that is not in the store yet, to every peer that is up. Copied. */
void peers_push_order(struct peers *p, const struct emergency *order);

/* Whether this coordinator reaches its store, to every peer, when it is news. */
void peers_tell_store(struct peers *p, bool works);
/* Does any peer say that it does? False for those whose link is lost. */
bool peers_store_works(const struct peers *p);

/* Ask `peer`, which holds the node's stream. */
void peers_ask_past(struct peers *p, const struct name *peer, const struct name *node,
                    dur_t window);
void peers_refuse(struct peers *p, const struct name *peer, const struct name *node,
                  const char *boot, const char *why);

/* Hand a call of the Operator service on to `peer`. `fn` exactly once; `reply` is the method's
 * reply as bytes, borrowed. UNAVAILABLE means that nothing was done there, UNKNOWN_OUTCOME that it
 * was lost meanwhile; what it refuses comes with its words and hint. */
typedef void (*peers_reply_fn)(void *ctx, const uint8_t *reply, size_t size,
                               const struct err *status);
void peers_forward(struct peers *p, const struct name *peer, const char *method,
                   const ProtobufCMessage *request, dur_t deadline, peers_reply_fn fn, void *ctx);

/* Does a link to or from it stand? */
bool peers_is_up(const struct peers *p, const char *id);
/* Why the last try to reach it failed; "" while a link stands, and for one that is not known. */
const char *peers_why_down(const struct peers *p, const char *id);
/* Reports and pasts that peers did not take in time, or that were not understood. */
uint64_t peers_reports_dropped(const struct peers *p);
