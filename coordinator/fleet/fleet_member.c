/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes by name, and the batches in which the core hears of them. Changes of one node that the core
 * has not heard of are one change: however slow the core is, there is at most one entry per
 * node. */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/fleet/fleet_state.h"

#define BATCH_MAX 64u

struct node_batch {
    struct mail mail;
    unsigned count;
    struct fleet_node node[]; /* .emergency is owned */
};

struct fleet_member *fleet_member_find(struct fleet *f, const char *name)
{
    struct fleet_member *m;

    HASH_FIND_STR(f->members, name, m);
    return m;
}

int fleet_member_new(struct fleet *f, const struct fleet_node *node, struct fleet_member **ret,
                     struct err *err)
{
    struct fleet_member *m;

    if (HASH_COUNT(f->members) >= FLEET_NODES_MAX)
        return err_set(err, ERR_EXHAUSTED, "%d nodes are connected, no more are taken",
                       FLEET_NODES_MAX);
    m = xnew(struct fleet_member);
    m->node = *node;
    HASH_ADD_STR(f->members, node.name.s, m);
    *ret = m;
    return 0;
}

static void forget(struct fleet *f, struct fleet_member *m)
{
    if (m->changed)
        DL_DELETE(f->changed, m);
    HASH_DEL(f->members, m);
    free(m->orders);
    free(m);
}

static void free_batch(struct node_batch *b)
{
    for (unsigned i = 0; i < b->count; i++)
        free((void *)(uintptr_t)b->node[i].emergency);
    free(b);
}

void fleet_member_free_all(struct fleet *f)
{
    struct fleet_member *m, *next;

    loop_undefer(&f->flush);
    timer_cancel(&f->flush_again);
    if (f->unposted)
        free_batch(f->unposted);
    f->unposted = NULL;
    HASH_ITER (hh, f->members, m, next)
        forget(f, m);
}

/* ---- to the core ----------------------------------------------------------------------------- */

static void move_to_batch(struct fleet *f, struct fleet_member *m, struct node_batch *b)
{
    struct fleet_node *n = &b->node[b->count++];

    *n = m->node;
    n->emergency = steal(m->orders);
    m->node.emergency_count = 0;
    DL_DELETE(f->changed, m);
    f->changed_count--;
    m->changed = false;
    if (!m->stream)
        forget(f, m);
}

static struct node_batch *take_batch(struct fleet *f)
{
    unsigned n = f->changed_count < BATCH_MAX ? f->changed_count : BATCH_MAX;
    struct node_batch *b = xalloc(sizeof(*b) + n * sizeof(b->node[0]));

    while (b->count < n)
        move_to_batch(f, f->changed, b);
    return b;
}

static void flush(struct fleet *f);

static void on_flush_again(struct timer *t)
{
    flush(container_of(t, struct fleet, flush_again));
}

/* A batch that does not fit in the core's mailbox waits, and the changes behind it with it. */
static void flush(struct fleet *f)
{
    while (f->unposted || f->changed) {
        if (!f->unposted)
            f->unposted = take_batch(f);
        if (!mailbox_post(f->nodes, &f->unposted->mail)) {
            timer_set(f->loop, &f->flush_again, dur_ms(5), on_flush_again, "fleet.flush");
            return;
        }
        f->unposted = NULL;
    }
}

static void on_flush(struct loop_deferred *d)
{
    flush(container_of(d, struct fleet, flush));
}

void fleet_member_changed(struct fleet *f, struct fleet_member *m)
{
    m->node.seen = loop_now(f->loop);
    if (!m->changed) {
        m->changed = true;
        DL_APPEND(f->changed, m);
        f->changed_count++;
    }
    loop_defer(f->loop, &f->flush, on_flush);
}

/* ---- on the core's loop ---------------------------------------------------------------------- */

void fleet_member_deliver(void *ctx, struct mail *mail)
{
    struct fleet *f = ctx;
    struct node_batch *b = container_of(mail, struct node_batch, mail);

    for (unsigned i = 0; i < b->count; i++)
        f->events->on_node(f->events_ctx, &b->node[i]);
    free_batch(b);
}

void fleet_member_drop(void *ctx UNUSED, struct mail *mail)
{
    free_batch(container_of(mail, struct node_batch, mail));
}
