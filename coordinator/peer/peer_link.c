/* SPDX-License-Identifier: Apache-2.0 */
/* The stream to a peer. Hello first; the peer's first answer says that it was taken, and then every
 * node that is connected here is told, before anything else about nodes. From then on each turn's
 * news go out together; what does not fit into the stream's queue waits for on_writable(). */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/fleet/fleet_wire.h"
#include "coordinator/peer/peer_state.h"
#include "coordinator/peer/peer_wire.h"

/* A message is closed once it is this large; no part of one is larger than 2 MiB. */
#define MESSAGE_BYTES (256u << 10)
#define ARENA_BYTES   (16u << 20)
#define PARTS_MAX     512u /* of each kind */

#define WINDOW_MAX_S 3600

/* ---- a message ------------------------------------------------------------------------------- */

struct draft {
    struct arena arena;
    Switchyard__V1__PeerMessage m;
    Switchyard__V1__PeerNode *node[PARTS_MAX];
    Switchyard__V1__PeerReport *report[PARTS_MAX];
    Switchyard__V1__PeerPast *past[PARTS_MAX];
    Switchyard__V1__EmergencyOrder *order[RULESET_ROUTES_MAX];
    Switchyard__V1__PeerStore store;
    size_t bytes;
    uint64_t told;     /* once this is sent */
    unsigned measured; /* taken from the queue */
};

static void add_node(struct draft *d, const struct peer_link *l, struct own_node *o)
{
    bool has_orders = o->orders_changed > l->told;
    Switchyard__V1__PeerNode *n =
        peer_wire_node(&d->arena, &o->node, o->order, has_orders ? o->order_count : 0);

    CHECK(n); /* one message with all its limits is far smaller than the arena */
    d->node[d->m.n_nodes++] = n;
    d->bytes += protobuf_c_message_get_packed_size(&n->base);
    d->told = o->changed;
}

static void add_orders(struct draft *d, const struct peer_link *l)
{
    for (unsigned i = 0; i < l->order_count; i++) {
        Switchyard__V1__EmergencyOrder *o = arena_new(&d->arena, Switchyard__V1__EmergencyOrder);

        CHECK(o);
        fleet_wire_order(&l->orders[i], o);
        d->order[d->m.n_orders++] = o;
        d->bytes += protobuf_c_message_get_packed_size(&o->base);
    }
}

static void add_store(struct draft *d, bool works)
{
    switchyard__v1__peer_store__init(&d->store);
    d->store.works = works;
    d->m.store = &d->store;
    d->bytes += sizeof(d->store);
}

static bool is_full(const struct draft *d, size_t parts)
{
    return d->bytes >= MESSAGE_BYTES || parts == PARTS_MAX;
}

/* Returns whether all of them are in it. */
static bool add_nodes(struct draft *d, const struct peer_link *l, const struct news *news)
{
    for (struct own_node *o = news_after(news, l->told); o; o = o->next) {
        if (is_full(d, d->m.n_nodes))
            return false;
        add_node(d, l, o);
    }
    return true;
}

/* A message is read pasts first, so a past that follows a report begins another one. */
static bool add_measured(struct draft *d, const struct measured *m)
{
    if (is_full(d, d->m.n_reports) || is_full(d, d->m.n_pasts) || (m->past && d->m.n_reports > 0))
        return false;
    if (m->past)
        d->past[d->m.n_pasts++] = m->past;
    else
        d->report[d->m.n_reports++] = m->report;
    d->bytes += m->size;
    d->measured++;
    return true;
}

/* Orders go first; what was measured follows what is known of the nodes. */
static struct draft *new_draft(const struct peer *peer)
{
    const struct peer_link *l = &peer->link;
    struct draft *d = xnew(struct draft);
    const struct measured *m;

    arena_init(&d->arena, ARENA_BYTES);
    switchyard__v1__peer_message__init(&d->m);
    d->m.nodes = d->node;
    d->m.reports = d->report;
    d->m.pasts = d->past;
    d->m.orders = d->order;
    d->told = l->told;
    if (!l->store_told)
        add_store(d, peer->peers->store_works);
    add_orders(d, l);
    if (!add_nodes(d, l, &peer->peers->news))
        return d;
    while ((m = measured_at(&l->measured, d->measured)) && add_measured(d, m))
        ;
    return d;
}

static void free_draft(struct draft *d)
{
    arena_deinit(&d->arena);
    free(d);
}

static int send(struct peer_link *l, const ProtobufCMessage *message)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = rpc_msg_encode(message);

    return rpc_stream_send(l->stream, m, NULL);
}

/* Returns whether there may be more to say. */
static bool tell_some(struct peer *peer)
{
    struct peer_link *l = &peer->link;
    struct draft *d = new_draft(peer);
    bool empty = d->bytes == 0;
    int r = empty ? 0 : send(l, &d->m.base);

    if (r == 0) {
        l->told = d->told;
        measured_drop(&l->measured, d->measured);
        l->order_count = 0;
        l->store_told = true;
    }
    /* A stream that has ended says so by on_closed; only a full queue is news here. */
    l->blocked = r == -ERR_EXHAUSTED;
    free_draft(d);
    return r == 0 && !empty;
}

