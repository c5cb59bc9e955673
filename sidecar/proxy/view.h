/* SPDX-License-Identifier: Apache-2.0 */
/* A lane's own view of what is live: for each route the lane's pools, counters and turns. A request
 * holds on to the view it was matched in until it is over; counting those holds on the lane, and
 * not in the shared set, keeps the threads out of each other's cache. owner: lane. */
#pragma once

#include "sidecar/proxy/copy.h"
#include "sidecar/proxy/budget.h"
#include "sidecar/proxy/live.h"
#include "sidecar/proxy/queue.h"
#include "sidecar/proxy/tap.h"
#include "sidecar/proxy/upstream.h"

/* What a lane remembers of a migration from view to view. */
struct tally {
    struct tally *prev, *next; /* of the lane */
    unsigned refs;             /* routes of views */
    struct route_stats stats;  /* since the last collection */
    struct budget budget;      /* of second tries */
    struct queue queue[SYSTEM_COUNT];
    struct copy_meter copies;
    struct tap_noise noise;
};

struct view_system {
    struct upstream_pool *pool[LIVE_ADDRESSES_MAX];
    unsigned count;
    uint32_t turn;         /* of the choices */
    unsigned limit;        /* connections of this lane to one endpoint; 0: none */
    struct health *health; /* borrowed from the live set; NULL: all are well */
};

struct view_route {
    const struct ruleset_entry *entry;
    struct breaker *breaker;   /* borrowed from the live set */
    struct breaker_cell *cell; /* the lane's, of the breaker */
    struct tally *tally;
    struct view_system system[SYSTEM_COUNT];
};

struct view {
    struct lane *lane;
    struct live *live; /* one reference */
    unsigned refs;
    struct view_route route[];
};

/* Takes over one reference to `live`. */
struct view *view_new(struct lane *lane, struct live *live) MUST_CHECK;
void view_unref(struct view *v); /* tolerates NULL */

/* The route for a request, or NULL. */
struct view_route *view_match(struct view *v, struct str host, struct str path);

/* The route whose connections come in at this address of ours, or NULL. */
struct view_route *view_match_port(struct view *v, const struct address *at);

/* The endpoint for a request, BALANCE_NONE, or VIEW_FULL where it had better wait for one that has
 * as many connections as it may; `tried` has a bit for each that failed it. */
#define VIEW_FULL (BALANCE_NONE + 1)
unsigned view_choose(struct view_system *s, unsigned tried, mono_t now) MUST_CHECK;
bool view_is_full(const struct view_system *s, unsigned tried, mono_t now);

/* Tallies without a route in any view, their counts having been collected, go. */
void view_drop_tallies(struct lane *lane);
