/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes as operators see them: what was said of each last, by the coordinator that holds its
 * stream, kept for a while after they left. owner: the core's loop.
 *
 * A node that moves is told of by two coordinators for a moment, in any order. Of one process the
 * newest connection counts (it numbers them); of two processes with one name the one that was there
 * first, as long as it is alive. */
#pragma once

#include "coordinator/fleet/fleet.h"

/* Nodes that left are listed for this long, and at most until the room is needed. */
#define REGISTRY_GONE_KEPT_S 3600

struct registry;

enum node_state { NODE_SERVING, NODE_LAGGING, NODE_STALE, NODE_GONE, NODE_STATE_COUNT };
const char *node_state_name(enum node_state s); /* "serving", "lagging", "stale", "gone" */

struct registry_node {
    struct fleet_node node;  /* .emergency is NULL */
    struct name coordinator; /* that holds its stream, or held it last */
    mono_t heard;            /* of it, from there */
    struct node_now now;     /* nothing once it is gone */
};

enum registry_news {
    REGISTRY_TAKEN, /* this is known of the node now */
    REGISTRY_OLD,   /* of a connection that the node has left: nothing changes */
    REGISTRY_TWICE  /* of another process, while the known one is alive: nothing changes */
};

struct registry *registry_new(void) MUST_CHECK;
void registry_free(struct registry *r); /* tolerates NULL */

/* What `coordinator` says of a node that is or was connected to it. Copied; of one that left only
 * since when and why. */
enum registry_news registry_update(struct registry *r, const struct name *coordinator,
                                   const struct fleet_node *n, mono_t now) MUST_CHECK;
/* Whether it is from where the node is. */
bool registry_report(struct registry *r, const struct name *coordinator,
                     const struct fleet_report *report, mono_t now) MUST_CHECK;

unsigned registry_count(const struct registry *r);
const struct registry_node *registry_find(const struct registry *r, const char *name);
/* Next in the order of names after `previous` (NULL: the first); NULL at the end. */
const struct registry_node *registry_next(struct registry *r, const struct registry_node *previous);

/* Where a node stands when everybody should serve `target` (0: there is nothing to serve). */
enum node_state registry_state(const struct registry_node *n, uint64_t target);
/* How many nodes have their stream at `coordinator`. */
unsigned registry_count_at(const struct registry *r, const struct name *coordinator);
/* How many nodes are in each state. */
void registry_count_states(const struct registry *r, uint64_t target,
                           unsigned ret_count[NODE_STATE_COUNT]);
