/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_coord.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_fleet.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_peers.h"
#include "tests/sim/sim_store_thread.h"

#define LOOK    dur_s(1)
#define RESTART dur_s(1)
#define LEAVE   dur_s(2)

#define DISK_MAX (1u << 20)

/* Something for the core's thread: from the fleet's, from a peer or from an operator. */
struct mail {
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
    struct mail *prev, *next;
};

/* A command that the driver has. */
struct taken {
    struct sim_op *op;         /* NULL: free */
    struct sim_stream *stream; /* of the peer that handed it on; NULL: the operator asked here */
    mono_t since;
};

/* What is known of a node, by its newest connection anywhere. */
struct known {
    struct sim_fact fact;
    unsigned holder; /* the coordinator that it is connected to */
};

struct sim_coord {
    struct sim *sim;
    unsigned index;
    struct name name;
    uint64_t boots;
    bool running, ready, dying;
    bool stepping;   /* the core has decided something that is not stored yet */
    struct buf disk; /* its journal; survives */
    bool disk_full;
    struct loop *loop;
    struct store_thread *store;
    struct driver *driver;
    struct sim_fleet *fleet;
    struct mail *mails;
    mono_t mail_due;
    enum sim_crash crash_at;
    struct sim_heard heard[SIM_NODES_MAX];
    uint64_t queued_boot[SIM_NODES_MAX]; /* of what the driver was told last of a node */
    struct taken taken[64];
    struct taken forwarded[64]; /* to the leader, and not answered */
    struct known known[SIM_NODES_MAX];
    struct leadership leader; /* as told */
    struct sim_peers *peers;
};

/* ---- reading --------------------------------------------------------------------------------- */

void sim_coord_disk(struct sim_coord *c, bool full)
{
    c->disk_full = full;
}

unsigned sim_coord_index(const struct sim_coord *c)
{
    return c->index;
}

const struct name *sim_coord_name(const struct sim_coord *c)
{
    return &c->name;
}

bool sim_coord_is_running(const struct sim_coord *c)
{
    return c->running;
}

bool sim_coord_is_paused(const struct sim_coord *c)
{
    return sim_loop_is_paused(c->loop);
}

bool sim_coord_accepts(const struct sim_coord *c)
{
    return c->running && c->ready && !c->dying;
}

bool sim_coord_has_looked(const struct sim_coord *c)
{
    return sim_loop_has_looked(c->loop);
}

bool sim_coord_is_settled(const struct sim_coord *c)
{
    return sim_coord_accepts(c) && !c->mails && sim_store_thread_is_idle(c->store);
}

bool sim_coord_is_stepping(const struct sim_coord *c)
{
    return c->stepping;
}

uint64_t sim_coord_boot(const struct sim_coord *c)
{
    return c->running ? c->boots : 0;
}

const struct core *sim_coord_core(const struct sim_coord *c)
{
    return c->driver ? driver_core(c->driver) : NULL;
}

mono_t sim_coord_mono(const struct sim_coord *c)
{
    return sim_loop_mono(c->loop);
}

wall_t sim_coord_wall(const struct sim_coord *c)
{
    return sim_loop_wall(c->loop);
}

struct sim_fleet *sim_coord_fleet(const struct sim_coord *c)
{
    return c->fleet;
}

struct sim_peers *sim_coord_peers(const struct sim_coord *c)
{
    return c->peers;
}

struct store_thread *sim_coord_store(const struct sim_coord *c)
{
    return c->store;
}

void sim_coord_health(const struct sim_coord *c, struct driver_health *ret)
{
    loop_update_now(c->loop);
    driver_health(c->driver, ret);
}

const struct sim_heard *sim_coord_heard(const struct sim_coord *c, unsigned node)
{
    return &c->heard[node];
}

/* ---- commands -------------------------------------------------------------------------------- */

static struct taken *find_taken(struct taken *list, size_t count, const struct sim_op *op)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].op == op)
            return &list[i];
    return NULL;
}

bool sim_coord_has(const struct sim_coord *c, const struct sim_op *op)
{
    for (size_t i = 0; i < ARRAY_LEN(c->taken); i++)
        if (c->taken[i].op == op || c->forwarded[i].op == op)
            return true;
    return false;
}

