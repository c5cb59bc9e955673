/* SPDX-License-Identifier: Apache-2.0 */
/* Who serves the latest decision of a migration, since when, and how long that took. Pure. */
#pragma once

#include "coordinator/core/state.h"

/* The migration has a new decision of revision `rev`, made at c->mono. */
void convergence_decided(struct core *c, struct migration *m, uint64_t rev);
/* The store shows a decision that was made elsewhere, or before this process began; `fell`: a
 * rollback began with it. */
void convergence_found(struct core *c, struct migration *m, uint64_t rev, bool fell);
/* Write the latest decision into the rollout, as it is to be stored. */
void convergence_name(const struct core *c, struct migration *m);
/* A node joined, left, or serves another revision: adjust every migration's counters. */
void convergence_node_changed(struct core *c, const struct node_change *change);
/* Notice that every node serves, or no longer does; after counters or the number of nodes
 * changed. */
void convergence_look(struct core *c, struct migration *m);

/* Nodes that count for this migration: not those in quarantine, unless they serve. */
unsigned convergence_counted(const struct core *c, const struct migration *m);
/* Is the latest decision in force on every node that it is about? A wave is about those that it has
 * reached: the others only keep what they serve. A fall also counts as such once no node has
 * been there for node_grace: there is nobody left who could serve new. */
bool convergence_reached(const struct core *c, const struct migration *m, bool falling);
/* Who serves `rev` or later at `now`; `m` NULL: whatever is in quarantine for one migration or the
 * other. */
void convergence_list(const struct core *c, const struct migration *m, uint64_t rev, mono_t now,
                      struct view_convergence *ret);
/* From the command of the latest decision, or of the rollback under way, to the acknowledgements;
 * -1 while nodes lag or when there was none. */
void convergence_measure(const struct core *c, const struct migration *m,
                         struct view_measured *ret);
void convergence_measure_fall(const struct core *c, const struct migration *m,
                              struct view_measured *ret);
