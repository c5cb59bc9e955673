/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_peers.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/backoff.h"
#include "common/base/mem.h"

#define PAST_WAIT dur_s(10)

/* A link that this coordinator dialled, to tell of its nodes. */
struct link {
    bool registered;
    struct sim_stream *stream; /* NULL: none */
    uint64_t dials;            /* tells a timer of an old stream */
    struct backoff backoff;
    mono_t told[SIM_NODES_MAX];   /* when the peer first heard of the node */
    bool has_past[SIM_NODES_MAX]; /* reports count there from now on */
};

/* A command that was handed on. */
struct forward {
    struct sim_stream *stream;
    struct sim_op *op;
    struct forward *prev, *next;
};

struct sim_peers {
    struct sim *sim;
    struct sim_coord *coord;
    uint64_t boot;
    struct link out[SIM_COORDS_MAX];
    struct sim_stream *in[SIM_COORDS_MAX];
    struct sim_fact mine[SIM_NODES_MAX]; /* of nodes that are or were connected here */
    struct emergency order[SIM_NODES_MAX][SIM_MIGRATIONS_MAX]; /* that they told of */
    struct forward *forwards;
};

struct sim_peers *sim_peers_new(struct sim *s, struct sim_coord *c)
{
    struct sim_peers *p = xnew(struct sim_peers);

    p->sim = s;
    p->coord = c;
    p->boot = sim_coord_boot(c);
    for (unsigned i = 0; i < SIM_COORDS_MAX; i++)
        backoff_init(&p->out[i].backoff, dur_ms(50), dur_s(2));
    return p;
}

struct sim_peers *sim_peers_free(struct sim_peers *p)
{
    if (!p)
        return NULL;
    while (p->forwards) {
        struct forward *f = p->forwards;

        DL_DELETE(p->forwards, f);
        free(f);
    }
    free(p);
    return NULL;
}

static unsigned coord_at(const struct sim_stream *st, enum sim_end end)
{
    return st->host[end] - SIM_NODES_MAX;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void send(struct sim_stream *st, enum sim_end from, struct sim_msg m)
{
    if (st)
        (void)sim_net_send(st, from, xmemdup(&m, sizeof m));
    else
        free(m.past);
}

static void tell_node(struct sim_peers *p, struct link *l, unsigned node)
{
    if (l->told[node].ns == 0 && p->mine[node].connected)
        l->told[node] = p->sim->now;
    if (!p->mine[node].connected) {
        l->told[node].ns = 0;
        l->has_past[node] = false;
    }
    send(l->stream, SIM_DIALLER,
         (struct sim_msg){.kind = SIM_PEER_NODE, .node = node, .fact = p->mine[node]});
}

void sim_peers_node(struct sim_peers *p, unsigned node, const struct sim_fact *fact)
{
    if (fact->dial != p->mine[node].dial)
        memset(p->order[node], 0, sizeof p->order[node]);
    p->mine[node] = *fact;
    for (unsigned i = 0; i < SIM_COORDS_MAX; i++)
        if (p->out[i].stream)
            tell_node(p, &p->out[i], node);
}

static void tell_order(struct link *l, enum sim_msg_kind kind, unsigned node,
                       const struct emergency *order)
{
    if (l->stream)
        send(l->stream, SIM_DIALLER,
             (struct sim_msg){.kind = kind,
                              .node = node,
                              .order = xmemdup(order, sizeof *order),
                              .order_count = 1});
}

void sim_peers_order(struct sim_peers *p, unsigned node, const struct emergency *order)
{
    struct emergency *place = NULL;

    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX && !place; i++) {
        struct emergency *o = &p->order[node][i];

        if (o->epoch == 0 || name_eq(&o->migration, &order->migration))
            place = o;
    }
    if (place && order->epoch > place->epoch)
        *place = *order;
    for (unsigned i = 0; i < SIM_COORDS_MAX; i++)
        tell_order(&p->out[i], SIM_PEER_ORDER, node, order);
}

