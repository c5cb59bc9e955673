/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the fleet share. owner: the fleet's loop, but for what says otherwise.
 *
 *   fleet.c           the core's side: thread, mailboxes, errands
 *   fleet_stream.c    streams: who says what, the push, silence
 *   fleet_member.c    nodes by name, and what the core has yet to hear of them
 *   fleet_set.c       what nodes must serve
 *   fleet_order.c     orders that no publication carries yet
 *   fleet_measured.c  reports and pasts on their way to the core
 *   fleet_past.c      asking nodes for their past
 *   fleet_wire.c      messages <-> model, what nodes must serve
 *   fleet_wire_in.c   messages <-> model, what nodes say */
#pragma once

#include <stdatomic.h>
#include <uthash.h>

#include "common/loop/thread.h"
#include "common/loop/timer.h"
#include "coordinator/fleet/fleet.h"
#include "coordinator/fleet/fleet_set.h"
#include "fleet.pb-c.h"

/* A stream. Before its Hello, and after another stream took its node over, it has no member. */
struct fleet_stream {
    struct fleet *fleet;
    struct rpc_stream *rpc;
    struct fleet_member *member;
    struct fleet_stream *prev, *next; /* in the order in which they were heard of */
    mono_t heard;
    uint64_t sent_rev;  /* of the last update that was queued for it; 0: none */
    uint64_t first_rev; /* of the first one that it could take; 0: none */
    uint64_t ahead;     /* a revision of this store that it has and that may not be here yet */
    mono_t ahead_since;
    uint64_t last_report;
    bool same_store : 1; /* its revisions are of this store */
    bool sent_full : 1;  /* that update was a full one */
    bool behind : 1;     /* its queue was full: a full set is due when it is writable */
    bool ending : 1;     /* finished or cancelled: what it still says does not count */
};

/* A node: there from its Hello until the core has heard that it is gone. */
struct fleet_member {
    struct fleet_node node;
    struct fleet_stream *stream;      /* NULL: gone */
    struct emergency *orders;         /* owned; told by the node, until the core has them */
    struct fleet_member *prev, *next; /* in `changed` */
    bool changed;                     /* the core has yet to hear of it */
    UT_hash_handle hh;                /* by node.name */
};

/* A wish for a node's past, from the core's side. */
struct past_ask {
    struct mail mail;
    struct name node;
    char id[NAME_SIZE];
    dur_t window;
    struct fleet_stream *stream; /* that was asked; NULL: it waits its turn */
    mono_t since;                /* of the question, or of the last part of the answer */
    unsigned parts;
    struct past_ask *prev, *next;
};

struct fleet {
    struct fleet_config config;
    struct loop *loop; /* owned */
    struct loop_thread *thread;
    struct fleet_set *set;
    struct pushed *pushed; /* orders that no publication carries yet */

    struct past_ask *asking; /* wait their turn */
    struct past_ask *asked;
    unsigned asked_count;

    struct fleet_member *members;
    struct fleet_member *changed;
    unsigned changed_count;
    struct node_batch *unposted; /* owned: the core's mailbox was full */
    struct loop_deferred flush;
    struct timer flush_again;

    struct fleet_stream *streams; /* the longest silent first */
    struct timer silence;
    struct loop_deferred push;

    struct mailbox *errands; /* to the fleet's loop, as the next one */
    struct mailbox *asks;
    struct mailbox *nodes; /* to the core's loop, as the next one */
    struct mailbox *measured;

    /* Any thread. */
    atomic_uint stats_waiting; /* route_stats inside `measured` */
    atomic_uint past_bytes_waiting;
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
void fleet_stream_dismiss(struct fleet *f, const char *why);
/* End the stream of the node's process `boot`, if that is who is connected; it reads why. */
void fleet_stream_refuse(struct fleet *f, const struct name *node, const char *boot,
                         const char *why);
/* Send one message; what a full queue did not take is made up for when it has room. */
void fleet_stream_send(struct fleet_stream *s, struct rpc_msg *message);

/* ---- fleet_order.c --------------------------------------------------------------------------- */

/* Send it to everybody and keep it, unless it is known. */
void fleet_order_push(struct fleet *f, const struct emergency *order);
/* Send what is kept to one stream. */
void fleet_order_tell(struct fleet_stream *s);
/* A publication carries it. */
void fleet_order_published(struct fleet *f, const struct emergency *order);
void fleet_order_free(struct fleet *f);

/* ---- fleet_measured.c ------------------------------------------------------------------------ */

/* A message for the core. INVALID: it cannot be; else it may have been dropped for want of room. */
int fleet_measured_report(struct fleet *f, const struct fleet_member *from,
                          const Switchyard__V1__Report *m, struct err *err) MUST_CHECK;
int fleet_measured_past(struct fleet *f, const struct fleet_member *from, bool foreign,
                        const Switchyard__V1__Past *m, bool *ret_dropped,
                        struct err *err) MUST_CHECK;
/* Delivery on the core's loop, and its cancellation. */
void fleet_measured_deliver(void *ctx, struct mail *mail);
void fleet_measured_drop(void *ctx, struct mail *mail);

/* ---- fleet_past.c ---------------------------------------------------------------------------- */

/* Delivery of a past_ask on the fleet's loop, and its cancellation. */
void fleet_past_ask(void *ctx, struct mail *mail);
void fleet_past_drop_ask(void *ctx, struct mail *mail);
/* A part of an answer. INVALID: it cannot be, and no more of it is taken. */
int fleet_past_come(struct fleet_stream *s, const Switchyard__V1__Past *m,
                    struct err *err) MUST_CHECK;
/* The stream has ended. */
void fleet_past_left(struct fleet_stream *s);
/* Each second: who does not answer gives way. */
void fleet_past_look(struct fleet *f);
void fleet_past_free(struct fleet *f);

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