/* The coordinator that leads as far as is known; false when it is this one, or nobody. */
static bool find_leader(const struct sim_coord *c, unsigned *ret)
{
    for (unsigned i = 0; i < c->sim->config.coordinators; i++)
        if (i != c->index && name_eq(sim_coord_name(c->sim->coord[i]), &c->leader.leader.id)) {
            *ret = i;
            return true;
        }
    return false;
}

static void refuse(struct sim_coord *c, struct sim_op *op, struct sim_stream *st,
                   const struct err *why)
{
    struct sim_answer a = {.refused = *why};

    if (st)
        sim_peers_answer(st, &a);
    else
        sim_ops_answer(c->sim->ops, c, op, &a);
}

static void take(struct sim_coord *c, struct sim_op *op, struct sim_stream *st)
{
    struct taken *place = find_taken(c->taken, ARRAY_LEN(c->taken), NULL);
    struct taken *handed = find_taken(c->forwarded, ARRAY_LEN(c->forwarded), NULL);
    struct err err;
    unsigned leader;
    int r;

    if (!place || !handed || sim_coord_has(c, op))
        return;
    r = driver_command(c->driver, &op->command, &err);
    if (r == 0) {
        *place = (struct taken){op, st, loop_now(c->loop)};
    } else if (r == -ERR_UNAVAILABLE && !st && op->command.kind != CMD_EMERGENCY &&
               find_leader(c, &leader)) {
        *handed = (struct taken){op, NULL, loop_now(c->loop)};
        sim_peers_forward(c->peers, leader, op);
    } else {
        refuse(c, op, st, &err);
    }
}

void sim_coord_on_forward(struct sim_coord *c, struct sim_stream *st, struct sim_op *op)
{
    take(c, op, st);
}

void sim_coord_on_forwarded(struct sim_coord *c, struct sim_op *op, const struct sim_answer *a)
{
    struct taken *t = find_taken(c->forwarded, ARRAY_LEN(c->forwarded), op);

    if (!t)
        return;
    t->op = NULL;
    if (a->refused.code == ERR_NONE && a->changed)
        driver_ordered(c->driver, a->revision, t->since);
    sim_ops_answer(c->sim->ops, c, op, a);
}

/* ---- the driver's ports ---------------------------------------------------------------------- */

/* A supervisor has it started again. */
static void start_again(struct sim *s UNUSED, void *who, uint64_t boots)
{
    struct sim_coord *c = who;

    if (!c->running && c->boots == boots)
        sim_coord_start(c);
}

static void on_ready(void *ctx, int r, const struct err *err)
{
    struct sim_coord *c = ctx;

    if (c->dying)
        return;
    if (r < 0) {
        sim_say(c->sim, c->name.s, "cannot start: %s", err->msg);
        sim_coord_crash(c);
        sim_after(c->sim, RESTART, start_again, c, c->boots);
        return;
    }
    c->ready = true;
    sim_say(c->sim, c->name.s, "is up");
}

static void on_publish(void *ctx, uint64_t revision, const struct fleet_route *route,
                       unsigned count)
{
    struct sim_coord *c = ctx;
    struct sha256 sum;

    if (c->dying || sim_coord_crash_point(c, SIM_CRASH_COMMITTED))
        return;
    sim_fleet_publish(c->fleet, revision, route, count);
    sim_fleet_sum(c->fleet, &sum);
    sim_check_published(c->sim->check, c, revision, &sum);
}

static void on_push_order(void *ctx, const struct emergency *order)
{
    struct sim_coord *c = ctx;

    if (c->dying)
        return;
    sim_say(c->sim, c->name.s, "pushes order %" PRIu64 " of %s", order->epoch, order->migration.s);
    sim_fleet_push_order(c->fleet, order);
    sim_peers_push_order(c->peers, order);
}

