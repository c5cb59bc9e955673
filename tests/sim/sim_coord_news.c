/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_coord_state.h"
#include "tests/sim/sim_fleet.h"
#include "tests/sim/sim_jobs.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_peers.h"

#define LEAVE dur_s(2) /* patience with the store */

/* Something for the core's thread: from the fleet's, from a peer or from an operator. */
struct sim_mail {
    struct sim_post post;
    struct sim_coord *coord;
    unsigned node;
    enum {
        MAIL_NODE,
        MAIL_ORDER,
        MAIL_REPORT,
        MAIL_PAST,
        MAIL_PEER,
        MAIL_PEER_CLOSED,
        MAIL_OP,
        MAIL_JOB,
        MAIL_LEAVE
    } kind;
    struct sim_fact fact;
    mono_t seen;
    struct emergency order;
    struct route_stats *stats; /* owned */
    unsigned count;
    struct sim_past *past; /* owned */
    unsigned asker;
    struct sim_msg *msg; /* owned */
    struct sim_stream *stream;
    enum sim_end end;
    struct sim_op *op;
    struct sim_found found;
    struct sim_mail *prev, *next;
};

/* ---- what nodes say -------------------------------------------------------------------------- */

static void tell_driver(struct sim_coord *c, unsigned node, mono_t seen)
{
    const struct sim_fact *f = &c->known[node].fact;
    struct core_node n = {.name = *sim_node_name(c->sim->node[node]),
                          .connected = f->connected,
                          .serving_rev = f->serving_rev,
                          .newest_epoch_seen = f->newest_epoch};

    if (f->connected)
        n.labels = *sim_node_labels(c->sim->node[node]);
    driver_node(c->driver, &n, seen);
    c->queued_boot[node] = f->boot;
}

/* A node is where it connected last; what others say of older connections is news no more. */
static void learn(struct sim_coord *c, unsigned holder, unsigned node, const struct sim_fact *fact,
                  mono_t seen)
{
    struct sim_known *k = &c->known[node];

    if (fact->dial < k->fact.dial || (fact->dial == k->fact.dial && holder != k->holder))
        return;
    *k = (struct sim_known){*fact, holder};
    tell_driver(c, node, seen);
}

static void give_past(struct sim_coord *c, unsigned holder, unsigned node,
                      const struct sim_past *past)
{
    struct core_bucket bucket[SIM_BUCKETS];

    if (c->known[node].holder != holder)
        return;

    for (unsigned i = 0; i < past->count; i++) {
        const struct sim_bucket *b = &past->bucket[i];

        bucket[i] = (struct core_bucket){.age = mono_sub(c->sim->now, b->end),
                                         .interval = b->interval,
                                         .revision = b->revision,
                                         .route = b->stats,
                                         .count = b->count};
    }
    driver_past(c->driver, sim_node_name(c->sim->node[node]), bucket, past->count, past->more);
}

void sim_coord_on_peer_node(struct sim_coord *c, unsigned peer, unsigned node,
                            const struct sim_fact *fact)
{
    learn(c, peer, node, fact, loop_now(c->loop));
}

void sim_coord_on_peer_order(struct sim_coord *c, unsigned node, const struct emergency *order)
{
    driver_order(c->driver, sim_node_name(c->sim->node[node]), order);
}

/* Whoever holds the node's newest connection counts. */
static void give_report(struct sim_coord *c, unsigned holder, unsigned node,
                        const struct route_stats *stats, unsigned count)
{
    if (c->known[node].holder == holder)
        driver_report(c->driver, sim_node_name(c->sim->node[node]), stats, count);
}

void sim_coord_on_peer_report(struct sim_coord *c, unsigned peer, unsigned node,
                              const struct route_stats *stats, unsigned count)
{
    give_report(c, peer, node, stats, count);
}

void sim_coord_on_peer_past(struct sim_coord *c, unsigned peer, unsigned node,
                            const struct sim_past *past)
{
    give_past(c, peer, node, past);
}

void sim_coord_on_peer_push(struct sim_coord *c, const struct emergency *order)
{
    sim_fleet_push_order(c->fleet, order);
}

void sim_coord_on_peer_ask(struct sim_coord *c, unsigned peer, unsigned node, dur_t window)
{
    (void)sim_fleet_ask_past(c->fleet, node, peer, window);
}

void sim_coord_on_peer_lost(struct sim_coord *c, unsigned peer, unsigned node)
{
    struct sim_known *k = &c->known[node];

    if (k->holder != peer || !k->fact.connected)
        return;
    k->fact.connected = false;
    tell_driver(c, node, loop_now(c->loop));
}

/* ---- mail ------------------------------------------------------------------------------------ */

static void free_mail(struct sim_mail *m)
{
    free(m->stats);
    free(m->past);
    sim_msg_free(m->msg);
    free(m);
}

static void give_found(struct sim_coord *c, const struct sim_found *found)
{
    struct check_result result;
    struct core_job_done done;

    sim_jobs_done(found, &result, &done);
    driver_job_done(c->driver, &done);
    sim_check_found(c->sim->check, found);
}

