/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened and was not yet shown to the core. Bounded whoever fills it: commands are
 * refused past a limit, what a node says replaces what it said before, of reports the oldest go.
 *
 * Order: emergency commands, nodes' emergency orders, nodes, other commands, jobs and measures, the
 * tick, reports. Nodes stand before commands because a measured time ends with the last
 * acknowledgement. Pure. */
#pragma once

#include "coordinator/core/core_event.h"
#include "coordinator/driver/outside_queue.h"

#define EVENT_QUEUE_COMMANDS 256u   /* and as many emergency commands */
#define EVENT_QUEUE_ORDERS   1024u  /* migrations that nodes told of */
#define EVENT_QUEUE_STATS    8192u  /* route_stats in waiting reports: some 20 MB */
#define EVENT_QUEUE_PAST     16384u /* and in waiting pasts: 40 MB */

struct queued_command;
struct queued_node;
struct queued_order;
struct queued_report;

/* Zeroed memory is an empty queue. */
struct event_queue {
    /* private */
    struct queued_command *urgent;
    struct queued_command *commands;
    unsigned urgent_count;
    unsigned command_count;
    struct queued_node *nodes;       /* all that are known, by name */
    struct queued_node *news;        /* of them, those the core has yet to hear of, oldest first */
    struct queued_order *orders;     /* the newest of each migration, by its name */
    struct queued_order *order_news; /* of them, those the core has yet to hear of */
    struct queued_report *reports;   /* and pasts, in the order in which they came */
    unsigned stats_count[2];         /* in reports, in pasts */
    uint64_t reports_dropped;
    struct outside_queue outside;
    bool tick;
    struct queued_report *shown; /* what the event that was taken last points to */
    struct queued_node *gone;    /* the same, and nothing more is known of it */
};

void event_queue_deinit(struct event_queue *q);

/* `cmd` is borrowed until it was taken. EXHAUSTED. */
int event_queue_command(struct event_queue *q, const struct core_command *cmd,
                        struct err *err) MUST_CHECK;
/* `seen`: when the node said so. Copied. */
void event_queue_node(struct event_queue *q, const struct core_node *n, mono_t seen);
/* What a node says was ordered there. Copied, when it is newer than what nodes told before of the
 * migration. Kept: what could not be stored is told again by event_queue_repeat_orders(). */
void event_queue_order(struct event_queue *q, const struct name *node,
                       const struct emergency *order);
/* Copied. */
void event_queue_report(struct event_queue *q, const struct name *node,
                        const struct route_stats *route, unsigned count);
/* Copied. It keeps its place among the node's reports, whose beginning it contains. */
void event_queue_past(struct event_queue *q, const struct name *node,
                      const struct core_bucket *bucket, unsigned count, bool more);
/* Both copied; see outside_queue.h. */
void event_queue_job(struct event_queue *q, const struct core_job_done *done);
void event_queue_measure(struct event_queue *q, const struct core_measure *m);
void event_queue_tick(struct event_queue *q);

/* Every node that is known becomes news again: for a core that was just made. */
void event_queue_repeat_nodes(struct event_queue *q);
/* The same for every order that nodes told of; those that are known change nothing. */
void event_queue_repeat_orders(struct event_queue *q);

/* The next event; false when there is none. What it points to is valid until the next call. `mono`
 * is set for nodes, `now` never. */
bool event_queue_take(struct event_queue *q, struct core_event *ret) MUST_CHECK;
/* The next emergency command, for who will not show it to the core; NULL. */
const struct core_command *event_queue_take_urgent(struct event_queue *q);
bool event_queue_is_empty(const struct event_queue *q);
/* The newest order of `migration` that nodes told of; NULL. Borrowed. */
const struct emergency *event_queue_order_of(const struct event_queue *q, const char *migration);
/* Every node that is known. */
void event_queue_each_node(const struct event_queue *q,
                           void (*fn)(void *ctx, const struct core_node *n), void *ctx);
