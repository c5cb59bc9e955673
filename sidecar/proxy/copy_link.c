/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/copy_link.h"

#include <utlist.h>

#include "common/base/mem.h"
#include "sidecar/proxy/dial.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/transport/tls_client.h"

static void leave_idle(struct copy_link *l)
{
    DL_DELETE(l->lane->copies.idle, l);
    l->lane->copies.idle_count--;
}

static void close_idle(struct copy_link *l)
{
    leave_idle(l);
    copy_link_close(&l);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_deadline(struct timer *t)
{
    struct copy_link *l = container_of(t, struct copy_link, deadline.timer);

    if (!deadline_is_due(l->lane->loop, &l->deadline, on_deadline))
        return;
    if (l->copy)
        copy_on_deadline(l->copy);
    else
        close_idle(l);
}

/* Idle, anything that comes is the end: the peer closed, or it talks out of turn. */
static void on_event(struct transport *t, unsigned events)
{
    struct copy_link *l = container_of(t, struct copy_link, transport);

    if (l->copy)
        copy_on_event(l->copy, events);
    else
        close_idle(l);
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct copy_link *find_idle(struct lane *lane, const struct upstream_pool *p)
{
    struct copy_link *l;

    DL_FOREACH (lane->copies.idle, l) {
        if (upstream_pool_is_for(p, &l->address, l->tls, l->protocol))
            break;
    }
    if (l) {
        leave_idle(l);
        l->reused = true;
    }
    return l;
}

/* It may outlive the pool, so it has no part in the pool's session. */
static struct copy_link *connect_new(struct lane *lane, struct upstream_pool *p)
{
    struct copy_link *l = xnew(struct copy_link);

    l->lane = lane;
    l->address = p->address;
    l->protocol = p->protocol;
    if (!upstream_dial(p, NULL, &l->transport, on_event, &l->reused)) {
        xfreep(&l);
        return NULL;
    }
    l->tls = p->tls ? tls_client_ref(p->tls) : NULL;
    return l;
}

struct copy_link *copy_link_take(struct copy *k, struct upstream_pool *p, bool fresh, dur_t time)
{
    struct lane *lane = copy_lane(k);
    struct copy_link *l = fresh ? NULL : find_idle(lane, p);

    if (!l)
        l = connect_new(lane, p);
    if (!l)
        return NULL;
    l->copy = k;
    deadline_set(lane->loop, &l->deadline, time, on_deadline);
    return l;
}

void copy_link_give(struct copy_link **lp)
{
    struct copy_link *l = *lp;
    struct lane *lane = l->lane;

    *lp = NULL;
    l->copy = NULL;
    transport_want(&l->transport, LOOP_READ);
    deadline_set(lane->loop, &l->deadline, lane->config->upstream_idle, on_deadline);
    DL_PREPEND(lane->copies.idle, l);
    if (++lane->copies.idle_count > COPY_LINKS_IDLE_MAX)
        close_idle(lane->copies.idle->prev); /* utlist: the head's prev is the tail */
}

void copy_link_close(struct copy_link **lp)
{
    struct copy_link *l = *lp;

    if (!l)
        return;
    *lp = NULL;
    deadline_cancel(&l->deadline);
    transport_close(&l->transport);
    tls_client_unref(l->tls);
    xfreep(&l);
}

void copy_link_close_idle(struct lane *lane)
{
    while (lane->copies.idle)
        close_idle(lane->copies.idle);
}
