/* SPDX-License-Identifier: Apache-2.0 */
/* The streams to the sidecars: fan-out of decisions, acknowledgements and counters back.
 *
 * The fleet has a loop thread of its own, because a push to thousands of streams must not hold up
 * the core. It keeps the current set of encoded routes, encodes an update once for all nodes at the
 * same revision, and sends full sets to nodes it knows nothing of. What nodes say comes back in
 * batches on the core's loop. Directions: rpc, proto, loop, model; never store or core. */
#pragma once

#include "common/loop/mailbox.h"
#include "common/model/stats.h"
#include "common/rpc/rpc.h"
#include "coordinator/fleet/fleet_route.h"

#define FLEET_NODES_MAX 20000

/* ---- what nodes say, on the core's loop ------------------------------------------------------ */

/* Everything that is known of a node when something about it changed. Borrowed during the
 * callback. */
struct fleet_node {
    struct name name;
    char boot[NAME_SIZE]; /* of its process */
    uint64_t dial;        /* rises with each connection of one boot */
    struct labels labels;
    bool connected;
    bool same_incarnation; /* `serving_rev` counts in this store's revisions; false, too, for one
                              that has not been published here yet */
    uint64_t serving_rev;  /* acknowledged by every proxy loop; 0: none */
    mono_t since;          /* of the connection, or of its end */
    mono_t seen;           /* when this was learned on the fleet's thread: measured times use it */
    wall_t connected_at;
    char address[ENDPOINT_SIZE];         /* where it takes requests */
    char control_address[ENDPOINT_SIZE]; /* where it takes orders itself; "": nowhere */
    char version[NAME_SIZE];             /* of the sidecar program */
    char last_refusal[TEXT_SIZE]; /* why it refused an update, or was not understood; "" never */
    char why_gone[TEXT_SIZE];     /* why the connection ended; "" while it stands */
    const struct emergency *emergency; /* orders the node told of since the last time; else NULL */
    unsigned emergency_count;
};

/* A node's counters of one interval. Borrowed during the callback. */
struct fleet_report {
    struct name node;
    struct node_now now;
    const struct route_stats *route;
    unsigned count;
};

/* What a node measured before, or a part of it. Borrowed during the callback. */
struct fleet_bucket {
    dur_t age, interval;
    uint64_t revision; /* 0: of another store's history */
    const struct route_stats *route;
    unsigned count;
};
struct fleet_past {
    struct name node;
    char id[NAME_SIZE]; /* of who asked */
    const struct fleet_bucket *bucket;
    unsigned count;
    bool more; /* another part follows */
};

struct fleet_events {
    void (*on_node)(void *ctx, const struct fleet_node *n);
    void (*on_report)(void *ctx, const struct fleet_report *r);
    void (*on_past)(void *ctx, const struct fleet_past *h);
};

/* ---- the fleet ------------------------------------------------------------------------------- */

struct fleet;

struct fleet_config {
    char incarnation[40];
    uint64_t term;        /* until fleet_set_term() */
    dur_t report_silence; /* a node that is silent longer is cut off; default 10 s */
    dur_t ahead_wait;     /* a node with a newer revision than this store's is sent the older set
                             after this, to see it refused; default 3 s */
};

/* Events come on `core_loop`, whose thread owns the fleet's side that is declared here. */
int fleet_new(const struct fleet_config *config, struct loop *core_loop,
              const struct fleet_events *events, void *ctx, struct fleet **ret,
              struct err *err) MUST_CHECK;
/* Add the Fleet service to a server that has not started, then start the fleet's thread. Once. */
int fleet_serve(struct fleet *f, struct rpc_server *server, struct err *err) MUST_CHECK;
/* End the thread. After the server has stopped, or never started; before it is freed. Tolerates
 * NULL. */
void fleet_stop(struct fleet *f);
/* After the server was freed. Tolerates NULL. */
void fleet_free(struct fleet *f);
DEFINE_CLEANUP(struct fleet, fleet_free)

/* The set moves to `revision` as a whole. `routes` are copied. Routes not named stay. Before the
 * first publication nodes wait without an update. Revisions must not fall. */
void fleet_publish(struct fleet *f, uint64_t revision, const struct fleet_route *routes,
                   unsigned count);

/* Updates carry `term` from now on; it never falls. What nodes acknowledged of an older one counts
 * on: terms are revisions of the same store. */
void fleet_set_term(struct fleet *f, uint64_t term);
/* Send an order to every node that is connected, now, and to those that connect until the next
 * publication brings one of the same or a higher epoch. It comes back by on_node() from each node
 * that serves with it. Copied. */
void fleet_push_order(struct fleet *f, const struct emergency *order);
/* Ask a node for its past; on_past() follows with this id if it is connected and answers. */
void fleet_ask_past(struct fleet *f, const struct name *node, const char *id, dur_t window);
/* End this process's stream, because another one has its name; it reads why. */
void fleet_refuse(struct fleet *f, const struct name *node, const char *boot, const char *why);

/* End every stream, and tell `why` (static): nodes serve on and look for another coordinator. */
void fleet_dismiss(struct fleet *f, const char *why);

/* Reports that were dropped because the core's loop did not keep up. Any thread. */
uint64_t fleet_reports_dropped(const struct fleet *f);