static void on_answer(void *ctx, const struct core_update *u, uint64_t revision,
                      uint64_t unstored_epoch)
{
    struct sim_coord *c = ctx;
    struct sim_op *op = u->token;
    struct taken *t = find_taken(c->taken, ARRAY_LEN(c->taken), op);
    struct sim_answer a = {.refused = u->refused,
                           .changed = u->save != NULL && u->refused.code == ERR_NONE,
                           .revision = revision,
                           .unstored_epoch = unstored_epoch};
    struct sim_stream *st;

    if (c->dying || (a.changed && sim_coord_crash_point(c, SIM_CRASH_PUBLISHED)))
        return;
    if (u->change)
        CHECK(str_fmt(a.summary, sizeof a.summary, "%s", u->change->summary));
    st = t->stream;
    t->op = NULL;
    if (st)
        sim_peers_answer(st, &a);
    else
        sim_ops_answer(c->sim->ops, c, op, &a);
}

/* The node's stream may be here or at a peer. */
static void on_ask_past(void *ctx, const struct name *node, dur_t window)
{
    struct sim_coord *c = ctx;

    for (unsigned i = 0; i < c->sim->config.nodes && !c->dying; i++) {
        if (!name_eq(sim_node_name(c->sim->node[i]), node))
            continue;
        if (c->known[i].holder == c->index)
            (void)sim_fleet_ask_past(c->fleet, i, c->index, window);
        else
            sim_peers_ask_past(c->peers, c->known[i].holder, i, window);
    }
}

static void on_leader(void *ctx, const struct leadership *l)
{
    struct sim_coord *c = ctx;

    if (c->dying)
        return;
    if (l->here)
        sim_say(c->sim, c->name.s, "leads, term %" PRIu64, l->term);
    else if (l->leader.id.s[0])
        sim_say(c->sim, c->name.s, "follows %s", l->leader.id.s);
    else
        sim_say(c->sim, c->name.s, "knows no leader");
    c->leader = *l;
    sim_fleet_set_term(c->fleet, l->term);
}

static void on_member(void *ctx, const struct member *m, bool gone)
{
    struct sim_coord *c = ctx;

    for (unsigned i = 0; i < c->sim->config.coordinators && !c->dying; i++)
        if (i != c->index && name_eq(sim_coord_name(c->sim->coord[i]), &m->id))
            sim_peers_set(c->peers, i, !gone);
}

static void on_settled(void *ctx UNUSED)
{
}

static const struct driver_ports ports = {
    .on_ready = on_ready,
    .publish = on_publish,
    .push_order = on_push_order,
    .answer = on_answer,
    .ask_past = on_ask_past,
    .on_leader = on_leader,
    .on_member = on_member,
    .on_settled = on_settled,
};

/* ---- life ------------------------------------------------------------------------------------ */

static void look(struct sim *s, void *who, uint64_t boot)
{
    struct sim_coord *c = who;

    if (sim_coord_boot(c) != boot)
        return;
    if (!sim_coord_is_paused(c))
        sim_fleet_look(c->fleet);
    sim_after(s, LOOK, look, c, boot);
}

static struct sim_coord *starting;

static void start_driver(struct sim_coord *c)
{
    struct driver_config config = {.core = {.node_grace = dur_s(0)},
                                   .self = {.id = c->name, .since = sim_coord_wall(c)},
                                   .lease_ttl = c->sim->config.lease_ttl,
                                   .journal = c->name.s};

    str_fmt(config.self.address, sizeof config.self.address, "%s:1", c->name.s);
    str_fmt(config.self.boot, sizeof config.self.boot, "%s-%" PRIu64, c->name.s, c->boots);
    str_fmt(config.self.version, sizeof config.self.version, "0");
    starting = c;
    CHECK(driver_new(&config, c->loop, c->store, &ports, c, &c->driver, NULL) == 0);
    starting = NULL;
}

void sim_coord_start(struct sim_coord *c)
{
    CHECK(!c->running);
    c->running = true;
    c->boots++;
    sim_loop_start(c->loop);
    c->store = sim_store_thread_new(c->sim, c->index, c->boots, c->loop);
    c->fleet = sim_fleet_new(c->sim, c);
    c->peers = sim_peers_new(c->sim, c);
    start_driver(c);
    look(c->sim, c, c->boots);
}

static void free_mail(struct mail *m)
{
    free(m->stats);
    free(m->past);
    sim_msg_free(m->msg);
    free(m);
}

