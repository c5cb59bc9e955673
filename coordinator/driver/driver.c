/* SPDX-License-Identifier: Apache-2.0 */
/*            on_loaded              a step that saves           saved, or refused
 *   LOADING ───────────► IDLE ──────────────────────► SAVING ─────────────────────► IDLE
 *                          ▲                            │ conflict, unknown outcome
 *                          └────────── RELOADING ◄──────┘
 *                            on_loaded    ▲  │ the store cannot be read: again in a second
 *                                         └──┘
 *
 * A conflict means that somebody else wrote to the store, an unknown outcome that we do not know
 * what it holds. In both cases what the core believes is worth nothing: it is made anew from the
 * store, and then the command is answered with the truth. */
#include "coordinator/driver/driver.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "coordinator/driver/event_queue.h"

#define KEY_PREFIX "/switchyard/v1/"

#define TICK_MS        250
#define RETRY_S        1
#define STEPS_PER_TURN 64

_Static_assert(CORE_SAVES_MAX <= STORE_OPS_MAX, "every step of the core fits in a transaction");

enum driver_state { DRIVER_LOADING, DRIVER_IDLE, DRIVER_SAVING, DRIVER_RELOADING };

struct driver {
    struct core_config config;
    struct loop *loop;
    struct store_thread *store; /* borrowed */
    const struct driver_ports *ports;
    void *ports_ctx;

    struct core *core; /* owned */
    enum driver_state state;
    struct event_queue queue;
    mono_t mono;               /* of the event that the core saw last */
    struct core_update update; /* of the step that is being carried out */
    struct err doubt;          /* RELOADING: why the update's fate is open; ERR_NONE: it is not */
    uint64_t revision;         /* the store's, as far as we know */
    struct err store_error;    /* ERR_NONE: the store works */
    mono_t quiet_until;        /* no ticks before: the store failed a moment ago */
    bool orders_again;         /* a step was lost, or plans changed: nodes' orders may wait */
    struct timer tick;
    struct timer reload_again;
    struct loop_deferred pump;
};

static void pump_soon(struct driver *d);
static void load(struct driver *d);

/* ---- the store's health ---------------------------------------------------------------------- */

/* Logged when it begins and when it ends, not for every command in between. */
static void store_failed(struct driver *d, const struct err *why)
{
    if (d->store_error.code != why->code)
        log_err(LOG_ERROR, LOG_STORE, why, "state=failing");
    d->store_error = *why;
    d->quiet_until = mono_add(loop_now(d->loop), dur_s(RETRY_S));
}

static void store_works(struct driver *d)
{
    if (d->store_error.code != ERR_NONE)
        log_line(LOG_INFO, LOG_STORE, "state=working");
    d->store_error = (struct err){.code = ERR_NONE};
}

/* ---- publish --------------------------------------------------------------------------------- */

static void compile_route(struct driver *d, const struct name *migration, struct fleet_route *ret)
{
    ret->removed = !core_compile(d->core, migration->s, &ret->route);
    ret->route.migration = *migration;
    ret->has_emergency = core_emergency(d->core, migration->s, &ret->emergency);
}

static void publish_changed(struct driver *d)
{
    CLEANUP(xfreep) struct fleet_route *route = NULL;
    struct core_publish *p;
    unsigned n = 0;

    for (p = d->update.publish; p; p = p->next)
        n++;
    if (n == 0)
        return;
    route = xcalloc(n, sizeof(*route));
    n = 0;
    for (p = d->update.publish; p; p = p->next)
        compile_route(d, &p->migration, &route[n++]);
    d->ports->publish(d->ports_ctx, d->revision, route, n);
}

