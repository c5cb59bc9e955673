/* SPDX-License-Identifier: Apache-2.0 */
/* What the other coordinators have yet to hear, kept once for links of every speed.
 *
 * Nodes stand in a log in the order of their latest change, each once. A link remembers up to which
 * change it has told and goes on from there at its own pace; 0 tells everything. A node that left
 * stays until every link has told so. What nodes measured is converted once and waits in the queue
 * of each link, counted and bounded. Pure. */
#pragma once

#include <uthash.h>

#include "common/base/arena.h"
#include "coordinator/fleet/fleet.h"
#include "peer.pb-c.h"

/* ---- nodes ----------------------------------------------------------------------------------- */

struct own_node {
    struct fleet_node node;  /* .emergency is NULL */
    struct emergency *order; /* owned: the newest it told of each migration since it connected */
    unsigned order_count;    /* at most RULESET_ROUTES_MAX */
    uint64_t changed;        /* number of its latest change */
    uint64_t orders_changed;
    struct own_node *prev, *next;           /* in `log` */
    struct own_node *gone_prev, *gone_next; /* in `gone`, while it is not connected */
    UT_hash_handle hh;                      /* by node.name */
};

/* Zeroed memory has no news. */
struct news {
    struct own_node *nodes;
    struct own_node *log;
    struct own_node *gone; /* of them, those that left, in the log's order */
    uint64_t changes;
};

void news_deinit(struct news *n);
/* Copied. One that left and was never known is no news. */
void news_node(struct news *n, const struct fleet_node *told);
/* The first change after number `after`; NULL: there is none. The next one is its ->next. */
struct own_node *news_after(const struct news *n, uint64_t after);
/* Nodes that left by change `until`, of which every link has told, need not be kept. */
void news_forget_gone(struct news *n, uint64_t until);
const struct own_node *news_find(const struct news *n, const char *name);

/* ---- what they measured ---------------------------------------------------------------------- */

/* One of the two, as a message. */
struct measured {
    Switchyard__V1__PeerReport *report;
    Switchyard__V1__PeerPast *past;
    size_t size; /* encoded */
    struct arena arena;
    unsigned refs;
};

/* With one reference, the caller's; NULL when it is too large to be told. */
struct measured *measured_report(const struct fleet_report *r) MUST_CHECK;
struct measured *measured_past(const struct fleet_past *h) MUST_CHECK;
void measured_unref(struct measured *m);

#define MEASURED_MAX         4096u
#define MEASURED_BYTES       (8u << 20)
#define MEASURED_MESSAGE_MAX (2u << 20) /* of one */

/* Zeroed memory is an empty queue. */
struct measured_queue {
    struct measured *at[MEASURED_MAX];
    unsigned first, count;
    size_t bytes;
};

/* With a reference of its own; false when the queue is full. */
bool measured_add(struct measured_queue *q, struct measured *m) MUST_CHECK;
/* The one at `i`, from 0 for the oldest; NULL past the last. */
struct measured *measured_at(const struct measured_queue *q, unsigned i);
/* Let the oldest `n` go. */
void measured_drop(struct measured_queue *q, unsigned n);
