/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/peer/peer_news.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "coordinator/peer/peer_wire.h"

/* ---- nodes ----------------------------------------------------------------------------------- */

static void forget(struct news *n, struct own_node *o)
{
    DL_DELETE(n->log, o);
    if (!o->node.connected)
        DL_DELETE2(n->gone, o, gone_prev, gone_next);
    HASH_DEL(n->nodes, o);
    free(o->order);
    free(o);
}

void news_deinit(struct news *n)
{
    while (n->log)
        forget(n, n->log);
}

const struct own_node *news_find(const struct news *n, const char *name)
{
    struct own_node *o;

    HASH_FIND_STR(n->nodes, name, o);
    return o;
}

static struct own_node *add(struct news *n, const struct name *name)
{
    struct own_node *o = xnew(struct own_node);

    o->node.name = *name;
    o->node.connected = true;
    HASH_ADD_STR(n->nodes, node.name.s, o);
    DL_APPEND(n->log, o);
    return o;
}

static struct emergency *slot_of(struct own_node *o, const struct name *migration)
{
    for (unsigned i = 0; i < o->order_count; i++) {
        if (name_eq(&o->order[i].migration, migration))
            return &o->order[i];
    }
    if (o->order_count == RULESET_ROUTES_MAX)
        return NULL; /* it will tell all of them with its next hello */
    o->order = xrealloc(o->order, (o->order_count + 1) * sizeof(o->order[0]));
    o->order[o->order_count] = (struct emergency){.epoch = 0};
    return &o->order[o->order_count++];
}

/* A new connection begins with all that stands at the node, a standing one tells what is new. */
static void take_orders(struct own_node *o, const struct fleet_node *told, bool connects)
{
    if (connects)
        o->order_count = 0;
    for (unsigned i = 0; i < told->emergency_count; i++) {
        struct emergency *slot = slot_of(o, &told->emergency[i].migration);

        if (slot && told->emergency[i].epoch > slot->epoch)
            *slot = told->emergency[i];
    }
    if (connects || told->emergency_count > 0)
        o->orders_changed = o->changed;
}

void news_node(struct news *n, const struct fleet_node *told)
{
    struct own_node *o;
    bool connects;

    HASH_FIND_STR(n->nodes, told->name.s, o);
    if (!o && !told->connected)
        return;
    if (!o)
        o = add(n, &told->name);
    DL_DELETE(n->log, o);
    DL_APPEND(n->log, o);
    o->changed = ++n->changes;
    connects = strcmp(o->node.boot, told->boot) != 0 || o->node.dial != told->dial;
    take_orders(o, told, connects);

    if (!o->node.connected)
        DL_DELETE2(n->gone, o, gone_prev, gone_next);
    o->node = *told;
    o->node.emergency = NULL;
    o->node.emergency_count = 0;
    if (!told->connected)
        DL_APPEND2(n->gone, o, gone_prev, gone_next);
}

/* From the end: a link that keeps up has little to tell. */
struct own_node *news_after(const struct news *n, uint64_t after)
{
    struct own_node *found = NULL;

    if (!n->log)
        return NULL;
    for (struct own_node *o = n->log->prev; o->changed > after; o = o->prev) {
        found = o;
        if (o == n->log)
            break;
    }
    return found;
}

void news_forget_gone(struct news *n, uint64_t until)
{
    while (n->gone && n->gone->changed <= until)
        forget(n, n->gone);
}

/* ---- what they measured ---------------------------------------------------------------------- */

static struct measured *new_measured(void)
{
    struct measured *m = xnew(struct measured);

    m->refs = 1;
    arena_init(&m->arena, MEASURED_BYTES);
    return m;
}

static struct measured *unless_too_large(struct measured *m, const ProtobufCMessage *message)
{
    m->size = message ? protobuf_c_message_get_packed_size(message) : 0;
    if (message && m->size <= MEASURED_MESSAGE_MAX)
        return m;
    measured_unref(m);
    return NULL;
}

struct measured *measured_report(const struct fleet_report *r)
{
    struct measured *m = new_measured();

    m->report = peer_wire_report(&m->arena, r);
    return unless_too_large(m, m->report ? &m->report->base : NULL);
}

struct measured *measured_past(const struct fleet_past *h)
{
    struct measured *m = new_measured();

    m->past = peer_wire_past(&m->arena, h);
    return unless_too_large(m, m->past ? &m->past->base : NULL);
}

void measured_unref(struct measured *m)
{
    if (--m->refs > 0)
        return;
    arena_deinit(&m->arena);
    free(m);
}

bool measured_add(struct measured_queue *q, struct measured *m)
{
    if (q->count == MEASURED_MAX || q->bytes + m->size > MEASURED_BYTES)
        return false;
    m->refs++;
    q->at[(q->first + q->count++) % MEASURED_MAX] = m;
    q->bytes += m->size;
    return true;
}

struct measured *measured_at(const struct measured_queue *q, unsigned i)
{
    return i < q->count ? q->at[(q->first + i) % MEASURED_MAX] : NULL;
}

void measured_drop(struct measured_queue *q, unsigned n)
{
    while (n-- > 0 && q->count > 0) {
        q->bytes -= q->at[q->first]->size;
        measured_unref(q->at[q->first]);
        q->first = (q->first + 1) % MEASURED_MAX;
        q->count--;
    }
}