static void lose_memory(struct sim_coord *c)
{
    while (c->mails) {
        struct mail *m = c->mails;

        DL_DELETE(c->mails, m);
        free_mail(m);
    }
    c->dying = true;
    c->store = sim_store_thread_end(c->store);
    driver_free(steal(c->driver));
    sim_loop_end(c->loop);
    c->fleet = sim_fleet_free(c->fleet);
    c->peers = sim_peers_free(c->peers);
    c->leader = (struct leadership){.here = false};
    memset(c->known, 0, sizeof c->known);
    c->crash_at = SIM_CRASH_NEVER;
    c->running = c->ready = c->dying = c->stepping = false;
    memset(c->heard, 0, sizeof c->heard);
}

static void die(struct sim_coord *c)
{
    lose_memory(c);
    sim_ops_coord_died(c->sim->ops, c);
    memset(c->taken, 0, sizeof c->taken);
    memset(c->forwarded, 0, sizeof c->forwarded);
    sim_net_died(c->sim->net, sim_host_coord(c->index));
    sim_net_stop(c->sim->net, sim_host_coord(c->index), false);
    sim_check_coord_died(c->sim->check, c);
}

/* A process that dies in its turn does nothing any more, and its memory goes when the turn ends. */
void sim_coord_crash(struct sim_coord *c)
{
    if (!c->running || c->dying)
        return;
    sim_say(c->sim, c->name.s, "dies");
    if (sim_loop_in_turn(c->loop)) {
        c->dying = true;
        sim_loop_break(c->loop);
    } else {
        die(c);
    }
}

static void after_turn(void *ctx)
{
    struct sim_coord *c = ctx;

    if (c->dying)
        die(c);
    else
        sim_check_turn(c->sim->check, c);
}

void sim_coord_crash_at(struct sim_coord *c, enum sim_crash where)
{
    c->crash_at = where;
}

bool sim_coord_crash_point(struct sim_coord *c, enum sim_crash here)
{
    if (here == SIM_CRASH_NEVER || c->crash_at != here || !c->running || c->dying)
        return false;
    sim_coord_crash(c);
    return true;
}

void sim_coord_pause(struct sim_coord *c, bool paused)
{
    if (!c->running || paused == sim_coord_is_paused(c))
        return;
    sim_say(c->sim, c->name.s, "%s", paused ? "is stopped" : "goes on");
    sim_loop_pause(c->loop, paused);
    sim_net_stop(c->sim->net, sim_host_coord(c->index), paused);
    if (!paused)
        sim_store_thread_resume(c->store);
}

void sim_coord_jump(struct sim_coord *c, dur_t by)
{
    sim_loop_jump(c->loop, by);
}

struct sim_coord *sim_coord_new(struct sim *s, unsigned index)
{
    struct sim_coord *c = xnew(struct sim_coord);

    c->sim = s;
    c->index = index;
    str_fmt(c->name.s, sizeof c->name.s, "c%u", index + 1);
    buf_init(&c->disk, DISK_MAX);
    c->loop = sim_loop_new(s, after_turn, c);
    return c;
}

struct sim_coord *sim_coord_free(struct sim_coord *c)
{
    if (!c)
        return NULL;
    if (c->running)
        lose_memory(c);
    sim_loop_free(c->loop);
    buf_deinit(&c->disk);
    free(c);
    return NULL;
}

/* ---- what nodes say -------------------------------------------------------------------------- */

static void tell_driver(struct sim_coord *c, unsigned node, mono_t seen)
{
    const struct sim_fact *f = &c->known[node].fact;
    struct core_node n = {.name = *sim_node_name(c->sim->node[node]),
                          .connected = f->connected,
                          .serving_rev = f->serving_rev,
                          .newest_epoch_seen = f->newest_epoch};

    driver_node(c->driver, &n, seen);
    c->queued_boot[node] = f->boot;
}

/* A node is where it connected last; what others say of older connections is news no more. */
static void learn(struct sim_coord *c, unsigned holder, unsigned node, const struct sim_fact *fact,
                  mono_t seen)
{
    struct known *k = &c->known[node];

    if (fact->dial < k->fact.dial || (fact->dial == k->fact.dial && holder != k->holder))
        return;
    *k = (struct known){*fact, holder};
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
    struct known *k = &c->known[node];

    if (k->holder != peer || !k->fact.connected)
        return;
    k->fact.connected = false;
    tell_driver(c, node, loop_now(c->loop));
}

