/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes as operators see them: what the fleet said last, kept for a while after they left.
 * owner: the core's loop. */
#pragma once

#include "coordinator/fleet/fleet.h"

/* Nodes that left are listed for this long, and at most until the room is needed. */
#define REGISTRY_GONE_KEPT_S 3600

struct registry;

enum node_state { NODE_SERVING, NODE_LAGGING, NODE_STALE, NODE_GONE, NODE_STATE_COUNT };
const char *node_state_name(enum node_state s); /* "serving", "lagging", "stale", "gone" */

struct registry_node {
    struct fleet_node node; /* .emergency is NULL */
    unsigned client_connections;
};

struct registry *registry_new(void) MUST_CHECK;
void registry_free(struct registry *r); /* tolerates NULL */

/* Copied. */
void registry_update(struct registry *r, const struct fleet_node *n, mono_t now);
void registry_report(struct registry *r, const struct fleet_report *report);

unsigned registry_count(const struct registry *r);
const struct registry_node *registry_find(const struct registry *r, const char *name);
/* Next in the order of names after `previous` (NULL: the first); NULL at the end. */
const struct registry_node *registry_next(struct registry *r, const struct registry_node *previous);

/* Where a node stands when everybody should serve `target` (0: there is nothing to serve). */
enum node_state registry_state(const struct registry_node *n, uint64_t target);
/* How many nodes are in each state. */
void registry_count_states(const struct registry *r, uint64_t target,
                           unsigned ret_count[NODE_STATE_COUNT]);
