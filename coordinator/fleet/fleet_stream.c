/* SPDX-License-Identifier: Apache-2.0 */
/* One stream per node: Hello, then updates down and acknowledgements and reports up.
 *
 * A second stream with the name of a connected node is the same process on a new connection when it
 * has the same boot id, and takes over; else two nodes were given one name, and the newcomer is
 * refused. A stream that has been silent for a while does not stand in a newcomer's way: its
 * process may have died with its machine. */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/units.h"
#include "coordinator/fleet/fleet_state.h"
#include "coordinator/fleet/fleet_wire.h"

/* Nodes report each second. */
#define ALIVE_WITHIN_S 3
#define LOOK_EACH_S    1

/* ---- updates down ---------------------------------------------------------------------------- */

/* A node that came from another coordinator may have a revision that has not reached this one yet.
 * It would refuse an older set, so it is left alone until the revision is here. */
static bool is_ahead(const struct fleet_stream *s)
{
    return s->ahead > fleet_set_revision(s->fleet->set);
}

static void find_ahead(struct fleet_stream *s, uint64_t revision)
{
    if (revision <= s->ahead)
        return;
    if (!is_ahead(s))
        s->ahead_since = loop_now(s->fleet->loop);
    s->ahead = revision;
    s->sent_rev = s->first_rev = 0;
}

/* A stream that has ended says so by on_closed; only a full queue is news here. */
void fleet_stream_send(struct fleet_stream *s, struct rpc_msg *message)
{
    if (!s->behind)
        s->behind = rpc_stream_send(s->rpc, message, NULL) == -ERR_EXHAUSTED;
}

static void send_update(struct fleet_stream *s, struct rpc_msg *update, bool full)
{
    fleet_stream_send(s, update);
    if (s->behind)
        return;
    s->sent_rev = fleet_set_revision(s->fleet->set);
    s->sent_full = full;
    if (s->first_rev == 0 && !is_ahead(s))
        s->first_rev = s->sent_rev;
}

static void send_full(struct fleet_stream *s)
{
    send_update(s, fleet_set_full(s->fleet->set), true);
}

/* A message without content tells the node that it was heard. What it serves stays: an empty store
 * is no reason to take a fleet's routes away. */
static void send_nothing_yet(struct fleet_stream *s)
{
    Switchyard__V1__CoordinatorMessage m = SWITCHYARD__V1__COORDINATOR_MESSAGE__INIT;
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *empty = rpc_msg_encode(&m.base);

    fleet_stream_send(s, empty);
}

/* All that it may have missed. */
static void bring_up(struct fleet_stream *s)
{
    if (fleet_set_revision(s->fleet->set) > 0 && !is_ahead(s))
        send_full(s);
    else
        send_nothing_yet(s);
    fleet_order_tell(s);
}

static void on_push(struct loop_deferred *d)
{
    struct fleet *f = container_of(d, struct fleet, push);
    uint64_t base = fleet_set_base(f->set);
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *delta = base ? fleet_set_delta(f->set) : NULL;
    bool urgent = fleet_set_orders_changed(f->set);
    struct fleet_member *m, *next;

    HASH_ITER (hh, f->members, m, next) {
        struct fleet_stream *s = m->stream;

        /* Orders are taken from a set whose routes are refused, too. */
        if (!s || s->behind || (is_ahead(s) && !urgent))
            continue;
        if (delta && s->sent_rev == base)
            send_update(s, delta, false);
        else
            send_full(s);
    }
    fleet_set_pushed(f->set);
}

void fleet_stream_push_soon(struct fleet *f)
{
    loop_defer(f->loop, &f->push, on_push);
}

static void on_writable(struct rpc_stream *rpc UNUSED, void *ctx)
{
    struct fleet_stream *s = ctx;

    if (!s->behind || !s->member)
        return;
    s->behind = false;
    bring_up(s);
}

/* ---- who it is ------------------------------------------------------------------------------- */

static void finish(struct fleet_stream *s, const struct err *why)
{
    s->ending = true;
    rpc_stream_finish(s->rpc, why);
}

static void leave(struct fleet_stream *s, const char *why)
{
    struct fleet_member *m = s->member;

    if (!m)
        return;
    s->member = NULL;
    m->stream = NULL;
    m->node.connected = false;
    m->node.since = loop_now(s->fleet->loop);
    fleet_wire_text(why, m->node.why_gone, sizeof(m->node.why_gone));
    fleet_member_changed(s->fleet, m);
}

