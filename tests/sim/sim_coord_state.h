/* SPDX-License-Identifier: Apache-2.0 */
/* A coordinator from inside, shared by the files sim_coord*.c:
 *
 *   sim_coord.c       its processes, and the driver's ports
 *   sim_coord_ops.c   commands: taken, refused, handed on
 *   sim_coord_news.c  what nodes and peers say, on its way to the driver
 *   sim_coord_seen.c  what is looked at in passing */
#pragma once

#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_loop.h"

struct sim_mail;

/* A command that the driver has. */
struct sim_taken {
    struct sim_op *op;         /* NULL: free */
    struct sim_stream *stream; /* of the peer that handed it on; NULL: the operator asked here */
    mono_t since;
};

/* What is known of a node, by its newest connection anywhere. */
struct sim_known {
    struct sim_fact fact;
    unsigned holder; /* the coordinator that it is connected to */
};

struct sim_coord {
    struct sim *sim;
    unsigned index;
    struct name name;
    uint64_t boots;
    bool running, ready, dying;
    bool stepping;   /* the core has decided something that is not stored yet */
    struct buf disk; /* its journal; survives */
    bool disk_full;
    struct loop *loop;
    struct store_thread *store;
    struct driver *driver;
    struct sim_fleet *fleet;
    struct sim_mail *mails;
    mono_t mail_due;
    enum sim_crash crash_at;
    struct sim_heard heard[SIM_NODES_MAX];
    uint64_t queued_boot[SIM_NODES_MAX]; /* of what the driver was told last of a node */
    struct sim_taken taken[64];
    struct sim_taken forwarded[64]; /* to the leader, and not answered */
    struct sim_known known[SIM_NODES_MAX];
    struct leadership leader; /* as told */
    struct sim_peers *peers;
    struct sim_jobs *jobs;
};

/* A command of an operator, or (`st`) one that a peer hands on. */
void sim_coord_take(struct sim_coord *c, struct sim_op *op, struct sim_stream *st);
/* The driver has answered it. */
void sim_coord_answered(struct sim_coord *c, struct sim_op *op, const struct sim_answer *a);
/* What was on its way is gone with the process. */
void sim_coord_drop_mails(struct sim_coord *c);
/* The lease was given back. */
void sim_coord_left(void *ctx);
