/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the fleet share. owner: the fleet's loop, but for what says otherwise.
 *
 *   fleet.c         the core's side: thread, mailboxes, publication
 *   fleet_stream.c  streams: who says what, the push, silence
 *   fleet_member.c  nodes by name, and what the core has yet to hear of them
 *   fleet_set.c     what nodes must serve
 *   fleet_wire.c    messages <-> model */
#pragma once

#include <stdatomic.h>
#include <uthash.h>

#include "common/loop/thread.h"
#include "common/loop/timer.h"
#include "coordinator/fleet/fleet.h"
#include "coordinator/fleet/fleet_set.h"

/* A stream. Before its Hello, and after another stream took its node over, it has no member. */
struct fleet_stream {
    struct fleet *fleet;
    struct rpc_stream *rpc;
    struct fleet_member *member;
    struct fleet_stream *prev, *next; /* in the order in which they were heard of */
    mono_t heard;
    uint64_t sent_rev; /* of the last update that was queued for it; 0: none */
    uint64_t last_report;
    bool sent_full : 1; /* that update was a full one */
    bool behind : 1;    /* its queue was full: a full set is due when it is writable */
    bool ending : 1;    /* finished or cancelled: what it still says does not count */
};

/* A node: there from its Hello until the core has heard that it is gone. */
struct fleet_member {
    struct fleet_node node;
    char boot[NAME_SIZE];
    struct fleet_stream *stream;      /* NULL: gone */
    struct emergency *orders;         /* owned; told by the node, until the core has them */
    struct fleet_member *prev, *next; /* in `changed` */
    bool changed;                     /* the core has yet to hear of it */
    UT_hash_handle hh;                /* by node.name */
};

struct fleet {
    struct fleet_config config;
    struct loop *loop; /* owned */
    struct loop_thread *thread;
    struct fleet_set *set;

    struct fleet_member *members;
    struct fleet_member *changed;
    unsigned changed_count;
    struct node_batch *unposted; /* owned: the core's mailbox was full */
    struct loop_deferred flush;
    struct timer flush_again;

    struct fleet_stream *streams; /* the longest silent first */
    struct timer silence;
    struct loop_deferred push;

    struct mailbox *publications; /* to the fleet's loop */
    struct mailbox *nodes;        /* to the core's loop, as the next one */
    struct mailbox *reports;

    /* Any thread. */
    atomic_uint stats_waiting; /* route_stats inside `reports` */
    atomic_uint_fast64_t reports_dropped;

    /* Core's loop. */
    const struct fleet_events *events; /* borrowed */
    void *events_ctx;
};

/* ---- fleet_stream.c -------------------------------------------------------------------------- */

/* The service's table; its context is the fleet. */
extern const struct rpc_method fleet_methods[];

/* Begin to look for silent streams. */
void fleet_stream_watch_silence(struct fleet *f);
/* Send everybody what has changed, at the end of this turn. */
void fleet_stream_push_soon(struct fleet *f);
/* End every stream. */
void fleet_stream_dismiss(struct fleet *f);
/* A report's delivery on the core's loop, and its cancellation. */
void fleet_stream_deliver_report(void *ctx, struct mail *mail);
void fleet_stream_drop_report(void *ctx, struct mail *mail);

/* ---- fleet_member.c -------------------------------------------------------------------------- */

struct fleet_member *fleet_member_find(struct fleet *f, const char *name);
/* A new one for `node`, which is copied. EXHAUSTED at FLEET_NODES_MAX. */
int fleet_member_new(struct fleet *f, const struct fleet_node *node, struct fleet_member **ret,
                     struct err *err) MUST_CHECK;
/* Tell the core at the end of this turn. A member without a stream is freed then. */
void fleet_member_changed(struct fleet *f, struct fleet_member *m);
/* Delivery on the core's loop, and its cancellation. */
void fleet_member_deliver(void *ctx, struct mail *mail);
void fleet_member_drop(void *ctx, struct mail *mail);
void fleet_member_free_all(struct fleet *f);
