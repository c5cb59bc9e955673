/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of sim_check share. */
#pragma once

#include "tests/sim/sim_check.h"
#include "tests/sim/sim_ledger.h"

/* A fall to 0 that every connected node had acknowledged. */
struct sim_quiet {
    struct name migration; /* "": free */
    bool holds;
    uint64_t rev;
    uint64_t boot[SIM_NODES_MAX]; /* of the process that took part; 0: none */
    uint64_t new_requests;        /* on all nodes since the latest decision was stored */
    uint64_t new_errors;          /* of them */
};

struct sim_check {
    struct sim *sim;
    struct sim_ledger ledger;
    uint64_t looked_at[SIM_COORDS_MAX]; /* revision that the core had when it was compared */
    struct sim_quiet quiet[SIM_MIGRATIONS_MAX];
    struct {
        uint64_t acked_rev;
        bool acked_order; /* in a set with an active order, which does not wait for the disk */
    } node[SIM_NODES_MAX];
};

struct sim_quiet *sim_check_quiet(struct sim_check *c, const char *migration);
/* Look whether a fleet claims to have converged; sim_check_nodes.c. */
void sim_check_claims(struct sim_check *c, const struct sim_coord *coord);
/* A transaction changed decisions; sim_check_nodes.c. */
void sim_check_raised(struct sim_check *c, uint64_t rev);