static void part(struct fleet_stream *s, const struct err *why)
{
    finish(s, why);
    leave(s, why->msg);
}

static bool is_alive(const struct fleet_stream *s)
{
    return mono_sub(loop_now(s->fleet->loop), s->heard).ns < dur_s(ALIVE_WITHIN_S).ns;
}

static void let_go(struct fleet_stream *old)
{
    old->member->stream = NULL;
    old->member = NULL;
    old->ending = true;
    rpc_stream_cancel(old->rpc);
}

/* Make room for a newcomer with this name, or refuse it. */
static int displace(struct fleet_member *m, const struct fleet_node *newcomer, struct err *err)
{
    struct fleet_stream *old = m->stream;
    bool same = strcmp(m->node.boot, newcomer->boot) == 0;

    if (old && !same && is_alive(old)) {
        err_set(err, ERR_EXISTS, "a node named %s is connected already, from %s", m->node.name.s,
                rpc_stream_peer(old->rpc));
        return err_hint(err, "give each sidecar a name of its own with --node");
    }
    if (old && same && newcomer->dial < m->node.dial)
        return err_set(err, ERR_EXISTS, "%s has dialled again since", m->node.name.s);
    if (old)
        let_go(old);
    return 0;
}

/* What the node says it serves. A revision that this store has not reached does not count: it is on
 * its way here from another coordinator, or of a history that was lost with a newer copy of the
 * store. Which of the two shows when the node takes what it is sent. */
static void note_position(struct fleet_stream *s, const Switchyard__V1__Hello *h,
                          struct fleet_node *n)
{
    s->same_store = strcmp(h->incarnation, s->fleet->config.incarnation) == 0;
    if (s->same_store && h->revision > fleet_set_revision(s->fleet->set))
        find_ahead(s, h->revision);
    n->same_incarnation = s->same_store && !is_ahead(s);
    n->serving_rev = h->revision;
}

static void fill_node(struct fleet_stream *s, struct fleet_node *n)
{
    n->connected = true;
    n->since = loop_now(s->fleet->loop);
    n->connected_at = loop_wall(s->fleet->loop);
}

/* Where an operator looks for what is wrong with a node. */
static void note_unwritten(struct fleet_node *n, const Switchyard__V1__EmergencyOrder *o)
{
    static const char says[] = "serves an emergency order that its disk did not take";

    if (o->unwritten)
        str_fmt(n->last_refusal, sizeof(n->last_refusal), "%s: a restart would lose it", says);
    else if (str_starts(str_of(n->last_refusal), str_of(says)))
        n->last_refusal[0] = '\0';
}

static int join(struct fleet_stream *s, const Switchyard__V1__Hello *h, struct err *err)
{
    CLEANUP(xfreep) struct emergency *orders = NULL;
    struct fleet_node node = {.connected = true};
    struct fleet_member *m;
    int r = fleet_wire_hello(h, &node, err);

    if (r == 0)
        r = fleet_wire_orders(h, &orders, err);
    if (r < 0)
        return r;
    m = fleet_member_find(s->fleet, node.name.s);
    r = m ? displace(m, &node, err) : fleet_member_new(s->fleet, &node, &m, err);
    if (r < 0)
        return r;

    fill_node(s, &node);
    note_position(s, h, &node);
    free(m->orders);
    m->orders = steal(orders);
    node.emergency_count = (unsigned)h->n_emergencies;
    for (size_t i = 0; i < h->n_emergencies && !node.last_refusal[0]; i++)
        note_unwritten(&node, h->emergencies[i]);
    m->node = node;
    m->stream = s;
    s->member = m;
    fleet_member_changed(s->fleet, m);
    return 0;
}

static void on_hello(struct fleet_stream *s, const Switchyard__V1__Hello *h)
{
    struct err err;

    if (s->member)
        err_set(&err, ERR_INVALID, "a second hello on one stream");
    else if (join(s, h, &err) == 0)
        return bring_up(s);
    part(s, &err);
}

/* ---- what it says ---------------------------------------------------------------------------- */

