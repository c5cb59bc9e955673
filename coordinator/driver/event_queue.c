/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/driver/event_queue.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "common/base/mem.h"

struct queued_command {
    const struct core_command *command; /* borrowed */
    struct queued_command *prev, *next;
};

struct queued_node {
    struct core_node node;
    mono_t seen;
    bool is_news;
    struct queued_node *prev, *next; /* in `news` */
    UT_hash_handle hh;
};

struct queued_order {
    struct name node;
    struct emergency order;
    bool is_news;
    struct queued_order *prev, *next; /* in `order_news` */
    UT_hash_handle hh;                /* by order.migration */
};

/* A report, or a part of a past. */
struct queued_report {
    struct name node;
    struct queued_report *prev, *next;
    bool is_past;
    uint64_t serving_rev; /* of the node when this came */
    bool more;
    unsigned weight; /* of what may wait: its stats, and something for one without any */
    unsigned buckets;
    struct core_bucket *bucket; /* of a past; owned, their routes point into `route` */
    unsigned count;
    struct route_stats route[];
};

static void free_report(struct queued_report *r)
{
    if (r)
        free(r->bucket);
    free(r);
}

static void free_commands(struct queued_command **list)
{
    struct queued_command *c, *next;

    DL_FOREACH_SAFE (*list, c, next)
        free(c);
    *list = NULL;
}

static void forget_node(struct event_queue *q, struct queued_node *n)
{
    HASH_DEL(q->nodes, n);
    free(n);
}

void event_queue_deinit(struct event_queue *q)
{
    struct queued_node *n, *next_node;
    struct queued_order *o, *next_order;
    struct queued_report *r, *next_report;

    free_commands(&q->urgent);
    free_commands(&q->commands);
    HASH_ITER (hh, q->nodes, n, next_node)
        forget_node(q, n);
    HASH_ITER (hh, q->orders, o, next_order) {
        HASH_DEL(q->orders, o);
        free(o);
    }
    DL_FOREACH_SAFE (q->reports, r, next_report)
        free_report(r);
    free_report(q->shown);
    outside_queue_deinit(&q->outside);
    *q = (struct event_queue){.tick = false};
}

/* ---- in -------------------------------------------------------------------------------------- */

int event_queue_command(struct event_queue *q, const struct core_command *cmd, struct err *err)
{
    bool urgent = cmd->kind == CMD_EMERGENCY;
    unsigned *count = urgent ? &q->urgent_count : &q->command_count;
    struct queued_command *c;

    if (*count >= EVENT_QUEUE_COMMANDS) {
        err_set(err, ERR_EXHAUSTED, "%u commands wait already", *count);
        return err_hint(err, "try again in a moment");
    }
    c = xnew(struct queued_command);
    c->command = cmd;
    if (urgent)
        DL_APPEND(q->urgent, c);
    else
        DL_APPEND(q->commands, c);
    ++*count;
    return 0;
}

static void make_news(struct event_queue *q, struct queued_node *n)
{
    if (n->is_news)
        return;
    n->is_news = true;
    DL_APPEND(q->news, n);
}

void event_queue_node(struct event_queue *q, const struct core_node *node, mono_t seen)
{
    struct queued_node *n;
    uint64_t epoch;

    HASH_FIND_STR(q->nodes, node->name.s, n);
    if (!n) {
        n = xnew(struct queued_node);
        n->node.name = node->name;
        HASH_ADD_STR(q->nodes, node.name.s, n);
    }
    epoch = n->node.newest_epoch_seen;
    n->node = *node;
    if (epoch > node->newest_epoch_seen) /* told once, with the Hello */
        n->node.newest_epoch_seen = epoch;
    n->seen = seen;
    make_news(q, n);
}

void event_queue_repeat_nodes(struct event_queue *q)
{
    struct queued_node *n, *next;

    HASH_ITER (hh, q->nodes, n, next)
        make_news(q, n);
}