/* ---- mail ------------------------------------------------------------------------------------ */

static void on_left(void *ctx)
{
    struct sim_coord *c = ctx;

    sim_coord_crash(c);
    sim_after(c->sim, RESTART, start_again, c, c->boots);
}

static void read_mail(struct sim_coord *c, const struct mail *m)
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
        take(c, m->op, NULL);
        break;
    case MAIL_LEAVE:
        driver_leave(c->driver, LEAVE, on_left, c);
        break;
    }
}

static void run_mail(struct sim_post *p)
{
    struct mail *m = container_of(p, struct mail, post);

    read_mail(m->coord, m);
    free_mail(m);
}

static void drop_mail(struct sim_post *p)
{
    free_mail(container_of(p, struct mail, post));
}

static struct mail *new_mail(struct sim_coord *c, struct mail m)
{
    m.post = (struct sim_post){.run = run_mail, .drop = drop_mail};
    m.coord = c;
    return xmemdup(&m, sizeof m);
}

static void open_mail(struct sim *s UNUSED, void *who, uint64_t boot)
{
    struct sim_coord *c = who;
    struct mail *m = c->mails;

    if (sim_coord_boot(c) != boot)
        return;
    DL_DELETE(c->mails, m);
    sim_loop_post(c->loop, &m->post);
}

/* From the fleet's thread, in order, as through one mailbox. */
static void post(struct sim_coord *c, struct mail m)
{
    struct mail *copy = new_mail(c, m);
    mono_t due = mono_add(c->sim->now, sim_delay(c->sim, c->sim->config.mail));

    if (mono_before(c->mail_due, due))
        c->mail_due = due;
    DL_APPEND(c->mails, copy);
    sim_after(c->sim, mono_sub(c->mail_due, c->sim->now), open_mail, c, c->boots);
}

void sim_coord_on_node(struct sim_coord *c, unsigned node, const struct sim_fact *fact)
{
    post(c,
         (struct mail){.kind = MAIL_NODE, .node = node, .fact = *fact, .seen = sim_coord_mono(c)});
}

void sim_coord_on_order(struct sim_coord *c, unsigned node, const struct emergency *order)
{
    post(c, (struct mail){.kind = MAIL_ORDER, .node = node, .order = *order});
}

void sim_coord_on_report(struct sim_coord *c, unsigned node, const struct route_stats *stats,
                         unsigned count)
{
    if (count > 0)
        post(c, (struct mail){.kind = MAIL_REPORT,
                              .node = node,
                              .stats = xmemdup(stats, count * sizeof *stats),
                              .count = count});
}

void sim_coord_on_past(struct sim_coord *c, unsigned node, unsigned asker,
                       const struct sim_past *past)
{
    post(c,
         (struct mail){
             .kind = MAIL_PAST, .node = node, .asker = asker, .past = xmemdup(past, sizeof *past)});
}

/* Peers and operators talk to the core's thread itself. */
static void bring(struct sim_coord *c, struct mail m)
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
        bring(c, (struct mail){.kind = MAIL_PEER, .stream = st, .end = end, .msg = m});
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
        bring(c, (struct mail){.kind = MAIL_PEER_CLOSED, .stream = st, .end = end});
}

void sim_coord_leave(struct sim_coord *c)
{
    if (sim_coord_accepts(c))
        bring(c, (struct mail){.kind = MAIL_LEAVE});
}

void sim_coord_command(struct sim_coord *c, struct sim_op *op)
{
    bring(c, (struct mail){.kind = MAIL_OP, .op = op});
}

/* ---- seen in passing ------------------------------------------------------------------------- */

