/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet as the core sees it: who is connected, who left a moment ago, who serves what.
 *
 * A node that left counts (as lagging) for a grace period, then it is gone: it does not count, its
 * name is kept for messages until the room is needed. Every migration has a slot; what a node
 * reports per migration is kept by slot, so that an acknowledgement costs a few integer comparisons
 * and no names.
 *
 * A node that is heard of for the first time may be asked what it measured before. Until it has
 * told, what it reports is part of that. Pure. owner: the core. */
#pragma once

#include "coordinator/core/core_view.h"

struct node;

struct nodes {
    struct node *by_name; /* hash */
    unsigned known;       /* in the hash */
    unsigned connected;
    unsigned left;         /* left a moment ago, still counting */
    unsigned asked;        /* have not told their past yet */
    unsigned silent;       /* and never will */
    uint64_t newest_epoch; /* highest epoch of an emergency order that any node ever reported */
};

/* What one event changed, for the counters of each migration. */
struct node_change {
    struct node *node;
    bool was_connected, is_connected;
    bool first;                   /* it was not known */
    bool was_counted, is_counted; /* connected, or left a moment ago */
    bool relabelled;              /* it was known by other labels */
    uint64_t old_rev, new_rev;    /* serving */
};

void nodes_deinit(struct nodes *n);

/* Take over what the fleet says. False when there is no room for another node. */
bool nodes_update(struct nodes *n, const struct core_node *seen, mono_t now,
                  struct node_change *ret) MUST_CHECK;
/* Orders rise by one, so no node has seen an epoch above this; one that says so must not use up the
 * numbers that are left for true orders. */
#define NODES_EPOCH_MAX (UINT64_C(1) << 62)
/* A node reported an emergency order with this epoch. False: it cannot be. */
bool nodes_saw_epoch(struct nodes *n, uint64_t epoch);
/* Nodes that left longer ago than `grace` stop counting; returns how many did. */
unsigned nodes_expire(struct nodes *n, dur_t grace, mono_t now);

/* Connected, or left a moment ago. */
static inline unsigned nodes_counted(const struct nodes *n)
{
    return n->connected + n->left;
}

struct node *nodes_find(const struct nodes *n, const char *name);
/* How many connected nodes serve `rev` or later. */
unsigned nodes_serving(const struct nodes *n, uint64_t rev);
/* Connected, and serves `rev` or later. */
bool node_serves(const struct node *n, uint64_t rev);
/* When it began to serve `rev`, or the earliest later one that is still known; false: it does not.
 */
bool node_acked_at(const struct node *n, uint64_t rev, mono_t *ret) MUST_CHECK;
/* Counts, and does not serve `rev`. */
bool node_lags(const struct node *n, uint64_t rev);
/* "left 12s ago", "serves revision 17"; `dst` has TEXT_SIZE bytes. */
const char *node_lag_text(const struct node *n, mono_t now, char *dst);
const struct name *node_name(const struct node *n);
/* As it told them last. */
const struct labels *node_labels(const struct node *n);
bool node_connected(const struct node *n);
/* Every node, in no particular order: the one after `n` (NULL: the first), NULL at the end. */
struct node *nodes_next(const struct nodes *all, const struct node *n);
/* The known name nearest to `name`, or NULL. */
const char *nodes_nearest(const struct nodes *n, const char *name);

/* Nodes that do not count. */
struct nodes_except {
    const struct name *name;
    unsigned count;
};
/* Nodes, serving and lagging for `rev`; laggards by name, the furthest behind first. Nodes that
 * left at `gone_before` or earlier do not count, whether nodes_expire() has been called or not, nor
 * those of `except` (may be NULL) that lag. */
void nodes_convergence(const struct nodes *n, uint64_t rev, mono_t gone_before,
                       const struct nodes_except *except, struct view_convergence *ret);
/* Instants at which the connected nodes that serve `rev` or later began to, up to `until`, in order
 * of time; the caller frees *ret. Returns how many. *ret_last is the last node's name. */
unsigned nodes_acks(const struct nodes *n, uint64_t rev, mono_t until, mono_t **ret,
                    const char **ret_last);
/* "n2, n3 and 4 more" of all these; `dst` has TEXT_SIZE bytes. */
const char *nodes_list_text(const struct name *name, unsigned count, char *dst);
/* "n2, n3 and 4 more" of the laggards; `dst` has TEXT_SIZE bytes. */
const char *nodes_laggards_text(const struct view_convergence *c, char *dst);
/* Nodes that are gone and were lost after `since`: "n3", "n3 and 2 more"; "" when none; TEXT_SIZE
 * bytes. */
const char *nodes_gone_text(const struct nodes *n, mono_t since, char *dst);

/* ---- the past -------------------------------------------------------------------------------- */

void nodes_ask(struct nodes *n, struct node *node, mono_t now);
bool node_is_asked(const struct node *n);
/* It has told everything. */
void nodes_told(struct nodes *n, struct node *node);
/* Of those who were asked longer ago than `patience`, nothing is expected any more. */
void nodes_stop_waiting(struct nodes *n, dur_t patience, mono_t now);
/* "n3", "n3 and 2 more": connected nodes whose past is waited for; "" when none; TEXT_SIZE bytes.
 */
const char *nodes_asked_text(const struct nodes *n, char *dst);

/* ---- per node and migration ------------------------------------------------------------------ */

/* Revision that the node served when it sent its previous report: what it reports next was all
 * measured with that decision or a later one. */
uint64_t node_reported_rev(const struct node *n);
void node_reported(struct node *n);

/* The breaker's state as last reported for `slot`. */
void node_set_breaker(struct node *n, int slot, enum breaker_state s);
/* What it saw until then. */
void node_set_breaker_seen(struct node *n, int slot, const struct breaker_seen *seen);
enum breaker_state node_breaker(const struct node *n, int slot);
/* It serves this order to its breaker: what follows from that is known before it reports. Nothing
 * new when it has reported the order's number. */
void node_breaker_ordered(struct node *n, int slot, enum breaker_order order, uint64_t number,
                          wall_t now);
/* All 0 when it told nothing; borrowed. */
const struct breaker_seen *node_breaker_seen(const struct node *n, int slot);
/* Does it send everything to legacy, and nobody was told, or the other way round? Half open is
 * neither. */
bool node_breaker_is_news(const struct node *n, int slot);
/* How many connected nodes have that news, of opening or of closing; the first one's name. */
unsigned nodes_breaker_news(const struct nodes *n, int slot, bool open, const char **ret_first);
/* There is no news of any node any more. */
void nodes_breaker_told(struct nodes *n, int slot);
/* What is under way on it, as last reported for `slot`; and on all connected nodes. */
void node_set_underway(struct node *n, int slot, const struct underway *w);
struct underway nodes_underway(const struct nodes *n, int slot);
/* The slot goes to another migration. */
void nodes_forget_slot(struct nodes *n, int slot);
