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
    bool cut[SIM_HOSTS][SIM_HOSTS];
    bool stopped[SIM_HOSTS];
};

struct sim_msg *sim_msg_free(struct sim_msg *m)
{
    if (!m)
        return NULL;
    free(m->order);
    free(m->stats);
    free(m->past);
    free(m->answer);
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
        drop_all(st, SIM_DIALLER);
        drop_all(st, SIM_LISTENER);
        free(st);
    }
    free(net);
    return NULL;
}

static enum sim_end other(enum sim_end end)
{
    return end == SIM_DIALLER ? SIM_LISTENER : SIM_DIALLER;
}

static bool is_node(unsigned host)
{
    return host < SIM_NODES_MAX;
}

static struct sim_coord *coord_of(const struct sim_stream *st, enum sim_end end)
{
    return st->net->sim->coord[st->host[end] - SIM_NODES_MAX];
}

/* Nothing gets through, and neither end can tell why. */
static bool is_silent(const struct sim_stream *st)
{
    const struct sim_net *net = st->net;

    return net->cut[st->host[0]][st->host[1]] || net->stopped[st->host[0]] ||
           net->stopped[st->host[1]];
}

/* ---- delivery -------------------------------------------------------------------------------- */

static void hand_over(struct sim_stream *st, enum sim_end to, struct sim_msg *m)
{
    if (!is_node(st->host[to])) {
        sim_coord_on_message(coord_of(st, to), st, to, m);
        return;
    }
    sim_node_on_message(st->net->sim->node[st->host[to]], st, m);
    sim_msg_free(m);
}

static void deliver(struct sim *s, void *who, uint64_t to)
{
    struct sim_stream *st = who;

    if (to == SIM_LISTENER && !st->accepted)
        return; /* arrive() comes back to it */
    while (st->first[to] && !mono_before(s->now, st->first[to]->due) && !is_silent(st)) {
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
    if (!st->is_open[end])
        return;
    st->is_open[end] = false;
    drop_all(st, end);
    if (is_node(st->host[end]))
        sim_node_on_closed(st->net->sim->node[st->host[end]], st);
    else
        sim_coord_on_closed(coord_of(st, end), st, end);
}

/* The news that the peer is gone; behind a partition it comes when that is over. */
static void hear_of_end(struct sim *s, void *who, uint64_t end)
{
    struct sim_stream *st = who;

    if (!st->is_open[end])
        return;
    if (is_silent(st))
        sim_after(s, dur_ms(50), hear_of_end, st, end);
    else
        end_at(st, (enum sim_end)end);
}

/* The other end hears of it behind everything that was sent, or everything is lost. */
static void tell_other(struct sim_stream *st, enum sim_end by)
{
    struct sim *s = st->net->sim;
    enum sim_end to = other(by);

    if (!st->is_open[to])
        return;
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

void sim_net_break(struct sim_net *net, unsigned host)
{
    for (struct sim_stream *st = net->streams; st; st = st->next) {
        if (st->host[0] != host && st->host[1] != host)
            continue;
        tell_other(st, SIM_DIALLER);
        tell_other(st, SIM_LISTENER);
    }
}

void sim_net_died(struct sim_net *net, unsigned host)
{
    for (struct sim_stream *st = net->streams; st; st = st->next) {
        if (st->host[SIM_DIALLER] == host)
            sim_net_close(st, SIM_DIALLER);
        if (st->host[SIM_LISTENER] == host && st->accepted)
            sim_net_close(st, SIM_LISTENER);
    }
}

/* ---- dialling -------------------------------------------------------------------------------- */

static void arrive(struct sim *s, void *who, uint64_t arg UNUSED)
{
    struct sim_stream *st = who;

    if (!st->is_open[SIM_DIALLER])
        return;
    if (is_silent(st)) {
        sim_after(s, dur_ms(200), arrive, st, 0);
        return;
    }
    if (!sim_coord_accepts(coord_of(st, SIM_LISTENER))) {
        tell_other(st, SIM_LISTENER);
        return;
    }
    st->accepted = true;
    st->is_open[SIM_LISTENER] = true;
    deliver(s, st, SIM_LISTENER);
}

static void give_up(struct sim *s UNUSED, void *who, uint64_t silence)
{
    struct sim_stream *st = who;

    if (st->silence == silence && is_silent(st) && !st->net->stopped[st->host[SIM_DIALLER]])
        end_at(st, SIM_DIALLER);
}

static void watch_silence(struct sim_stream *st)
{
    if (st->is_open[SIM_DIALLER] && is_silent(st))
        sim_after(st->net->sim, SIM_KEEPALIVE, give_up, st, st->silence);
}

struct sim_stream *sim_net_dial(struct sim_net *net, unsigned from, unsigned to)
{
    struct sim_stream *st = xnew(struct sim_stream);

    st->net = net;
    st->host[SIM_DIALLER] = from;
    st->host[SIM_LISTENER] = to;
    st->is_open[SIM_DIALLER] = true;
    st->next = net->streams;
    net->streams = st;
    st->due[SIM_LISTENER] = mono_add(net->sim->now, sim_delay(net->sim, net->sim->config.net));
    sim_after(net->sim, mono_sub(st->due[SIM_LISTENER], net->sim->now), arrive, st, 0);
    watch_silence(st);
    return st;
}

/* ---- partitions ------------------------------------------------------------------------------ */

/* Silence begins or ends between two hosts, or at one. */
static void look_at(struct sim_stream *st)
{
    watch_silence(st);
    if (is_silent(st))
        return;
    st->silence++;
    for (int to = 0; to < 2; to++)
        if (st->first[to])
            deliver_later(st, (enum sim_end)to);
}

void sim_net_cut(struct sim_net *net, unsigned a, unsigned b, bool cut)
{
    if (net->cut[a][b] == cut)
        return;
    net->cut[a][b] = net->cut[b][a] = cut;
    for (struct sim_stream *st = net->streams; st; st = st->next)
        if ((st->host[0] == a && st->host[1] == b) || (st->host[0] == b && st->host[1] == a))
            look_at(st);
}

bool sim_net_is_cut(const struct sim_net *net, unsigned a, unsigned b)
{
    return net->cut[a][b];
}

void sim_net_partition(struct sim_net *net, unsigned node, bool cut)
{
    for (unsigned i = 0; i < net->sim->config.coordinators; i++)
        sim_net_cut(net, node, sim_host_coord(i), cut);
}

void sim_net_stop(struct sim_net *net, unsigned host, bool stopped)
{
    net->stopped[host] = stopped;
    for (struct sim_stream *st = net->streams; st; st = st->next)
        if (st->host[0] == host || st->host[1] == host)
            look_at(st);
}
