/* SPDX-License-Identifier: Apache-2.0 */
/* A node's breaker of one migration: the proxy's own, with requests that are answered at once but
 * for a few, of which the node hears a second later. */
#pragma once

#include "common/model/stats.h"
#include "sidecar/proxy/breaker.h"
#include "tests/sim/sim.h"

#define SIM_UNDER_WAY 4

/* How a request ended. */
struct sim_ended {
    struct breaker_ticket ticket;
    enum breaker_outcome outcome;
    dur_t took;
    bool later; /* the node hears of it in a second */
};

struct sim_breaker {
    struct name migration;
    struct sim *sim;
    const struct sim_node *node;
    struct breaker *breaker; /* owned; NULL: the route has none */
    enum breaker_state said; /* in the trace */
    struct sim_ended under_way[SIM_UNDER_WAY];
    unsigned under_way_count;
};

/* What it has seen until now. */
enum breaker_state sim_breaker_see(const struct sim_breaker *b, struct breaker_seen *ret);
/* Lanes take this over. */
void sim_breaker_obey(struct sim_breaker *b, const struct route_breaker *r);
/* May a request go to new? */
bool sim_breaker_admits(struct sim_breaker *b, const struct breaker_request *request,
                        struct breaker_ticket *ret);
/* One that did was sent. */
void sim_breaker_ended(struct sim_breaker *b, const struct sim_ended *how);
/* A second is over: the node hears of those under way. */
void sim_breaker_hear(struct sim_breaker *b);
void sim_breaker_tell(const struct sim_breaker *b, struct route_stats *ret);
/* The process is gone. */
void sim_breaker_die(struct sim_breaker *b);