/* Everything that `d->core` knows, and the removal of what only `old` (may be NULL) knew. */
static void publish_all(struct driver *d, const struct core *old)
{
    CLEANUP(xfreep)
    struct fleet_route *route = xcalloc(2 * (size_t)CORE_MIGRATIONS_MAX, sizeof(*route));
    unsigned n = 0;

    for (const char *m = ""; (m = core_next_migration(d->core, m));) {
        struct name name;

        CHECK(str_copy(str_of(m), name.s, sizeof(name.s)));
        compile_route(d, &name, &route[n++]);
    }
    for (const char *m = ""; old && (m = core_next_migration(old, m));) {
        if (core_decision_rev(d->core, m) == 0 &&
            str_copy(str_of(m), route[n].route.migration.s, NAME_SIZE))
            route[n++].removed = true;
    }
    /* A store that has never held anything has nothing to say to nodes that serve. */
    if (d->revision > 0)
        d->ports->publish(d->ports_ctx, d->revision, route, n);
}

/* ---- answer, tell ---------------------------------------------------------------------------- */

static void answer(struct driver *d)
{
    if (!d->update.has_answer)
        return;
    failpoint(FP_DRIVER_ANSWER_BEFORE);
    d->ports->answer(d->ports_ctx, &d->update, d->revision);
}

/* Nobody keeps pasts for this driver yet: what nodes report counts from now on. */
static void answer_asks(struct driver *d)
{
    struct core_update nothing;

    core_update_init(&nothing);
    for (const struct core_ask *ask = d->update.ask; ask; ask = ask->next)
        core_step(d->core,
                  &(struct core_event){.kind = EV_PAST,
                                       .now = loop_wall(d->loop),
                                       .mono = d->mono,
                                       .past = {.node = &ask->node}},
                  &nothing);
    core_update_deinit(&nothing);
}

static void done(struct driver *d)
{
    answer(d);
    answer_asks(d);
    for (struct core_tell *t = d->update.tell; t; t = t->next)
        log_line(t->level, t->event, "%s", t->text);
    d->state = DRIVER_IDLE;
}

/* What was decided is stored, or needed no storing. */
static void carry_out(struct driver *d)
{
    if (d->update.save)
        failpoint(FP_DRIVER_PUBLISH_BEFORE);
    publish_changed(d);
    done(d);
}

static void give_up(struct driver *d, const struct err *why)
{
    core_abandon(d->core, why, &d->update);
    d->orders_again = true;
    done(d);
}

/* ---- save ------------------------------------------------------------------------------------ */

static const enum store_op_kind op_kinds[] = {
    [SAVE_COMPARE] = STORE_COMPARE,
    [SAVE_PUT] = STORE_PUT,
    [SAVE_DELETE] = STORE_DELETE,
};

static void reload_after(struct driver *d, const struct err *doubt)
{
    d->doubt = *doubt;
    d->state = DRIVER_RELOADING;
    load(d);
}

static void on_saved(void *ctx, int r, store_rev rev, const struct err *err)
{
    struct driver *d = ctx;
    struct err conflict;

    if (r == 0) {
        store_works(d);
        d->revision = rev;
        core_commit(d->core, rev, &d->update);
        d->orders_again = d->orders_again || d->update.has_answer;
        carry_out(d);
    } else if (r == STORE_CONFLICT) {
        err_set(&conflict, ERR_CONFLICT, "another program has changed the store; nothing was done");
        err_hint(&conflict, "look at the status, then try again");
        log_err(LOG_WARN, LOG_STORE, &conflict, "state=reading_again");
        reload_after(d, &conflict);
    } else {
        store_failed(d, err);
        if (r == -ERR_UNKNOWN_OUTCOME)
            reload_after(d, err);
        else
            give_up(d, err);
    }
    pump_soon(d);
}

static void save(struct driver *d)
{
    CLEANUP(xfreep) struct store_op *op = xcalloc(d->update.save_count, sizeof(*op));
    struct store_txn txn = {.op = op, .count = d->update.save_count};
    struct err err;
    unsigned n = 0;

    for (const struct core_save *s = d->update.save; s; s = s->next)
        op[n++] = (struct store_op){op_kinds[s->kind], str_of(s->key), s->value, s->rev};
    CHECK(n == d->update.save_count);
    d->state = DRIVER_SAVING;
    if (store_thread_txn(d->store, &txn, on_saved, d, &err) == 0)
        return;
    store_failed(d, &err);
    give_up(d, &err);
}

/* ---- load ------------------------------------------------------------------------------------ */

