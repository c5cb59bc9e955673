/* SPDX-License-Identifier: Apache-2.0 */
/* A node without a proxy: says Hello, takes updates as a sidecar does, checks their checksums
 * against what it then holds, acknowledges. Several live in one process, each on its own
 * connection. */
#pragma once

#include "common/rpc/rpc.h"
#include "fleet.pb-c.h"

struct fake_route;

struct fake_node {
    /* Set before fake_node_open(); strings are borrowed. */
    const char *name;
    const char *boot;        /* NULL: "boot-1" */
    const char *incarnation; /* NULL: serves nothing yet */
    uint64_t serving;        /* goes with the incarnation */
    uint64_t dial;
    bool silent;                           /* does not acknowledge by itself */
    bool unchecked;                        /* does not keep routes: for thousands of nodes */
    unsigned bad_labels;                   /* so many labels in the Hello */
    Switchyard__V1__EmergencyOrder *order; /* reported with the Hello */

    /* What it saw. */
    unsigned messages;
    unsigned updates;
    unsigned full_updates;
    unsigned wrong_checksums;
    unsigned wrong_bases; /* deltas on top of something it does not have */
    unsigned orders;      /* emergency orders received with updates */
    unsigned pushed;      /* orders received by themselves */
    uint64_t pushed_epoch;
    unsigned pasts_wanted;
    char past_id[64]; /* of the latest wish */
    uint32_t past_age_s;
    uint64_t revision; /* it has, acknowledged or not */
    uint64_t term;
    unsigned routes;
    char set_incarnation[40]; /* of the latest update */
    bool closed;
    struct err status; /* why */

    /* private */
    struct rpc_client *client;
    struct rpc_stream *stream;
    struct fake_route *set;
    uint64_t reports;
};

void fake_node_open(struct fake_node *n, const char *target, struct loop *l);
/* Let go of the connection, as a process that ends. Tolerates one that was never opened. */
void fake_node_close(struct fake_node *n);

/* The route's bytes as they came; NULL when it has no such route. */
const Switchyard__V1__Route *fake_node_route(struct fake_node *n, const char *migration);

void fake_node_ack(struct fake_node *n, uint64_t revision);
void fake_node_nack(struct fake_node *n, uint64_t revision, const char *reason);
/* One report with counters of one route; `breaker` as in fleet.proto. */
void fake_node_report(struct fake_node *n, const char *migration, uint64_t on_new, uint64_t errors,
                      const char *breaker);
/* A part of a past: `buckets` of ten seconds with counters of `routes` routes each. */
void fake_node_past(struct fake_node *n, const char *id, unsigned buckets, unsigned routes,
                    bool more);
/* Any message. */
void fake_node_say(struct fake_node *n, Switchyard__V1__NodeMessage *m);
