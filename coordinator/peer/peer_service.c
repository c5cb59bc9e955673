/* SPDX-License-Identifier: Apache-2.0 */
/* The streams from peers. An empty answer takes the hello; then come its nodes, and what they
 * measured. A second link of one peer is the newer one: its process was started anew, or dialled
 * again before the end of the first was noticed. */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/fleet/fleet_wire.h"
#include "coordinator/peer/peer_state.h"
#include "coordinator/peer/peer_wire.h"

/* Links of all peers, old ones that end, and some of strangers. */
#define INCOMING_MAX (4u * PEERS_MAX)

/* ---- its end --------------------------------------------------------------------------------- */

static void forget_node(struct incoming *in, struct their_node *n)
{
    incoming_unask(in, n);
    HASH_DEL(in->nodes, n);
    free(n);
}

static void tell_lost(struct incoming *in, const struct name *peer, struct their_node *n)
{
    struct peers *p = in->peers;
    struct fleet_node gone = {.name = n->name, .dial = n->dial};

    memcpy(gone.boot, n->boot, sizeof(gone.boot));
    gone.since = gone.seen = loop_now(p->loop);
    str_fmt(gone.why_gone, sizeof(gone.why_gone), "the link to coordinator %s was lost", peer->s);
    forget_node(in, n);
    if (!p->stopping)
        p->events->on_node(p->ctx, peer, &gone);
}

/* Its nodes are gone, as far as this link knows. */
static void leave(struct incoming *in, const char *why)
{
    struct peer *peer = in->peer;
    struct their_node *n, *next;

    in->ending = true;
    if (!peer)
        return;
    in->peer = NULL;
    if (peer->in == in)
        peer->in = NULL;
    HASH_ITER (hh, in->nodes, n, next)
        tell_lost(in, &peer->id, n);
    peers_left(peer, why);
}

void incoming_finish(struct incoming *in, const struct err *why)
{
    if (in->ending)
        return;
    rpc_stream_finish(in->stream, why);
    leave(in, why ? why->msg : "it said goodbye");
}

/* ---- what it says ---------------------------------------------------------------------------- */

static int check_hello(const struct peers *p, const struct peers_config *hello, struct err *err)
{
    if (name_eq(&hello->id, &p->config.id)) {
        err_set(err, ERR_EXISTS, "this coordinator is called %s itself", hello->id.s);
        return err_hint(err, "give each coordinator an id of its own with --id");
    }
    if (strcmp(hello->incarnation, p->config.incarnation) != 0) {
        err_set(err, ERR_REFUSED,
                "coordinator %s keeps its state in another store (%s) than "
                "coordinator %s (%s)",
                hello->id.s, hello->incarnation, p->config.id.s, p->config.incarnation);
        return err_hint(err, "start all of them with the same --etcd-endpoints and --etcd-prefix");
    }
    return 0;
}

static int join(struct incoming *in, const struct peers_config *hello, struct err *err)
{
    struct peer *peer = peers_get(in->peers, &hello->id);
    struct incoming *before;

    if (!peer)
        return err_set(err, ERR_EXHAUSTED, "coordinator %s has %d peers already",
                       in->peers->config.id.s, PEERS_MAX);
    before = peer->in;
    in->peer = peer;
    peer->in = in;
    if (before) {
        rpc_stream_cancel(before->stream);
        leave(before, "it dialled again");
    }
    return 0;
}

static int on_hello(struct incoming *in, const Switchyard__V1__PeerHello *m, struct err *err)
{
    Switchyard__V1__PeerReply taken = SWITCHYARD__V1__PEER_REPLY__INIT;
    struct peers_config hello;
    int r;

    if (in->peer)
        return err_set(err, ERR_INVALID, "a second hello on one link");
    r = peer_wire_take_hello(m, &hello, err);
    if (r == 0)
        r = check_hello(in->peers, &hello, err);
    if (r == 0)
        r = join(in, &hello, err);
    if (r < 0)
        return r;
    /* Its first message: there is room. */
    CHECK(incoming_reply(in, &taken) != -ERR_EXHAUSTED);
    peers_link_changed(in->peer, NULL);
    return 0;
}

static bool is_same(const struct their_node *known, const struct fleet_node *n)
{
    return known->dial == n->dial && strcmp(known->boot, n->boot) == 0;
}

/* Sets the times of `n`. */
static int remember(struct incoming *in, struct fleet_node *n, struct err *err)
{
    struct their_node *known;

    n->since = n->seen = loop_now(in->peers->loop);
    HASH_FIND_STR(in->nodes, n->name.s, known);
    if (!n->connected) {
        if (known)
            forget_node(in, known);
        return 0;
    }
    if (!known) {
        if (HASH_COUNT(in->nodes) == FLEET_NODES_MAX)
            return err_set(err, ERR_EXHAUSTED, "more than %d nodes", FLEET_NODES_MAX);
        known = xnew(struct their_node);
        known->name = n->name;
        HASH_ADD_STR(in->nodes, name.s, known);
    }
    if (!is_same(known, n))
        known->since = n->since;
    memcpy(known->boot, n->boot, sizeof(known->boot));
    known->dial = n->dial;
    n->since = known->since;
    return 0;
}