void sim_peers_push_order(struct sim_peers *p, const struct emergency *order)
{
    for (unsigned i = 0; i < SIM_COORDS_MAX; i++)
        tell_order(&p->out[i], SIM_PEER_PUSH, 0, order);
}

void sim_peers_report(struct sim_peers *p, unsigned node, const struct route_stats *stats,
                      unsigned count)
{
    for (unsigned i = 0; i < SIM_COORDS_MAX; i++) {
        struct link *l = &p->out[i];
        bool counts = l->has_past[node] || mono_sub(p->sim->now, l->told[node]).ns > PAST_WAIT.ns;

        if (l->stream && counts)
            send(l->stream, SIM_DIALLER,
                 (struct sim_msg){.kind = SIM_PEER_REPORT,
                                  .node = node,
                                  .stats = xmemdup(stats, count * sizeof *stats),
                                  .stats_count = count});
    }
}

void sim_peers_past(struct sim_peers *p, unsigned peer, unsigned node, const struct sim_past *past)
{
    struct link *l = &p->out[peer];

    send(
        l->stream, SIM_DIALLER,
        (struct sim_msg){.kind = SIM_PEER_PAST, .node = node, .past = xmemdup(past, sizeof *past)});
    if (!past->more)
        l->has_past[node] = true;
}

void sim_peers_ask_past(struct sim_peers *p, unsigned peer, unsigned node, dur_t window)
{
    send(p->in[peer], SIM_LISTENER,
         (struct sim_msg){.kind = SIM_PEER_PAST_WANTED, .node = node, .window = window});
}

/* ---- links ----------------------------------------------------------------------------------- */

static void dial(struct sim *s, void *who, uint64_t what)
{
    struct sim_coord *c = who;
    struct sim_peers *p = sim_coord_peers(c);
    unsigned peer = (unsigned)(what % SIM_COORDS_MAX);
    struct link *l;

    if (!p)
        return;
    l = &p->out[peer];
    if (l->dials != what / SIM_COORDS_MAX || !l->registered || l->stream)
        return;
    if (sim_coord_is_paused(c)) {
        sim_after(s, dur_ms(50), dial, who, what);
        return;
    }
    l->stream = sim_net_dial(s->net, sim_host_coord(sim_coord_index(c)), sim_host_coord(peer));
    memset(l->told, 0, sizeof l->told);
    memset(l->has_past, 0, sizeof l->has_past);
    send(l->stream, SIM_DIALLER,
         (struct sim_msg){.kind = SIM_PEER_HELLO, .coord = sim_coord_index(c), .boot = p->boot});
    for (unsigned i = 0; i < s->config.nodes; i++) {
        if (!p->mine[i].connected)
            continue;
        tell_node(p, l, i);
        for (unsigned k = 0; k < SIM_MIGRATIONS_MAX; k++)
            if (p->order[i][k].epoch > 0)
                tell_order(l, SIM_PEER_ORDER, i, &p->order[i][k]);
    }
}

static void dial_in(struct sim_peers *p, unsigned peer, dur_t wait)
{
    struct link *l = &p->out[peer];

    /* The number of a dial is never that of another process of this coordinator. */
    l->dials = l->dials ? l->dials + 1 : p->boot << 32;
    sim_after(p->sim, wait, dial, p->coord, l->dials * SIM_COORDS_MAX + peer);
}

void sim_peers_set(struct sim_peers *p, unsigned peer, bool registered)
{
    struct link *l = &p->out[peer];
    bool was = l->registered;

    l->registered = registered;
    if (registered && !was && !l->stream)
        dial_in(p, peer, dur_ms(0));
}

/* Its nodes may be anywhere now. */
static void lose_peer(struct sim_peers *p, unsigned peer)
{
    p->in[peer] = NULL;
    for (unsigned i = 0; i < p->sim->config.nodes; i++)
        sim_coord_on_peer_lost(p->coord, peer, i);
}

static struct forward *find_forward(struct sim_peers *p, const struct sim_stream *st)
{
    struct forward *f;

