/* SPDX-License-Identifier: Apache-2.0 */
/* Streams between nodes and the coordinator. A stream delivers in order and without gaps, streams
 * do not wait for each other. A partition holds what is under way back; a node gives up after
 * SIM_KEEPALIVE. What an end that died or cancelled had sent may be lost from some point on. */
#pragma once

#include "common/model/stats.h"
#include "tests/sim/sim.h"

#define SIM_KEEPALIVE dur_s(8)

struct sim_update;

/* NOTHING_YET: the answer to a hello before anything was decided. */
enum sim_msg_kind {
    SIM_HELLO,
    SIM_ACK,
    SIM_NACK,
    SIM_REPORT,
    SIM_ORDER,
    SIM_UPDATE,
    SIM_NOTHING_YET
};

/* The fields of the fleet protocol that something depends on. */
struct sim_msg {
    enum sim_msg_kind kind;
    uint64_t term, revision; /* HELLO: serving; ACK, NACK */
    char incarnation[40];    /* HELLO */
    uint64_t boot;           /* HELLO */
    uint64_t newest_epoch;   /* HELLO */
    struct emergency *order; /* HELLO: all active ones; ORDER: one; owned */
    unsigned order_count;
    struct route_stats *stats; /* REPORT; owned */
    unsigned stats_count;
    struct sim_update *update; /* UPDATE; counted */
    /* private */
    struct sim_msg *next;
    mono_t due;
};

enum sim_end { SIM_NODE_END, SIM_COORD_END };

struct sim_stream {
    unsigned node;
    bool is_open[2]; /* by end: it may send, and is told what arrives */
    /* private */
    struct sim_net *net;
    struct sim_msg *first[2], *last[2]; /* by receiving end; owned */
    mono_t due[2];                      /* of the last one: order is kept */
    bool accepted;                      /* the coordinator knows of it */
    struct sim_stream *next;
};

struct sim_net *sim_net_new(struct sim *s);
struct sim_net *sim_net_free(struct sim_net *net); /* tolerates NULL; returns NULL */

/* The node's end is open at once; it ends soon when nobody is there. Owned by the net. */
struct sim_stream *sim_net_dial(struct sim_net *net, unsigned node);
/* Takes the message over; false when this end is closed. */
bool sim_net_send(struct sim_stream *st, enum sim_end from, struct sim_msg *m);
/* This end is gone at once, the other hears of it. */
void sim_net_close(struct sim_stream *st, enum sim_end by);
/* The connection is reset: both ends hear of it. */
void sim_net_break(struct sim_net *net, unsigned node);
/* The coordinator's process died. */
void sim_net_coord_died(struct sim_net *net);

void sim_net_partition(struct sim_net *net, unsigned node, bool cut);
bool sim_net_is_cut(const struct sim_net *net, unsigned node);

struct sim_msg *sim_msg_free(struct sim_msg *m); /* tolerates NULL; returns NULL */