static int on_node(struct incoming *in, const Switchyard__V1__PeerNode *m, struct err *err)
{
    struct peers *p = in->peers;
    struct fleet_node n = {.connected = false};
    CLEANUP(xfreep) struct emergency *orders = NULL;
    int r = peer_wire_take_node(m, &n, err);

    orders = (struct emergency *)(uintptr_t)n.emergency;
    if (r == 0)
        r = remember(in, &n, err);
    if (r < 0)
        return r;
    p->events->on_node(p->ctx, &in->peer->id, &n);
    return 0;
}

static int on_order(struct incoming *in, const Switchyard__V1__EmergencyOrder *m, struct err *err)
{
    struct peers *p = in->peers;
    struct emergency order = {.epoch = 0};

    if (fleet_wire_told(m, &order, err) < 0)
        return err_ctx(err, "emergency order");
    p->events->on_order(p->ctx, &in->peer->id, &order);
    return 0;
}

/* What was measured and is not understood is not worth a link, on which everything about its nodes
 * comes. */
static void on_past(struct incoming *in, const Switchyard__V1__PeerPast *m)
{
    struct peers *p = in->peers;
    struct fleet_past_box box;
    struct name node;

    if (!m->past || name_parse_node(str_of(m->node), &node, NULL) < 0 ||
        fleet_wire_past(m->past, false, &box, NULL) < 0) {
        p->dropped++;
        return;
    }
    box.past.node = node;
    p->events->on_past(p->ctx, &in->peer->id, &box.past);
    fleet_wire_past_deinit(&box);
}

static void on_report(struct incoming *in, const Switchyard__V1__PeerReport *m)
{
    struct peers *p = in->peers;
    struct fleet_report r = {.count = 0};

    if (peer_wire_take_report(m, &r, NULL) < 0) {
        p->dropped++;
        return;
    }
    p->events->on_report(p->ctx, &in->peer->id, &r);
    free((void *)(uintptr_t)r.route);
}

/* Orders are urgent; nodes before what they measured, a past before the reports that follow it. */
static int take(struct incoming *in, const Switchyard__V1__PeerMessage *m, struct err *err)
{
    int r = m->hello ? on_hello(in, m->hello, err) : 0;

    if (r == 0 && !in->peer)
        r = err_set(err, ERR_INVALID, "the first message of a link must have a hello");
    if (r == 0 && m->store)
        in->store_works = m->store->works;
    for (size_t i = 0; r == 0 && i < m->n_orders; i++)
        r = on_order(in, m->orders[i], err);
    for (size_t i = 0; r == 0 && i < m->n_nodes; i++)
        r = on_node(in, m->nodes[i], err);
    for (size_t i = 0; r == 0 && i < m->n_pasts; i++)
        on_past(in, m->pasts[i]);
    for (size_t i = 0; r == 0 && i < m->n_reports; i++)
        on_report(in, m->reports[i]);
    return r;
}

static void on_message(struct rpc_stream *rpc UNUSED, const ProtobufCMessage *message, void *ctx)
{
    struct incoming *in = ctx;
    struct err err;

    if (!in->ending && take(in, (const Switchyard__V1__PeerMessage *)message, &err) < 0)
        incoming_finish(in, &err);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void on_half_close(struct rpc_stream *rpc UNUSED, void *ctx)
{
    incoming_finish(ctx, NULL);
}

static void on_writable(struct rpc_stream *rpc UNUSED, void *ctx)
{
    incoming_send_wishes(ctx);
}

static void on_closed(struct rpc_stream *rpc UNUSED, const struct err *status, void *ctx)
{
    struct incoming *in = ctx;
    struct their_node *n, *next;

    leave(in, status->code == ERR_NONE ? "it ended the link" : status->msg);
    HASH_ITER (hh, in->nodes, n, next)
        forget_node(in, n);
    incoming_drop_wishes(in);
    DL_DELETE(in->peers->incoming, in);
    in->peers->incoming_count--;
    free(in);
}

static const struct rpc_stream_events events = {
    .on_message = on_message,
    .on_half_close = on_half_close,
    .on_closed = on_closed,
    .on_writable = on_writable,
};

static int on_open(void *service_ctx, struct rpc_stream *rpc, void **ret_ctx, struct err *err)
{
    struct peers *p = service_ctx;
    struct incoming *in;

    if (p->stopping)
        return err_set(err, ERR_UNAVAILABLE, "coordinator %s stops", p->config.id.s);
    if (p->incoming_count == INCOMING_MAX)
        return err_set(err, ERR_EXHAUSTED, "coordinator %s has %u links already", p->config.id.s,
                       INCOMING_MAX);
    in = xnew(struct incoming);
    in->peers = p;
    in->stream = rpc;
    DL_APPEND(p->incoming, in);
    p->incoming_count++;
    *ret_ctx = in;
    return 0;
}

const struct rpc_method peer_methods[] = {
    {.name = "Link", .open = on_open, .events = &events},
    {.name = "Forward", .unary = peer_forward_on_call},
    {.name = NULL},
};