/* Acknowledged is what was sent on this stream; a node whose revisions count may take over one of
 * them late, that another coordinator sent. What is above all that was sent here is not: the node
 * had it from elsewhere. */
static void on_ack(struct fleet_stream *s, const Switchyard__V1__Ack *a)
{
    struct fleet_node *n = &s->member->node;

    if (a->incarnation[0] && strcmp(a->incarnation, s->fleet->config.incarnation) != 0)
        return; /* it took an order and refused our routes */
    if (a->revision > s->sent_rev) {
        if (s->same_store || a->incarnation[0])
            find_ahead(s, a->revision);
        return;
    }
    if (!n->same_incarnation && (s->first_rev == 0 || a->revision < s->first_rev))
        return;
    n->serving_rev = a->revision;
    n->same_incarnation = s->same_store = true;
    fleet_member_changed(s->fleet, s->member);
}

static void refused(struct fleet_stream *s, const char *why)
{
    fleet_wire_text(why, s->member->node.last_refusal, sizeof(s->member->node.last_refusal));
    fleet_member_changed(s->fleet, s->member);
}

/* A delta that does not fit what the node has is answered with the full set, once. */
static void on_nack(struct fleet_stream *s, const Switchyard__V1__Nack *n)
{
    refused(s, n->reason[0] ? n->reason : "no reason given");
    if (s->sent_rev > 0 && n->revision == s->sent_rev && !s->sent_full)
        send_full(s);
}

/* Orders wait for the core in an array that is as long as a Hello's at most. */
static int add_order(struct fleet_member *m, const Switchyard__V1__EmergencyOrder *order,
                     struct err *err)
{
    unsigned n = m->node.emergency_count;

    if (n == RULESET_ROUTES_MAX)
        return err_set(err, ERR_EXHAUSTED, "more than %d emergency orders at once",
                       RULESET_ROUTES_MAX);
    m->orders = xrealloc(m->orders, (n + 1) * sizeof(*m->orders));
    m->orders[n] = (struct emergency){.epoch = 0};
    if (fleet_wire_told(order, &m->orders[n], err) < 0)
        return err_ctx(err, "emergency order");
    m->node.emergency_count++;
    note_unwritten(&m->node, order);
    return 0;
}

/* An order is not left unheard: a stream that cannot carry it ends, and the next Hello tells it. */
static void on_order(struct fleet_stream *s, const Switchyard__V1__EmergencyOrder *order)
{
    struct err err;

    if (add_order(s->member, order, &err) == 0)
        return fleet_member_changed(s->fleet, s->member);
    part(s, &err);
}

/* What it measured and is not understood is not worth a node's stream: decisions still reach it. */
static void not_understood(struct fleet_stream *s, const struct err *why)
{
    if (strcmp(s->member->node.last_refusal, why->msg) != 0)
        refused(s, why->msg);
}

static void on_report(struct fleet_stream *s, const Switchyard__V1__Report *r)
{
    struct err err;

    if (r->sequence <= s->last_report)
        return; /* had it before */
    s->last_report = r->sequence;
    if (fleet_measured_report(s->fleet, s->member, r, &err) < 0)
        not_understood(s, &err);
}

