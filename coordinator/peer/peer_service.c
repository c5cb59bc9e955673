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
#define REFUSALS_MAX 64u
#define WISHES_MAX   1024u /* in one message */

/* ---- our wishes ------------------------------------------------------------------------------ */

struct wishes {
    Switchyard__V1__PeerReply m;
    Switchyard__V1__PeerPastWanted past[WISHES_MAX], *pasts[WISHES_MAX];
    Switchyard__V1__PastWanted wanted[WISHES_MAX];
    Switchyard__V1__PeerRefusal refusal[REFUSALS_MAX], *refusals[REFUSALS_MAX];
};

static void add_wish(struct wishes *w, struct incoming *in, struct their_node *n)
{
    size_t i = w->m.n_pasts++;

    switchyard__v1__past_wanted__init(&w->wanted[i]);
    w->wanted[i].id = in->peers->config.id.s;
    w->wanted[i].max_age_s = (uint32_t)(n->window.ns / dur_s(1).ns);
    switchyard__v1__peer_past_wanted__init(&w->past[i]);
    w->past[i].node = n->name.s;
    w->past[i].wanted = &w->wanted[i];
    w->pasts[i] = &w->past[i];
}

static void add_refusal(struct wishes *w, struct refusal *r)
{
    size_t i = w->m.n_refusals++;

    switchyard__v1__peer_refusal__init(&w->refusal[i]);
    w->refusal[i].node = r->node.s;
    w->refusal[i].boot = r->boot;
    w->refusal[i].reason = r->why;
    w->refusals[i] = &w->refusal[i];
}

static void fill(struct wishes *w, struct incoming *in)
{
    struct their_node *n;
    struct refusal *r;

    switchyard__v1__peer_reply__init(&w->m);
    w->m.pasts = w->pasts;
    w->m.refusals = w->refusals;
    DL_FOREACH (in->asked, n) {
        if (w->m.n_pasts == WISHES_MAX)
            break;
        add_wish(w, in, n);
    }
    LL_FOREACH (in->refusals, r)
        add_refusal(w, r);
}

static void unask(struct incoming *in, struct their_node *n)
{
    if (!n->is_asked)
        return;
    DL_DELETE(in->asked, n);
    n->is_asked = false;
}

static void drop_refusals(struct incoming *in)
{
    while (in->refusals) {
        struct refusal *r = in->refusals;

        LL_DELETE(in->refusals, r);
        free(r);
    }
    in->refusal_count = 0;
}

static int reply(struct incoming *in, const Switchyard__V1__PeerReply *m)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *encoded = rpc_msg_encode(&m->base);

    return rpc_stream_send(in->stream, encoded, NULL);
}

/* What does not fit into the stream's queue goes with on_writable(). */
static void send_wishes(struct incoming *in)
{
    struct wishes *w = xnew(struct wishes);

    while (!in->ending && (in->asked || in->refusals)) {
        fill(w, in);
        if (reply(in, &w->m) < 0)
            break;
        for (size_t i = 0; i < w->m.n_pasts; i++)
            unask(in, in->asked);
        drop_refusals(in);
    }
    free(w);
}

static void on_flush(struct loop_deferred *d)
{
    send_wishes(container_of(d, struct incoming, flush));
}

void incoming_ask(struct incoming *in, const struct name *node, dur_t window)
{
    struct their_node *n;

    HASH_FIND_STR(in->nodes, node->s, n);
    if (!n)
        return;
    unask(in, n);
    n->window = window;
    n->is_asked = true;
    DL_APPEND(in->asked, n);
    loop_defer(in->peers->loop, &in->flush, on_flush);
}

void incoming_refuse(struct incoming *in, const struct name *node, const char *boot,
                     const char *why)
{
    struct refusal *r;

    if (in->refusal_count == REFUSALS_MAX)
        return; /* its next news has the same answer */
    r = xnew(struct refusal);
    r->node = *node;
    str_fmt(r->boot, sizeof(r->boot), "%s", boot);
    str_fmt(r->why, sizeof(r->why), "%s", why);
    LL_APPEND(in->refusals, r);
    in->refusal_count++;
    loop_defer(in->peers->loop, &in->flush, on_flush);
}

/* ---- its end --------------------------------------------------------------------------------- */

static void forget_node(struct incoming *in, struct their_node *n)
{
    unask(in, n);
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
    peers_link_changed(peer, why);
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
    CHECK(reply(in, &taken) != -ERR_EXHAUSTED);
    peers_link_changed(in->peer, NULL);
    return 0;
}

static int remember(struct incoming *in, const struct fleet_node *n, struct err *err)
{
    struct their_node *known;

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
    memcpy(known->boot, n->boot, sizeof(known->boot));
    known->dial = n->dial;
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
    n.since = n.seen = loop_now(p->loop);
    p->events->on_node(p->ctx, &in->peer->id, &n);
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

/* Nodes before what they measured, a past before the reports that follow it. */
static int take(struct incoming *in, const Switchyard__V1__PeerMessage *m, struct err *err)
{
    int r = m->hello ? on_hello(in, m->hello, err) : 0;

    if (r == 0 && !in->peer)
        r = err_set(err, ERR_INVALID, "the first message of a link must have a hello");
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
    send_wishes(ctx);
}

static void on_closed(struct rpc_stream *rpc UNUSED, const struct err *status, void *ctx)
{
    struct incoming *in = ctx;
    struct their_node *n, *next;

    leave(in, status->code == ERR_NONE ? "it ended the link" : status->msg);
    HASH_ITER (hh, in->nodes, n, next)
        forget_node(in, n);
    drop_refusals(in);
    loop_undefer(&in->flush);
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
