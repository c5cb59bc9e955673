/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_net.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_fleet.h"
#include "tests/sim/sim_node.h"

struct sim_net {
    struct sim *sim;
    struct sim_stream *streams; /* owned, all that ever were */
    bool cut[SIM_NODES_MAX];
    uint64_t cuts[SIM_NODES_MAX]; /* how often: tells one partition from the next */
};

struct sim_msg *sim_msg_free(struct sim_msg *m)
{
    if (!m)
        return NULL;
    free(m->order);
    free(m->stats);
    sim_update_unref(m->update);
    free(m);
    return NULL;
}

static void drop_all(struct sim_stream *st, enum sim_end to)
{
    while (st->first[to]) {
        struct sim_msg *m = st->first[to];

        st->first[to] = m->next;
        sim_msg_free(m);
    }
    st->last[to] = NULL;
}

struct sim_net *sim_net_new(struct sim *s)
{
    struct sim_net *net = xnew(struct sim_net);

    net->sim = s;
    return net;
}

struct sim_net *sim_net_free(struct sim_net *net)
{
    if (!net)
        return NULL;
    while (net->streams) {
        struct sim_stream *st = net->streams;

        net->streams = st->next;
        drop_all(st, SIM_NODE_END);
        drop_all(st, SIM_COORD_END);
        free(st);
    }
    free(net);
    return NULL;
}

static enum sim_end other(enum sim_end end)
{
    return end == SIM_NODE_END ? SIM_COORD_END : SIM_NODE_END;
}

/* ---- delivery -------------------------------------------------------------------------------- */

static void hand_over(struct sim_stream *st, enum sim_end to, struct sim_msg *m)
{
    struct sim *s = st->net->sim;

    if (to == SIM_NODE_END)
        sim_node_on_message(s->node[st->node], st, m);
    else
        sim_coord_on_message(s->coord, st, m);
    sim_msg_free(m);
}

static void deliver(struct sim *s, void *who, uint64_t to)
{
    struct sim_stream *st = who;

    if (to == SIM_COORD_END && !st->accepted)
        return; /* arrive() comes back to it */
    while (st->first[to] && !mono_before(s->now, st->first[to]->due) && !st->net->cut[st->node]) {
        struct sim_msg *m = st->first[to];

        st->first[to] = m->next;
        if (!m->next)
            st->last[to] = NULL;
        if (st->is_open[to])
            hand_over(st, (enum sim_end)to, m);
        else
            sim_msg_free(m);
    }
}

static void deliver_later(struct sim_stream *st, enum sim_end to)
{
    struct sim *s = st->net->sim;
    mono_t due = mono_add(s->now, sim_delay(s, s->config.net));

    if (mono_before(st->due[to], due))
        st->due[to] = due;
    sim_after(s, mono_sub(st->due[to], s->now), deliver, st, to);
}

bool sim_net_send(struct sim_stream *st, enum sim_end from, struct sim_msg *m)
{
    enum sim_end to = other(from);

    if (!st->is_open[from]) {
        sim_msg_free(m);
        return false;
    }
    deliver_later(st, to);
    m->due = st->due[to];
    if (st->last[to])
        st->last[to]->next = m;
    else
        st->first[to] = m;
    st->last[to] = m;
    return true;
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void end_at(struct sim_stream *st, enum sim_end end)
{
    struct sim *s = st->net->sim;

    if (!st->is_open[end])
        return;
    st->is_open[end] = false;
    drop_all(st, end);
    if (end == SIM_NODE_END)
        sim_node_on_closed(s->node[st->node], st);
    else
        sim_coord_on_closed(s->coord, st);
}

/* The news that the peer is gone; behind a partition it comes when that is over. */
static void hear_of_end(struct sim *s, void *who, uint64_t end)
{
    struct sim_stream *st = who;

    if (st->net->cut[st->node])
        sim_after(s, dur_ms(50), hear_of_end, st, end);
    else
        end_at(st, (enum sim_end)end);
}

/* The other end hears of it behind everything that was sent, or everything is lost. */
static void tell_other(struct sim_stream *st, enum sim_end by)
{
    struct sim *s = st->net->sim;
    enum sim_end to = other(by);

    if (sim_chance(s, 2))
        drop_all(st, to);
    deliver_later(st, to);
    sim_after(s, mono_sub(st->due[to], s->now), hear_of_end, st, to);
}

void sim_net_close(struct sim_stream *st, enum sim_end by)
{
    if (!st->is_open[by])
        return;
    st->is_open[by] = false;
    drop_all(st, by);
    tell_other(st, by);
}

void sim_net_break(struct sim_net *net, unsigned node)
{
    for (struct sim_stream *st = net->streams; st; st = st->next) {
        if (st->node != node)
            continue;
        tell_other(st, SIM_NODE_END);
        tell_other(st, SIM_COORD_END);
    }
}

void sim_net_coord_died(struct sim_net *net)
{
    for (struct sim_stream *st = net->streams; st; st = st->next)
        if (st->accepted)
            sim_net_close(st, SIM_COORD_END);
}

/* ---- dialling -------------------------------------------------------------------------------- */

static void arrive(struct sim *s, void *who, uint64_t arg UNUSED)
{
    struct sim_stream *st = who;

    if (st->net->cut[st->node]) {
        sim_after(s, dur_ms(200), arrive, st, 0);
        return;
    }
    if (!st->is_open[SIM_NODE_END])
        return;
    if (!sim_coord_accepts(s->coord)) {
        tell_other(st, SIM_COORD_END);
        return;
    }
    st->accepted = true;
    st->is_open[SIM_COORD_END] = true;
    deliver(s, st, SIM_COORD_END);
}

static void give_up(struct sim *s UNUSED, void *who, uint64_t cuts)
{
    struct sim_stream *st = who;

    if (st->net->cut[st->node] && st->net->cuts[st->node] == cuts)
        end_at(st, SIM_NODE_END);
}

static void watch_partition(struct sim_stream *st)
{
    sim_after(st->net->sim, SIM_KEEPALIVE, give_up, st, st->net->cuts[st->node]);
}

struct sim_stream *sim_net_dial(struct sim_net *net, unsigned node)
{
    struct sim_stream *st = xnew(struct sim_stream);

    st->net = net;
    st->node = node;
    st->is_open[SIM_NODE_END] = true;
    st->next = net->streams;
    net->streams = st;
    st->due[SIM_COORD_END] = mono_add(net->sim->now, sim_delay(net->sim, net->sim->config.net));
    sim_after(net->sim, mono_sub(st->due[SIM_COORD_END], net->sim->now), arrive, st, 0);
    if (net->cut[node])
        watch_partition(st);
    return st;
}

/* ---- partitions ------------------------------------------------------------------------------ */

void sim_net_partition(struct sim_net *net, unsigned node, bool cut)
{
    if (net->cut[node] == cut)
        return;
    net->cut[node] = cut;
    net->cuts[node] += cut;
    for (struct sim_stream *st = net->streams; st; st = st->next) {
        if (st->node != node)
            continue;
        if (cut && st->is_open[SIM_NODE_END])
            watch_partition(st);
        for (int to = 0; to < 2 && !cut; to++)
            if (st->first[to])
                deliver_later(st, (enum sim_end)to);
    }
}

bool sim_net_is_cut(const struct sim_net *net, unsigned node)
{
    return net->cut[node];
}
