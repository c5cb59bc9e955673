/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/queue.h"

#include <utlist.h>

#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/lane.h"

bool queue_join(struct queue *q, struct conn *c)
{
    struct waiter *w = &c->req->waiter;

    if (q->count == c->lane->config->max_waiting)
        return false;
    if (q->count++ == 0)
        DL_APPEND(c->lane->queues.busy, q);
    w->queue = q;
    w->conn = c;
    DL_APPEND(q->first, w);
    /* Whoever is first may go on by now: endpoints get well without a word to us. */
    if (q->count > 1)
        queue_wake(c->lane);
    return true;
}

void queue_leave(struct conn *c)
{
    struct waiter *w = &c->req->waiter;
    struct queue *q = w->queue;

    if (!q)
        return;
    w->queue = NULL;
    DL_DELETE(q->first, w);
    if (--q->count == 0)
        DL_DELETE(c->lane->queues.busy, q);
}

/* The first in line holds up those behind it. It leaves before it goes on, so that it finds out
 * whose turn it is. */
static void serve(struct queue *q)
{
    while (q->first && conn_has_turn(q->first->conn)) {
        struct conn *c = q->first->conn;

        queue_leave(c);
        conn_run(c);
    }
}

static void on_turn(struct timer *t)
{
    struct lane *lane = container_of(t, struct lane, queues.turn);
    struct queue *q, *next;

    DL_FOREACH_SAFE (lane->queues.busy, q, next)
        serve(q);
}

/* Not at once: whoever gave the connection back is in the middle of a step. */
void queue_wake(struct lane *lane)
{
    if (lane->queues.busy && !timer_is_set(&lane->queues.turn))
        timer_set(lane->loop, &lane->queues.turn, dur_ms(0), on_turn, "queue");
}