static int make_core(struct driver *d, const struct store_list *list, struct core **ret,
                     struct err *err)
{
    CLEANUP(core_freep)
    struct core *c = core_new(&d->config, loop_wall(d->loop), loop_now(d->loop));
    int r = 0;

    for (size_t i = 0; i < list->count && r == 0; i++) {
        const struct store_kv *kv = &list->item[i];

        r = core_load(c, kv->key, (struct str){kv->value, kv->value_len}, kv->rev, err);
    }
    if (r == 0)
        r = core_loaded(c, store_thread_incarnation(d->store), list->rev, err);
    if (r < 0)
        return err_ctx(err, "read the state in the store");
    core_lead(c, true);
    *ret = steal(c);
    return 0;
}

static const struct store_kv *find_kv(const struct store_list *list, const char *key)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->item[i].key, key) == 0)
            return &list->item[i];
    }
    return NULL;
}

/* Is what the update wanted to store in the store? */
static bool was_stored(const struct core_update *u, const struct store_list *list)
{
    for (const struct core_save *s = u->save; s; s = s->next) {
        const struct store_kv *kv = find_kv(list, s->key);

        if (s->kind == SAVE_DELETE && kv)
            return false;
        if (s->kind == SAVE_PUT &&
            !(kv && str_eq(s->value, (struct str){kv->value, kv->value_len})))
            return false;
    }
    return true;
}

/* The command's fate, from what the store holds. */
static void settle_doubt(struct driver *d, const struct store_list *list)
{
    if (d->doubt.code == ERR_NONE)
        return;
    if (d->doubt.code != ERR_UNKNOWN_OUTCOME) {
        core_abandon(d->core, &d->doubt, &d->update);
    } else if (!was_stored(&d->update, list)) {
        d->doubt.code = ERR_UNAVAILABLE;
        err_ctx(&d->doubt, "nothing was stored");
        core_abandon(d->core, &d->doubt, &d->update);
    }
}

static void use_core(struct driver *d, struct core *c, const struct store_list *list)
{
    CLEANUP(core_freep) struct core *old = d->core;

    if (old)
        settle_doubt(d, list);
    d->core = c;
    d->mono = loop_now(d->loop);
    d->revision = list->rev;
    event_queue_repeat_nodes(&d->queue);
    event_queue_repeat_orders(&d->queue);
    publish_all(d, old);
    if (!old)
        d->ports->on_ready(d->ports_ctx, 0, NULL);
    else if (d->doubt.code != ERR_NONE)
        done(d);
    d->state = DRIVER_IDLE;
}

static void on_reload_again(struct timer *t)
{
    load(container_of(t, struct driver, reload_again));
}

/* At the start there is nothing to go on with. Later the last state stays and reading goes on, but
 * the command is not kept waiting for what nobody can tell. */
static void load_failed(struct driver *d, const struct err *why)
{
    if (d->state == DRIVER_LOADING) {
        d->ports->on_ready(d->ports_ctx, -(int)why->code, why);
        return;
    }
    store_failed(d, why);
    if (d->doubt.code != ERR_NONE) {
        core_abandon(d->core, &d->doubt, &d->update);
        answer(d);
        d->doubt = (struct err){.code = ERR_NONE};
    }
    timer_set(d->loop, &d->reload_again, dur_s(RETRY_S), on_reload_again, "driver.reload");
}

static void on_loaded(void *ctx, int r, struct store_list *list, const struct err *err)
{
    struct driver *d = ctx;
    struct core *c = NULL;
    struct err broken;

    /* A store that holds nothing is a new one to us, wherever its revisions start. */
    if (!d->core && list->count == 0)
        list->rev = 0;
    if (r < 0) {
        load_failed(d, err);
    } else if (make_core(d, list, &c, &broken) < 0) {
        load_failed(d, &broken);
    } else {
        store_works(d);
        use_core(d, c, list);
        pump_soon(d);
    }
}

