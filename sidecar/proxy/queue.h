/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for a connection, since every endpoint of their system has as many as the plan
 * allows it (maxConnections). First come, first served. Their number is bounded here, their time by
 * whoever joins. owner: lane. */
#pragma once

#include "common/base/attrs.h"
#include "common/loop/timer.h"

struct conn;
struct lane;
struct queue;

/* Embedded in a request. */
struct waiter {
    struct waiter *prev, *next; /* in queue->first */
    struct queue *queue;        /* NULL: does not wait */
    struct conn *conn;
};

/* One for each system of a migration. Zeroed memory is empty. */
struct queue {
    struct queue *prev, *next; /* in queues->busy */
    struct waiter *first;      /* utlist */
    unsigned count;
};

/* Of a lane. */
struct queues {
    struct queue *busy; /* utlist: those in which somebody waits */
    struct timer turn;
};

/* Behind the others. False: as many wait as may. */
bool queue_join(struct queue *q, struct conn *c) MUST_CHECK;
/* Wait no longer; tolerates a request that does not. */
void queue_leave(struct conn *c);
/* A connection was given back, or the rules changed: those who can go on do, in a later turn. */
void queue_wake(struct lane *lane);
