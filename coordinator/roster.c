/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes say comes from this coordinator's fleet and from the peers', which hold the others.
 * The registry decides whose word on a node counts; that goes to the driver. What our own nodes say
 * goes to the peers whether it counts here or not: they decide by themselves. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "coordinator/coordinator_state.h"

unsigned roster_count(void *ctx, const struct selector *s)
{
    struct coordinator *c = ctx;
    const struct registry_node *n = NULL;
    unsigned count = 0;

    while ((n = registry_next(c->registry, n)))
        count += n->node.connected && selector_matches(s, &n->node.name, &n->node.labels);
    return count;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void log_node(const struct name *at, const struct fleet_node *before,
                     const struct fleet_node *n)
{
    if (n->connected && !before->connected)
        log_line(LOG_INFO, LOG_NODE_JOINED,
                 "node=%s coordinator=%s address=%s version=%s revision=%llu", n->name.s, at->s,
                 LOGQ(n->address), LOGQ(n->version), (unsigned long long)n->serving_rev);
    if (!n->connected && before->connected)
        log_line(LOG_WARN, LOG_NODE_GONE, "node=%s coordinator=%s why=%s", n->name.s, at->s,
                 LOGQ(n->why_gone));
    if (n->last_refusal[0] && strcmp(n->last_refusal, before->last_refusal) != 0)
        log_line(LOG_WARN, LOG_NODE_NACK, "node=%s coordinator=%s revision=%llu why=%s", n->name.s,
                 at->s, (unsigned long long)n->serving_rev, LOGQ(n->last_refusal));
}

static void tell_driver(struct coordinator *c, const struct fleet_node *known,
                        const struct fleet_node *n)
{
    struct core_node node = {
        .name = known->name,
        .labels = known->labels,
        .connected = known->connected,
        .serving_rev = known->same_incarnation ? known->serving_rev : 0,
    };

    for (unsigned i = 0; i < n->emergency_count; i++) {
        if (n->emergency[i].epoch > node.newest_epoch_seen)
            node.newest_epoch_seen = n->emergency[i].epoch;
    }
    driver_node(c->driver, &node, n->seen);
}

/* Two processes have one name. The newcomer goes, by the word of those who hold the two: others may
 * have heard of them in another order. */
static void refuse(struct coordinator *c, const struct name *at, const struct fleet_node *n)
{
    const struct registry_node *known = registry_find(c->registry, n->name.s);
    char why[TEXT_SIZE];

    str_fmt(why, sizeof(why),
            "a node named %s is connected already: coordinator %s has it, at %s; give each sidecar "
            "a name of its own with --node",
            n->name.s, known->coordinator.s, known->node.address);
    if (name_eq(at, &c->self.id))
        fleet_refuse(c->fleet, &n->name, n->boot, why);
    else if (name_eq(&known->coordinator, &c->self.id))
        peers_refuse(c->peers, at, &n->name, n->boot, why);
    else
        return;
    log_line(LOG_WARN, LOG_NODE_REFUSED, "node=%s coordinator=%s address=%s why=%s", n->name.s,
             at->s, LOGQ(n->address), LOGQ(why));
}

static void on_look(struct loop_deferred *d)
{
    struct coordinator *c = container_of(d, struct coordinator, look);

    service_settled(c->service);
}

/* They count wherever they come from, and are waited for while the driver waits for its store. */
static void take_orders(struct coordinator *c, const struct fleet_node *n)
{
    for (unsigned i = 0; i < n->emergency_count; i++) {
        if (n->emergency[i].active)
            driver_order(c->driver, &n->name, &n->emergency[i]);
    }
    if (n->emergency_count > 0)
        loop_defer(c->loop, &c->look, on_look);
}

/* `at`: the coordinator that holds its stream, or held it. */
static void take_node(struct coordinator *c, const struct name *at, const struct fleet_node *n)
{
    const struct registry_node *known = registry_find(c->registry, n->name.s);
    struct fleet_node before = known ? known->node : (struct fleet_node){.connected = false};

    take_orders(c, n);
    switch (registry_update(c->registry, at, n, loop_now(c->loop))) {
    case REGISTRY_TAKEN:
        known = registry_find(c->registry, n->name.s);
        log_node(at, &before, &known->node);
        return tell_driver(c, &known->node, n);
    case REGISTRY_TWICE:
        return refuse(c, at, n);
    case REGISTRY_OLD:
        return;
    }
}

static void take_report(struct coordinator *c, const struct name *at, const struct fleet_report *r)
{
    if (registry_report(c->registry, at, r, loop_now(c->loop)))
        driver_report(c->driver, &r->node, r->route, r->count);
}

static void take_past(struct coordinator *c, const struct name *at, const struct fleet_past *h)
{
    const struct registry_node *known = registry_find(c->registry, h->node.s);
    CLEANUP(xfreep) struct core_bucket *bucket = NULL;

    if (!known || !name_eq(&known->coordinator, at))
        return;
    bucket = xcalloc(h->count + 1, sizeof(*bucket));
    for (unsigned i = 0; i < h->count; i++)
        bucket[i] =
            (struct core_bucket){h->bucket[i].age, h->bucket[i].interval, h->bucket[i].revision,
                                 h->bucket[i].route, h->bucket[i].count};
    driver_past(c->driver, &h->node, bucket, h->count, h->more);
}

/* ---- our own --------------------------------------------------------------------------------- */

static void on_node(void *ctx, const struct fleet_node *n)
{
    struct coordinator *c = ctx;

    peers_node(c->peers, n);
    take_node(c, &c->self.id, n);
}

static void on_report(void *ctx, const struct fleet_report *r)
{
    struct coordinator *c = ctx;

    peers_report(c->peers, r);
    take_report(c, &c->self.id, r);
}

/* Whoever asked gets it. */
static void on_past(void *ctx, const struct fleet_past *h)
{
    struct coordinator *c = ctx;

    if (strcmp(h->id, c->self.id.s) == 0)
        take_past(c, &c->self.id, h);
    else
        peers_past(c->peers, h);
}

const struct fleet_events roster_fleet_events = {
    .on_node = on_node,
    .on_report = on_report,
    .on_past = on_past,
};

/* ---- the peers' ------------------------------------------------------------------------------ */

void roster_peer_node(void *ctx, const struct name *peer, const struct fleet_node *n)
{
    take_node(ctx, peer, n);
}

void roster_peer_report(void *ctx, const struct name *peer, const struct fleet_report *r)
{
    take_report(ctx, peer, r);
}

void roster_peer_past(void *ctx, const struct name *peer, const struct fleet_past *h)
{
    take_past(ctx, peer, h);
}

void roster_ask_past(void *ctx, const struct name *node, dur_t window)
{
    struct coordinator *c = ctx;
    const struct registry_node *known = registry_find(c->registry, node->s);

    if (!known)
        return;
    if (name_eq(&known->coordinator, &c->self.id))
        fleet_ask_past(c->fleet, node, c->self.id.s, window);
    else
        peers_ask_past(c->peers, &known->coordinator, node, window);
}