void peer_link_tell(struct peer *peer)
{
    if (!peer->link.heard || peer->link.blocked)
        return;
    while (tell_some(peer))
        ;
}

void peer_link_order(struct peer *peer, const struct emergency *order)
{
    struct peer_link *l = &peer->link;
    unsigned i = 0;

    if (!l->heard)
        return;
    while (i < l->order_count && !name_eq(&l->orders[i].migration, &order->migration))
        i++;
    if (i == RULESET_ROUTES_MAX)
        return; /* more migrations than a coordinator has */
    if (i == l->order_count)
        l->orders = xrealloc(l->orders, ++l->order_count * sizeof(l->orders[0]));
    l->orders[i] = *order;
}

uint64_t peer_link_told_by_all(const struct peers *p)
{
    uint64_t least = p->news.changes;
    const struct peer *peer;

    DL_FOREACH (p->list, peer) {
        if (peer->link.heard && peer->link.told < least)
            least = peer->link.told;
    }
    return least;
}

/* ---- what the peer wants --------------------------------------------------------------------- */

static void on_wanted(struct peer *peer, const Switchyard__V1__PeerPastWanted *w)
{
    struct peers *p = peer->peers;
    const struct own_node *o = news_find(&p->news, w->node);
    uint32_t window_s = w->wanted ? w->wanted->max_age_s : 0;

    if (!o || !o->node.connected || window_s == 0)
        return; /* it has left meanwhile */
    p->events->on_ask(p->ctx, &o->node.name, peer->id.s,
                      dur_s(window_s < WINDOW_MAX_S ? window_s : WINDOW_MAX_S));
}

static void on_refusal(struct peer *peer, const Switchyard__V1__PeerRefusal *r)
{
    struct peers *p = peer->peers;
    const struct own_node *o = news_find(&p->news, r->node);
    char why[TEXT_SIZE];

    if (!o || !o->node.connected || strcmp(o->node.boot, r->boot) != 0)
        return;
    fleet_wire_text(r->reason, why, sizeof(why));
    p->events->on_refusal(p->ctx, &o->node.name, o->node.boot, why);
}

static void on_heard(struct peer *peer)
{
    struct peer_link *l = &peer->link;

    l->heard = true;
    l->store_told = false;
    l->told = 0;
    backoff_reset(&l->backoff);
    peers_link_changed(peer, NULL);
    peer_link_tell(peer);
}

static void on_message(struct rpc_stream *rpc UNUSED, const ProtobufCMessage *message, void *ctx)
{
    const Switchyard__V1__PeerReply *m = (const Switchyard__V1__PeerReply *)message;
    struct peer *peer = ctx;

    if (!peer->link.heard)
        on_heard(peer);
    for (size_t i = 0; i < m->n_pasts; i++)
        on_wanted(peer, m->pasts[i]);
    for (size_t i = 0; i < m->n_refusals; i++)
        on_refusal(peer, m->refusals[i]);
}

static void on_writable(struct rpc_stream *rpc UNUSED, void *ctx)
{
    struct peer *peer = ctx;

    peer->link.blocked = false;
    peer_link_tell(peer);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_redial(struct timer *t)
{
    peer_link_dial(container_of(t, struct peer, link.redial));
}

static const char *why_closed(const struct err *status)
{
    if (status->code == ERR_CANCELLED)
        return "the link was given up";
    return status->code == ERR_NONE ? "it ended the link" : status->msg;
}

static void on_closed(struct rpc_stream *rpc UNUSED, const struct err *status, void *ctx)
{
    struct peer *peer = ctx;
    struct peer_link *l = &peer->link;

    l->stream = NULL;
    l->heard = l->blocked = false;
    l->order_count = 0;
    measured_drop(&l->measured, MEASURED_MAX);
    timer_set(peer->peers->loop, &l->redial, backoff_next(&l->backoff, &peer->peers->rng),
              on_redial, "peer.redial");
    peers_link_changed(peer, why_closed(status));
}

static const struct rpc_stream_events events = {
    .on_message = on_message,
    .on_closed = on_closed,
    .on_writable = on_writable,
};

void peer_link_dial(struct peer *peer)
{
    struct peers_config *c = &peer->peers->config;
    Switchyard__V1__PeerHello hello = SWITCHYARD__V1__PEER_HELLO__INIT;
    Switchyard__V1__PeerMessage m = SWITCHYARD__V1__PEER_MESSAGE__INIT;

    hello.coordinator = c->id.s;
    hello.boot = c->boot;
    hello.incarnation = c->incarnation;
    hello.version = c->version;
    m.hello = &hello;
    peer->link.stream = rpc_client_open(peer->link.client, &switchyard__v1__peer__descriptor,
                                        "Link", &events, peer);
    /* Its first message: there is room. */
    CHECK(send(&peer->link, &m.base) != -ERR_EXHAUSTED);
}

void peer_link_close(struct peer *peer)
{
    rpc_client_free(steal(peer->link.client));
    timer_cancel(&peer->link.redial);
    free(steal(peer->link.orders));
}