    DL_FOREACH (p->forwards, f)
        if (f->stream == st)
            return f;
    return NULL;
}

static void end_forward(struct sim_peers *p, struct forward *f, const struct sim_answer *a)
{
    struct sim_op *op = f->op;

    DL_DELETE(p->forwards, f);
    free(f);
    sim_coord_on_forwarded(p->coord, op, a);
}

void sim_peers_on_closed(struct sim_peers *p, struct sim_stream *st, enum sim_end end)
{
    unsigned peer = coord_at(st, end == SIM_DIALLER ? SIM_LISTENER : SIM_DIALLER);
    struct forward *f = find_forward(p, st);
    struct sim_answer lost = {.changed = false};

    if (f) {
        err_set(&lost.refused, st->accepted ? ERR_UNKNOWN_OUTCOME : ERR_UNAVAILABLE,
                "the leader does not answer");
        end_forward(p, f, &lost);
    } else if (end == SIM_DIALLER && p->out[peer].stream == st) {
        p->out[peer].stream = NULL;
        dial_in(p, peer, backoff_next(&p->out[peer].backoff, &p->sim->rng));
    } else if (end == SIM_LISTENER && p->in[peer] == st) {
        lose_peer(p, peer);
    }
}

/* ---- forwarding ------------------------------------------------------------------------------ */

void sim_peers_forward(struct sim_peers *p, unsigned peer, struct sim_op *op)
{
    struct forward *f = xnew(struct forward);

    f->op = op;
    f->stream =
        sim_net_dial(p->sim->net, sim_host_coord(sim_coord_index(p->coord)), sim_host_coord(peer));
    DL_APPEND(p->forwards, f);
    send(f->stream, SIM_DIALLER, (struct sim_msg){.kind = SIM_FORWARD, .op = op});
}

void sim_peers_answer(struct sim_stream *st, const struct sim_answer *a)
{
    send(st, SIM_LISTENER,
         (struct sim_msg){.kind = SIM_FORWARDED, .answer = xmemdup(a, sizeof *a)});
}

/* ---- what peers say -------------------------------------------------------------------------- */

static void on_forwarded(struct sim_peers *p, struct sim_stream *st, const struct sim_answer *a)
{
    struct forward *f = find_forward(p, st);

    if (f)
        end_forward(p, f, a);
    sim_net_close(st, SIM_DIALLER);
}

static void on_hello(struct sim_peers *p, struct sim_stream *st, unsigned peer)
{
    if (p->in[peer])
        lose_peer(p, peer);
    p->in[peer] = st;
}

void sim_peers_on_message(struct sim_peers *p, struct sim_stream *st, enum sim_end end,
                          const struct sim_msg *m)
{
    unsigned peer = coord_at(st, end == SIM_DIALLER ? SIM_LISTENER : SIM_DIALLER);

    if (m->kind == SIM_FORWARD)
        sim_coord_on_forward(p->coord, st, m->op);
    else if (m->kind == SIM_FORWARDED)
        on_forwarded(p, st, m->answer);
    else if (m->kind == SIM_PEER_HELLO)
        on_hello(p, st, peer);
    else if (end == SIM_LISTENER && p->in[peer] != st)
        return; /* another link has taken its place */
    else if (m->kind == SIM_PEER_NODE)
        sim_coord_on_peer_node(p->coord, peer, m->node, &m->fact);
    else if (m->kind == SIM_PEER_ORDER)
        sim_coord_on_peer_order(p->coord, m->node, m->order);
    else if (m->kind == SIM_PEER_REPORT)
        sim_coord_on_peer_report(p->coord, peer, m->node, m->stats, m->stats_count);
    else if (m->kind == SIM_PEER_PAST)
        sim_coord_on_peer_past(p->coord, peer, m->node, m->past);
    else if (m->kind == SIM_PEER_PUSH)
        sim_coord_on_peer_push(p->coord, m->order);
    else if (m->kind == SIM_PEER_PAST_WANTED)
        sim_coord_on_peer_ask(p->coord, peer, m->node, m->window);
}