static void make_order_news(struct event_queue *q, struct queued_order *o)
{
    if (o->is_news)
        return;
    o->is_news = true;
    DL_APPEND(q->order_news, o);
}

/* In a full table the oldest that the core has looked at goes. */
static bool make_room(struct event_queue *q)
{
    struct queued_order *o, *next;

    if (HASH_COUNT(q->orders) < EVENT_QUEUE_ORDERS)
        return true;
    HASH_ITER (hh, q->orders, o, next) {
        if (o->is_news)
            continue;
        HASH_DEL(q->orders, o);
        free(o);
        return true;
    }
    return false;
}

void event_queue_order(struct event_queue *q, const struct name *node,
                       const struct emergency *order)
{
    struct queued_order *o;

    HASH_FIND_STR(q->orders, order->migration.s, o);
    if (o && order->epoch <= o->order.epoch)
        return;
    if (!o && !make_room(q))
        return;
    if (!o) {
        o = xnew(struct queued_order);
        o->order.migration = order->migration;
        HASH_ADD_STR(q->orders, order.migration.s, o);
    }
    o->node = *node;
    o->order = *order;
    make_order_news(q, o);
}

void event_queue_repeat_orders(struct event_queue *q)
{
    struct queued_order *o, *next;

    HASH_ITER (hh, q->orders, o, next)
        make_order_news(q, o);
}

static struct queued_report *remove_report(struct event_queue *q, struct queued_report *r)
{
    DL_DELETE(q->reports, r);
    q->stats_count[r->is_past] -= r->weight;
    return r;
}

static struct queued_report *oldest(const struct event_queue *q, bool is_past)
{
    struct queued_report *r = q->reports;

    while (r && r->is_past != is_past)
        r = r->next;
    return r;
}

static void add_report(struct event_queue *q, struct queued_report *r)
{
    const unsigned most[2] = {EVENT_QUEUE_STATS, EVENT_QUEUE_PAST};

    DL_APPEND(q->reports, r);
    q->stats_count[r->is_past] += r->weight;
    while (q->stats_count[r->is_past] > most[r->is_past]) {
        struct queued_report *old = oldest(q, r->is_past);
        bool was_last = old == r;

        free_report(remove_report(q, old));
        q->reports_dropped++;
        if (was_last)
            return;
    }
}

static uint64_t serving_rev(const struct event_queue *q, const struct name *node)
{
    struct queued_node *n;

    HASH_FIND_STR(q->nodes, node->s, n);
    return n ? n->node.serving_rev : 0;
}

static struct queued_report *new_report(const struct name *node, unsigned count)
{
    struct queued_report *r = xalloc(sizeof(*r) + count * sizeof(r->route[0]));

    r->node = *node;
    r->count = count;
    r->weight = count > 0 ? count : 1;
    return r;
}

void event_queue_report(struct event_queue *q, const struct name *node,
                        const struct route_stats *route, unsigned count)
{
    struct queued_report *r = new_report(node, count);

    if (count > 0)
        memcpy(r->route, route, count * sizeof(route[0]));
    r->serving_rev = serving_rev(q, node);
    add_report(q, r);
}

void event_queue_past(struct event_queue *q, const struct name *node,
                      const struct core_bucket *bucket, unsigned count, bool more)
{
    struct queued_report *r;
    struct route_stats *to;
    unsigned stats = 0;

    for (unsigned i = 0; i < count; i++)
        stats += bucket[i].count;
    r = new_report(node, stats);
    r->is_past = true;
    r->more = more;
    r->buckets = count;
    r->weight = count > r->weight ? count : r->weight;
    r->bucket = xcalloc(count + 1, sizeof(*r->bucket));
    to = r->route;
    for (unsigned i = 0; i < count; i++) {
        r->bucket[i] = bucket[i];
        r->bucket[i].route = to;
        for (unsigned k = 0; k < bucket[i].count; k++)
            *to++ = bucket[i].route[k];
    }
    add_report(q, r);
}