static void load(struct driver *d)
{
    struct err err;

    if (store_thread_load(d->store, STR(KEY_PREFIX), on_loaded, d, &err) < 0)
        load_failed(d, &err);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void step(struct driver *d, struct core_event *ev)
{
    /* What a node said was said when its stream's thread heard it, but the core's time does not run
     * backwards. */
    if (ev->kind != EV_NODE)
        ev->mono = loop_now(d->loop);
    if (mono_before(ev->mono, d->mono))
        ev->mono = d->mono;
    d->mono = ev->mono;
    ev->now = loop_wall(d->loop);
    core_update_reset(&d->update);
    core_step(d->core, ev, &d->update);
    if (d->update.save)
        save(d);
    else
        carry_out(d);
    /* What a node says may be what the core waits for: it looks at once, not at the next tick. */
    if (ev->kind == EV_NODE)
        event_queue_tick(&d->queue);
}

static void on_pump(struct loop_deferred *deferred)
{
    struct driver *d = container_of(deferred, struct driver, pump);
    struct core_event ev;

    for (unsigned i = 0; i < STEPS_PER_TURN; i++) {
        if (d->state != DRIVER_IDLE)
            return;
        if (!event_queue_take(&d->queue, &ev)) {
            d->ports->on_settled(d->ports_ctx);
            return;
        }
        step(d, &ev);
    }
    pump_soon(d);
}

static void pump_soon(struct driver *d)
{
    loop_defer(d->loop, &d->pump, on_pump);
}

static void on_tick(struct timer *t)
{
    struct driver *d = container_of(t, struct driver, tick);

    timer_set(d->loop, &d->tick, dur_ms(TICK_MS), on_tick, "driver.tick");
    if (mono_before(loop_now(d->loop), d->quiet_until))
        return;
    event_queue_tick(&d->queue);
    if (d->orders_again)
        event_queue_repeat_orders(&d->queue);
    d->orders_again = false;
    pump_soon(d);
}

/* ---- the contract ---------------------------------------------------------------------------- */

int driver_new(const struct core_config *config, struct loop *l, struct store_thread *store,
               const struct driver_ports *ports, void *ctx, struct driver **ret, struct err *err)
{
    CLEANUP(driver_freep) struct driver *d = xnew(struct driver);
    int r;

    d->config = *config;
    d->loop = l;
    d->store = store;
    d->ports = ports;
    d->ports_ctx = ctx;
    core_update_init(&d->update);
    r = store_thread_load(store, STR(KEY_PREFIX), on_loaded, d, err);
    if (r < 0)
        return err_ctx(err, "read the store");
    timer_set(l, &d->tick, dur_ms(TICK_MS), on_tick, "driver.tick");
    *ret = steal(d);
    return 0;
}

void driver_free(struct driver *d)
{
    if (!d)
        return;
    timer_cancel(&d->tick);
    timer_cancel(&d->reload_again);
    loop_undefer(&d->pump);
    event_queue_deinit(&d->queue);
    core_update_deinit(&d->update);
    core_free(d->core);
    free(d);
}

const struct core *driver_core(const struct driver *d)
{
    return d->core;
}

void driver_health(const struct driver *d, struct driver_health *ret)
{
    *ret = (struct driver_health){
        .store = d->store_error,
        .revision = d->revision,
        .reports_dropped = d->queue.reports_dropped,
    };
}

int driver_command(struct driver *d, const struct core_command *cmd, struct err *err)
{
    int r;

    if (d->state == DRIVER_RELOADING && d->store_error.code != ERR_NONE)
        return err_set(err, ERR_UNAVAILABLE, "the store cannot be read: %s", d->store_error.msg);
    r = event_queue_command(&d->queue, cmd, err);
    if (r == 0)
        pump_soon(d);
    return r;
}

void driver_node(struct driver *d, const struct core_node *n, mono_t seen)
{
    event_queue_node(&d->queue, n, seen);
    pump_soon(d);
}

void driver_order(struct driver *d, const struct name *node, const struct emergency *order)
{
    event_queue_order(&d->queue, node, order);
    pump_soon(d);
}

void driver_report(struct driver *d, const struct name *node, const struct route_stats *route,
                   unsigned count)
{
    event_queue_report(&d->queue, node, route, count);
    pump_soon(d);
}