/* The linker leads these calls of the driver through here (--wrap in CMakeLists.txt). */
void __real_core_step(struct core *core, const struct core_event *ev, struct core_update *u);
void __wrap_core_step(struct core *core, const struct core_event *ev, struct core_update *u);
void __real_core_commit(struct core *core, uint64_t rev, struct core_update *u);
void __wrap_core_commit(struct core *core, uint64_t rev, struct core_update *u);
void __real_core_abandon(struct core *core, const struct err *why, struct core_update *u);
void __wrap_core_abandon(struct core *core, const struct err *why, struct core_update *u);
void __wrap_log_line(enum log_level l, enum log_event ev, const char *fmt, ...) PRINTF(3, 4);
void __wrap_log_err(enum log_level l, enum log_event ev, const struct err *err, const char *fmt,
                    ...) PRINTF(4, 5);

void __real_sm_move(struct sm *m, const struct sm_row *row, const void *facts, wall_t now);
void __wrap_sm_move(struct sm *m, const struct sm_row *row, const void *facts, wall_t now);
int __wrap_atomic_file_write(const char *path, const char *kind, struct str content,
                             struct err *err);
int __wrap_atomic_file_read(const char *path, const char *kind, struct buf *b, struct err *err);

int __wrap_atomic_file_write(const char *path UNUSED, const char *kind UNUSED, struct str content,
                             struct err *err)
{
    struct sim_coord *c = sim_loop_current();

    if (!c || c->dying)
        return 0; /* it died before */
    if (c->disk_full)
        return err_set(err, ERR_EXHAUSTED, "the disk is full");
    buf_clear(&c->disk);
    CHECK(buf_add_str(&c->disk, content));
    return 0;
}

int __wrap_atomic_file_read(const char *path, const char *kind UNUSED, struct buf *b,
                            struct err *err)
{
    if (starting->disk.len == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no file %s", path);
    CHECK(buf_add_str(b, buf_view(&starting->disk)));
    return 0;
}

void __wrap_sm_move(struct sm *m, const struct sm_row *row, const void *facts, wall_t now)
{
    struct sim_coord *c = sim_loop_current();

    __real_sm_move(m, row, facts, now);
    if (!c || m->machine != &election_machine)
        return;
    sim_check_elected(c->sim->check, c, row);
    if (row->to == ELECTION_CAMPAIGNING && c->crash_at == SIM_LEAVE_CAMPAIGN)
        bring(c, (struct mail){.kind = MAIL_LEAVE});
}

static void hear(struct sim_coord *c, const struct core_node *n)
{
    for (unsigned i = 0; i < c->sim->config.nodes; i++)
        if (name_eq(sim_node_name(c->sim->node[i]), &n->name))
            c->heard[i] = (struct sim_heard){n->connected, c->queued_boot[i]};
}

void __wrap_core_step(struct core *core, const struct core_event *ev, struct core_update *u)
{
    struct sim_coord *c = sim_loop_current();

    if (ev->kind == EV_NODE)
        hear(c, ev->node);
    __real_core_step(core, ev, u);
    c->stepping = u->save != NULL;
}

void __wrap_core_commit(struct core *core, uint64_t rev, struct core_update *u)
{
    struct sim_coord *c = sim_loop_current();

    __real_core_commit(core, rev, u);
    if (c)
        c->stepping = false;
}

void __wrap_core_abandon(struct core *core, const struct err *why, struct core_update *u)
{
    struct sim_coord *c = sim_loop_current();

    __real_core_abandon(core, why, u);
    if (c) /* else its process has died */
        c->stepping = false;
}

static void say(enum log_event ev, const struct err *err, const char *fmt, va_list ap)
{
    struct sim_coord *c = sim_loop_current();
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(4096);

    if (!c || c->dying || ev == LOG_STAGE_MOVED || ev == LOG_TRIGGER) /* sim_check tells of moves */
        return;
    (void)!buf_vaddf(&text, fmt, ap);
    sim_say(c->sim, c->name.s, "says %s %s%s%s", log_event_name(ev), buf_text(&text),
            err ? ": " : "", err ? err->msg : "");
}

void __wrap_log_line(enum log_level l UNUSED, enum log_event ev, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(ev, NULL, fmt, ap);
    va_end(ap);
}

void __wrap_log_err(enum log_level l UNUSED, enum log_event ev, const struct err *err,
                    const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(ev, err, fmt, ap);
    va_end(ap);
}
