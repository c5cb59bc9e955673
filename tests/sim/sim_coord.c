/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_coord.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/driver/event_queue.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_fleet.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_store.h"

#define TICK  dur_ms(250)
#define RETRY dur_s(1)
#define LOOK  dur_s(1)

enum state { DOWN, LOADING, IDLE, SAVING, RELOADING };

/* From the fleet's thread, not yet on the core's. */
struct mail {
    struct core_node node;
    unsigned index;
    uint64_t boot;
    mono_t seen;
    struct emergency order;    /* epoch 0: none; then `node` has its name only */
    struct route_stats *stats; /* owned; NULL: `node` is meant */
    unsigned count;
    struct mail *prev, *next;
};

struct sim_coord {
    struct sim *sim;
    enum state state;
    uint64_t boots;
    int64_t mono_offset;
    mono_t mono; /* of the event that the core saw last */
    struct core *core;
    struct event_queue queue;
    struct core_update update;
    struct err doubt;
    uint64_t revision;
    mono_t quiet_until;
    bool orders_again;
    struct sim_fleet *fleet;
    struct mail *mails;
    mono_t mail_due;
    bool pump_due;
    enum sim_crash crash_at;
    struct sim_heard heard[SIM_NODES_MAX];
    uint64_t queued_boot[SIM_NODES_MAX]; /* of what the queue has of a node */
    struct sim_op *taken[64];            /* and not answered */
};

static void pump_soon(struct sim_coord *c);

struct sim_coord *sim_coord_new(struct sim *s)
{
    struct sim_coord *c = xnew(struct sim_coord);

    c->sim = s;
    return c;
}

/* ---- reading --------------------------------------------------------------------------------- */

bool sim_coord_is_running(const struct sim_coord *c)
{
    return c->state != DOWN;
}

bool sim_coord_accepts(const struct sim_coord *c)
{
    return c->core != NULL;
}

bool sim_coord_is_saving(const struct sim_coord *c)
{
    return c->state == SAVING || c->state == RELOADING;
}

bool sim_coord_is_settled(const struct sim_coord *c)
{
    return c->state == IDLE && event_queue_is_empty(&c->queue) && !c->mails;
}

uint64_t sim_coord_boot(const struct sim_coord *c)
{
    return c->state == DOWN ? 0 : c->boots;
}

const struct core *sim_coord_core(const struct sim_coord *c)
{
    return c->core;
}

mono_t sim_coord_mono(const struct sim_coord *c)
{
    return (mono_t){c->sim->now.ns + c->mono_offset};
}

struct sim_fleet *sim_coord_fleet(const struct sim_coord *c)
{
    return c->fleet;
}

const struct sim_heard *sim_coord_heard(const struct sim_coord *c, unsigned node)
{
    return &c->heard[node];
}

/* ---- commands -------------------------------------------------------------------------------- */

static struct sim_op **slot_of(struct sim_coord *c, const struct sim_op *op)
{
    for (size_t i = 0; i < ARRAY_LEN(c->taken); i++)
        if (c->taken[i] == op)
            return &c->taken[i];
    return NULL;
}

bool sim_coord_has(const struct sim_coord *c, const struct sim_op *op)
{
    for (size_t i = 0; i < ARRAY_LEN(c->taken); i++)
        if (c->taken[i] == op)
            return true;
    return false;
}

bool sim_coord_command(struct sim_coord *c, struct sim_op *op)
{
    struct sim_op **slot = slot_of(c, NULL);

    if (!c->core || !slot || event_queue_command(&c->queue, &op->command, NULL) < 0)
        return false;
    *slot = op;
    pump_soon(c);
    return true;
}

static void answer(struct sim_coord *c)
{
    struct sim_op *op = c->update.token;

    if (!c->update.has_answer)
        return;
    *slot_of(c, op) = NULL;
    op->changed = c->update.save != NULL && c->update.refused.code == ERR_NONE;
    sim_ops_answer(c->sim->ops, op, &c->update);
}

/* ---- publish --------------------------------------------------------------------------------- */

static void fill_route(const struct sim_coord *c, const char *migration, struct sim_route *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->removed = !core_compile(c->core, migration, &ret->route);
    CHECK(str_copy(str_of(migration), ret->route.migration.s, NAME_SIZE));
    ret->has_order = core_emergency(c->core, migration, &ret->order);
}