static void read_mail(struct sim_coord *c, const struct sim_mail *m)
{
    const struct name *node = sim_node_name(c->sim->node[m->node]);

    switch (m->kind) {
    case MAIL_NODE:
        learn(c, c->index, m->node, &m->fact, m->seen);
        sim_peers_node(c->peers, m->node, &m->fact);
        break;
    case MAIL_ORDER:
        driver_order(c->driver, node, &m->order);
        sim_peers_order(c->peers, m->node, &m->order);
        break;
    case MAIL_REPORT:
        give_report(c, c->index, m->node, m->stats, m->count);
        sim_peers_report(c->peers, m->node, m->stats, m->count);
        break;
    case MAIL_PAST:
        if (m->asker == c->index)
            give_past(c, c->index, m->node, m->past);
        else
            sim_peers_past(c->peers, m->asker, m->node, m->past);
        break;
    case MAIL_PEER:
        sim_peers_on_message(c->peers, m->stream, m->end, m->msg);
        break;
    case MAIL_PEER_CLOSED:
        sim_peers_on_closed(c->peers, m->stream, m->end);
        break;
    case MAIL_OP:
        sim_coord_take(c, m->op, NULL);
        break;
    case MAIL_JOB:
        give_found(c, &m->found);
        break;
    case MAIL_LEAVE:
        driver_leave(c->driver, LEAVE, sim_coord_left, c);
        break;
    }
}

static void run_mail(struct sim_post *p)
{
    struct sim_mail *m = container_of(p, struct sim_mail, post);

    read_mail(m->coord, m);
    free_mail(m);
}

static void drop_mail(struct sim_post *p)
{
    free_mail(container_of(p, struct sim_mail, post));
}

static struct sim_mail *new_mail(struct sim_coord *c, struct sim_mail m)
{
    m.post = (struct sim_post){.run = run_mail, .drop = drop_mail};
    m.coord = c;
    return xmemdup(&m, sizeof m);
}

static void open_mail(struct sim *s UNUSED, void *who, uint64_t boot)
{
    struct sim_coord *c = who;
    struct sim_mail *m = c->mails;

    if (sim_coord_boot(c) != boot)
        return;
    DL_DELETE(c->mails, m);
    sim_loop_post(c->loop, &m->post);
}

/* From the fleet's thread, in order, as through one mailbox. */
static void post(struct sim_coord *c, struct sim_mail m)
{
    struct sim_mail *copy = new_mail(c, m);
    mono_t due = mono_add(c->sim->now, sim_delay(c->sim, c->sim->config.mail));

    if (mono_before(c->mail_due, due))
        c->mail_due = due;
    DL_APPEND(c->mails, copy);
    sim_after(c->sim, mono_sub(c->mail_due, c->sim->now), open_mail, c, c->boots);
}

void sim_coord_on_node(struct sim_coord *c, unsigned node, const struct sim_fact *fact)
{
    post(c, (struct sim_mail){
                .kind = MAIL_NODE, .node = node, .fact = *fact, .seen = sim_coord_mono(c)});
}

void sim_coord_on_order(struct sim_coord *c, unsigned node, const struct emergency *order)
{
    post(c, (struct sim_mail){.kind = MAIL_ORDER, .node = node, .order = *order});
}

void sim_coord_on_report(struct sim_coord *c, unsigned node, const struct route_stats *stats,
                         unsigned count)
{
    if (count > 0)
        post(c, (struct sim_mail){.kind = MAIL_REPORT,
                                  .node = node,
                                  .stats = xmemdup(stats, count * sizeof *stats),
                                  .count = count});
}

void sim_coord_on_past(struct sim_coord *c, unsigned node, unsigned asker,
                       const struct sim_past *past)
{
    post(c,
         (struct sim_mail){
             .kind = MAIL_PAST, .node = node, .asker = asker, .past = xmemdup(past, sizeof *past)});
}

/* Peers and operators talk to the core's thread itself. */
static void bring(struct sim_coord *c, struct sim_mail m)
{
    sim_loop_post(c->loop, &new_mail(c, m)->post);
}

static bool is_from_node(const struct sim_stream *st)
{
    return st->host[SIM_DIALLER] < SIM_NODES_MAX;
}

void sim_coord_on_message(struct sim_coord *c, struct sim_stream *st, enum sim_end end,
                          struct sim_msg *m)
{
    if (!is_from_node(st)) {
        bring(c, (struct sim_mail){.kind = MAIL_PEER, .stream = st, .end = end, .msg = m});
        return;
    }
    sim_fleet_on_message(c->fleet, st, m);
    sim_msg_free(m);
}

void sim_coord_on_closed(struct sim_coord *c, struct sim_stream *st, enum sim_end end)
{
    if (!c->running || c->dying)
        return;
    if (is_from_node(st))
        sim_fleet_on_closed(c->fleet, st);
    else
        bring(c, (struct sim_mail){.kind = MAIL_PEER_CLOSED, .stream = st, .end = end});
}

void sim_coord_leave(struct sim_coord *c)
{
    if (sim_coord_accepts(c))
        bring(c, (struct sim_mail){.kind = MAIL_LEAVE});
}

void sim_coord_command(struct sim_coord *c, struct sim_op *op)
{
    bring(c, (struct sim_mail){.kind = MAIL_OP, .op = op});
}

void sim_coord_on_job(struct sim_coord *c, const struct sim_found *found)
{
    bring(c, (struct sim_mail){.kind = MAIL_JOB, .found = *found});
}

void sim_coord_drop_mails(struct sim_coord *c)
{
    while (c->mails) {
        struct sim_mail *mail = c->mails;

        DL_DELETE(c->mails, mail);
        free_mail(mail);
    }
}
