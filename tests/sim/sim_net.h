/* SPDX-License-Identifier: Apache-2.0 */
/* Streams between hosts: nodes to coordinators, coordinators to each other. A stream delivers in
 * order and without gaps, streams do not wait for each other. A partition between two hosts holds
 * what is under way back, and so does a process that is stopped; who dialled gives up after
 * SIM_KEEPALIVE. What an end that died or cancelled had sent may be lost from some point on. */
#pragma once

#include "common/base/err.h"
#include "common/model/stats.h"
#include "tests/sim/sim.h"

#define SIM_KEEPALIVE dur_s(8)

/* Hosts: the nodes, the coordinators, the store. */
#define SIM_HOST_STORE (SIM_NODES_MAX + SIM_COORDS_MAX)
#define SIM_HOSTS      (SIM_HOST_STORE + 1)
static inline unsigned sim_host_coord(unsigned coord)
{
    return SIM_NODES_MAX + coord;
}

struct sim_update;
struct sim_op;

/* A part of what a node measured before. */
#define SIM_BUCKETS 8
struct sim_past {
    bool more; /* another part follows */
    unsigned count;
    struct sim_bucket {
        mono_t end; /* in the simulation's time */
        dur_t interval;
        uint64_t revision;
        unsigned count;
        struct route_stats stats[SIM_MIGRATIONS_MAX];
    } bucket[SIM_BUCKETS];
};

/* What a coordinator knows of a node's connection. */
struct sim_fact {
    bool connected;
    uint64_t serving_rev, newest_epoch;
    uint64_t boot, dial; /* of the node's process; rises with each connection */
};

/* What an operator is told. */
struct sim_answer {
    struct err refused; /* ERR_NONE: done */
    bool changed;       /* something was stored for it */
    uint64_t revision, unstored_epoch;
    char summary[TEXT_SIZE];
};

/* By who sends it. */
enum sim_msg_kind {
    /* a node */
    SIM_HELLO,
    SIM_ACK,
    SIM_NACK,
    SIM_REPORT,
    SIM_ORDER, /* also from its coordinator: obey this */
    SIM_PAST,
    /* its coordinator */
    SIM_UPDATE,
    SIM_NOTHING_YET, /* the answer to a hello before anything was decided */
    SIM_PAST_WANTED,
    /* a coordinator that has dialled another */
    SIM_PEER_HELLO,
    SIM_PEER_NODE,
    SIM_PEER_ORDER,
    SIM_PEER_REPORT,
    SIM_PEER_PAST,
    SIM_PEER_PUSH,
    SIM_FORWARD,
    /* the other one */
    SIM_PEER_PAST_WANTED,
    SIM_FORWARDED,
};

/* The fields of the protocols that something depends on. */
struct sim_msg {
    enum sim_msg_kind kind;
    uint64_t term, revision; /* HELLO: serving; ACK, NACK */
    char incarnation[40];    /* HELLO */
    uint64_t boot;           /* HELLO, PEER_HELLO */
    uint64_t newest_epoch;   /* HELLO */
    struct emergency *order; /* HELLO: all active ones; ORDER, PEER_ORDER, PEER_PUSH: one; owned */
    unsigned order_count;
    struct route_stats *stats; /* REPORT, PEER_REPORT; owned */
    unsigned stats_count;
    struct sim_update *update; /* UPDATE; counted */
    struct sim_past *past;     /* PAST, PEER_PAST; owned */
    dur_t window;              /* PAST_WANTED */
    unsigned coord;            /* PAST_WANTED, PAST: who asks; PEER_HELLO: who speaks */
    unsigned node;             /* PEER_*: of whom */
    struct sim_fact fact;      /* PEER_NODE */
    struct sim_op *op;         /* FORWARD; borrowed */
    struct sim_answer *answer; /* FORWARDED; owned */
    /* private */
    struct sim_msg *next;
    mono_t due;
};

enum sim_end { SIM_DIALLER, SIM_LISTENER };

struct sim_stream {
    unsigned host[2]; /* by end; the listener is a coordinator */
    bool is_open[2];  /* by end: it may send, and is told what arrives */
    uint64_t tag;     /* the dialler's own */
    /* private */
    struct sim_net *net;
    struct sim_msg *first[2], *last[2]; /* by receiving end; owned */
    mono_t due[2];                      /* of the last one: order is kept */
    bool accepted;                      /* the listener knows of it */
    uint64_t silence;                   /* which, counted: tells one from the next */
    struct sim_stream *next;
};

struct sim_net *sim_net_new(struct sim *s);
struct sim_net *sim_net_free(struct sim_net *net); /* tolerates NULL; returns NULL */

/* The dialler's end is open at once; it ends soon when nobody is there. Owned by the net. */
struct sim_stream *sim_net_dial(struct sim_net *net, unsigned from, unsigned to);
/* Takes the message over; false when this end is closed. */
bool sim_net_send(struct sim_stream *st, enum sim_end from, struct sim_msg *m);
/* This end is gone at once, the other hears of it. */
void sim_net_close(struct sim_stream *st, enum sim_end by);
/* The connections of a host are reset: both ends hear of it. */
void sim_net_break(struct sim_net *net, unsigned host);
/* The host's process died. */
void sim_net_died(struct sim_net *net, unsigned host);

void sim_net_cut(struct sim_net *net, unsigned a, unsigned b, bool cut);
bool sim_net_is_cut(const struct sim_net *net, unsigned a, unsigned b);
/* From every coordinator. */
void sim_net_partition(struct sim_net *net, unsigned node, bool cut);
/* The host's process is stopped, or goes on. */
void sim_net_stop(struct sim_net *net, unsigned host, bool stopped);

struct sim_msg *sim_msg_free(struct sim_msg *m); /* tolerates NULL; returns NULL */
