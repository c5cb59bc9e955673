/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes of a drill's scope: who serves what the drill ordered, and since when. Pure. */
#pragma once

#include "coordinator/core/state.h"

/* A drill runs and every node of its scope serves what it ordered. */
bool drill_watch_reached(const struct core *c, const struct migration *m);
/* From the order of the part that runs to the last acknowledgement, in milliseconds. */
double drill_watch_measure(const struct core *c, const struct migration *m);
/* "n2, n3 and 4 more" of the scope's nodes that lag; `dst` has TEXT_SIZE bytes. */
const char *drill_watch_laggards(const struct core *c, const struct migration *m, char *dst);
/* Connected nodes of a scope. */
unsigned drill_watch_scope(const struct core *c, const struct selector *scope);
/* Everything counted anew: what the counters must be. */
void drill_watch_count(const struct core *c, const struct migration *m, unsigned *ret_counted,
                       unsigned *ret_serving);

/* A node joined, left, or serves another revision: adjust every migration's counters. */
void drill_watch_node_changed(struct core *c, const struct node_change *change);
/* Nodes stopped counting. */
void drill_watch_nodes_gone(struct core *c);
/* The migration's latest decision orders a part of a drill, and was made at c->mono. */
void drill_watch_decided(struct core *c, struct migration *m);
/* The store shows the rollout as it is now; `was` is what it was before. */
void drill_watch_found(struct core *c, struct migration *m, const struct rollout *was);