static void on_past(struct fleet_stream *s, const Switchyard__V1__Past *m)
{
    struct err err;

    if (fleet_past_come(s, m, &err) < 0)
        not_understood(s, &err);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void on_message(struct rpc_stream *rpc UNUSED, const ProtobufCMessage *message, void *ctx)
{
    const Switchyard__V1__NodeMessage *m = (const Switchyard__V1__NodeMessage *)message;
    struct fleet_stream *s = ctx;
    struct err err;

    if (s->ending)
        return;
    s->heard = loop_now(s->fleet->loop);
    DL_DELETE(s->fleet->streams, s);
    DL_APPEND(s->fleet->streams, s);
    if (m->kind_case == SWITCHYARD__V1__NODE_MESSAGE__KIND_HELLO)
        return on_hello(s, m->hello);
    if (!s->member) {
        err_set(&err, ERR_INVALID, "the first message of a stream must be a hello");
        return finish(s, &err);
    }
    switch ((int)m->kind_case) {
    case SWITCHYARD__V1__NODE_MESSAGE__KIND_ACK:
        return on_ack(s, m->ack);
    case SWITCHYARD__V1__NODE_MESSAGE__KIND_NACK:
        return on_nack(s, m->nack);
    case SWITCHYARD__V1__NODE_MESSAGE__KIND_REPORT:
        return on_report(s, m->report);
    case SWITCHYARD__V1__NODE_MESSAGE__KIND_ORDER:
        return on_order(s, m->order);
    case SWITCHYARD__V1__NODE_MESSAGE__KIND_PAST:
        return on_past(s, m->past);
    case SWITCHYARD__V1__NODE_MESSAGE__KIND_HELLO:
    case SWITCHYARD__V1__NODE_MESSAGE__KIND__NOT_SET:
    default:
        return; /* a newer node's message: nothing depends on it */
    }
}

static void on_half_close(struct rpc_stream *rpc UNUSED, void *ctx)
{
    struct fleet_stream *s = ctx;

    if (s->ending)
        return;
    finish(s, NULL);
    leave(s, "the node said goodbye");
}

static void on_closed(struct rpc_stream *rpc UNUSED, const struct err *status, void *ctx)
{
    struct fleet_stream *s = ctx;

    leave(s, status->code == ERR_NONE ? "the stream ended" : status->msg);
    fleet_past_left(s);
    DL_DELETE(s->fleet->streams, s);
    free(s);
}

static const struct rpc_stream_events stream_events = {
    .on_message = on_message,
    .on_half_close = on_half_close,
    .on_closed = on_closed,
    .on_writable = on_writable,
};

static int on_open(void *service_ctx, struct rpc_stream *rpc, void **ret_ctx,
                   struct err *err UNUSED)
{
    struct fleet *f = service_ctx;
    struct fleet_stream *s = xnew(struct fleet_stream);

    s->fleet = f;
    s->rpc = rpc;
    s->heard = loop_now(f->loop);
    DL_APPEND(f->streams, s);
    *ret_ctx = s;
    return 0;
}

const struct rpc_method fleet_methods[] = {
    {.name = "Connect", .open = on_open, .events = &stream_events},
    {.name = NULL},
};

void fleet_stream_dismiss(struct fleet *f, const char *why)
{
    struct fleet_stream *s, *next;
    struct err err;

    err_set(&err, ERR_UNAVAILABLE, "%s", why);
    DL_FOREACH_SAFE (f->streams, s, next)
        part(s, &err);
}

void fleet_stream_refuse(struct fleet *f, const struct name *node, const char *boot,
                         const char *why)
{
    struct fleet_member *m = fleet_member_find(f, node->s);
    struct err err;

    if (!m || !m->stream || strcmp(m->node.boot, boot) != 0)
        return;
    err_set(&err, ERR_EXISTS, "%s", why);
    part(m->stream, &err);
}

/* ---- silence --------------------------------------------------------------------------------- */

static void cut_off(struct fleet_stream *s)
{
    char why[TEXT_SIZE];
    char limit[UNIT_TEXT_MAX];

    str_fmt(why, sizeof(why), "silent for more than %s",
            unit_duration_text(s->fleet->config.report_silence, limit));
    s->ending = true;
    leave(s, why);
    rpc_stream_cancel(s->rpc);
}

/* Its revision does not come: the set that is here shows whether the node refuses it, and why. */
static void confront(struct fleet *f, mono_t now)
{
    struct fleet_stream *s;

    DL_FOREACH (f->streams, s)
        if (s->member && !s->behind && s->sent_rev == 0 && is_ahead(s) &&
            fleet_set_revision(f->set) > 0 &&
            mono_sub(now, s->ahead_since).ns > f->config.ahead_wait.ns)
            send_full(s);
}

static void on_silence(struct timer *t)
{
    struct fleet *f = container_of(t, struct fleet, silence);
    mono_t now = loop_now(f->loop);
    struct fleet_stream *s, *next;

    fleet_past_look(f);
    confront(f, now);
    DL_FOREACH_SAFE (f->streams, s, next) {
        if (mono_sub(now, s->heard).ns <= f->config.report_silence.ns)
            break;
        cut_off(s);
    }
    fleet_stream_watch_silence(f);
}

void fleet_stream_watch_silence(struct fleet *f)
{
    timer_set(f->loop, &f->silence, dur_s(LOOK_EACH_S), on_silence, "fleet.silence");
}