static void publish_changed(struct sim_coord *c)
{
    struct sim_route route[SIM_MIGRATIONS_MAX];
    unsigned n = 0;

    for (struct core_publish *p = c->update.publish; p; p = p->next) {
        CHECK(n < SIM_MIGRATIONS_MAX);
        fill_route(c, p->migration.s, &route[n++]);
    }
    if (n > 0)
        sim_fleet_publish(c->fleet, c->revision, route, n);
}

static void publish_all(struct sim_coord *c, const struct core *old)
{
    struct sim_route route[SIM_MIGRATIONS_MAX];
    unsigned n = 0;

    for (const char *m = ""; (m = core_next_migration(c->core, m));)
        fill_route(c, m, &route[n++]);
    for (const char *m = ""; old && (m = core_next_migration(old, m));)
        if (core_decision_rev(c->core, m) == 0)
            fill_route(c, m, &route[n++]);
    if (c->revision > 0)
        sim_fleet_publish(c->fleet, c->revision, route, n);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void done(struct sim_coord *c)
{
    if (sim_coord_crash_point(c, SIM_CRASH_PUBLISHED))
        return;
    answer(c);
    for (struct core_tell *t = c->update.tell; t; t = t->next)
        if (t->event != LOG_STAGE_MOVED && t->event != LOG_TRIGGER) /* sim_check tells of moves */
            sim_say(c->sim, "coord", "says %s %s", log_event_name(t->event), t->text);
    c->state = IDLE;
}

static void carry_out(struct sim_coord *c)
{
    if (sim_coord_crash_point(c, SIM_CRASH_COMMITTED))
        return;
    publish_changed(c);
    done(c);
}

static void load(struct sim_coord *c);

static void reload_after(struct sim_coord *c, const struct err *doubt)
{
    c->doubt = *doubt;
    c->state = RELOADING;
    load(c);
}

static void on_saved(struct sim *s, int r, store_rev rev, const struct err *err)
{
    struct sim_coord *c = s->coord;
    struct err conflict;

    if (r == 0) {
        c->revision = rev;
        core_commit(c->core, rev, &c->update);
        c->orders_again = c->orders_again || c->update.has_answer;
        sim_check_committed(s->check, rev);
        carry_out(c);
    } else if (r == STORE_CONFLICT) {
        err_set(&conflict, ERR_CONFLICT, "another program has changed the store");
        reload_after(c, &conflict);
    } else if (r == -ERR_UNKNOWN_OUTCOME) {
        reload_after(c, err);
    } else {
        c->quiet_until = mono_add(s->now, RETRY);
        core_abandon(c->core, err, &c->update);
        c->orders_again = true;
        sim_check_abandoned(s->check);
        done(c);
    }
    pump_soon(c);
}

static void step(struct sim_coord *c, struct core_event *ev)
{
    ev->now = sim_wall(c->sim);
    if (ev->kind != EV_NODE)
        ev->mono = sim_coord_mono(c);
    if (mono_before(ev->mono, c->mono))
        ev->mono = c->mono;
    c->mono = ev->mono;
    core_update_reset(&c->update);
    sim_check_stepping(c->sim->check, ev);
    core_step(c->core, ev, &c->update);
    if (!c->update.save) {
        sim_check_abandoned(c->sim->check);
        carry_out(c);
        return;
    }
    c->state = SAVING;
    sim_store_save(c->sim->store, &c->update, c->boots, on_saved);
    (void)sim_coord_crash_point(c, SIM_CRASH_SENT);
}

static void hear(struct sim_coord *c, const struct core_event *ev)
{
    for (unsigned i = 0; i < c->sim->config.nodes; i++)
        if (name_eq(sim_node_name(c->sim->node[i]), &ev->node->name))
            c->heard[i] = (struct sim_heard){ev->node->connected, c->queued_boot[i]};
}

static void pump(struct sim *s, void *who, uint64_t boot)
{
    struct sim_coord *c = who;
    struct core_event ev;

    if (sim_coord_boot(c) != boot)
        return;
    c->pump_due = false;
    while (c->state == IDLE && event_queue_take(&c->queue, &ev)) {
        bool is_node = ev.kind == EV_NODE;

        if (is_node)
            hear(c, &ev);
        step(c, &ev);
        if (is_node && sim_coord_boot(c) == boot)
            event_queue_tick(&c->queue);
        sim_check_step(s->check);
    }
}

static void pump_soon(struct sim_coord *c)
{
    if (c->state == DOWN || c->pump_due)
        return;
    c->pump_due = true;
    sim_after(c->sim, dur_ns(0), pump, c, c->boots);
}

static void tick(struct sim *s, void *who, uint64_t boot)
{
    struct sim_coord *c = who;

    if (sim_coord_boot(c) != boot)
        return;
    sim_after(s, TICK, tick, c, boot);
    if (mono_before(s->now, c->quiet_until))
        return;
    event_queue_tick(&c->queue);
    if (c->orders_again)
        event_queue_repeat_orders(&c->queue);
    c->orders_again = false;
    pump_soon(c);
}

static void look(struct sim *s, void *who, uint64_t boot)
{
    struct sim_coord *c = who;

    if (sim_coord_boot(c) != boot)
        return;
    sim_fleet_look(c->fleet);
    sim_after(s, LOOK, look, c, boot);
}

/* ---- load ------------------------------------------------------------------------------------ */

static struct core *make_core(struct sim_coord *c, const struct store_list *list)
{
    struct core_config config = {.node_grace = dur_s(0)};
    struct core *core = core_new(&config, sim_wall(c->sim), sim_coord_mono(c));
    struct err err;
    int r = 0;

    for (size_t i = 0; i < list->count && r == 0; i++) {
        const struct store_kv *kv = &list->item[i];

        r = core_load(core, kv->key, (struct str){kv->value, kv->value_len}, kv->rev, &err);
    }
    if (r == 0)
        r = core_loaded(core, SIM_INCARNATION, list->rev, &err);
    if (r < 0)
        sim_fail(c->sim, "the coordinator cannot read what it stored: %s", err.msg);
    core_lead(core, true);
    return core;
}

/* Is all that the update wanted to store in the store? */
static bool was_stored(const struct core_update *u, const struct store_list *list)
{
    for (const struct core_save *save = u->save; save; save = save->next) {
        const struct store_kv *kv = NULL;

        for (size_t i = 0; i < list->count && !kv; i++)
            if (strcmp(list->item[i].key, save->key) == 0)
                kv = &list->item[i];
        if (save->kind == SAVE_DELETE && kv)
            return false;
        if (save->kind == SAVE_PUT &&
            !(kv && str_eq(save->value, (struct str){kv->value, kv->value_len})))
            return false;
    }
    return true;
}

static void settle_doubt(struct sim_coord *c, const struct store_list *list)
{
    if (c->doubt.code == ERR_UNKNOWN_OUTCOME && was_stored(&c->update, list))
        return;
    if (c->doubt.code == ERR_UNKNOWN_OUTCOME)
        c->doubt.code = ERR_UNAVAILABLE; /* now it is known: nothing was stored */
    if (c->doubt.code != ERR_NONE)
        core_abandon(c->core, &c->doubt, &c->update);
}

static void use_core(struct sim_coord *c, const struct store_list *list)
{
    CLEANUP(core_freep) struct core *old = c->core;

    if (old)
        settle_doubt(c, list);
    c->core = make_core(c, list);
    c->mono = sim_coord_mono(c);
    c->revision = list->rev;
    for (unsigned i = 0; i < SIM_NODES_MAX; i++)
        c->heard[i].connected = false;
    event_queue_repeat_nodes(&c->queue);
    event_queue_repeat_orders(&c->queue);
    sim_check_loaded(c->sim->check, list->rev);
    publish_all(c, old);
    sim_say(c->sim, "coord", "%s with revision %" PRIu64, old ? "goes on" : "is up", list->rev);
    if (old && c->doubt.code != ERR_NONE)
        done(c);
    if (c->state != DOWN)
        c->state = IDLE;
}

static void load_again(struct sim *s UNUSED, void *who, uint64_t boot)
{
    if (sim_coord_boot(who) == boot)
        load(who);
}

/* The command is not kept waiting for what nobody can tell. */
static void load_failed(struct sim_coord *c)
{
    if (c->state == RELOADING && c->doubt.code != ERR_NONE) {
        core_abandon(c->core, &c->doubt, &c->update);
        answer(c);
        c->doubt = (struct err){.code = ERR_NONE};
    }
    sim_after(c->sim, RETRY, load_again, c, c->boots);
}

static void on_loaded(struct sim *s, int r, const struct store_list *list,
                      const struct err *err UNUSED)
{
    struct sim_coord *c = s->coord;

    if (r < 0) {
        load_failed(c);
        return;
    }
    use_core(c, list);
    pump_soon(c);
}

static void load(struct sim_coord *c)
{
    sim_store_load(c->sim->store, c->boots, on_loaded);
}

/* ---- life ------------------------------------------------------------------------------------ */

void sim_coord_start(struct sim_coord *c)
{
    CHECK(c->state == DOWN);
    c->boots++;
    c->state = LOADING;
    c->mono_offset = (int64_t)sim_below(c->sim, UINT64_C(1) << 40);
    c->quiet_until = c->sim->now;
    core_update_init(&c->update);
    c->fleet = sim_fleet_new(c->sim, c->boots);
    load(c);
    tick(c->sim, c, c->boots);
    look(c->sim, c, c->boots);
}

static void free_mail(struct sim_coord *c, struct mail *m)
{
    DL_DELETE(c->mails, m);
    free(m->stats);
    free(m);
}

static void lose_memory(struct sim_coord *c)
{
    while (c->mails)
        free_mail(c, c->mails);
    c->core = core_free(c->core);
    event_queue_deinit(&c->queue);
    core_update_deinit(&c->update);
    c->fleet = sim_fleet_free(c->fleet);
    c->doubt = (struct err){.code = ERR_NONE};
    c->crash_at = SIM_CRASH_NEVER;
    c->pump_due = false;
    c->state = DOWN;
    memset(c->heard, 0, sizeof c->heard);
}

void sim_coord_crash(struct sim_coord *c)
{
    if (c->state == DOWN)
        return;
    sim_say(c->sim, "coord", "dies");
    lose_memory(c);
    sim_ops_coord_died(c->sim->ops);
    memset(c->taken, 0, sizeof c->taken);
    sim_net_coord_died(c->sim->net);
    sim_check_coord_died(c->sim->check);
}

void sim_coord_crash_at(struct sim_coord *c, enum sim_crash where)
{
    c->crash_at = where;
}

bool sim_coord_crash_point(struct sim_coord *c, enum sim_crash here)
{
    if (here == SIM_CRASH_NEVER || c->crash_at != here || !c->update.save || c->state == DOWN)
        return false;
    sim_coord_crash(c);
    return true;
}

struct sim_coord *sim_coord_free(struct sim_coord *c)
{
    if (!c)
        return NULL;
    if (c->state != DOWN)
        lose_memory(c);
    free(c);
    return NULL;
}

/* ---- from the streams ------------------------------------------------------------------------ */

void sim_coord_on_message(struct sim_coord *c, struct sim_stream *st, const struct sim_msg *m)
{
    sim_fleet_on_message(c->fleet, st, m);
}

void sim_coord_on_closed(struct sim_coord *c, struct sim_stream *st)
{
    if (c->fleet)
        sim_fleet_on_closed(c->fleet, st);
}

static void open_mail(struct sim *s UNUSED, void *who, uint64_t boot)
{
    struct sim_coord *c = who;
    struct mail *m = c->mails;

    if (sim_coord_boot(c) != boot)
        return;
    if (m->stats) {
        event_queue_report(&c->queue, &m->node.name, m->stats, m->count);
    } else if (m->order.epoch > 0) {
        event_queue_order(&c->queue, &m->node.name, &m->order);
    } else {
        event_queue_node(&c->queue, &m->node, m->seen);
        c->queued_boot[m->index] = m->boot;
    }
    free_mail(c, m);
    pump_soon(c);
}

/* In order, as through one mailbox. */
static void post(struct sim_coord *c, struct mail *m)
{
    mono_t due = mono_add(c->sim->now, sim_delay(c->sim, c->sim->config.mail));

    if (mono_before(c->mail_due, due))
        c->mail_due = due;
    DL_APPEND(c->mails, m);
    sim_after(c->sim, mono_sub(c->mail_due, c->sim->now), open_mail, c, c->boots);
}

void sim_coord_on_node(struct sim_coord *c, unsigned node, const struct core_node *n, uint64_t boot)
{
    struct mail *m = xnew(struct mail);

    m->node = *n;
    m->index = node;
    m->boot = boot;
    m->seen = sim_coord_mono(c);
    post(c, m);
}

void sim_coord_on_order(struct sim_coord *c, unsigned node, const struct emergency *order)
{
    struct mail *m = xnew(struct mail);

    m->node.name = *sim_node_name(c->sim->node[node]);
    m->order = *order;
    post(c, m);
}

void sim_coord_on_report(struct sim_coord *c, unsigned node, const struct route_stats *stats,
                         unsigned count)
{
    struct mail *m;

    if (count == 0)
        return;
    m = xnew(struct mail);
    m->node.name = *sim_node_name(c->sim->node[node]);
    m->stats = xmemdup(stats, count * sizeof *stats);
    m->count = count;
    post(c, m);
}
