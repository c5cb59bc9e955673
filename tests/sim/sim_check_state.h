/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of sim_check share. */
#pragma once

#include "coordinator/core/jobs.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_ledger.h"

/* What the world said to jobs of a kind that began since they were last needed anew. */
struct sim_said {
    mono_t since;
    bool passed, failed;
};

/* A fall to 0 that every connected node had acknowledged. */
struct sim_quiet {
    struct name migration; /* "": free */
    bool holds;
    uint64_t rev;
    uint64_t boot[SIM_NODES_MAX];    /* of the process that took part; 0: none */
    uint64_t new_requests;           /* on all nodes since the latest decision was stored */
    uint64_t reached_requests;       /* of them, on nodes that the stage has reached */
    uint64_t new_errors;             /* of all */
    uint64_t requests[SYSTEM_COUNT]; /* on all nodes, ever */
    struct sim_said said[JOB_KINDS];
};

/* The leader key. */
struct sim_leader {
    uint64_t rev; /* 0: there is none */
    struct sim_asker who;
    store_lease lease;
};

/* An emergency order that was acknowledged before it was stored. */
struct sim_promise {
    const struct sim_op *op;
    uint64_t epoch;
    struct sim_promise *next;
};

/* What a revision compiles to, as the first one published it that did. */
struct sim_published {
    uint64_t rev;
    struct sha256 sum;
    struct sim_published *next;
};

struct sim_check {
    struct sim *sim;
    struct sim_ledger ledger;
    struct sim_leader leader;
    struct sim_promise *promises;            /* owned */
    struct sim_published *published;         /* owned, newest first */
    uint64_t looked_at[SIM_COORDS_MAX];      /* revision that the core had when it was compared */
    int election[SIM_COORDS_MAX];            /* its state */
    mono_t counted[SIM_COORDS_MAX];          /* when its sums are looked at next */
    struct event_place told[SIM_COORDS_MAX]; /* the last event that it told subscribers of */
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
/* A transaction took a row of the stage table; sim_check_work.c. */
void sim_check_work(struct sim_check *c, const struct sim_decision *was,
                    const struct sim_decision *is, const struct sm_row *row);
/* It has changed what is asked of the world. */
void sim_check_needs(struct sim_check *c, const struct sim_decision *was,
                     const struct sim_decision *is);
/* Two that lead, or one for too long; sim_check_lead.c. */
void sim_check_leaders(struct sim_check *c);
/* May this transaction decide what it decides? sim_check_lead.c. */
void sim_check_fence(struct sim_check *c, struct sim_asker who, const struct store_txn *txn,
                     uint64_t rev);
/* What a coordinator would tell subscribers; and that each deed of `rev` is told;
 * sim_check_events.c. */
void sim_check_events(struct sim_check *c, const struct sim_coord *coord);
void sim_check_deeds_told(struct sim_check *c, uint64_t rev);
/* Did a drill go on by its table? Are two drills the same? sim_check_drill.c. */
void sim_check_drill(struct sim_check *c, const struct sim_decision *was,
                     const struct sim_decision *is);
bool sim_check_same_drill(const struct rollout *a, const struct rollout *b);
/* The same of the fleet's breaker; sim_check_breaker.c. */
void sim_check_breaker(struct sim_check *c, const struct sim_decision *was,
                       const struct sim_decision *is);
/* The node asks new for something. */
void sim_check_held_open(struct sim_check *c, const struct sim_node *n,
                         const struct ruleset_entry *e);
/* What a core knows of the breakers of nodes that all serve its latest decision. */
void sim_check_known(struct sim_check *c, const struct sim_coord *coord, const char *migration);
bool sim_check_same_breaker(const struct rollout *a, const struct rollout *b);
/* A core's sums of what nodes reported; sim_check_nodes.c. */
void sim_check_counted(struct sim_check *c, const struct sim_coord *coord);