void event_queue_job(struct event_queue *q, const struct core_job_done *done)
{
    outside_queue_job(&q->outside, done);
}

void event_queue_measure(struct event_queue *q, const struct core_measure *m)
{
    outside_queue_measure(&q->outside, m);
}

void event_queue_tick(struct event_queue *q)
{
    q->tick = true;
}

/* ---- out ------------------------------------------------------------------------------------- */

static void take_command(struct queued_command **list, unsigned *count, struct core_event *ret)
{
    struct queued_command *c = *list;

    ret->kind = EV_COMMAND;
    ret->command = c->command;
    DL_DELETE(*list, c);
    --*count;
    free(c);
}

/* A node that is gone is forgotten when the next event is taken: until then the core reads it. */
static void drop_gone(struct event_queue *q)
{
    if (q->gone && !q->gone->is_news)
        forget_node(q, q->gone);
    q->gone = NULL;
}

static void take_node(struct event_queue *q, struct core_event *ret)
{
    struct queued_node *n = q->news;

    DL_DELETE(q->news, n);
    n->is_news = false;
    ret->kind = EV_NODE;
    ret->node = &n->node;
    ret->mono = n->seen;
    if (!n->node.connected)
        q->gone = n;
}

static void take_order(struct event_queue *q, struct core_event *ret)
{
    struct queued_order *o = q->order_news;

    DL_DELETE(q->order_news, o);
    o->is_news = false;
    ret->kind = EV_ORDER;
    ret->order.node = &o->node;
    ret->order.told = &o->order;
}

static void take_report(struct event_queue *q, struct core_event *ret)
{
    struct queued_report *r = remove_report(q, q->reports);

    if (r->is_past) {
        ret->kind = EV_PAST;
        ret->past.node = &r->node;
        ret->past.bucket = r->bucket;
        ret->past.count = r->buckets;
        ret->past.more = r->more;
    } else {
        ret->kind = EV_REPORT;
        ret->report.node = &r->node;
        ret->report.route = r->route;
        ret->report.count = r->count;
        ret->report.late = r->serving_rev != serving_rev(q, &r->node);
    }
    q->shown = r;
}

bool event_queue_take(struct event_queue *q, struct core_event *ret)
{
    *ret = (struct core_event){.kind = EV_TICK};
    drop_gone(q);
    free_report(steal(q->shown));
    if (q->urgent)
        take_command(&q->urgent, &q->urgent_count, ret);
    else if (q->order_news)
        take_order(q, ret);
    else if (q->news)
        take_node(q, ret);
    else if (q->commands)
        take_command(&q->commands, &q->command_count, ret);
    else if (outside_queue_take(&q->outside, ret))
        return true;
    else if (q->tick)
        q->tick = false;
    else if (q->reports)
        take_report(q, ret);
    else
        return false;
    return true;
}

bool event_queue_is_empty(const struct event_queue *q)
{
    return !q->urgent && !q->order_news && !q->news && !q->commands && !q->tick && !q->reports &&
           outside_queue_is_empty(&q->outside);
}

const struct core_command *event_queue_take_urgent(struct event_queue *q)
{
    struct core_event ev;

    if (!q->urgent)
        return NULL;
    take_command(&q->urgent, &q->urgent_count, &ev);
    return ev.command;
}

void event_queue_each_node(const struct event_queue *q,
                           void (*fn)(void *ctx, const struct core_node *n), void *ctx)
{
    for (const struct queued_node *n = q->nodes; n; n = n->hh.next)
        fn(ctx, &n->node);
}

const struct emergency *event_queue_order_of(const struct event_queue *q, const char *migration)
{
    struct queued_order *o;

    HASH_FIND_STR(q->orders, migration, o);
    return o ? &o->order : NULL;
}
