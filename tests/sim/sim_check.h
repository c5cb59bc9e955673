/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold, and is looked at after every step. The first sentence that does not hold is kept
 * by sim_fail().
 *
 * Core (sim_check.c)
 *   the core's own invariants (coordinator/core/invariants.h)
 *   each rollout's history is a path in the stage table; each change comes from a row of it
 *   a step that was not stored left nothing behind
 *   a coordinator that starts finds what was stored, to the letter
 *   what was acknowledged is stored before, and found after every start
 *   gates do not pass without traffic, triggers do not fire without errors, both under the latest
 *   decision
 * Nodes (sim_check_nodes.c)
 *   revisions do not go back on any lane
 *   an emergency order is lifted by a higher epoch only
 *   what a node serves is what some revision of the store says
 *   a node that starts serves what it had acknowledged, unless that was an order ahead of its file
 *   a raise moves no key back to legacy
 *   convergence is not claimed while a connected node serves less
 *   after a converged fall to 0 no node that took part routes a request to new before a raise */
#pragma once

#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_ops.h"
#include "tests/sim/sim_store.h"

#define SIM_ROWS_MAX 128

/* Rows of the stage table that were taken, over any number of simulations. */
struct sim_coverage {
    unsigned taken[SIM_ROWS_MAX];
};

struct sim_check *sim_check_new(struct sim *s);
struct sim_check *sim_check_free(struct sim_check *c); /* tolerates NULL; returns NULL */

void sim_check_step(struct sim_check *c);

/* A coordinator had a turn. */
void sim_check_turn(struct sim_check *c, const struct sim_coord *coord);
void sim_check_coord_died(struct sim_check *c, const struct sim_coord *coord);

/* The store carried a transaction out, and that made `rev`. */
void sim_check_stored(struct sim_check *c, struct sim_asker who, const struct store_txn *txn,
                      uint64_t rev);
/* What an operator is told. */
void sim_check_answered(struct sim_check *c, const struct sim_op *op, const struct sim_answer *a);

/* A node's process began; it said that it serves `rev`; a lane took a set over. */
void sim_check_started(struct sim_check *c, const struct sim_node *n);
void sim_check_acked(struct sim_check *c, const struct sim_node *n, uint64_t rev);
void sim_check_lane(struct sim_check *c, const struct sim_node *n, unsigned lane,
                    const struct ruleset *old);
void sim_check_routed(struct sim_check *c, const struct sim_node *n, const struct ruleset_entry *e,
                      enum system to, bool fails);
