/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold, and is looked at after every step. The first sentence that does not hold is kept
 * by sim_fail().
 *
 * Cores and what operators are told (sim_check.c)
 *   each core's own invariants (coordinator/core/invariants.h)
 *   each rollout's history in the store is a path in the stage table
 *   a core remembers what the store held, to the letter, at the revision it published or later
 *   what was acknowledged is stored before, found in every core, and stays in the store; what was
 *   acknowledged ahead of the store (door b) is in it when all has come to rest
 *   what was refused is not stored
 *   all coordinators publish the same for a revision
 *   no retreat, rollback or end raises the share of new
 *   gates do not pass without traffic, triggers do not fire without errors, both under the latest
 *   decision
 * Drills (sim_check_drill.c)
 *   each drill's history in the store is a path in its table
 *   a drill moves nothing that belongs to the stage machine, and one that runs has its stage
 * Breakers (sim_check_breaker.c)
 *   the history of each fleet breaker in the store is a path in its table
 *   the numbers of orders to breakers only rise, and no two orders have the same
 *   no node that acknowledged the order to open asks new for anything
 *   no breaker is ordered to open while legacy is forbidden
 *   a node obeys each number once, none that is lower than what it obeyed, and none that was not
 *   stored
 *   once all who count serve an order, nobody is told of a breaker as it was before
 * Events (sim_check_events.c)
 *   all coordinators tell the same ones, those of the store, by revision, and leave none out
 *   whatever is recorded is told, in the same transaction
 * Work in the world, and what raises (sim_check_work.c)
 *   only who leads has jobs
 *   no stage is entered before its checks, backup and hooks have passed, none is left before the
 *   hooks after it have, and no gate passes whose checks have not, all since they were last begun
 *   nothing rises in a freeze, and no stage is entered that was not approved
 * Leadership (sim_check_lead.c)
 *   each election's history is a path in its table
 *   nobody leads whose leader key is gone, or longer than its lease: so no two lead
 *   (not while a store ends leases early or lies about them: then the fence alone holds)
 *   whatever is decided without the leader's fence is an emergency order
 *   no transaction is carried out in the term of another process
 * Nodes (sim_check_nodes.c)
 *   revisions do not go back on any lane
 *   an emergency order is lifted by a higher epoch only
 *   what a node serves is what some revision of the store says for it: a stage of those that its
 *   wave has reached
 *   a node that starts serves what it had acknowledged, unless that was an order ahead of its file
 *   a raise moves no key back to legacy
 *   convergence is not claimed while a connected node serves less, unless it is in quarantine
 *   after a converged fall to 0 no node that took part routes a request to new before a raise
 *   no core counts a request twice, out of reports and of what nodes had measured before */
#pragma once

#include "coordinator/election/election.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_jobs.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_ops.h"
#include "tests/sim/sim_store.h"

#define SIM_ROWS_MAX 256

/* Rows of the tables that were taken, over any number of simulations. */
struct sim_coverage {
    unsigned taken[SIM_ROWS_MAX];   /* of the stages' */
    unsigned elected[SIM_ROWS_MAX]; /* of the election's */
    unsigned drilled[SIM_ROWS_MAX]; /* of the drills' */
    unsigned braked[SIM_ROWS_MAX];  /* of the fleet breakers' */
    unsigned tripped[SIM_ROWS_MAX]; /* of the nodes' breakers' */
};

struct sim_check *sim_check_new(struct sim *s);
struct sim_check *sim_check_free(struct sim_check *c); /* tolerates NULL; returns NULL */

void sim_check_step(struct sim_check *c);

/* A coordinator had a turn. */
void sim_check_turn(struct sim_check *c, const struct sim_coord *coord);
void sim_check_coord_died(struct sim_check *c, const struct sim_coord *coord);
/* Its election took a row of the table. */
void sim_check_elected(struct sim_check *c, const struct sim_coord *coord,
                       const struct sm_row *row);
/* It has published `rev`; `sum` is of all that nodes serve there. */
void sim_check_published(struct sim_check *c, const struct sim_coord *coord, uint64_t rev,
                         const struct sha256 *sum);

/* Something has changed in the store: by a transaction of `who`, or because a lease has ended. */
void sim_check_changed(struct sim_check *c, struct sim_asker who, store_lease lease,
                       const struct store_list *changes);
/* A transaction was carried out, and made `rev`. */
void sim_check_stored(struct sim_check *c, struct sim_asker who, const struct store_txn *txn,
                      uint64_t rev);
/* Everything has come to rest. */
void sim_check_rest(struct sim_check *c);
/* A coordinator begins a job; a driver is told how one went. */
void sim_check_job(struct sim_check *c, const struct sim_coord *coord, const struct core_job *job);
void sim_check_found(struct sim_check *c, const struct sim_found *found);
/* What an operator is told. */
void sim_check_answered(struct sim_check *c, const struct sim_op *op, const struct sim_answer *a);

/* A node's process began; it said that it serves `rev`; a lane took a set over. */
void sim_check_started(struct sim_check *c, const struct sim_node *n);
void sim_check_acked(struct sim_check *c, const struct sim_node *n, uint64_t rev);
void sim_check_lane(struct sim_check *c, const struct sim_node *n, unsigned lane,
                    const struct ruleset *old);
/* A node's breaker took a route over. */
struct sim_obeyed {
    enum breaker_state state;
    struct breaker_seen seen;
};
void sim_check_obeyed(struct sim_check *c, const struct sim_node *n, const struct name *migration,
                      const struct route_breaker *r, const struct sim_obeyed *was,
                      const struct sim_obeyed *is);
void sim_check_routed(struct sim_check *c, const struct sim_node *n, const struct ruleset_entry *e,
                      enum system to, bool fails);
