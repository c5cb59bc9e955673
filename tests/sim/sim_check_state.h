/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of sim_check share. */
#pragma once

#include "tests/sim/sim_check.h"
#include "tests/sim/sim_ledger.h"

/* A rollout at one moment; the pointers in it are not followed. */
struct sim_snap {
    struct name migration; /* "": there is none */
    struct rollout rollout;
    uint32_t gate_requests; /* what the current stage's gate asks for at least; 0: no gate */
    uint64_t new_requests;  /* what there was since the latest decision, on all nodes */
    uint64_t new_errors;
    uint64_t epoch;
};

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
    enum core_event_kind event;
    enum core_command_kind command;
    struct sim_snap before[SIM_MIGRATIONS_MAX];
    struct sim_snap last[SIM_MIGRATIONS_MAX]; /* after the latest commit, which made: */
    uint64_t last_rev;
    struct sim_quiet quiet[SIM_MIGRATIONS_MAX];
    struct {
        uint64_t acked_rev;
        bool acked_order; /* in a set with an active order, which does not wait for the disk */
    } node[SIM_NODES_MAX];
};

struct sim_quiet *sim_check_quiet(struct sim_check *c, const char *migration);
/* Look whether a fleet claims to have converged; sim_check_nodes.c. */
void sim_check_claims(struct sim_check *c);
/* A transaction changed decisions; sim_check_nodes.c. */
void sim_check_raised(struct sim_check *c, uint64_t rev);
