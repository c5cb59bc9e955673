/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/edge_probes.h"

#include <pthread.h>
#include <utlist.h>

#include "common/base/mem.h"

/* There are never more than all breakers have slots. */
struct held {
    struct held *prev, *next; /* the oldest first */
    struct breaker *breaker;  /* one reference */
    struct breaker_ticket ticket;
    mono_t until;
};

struct edge_probes {
    pthread_mutex_t lock; /* protects `held`. A breaker's may be taken while it is held */
    struct held *held;
};

struct edge_probes *edge_probes_new(void)
{
    struct edge_probes *p = xnew(struct edge_probes);

    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void drop(struct edge_probes *p, struct held *h)
{
    DL_DELETE(p->held, h);
    breaker_unref(h->breaker);
    xfreep(&h);
}

void edge_probes_free(struct edge_probes *p)
{
    if (!p)
        return;
    while (p->held)
        drop(p, p->held);
    pthread_mutex_destroy(&p->lock);
    xfreep(&p);
}

void edge_probes_hold(struct edge_probes *p, struct breaker *b, struct breaker_ticket ticket,
                      mono_t until)
{
    struct held *h = xnew(struct held);

    h->breaker = breaker_ref(b);
    h->ticket = ticket;
    h->until = until;
    pthread_mutex_lock(&p->lock);
    DL_APPEND(p->held, h);
    pthread_mutex_unlock(&p->lock);
}

bool edge_probes_settle(struct edge_probes *p, const struct breaker *b, struct breaker_ticket *ret)
{
    struct held *h;

    pthread_mutex_lock(&p->lock);
    DL_FOREACH (p->held, h) {
        if (h->breaker == b)
            break;
    }
    if (h) {
        *ret = h->ticket;
        drop(p, h);
    }
    pthread_mutex_unlock(&p->lock);
    return h;
}

void edge_probes_expire(struct edge_probes *p, mono_t now, wall_t wall)
{
    struct held *h, *next;

    pthread_mutex_lock(&p->lock);
    DL_FOREACH_SAFE (p->held, h, next) {
        if (mono_sub(h->until, now).ns > 0)
            continue;
        breaker_report(h->breaker, NULL, h->ticket, BREAKER_ABANDONED, dur_ns(0), now, wall);
        drop(p, h);
    }
    pthread_mutex_unlock(&p->lock);
}
