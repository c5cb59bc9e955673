/* SPDX-License-Identifier: Apache-2.0 */
/*            a lease, on_first        a step that saves         saved, or refused
 *   LOADING ───────────────────► IDLE ─────────────► SAVING ──► SETTLING ──────────► IDLE
 *                                 ▲                     │ conflict, unknown outcome
 *                                 └───── RELOADING ◄────┴── the watch was lost
 *                                  on_loaded  ▲ │ the store cannot be read: again in a second
 *                                             └─┘ */
#include "coordinator/driver/driver.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "coordinator/core/nodes.h"
#include "coordinator/driver/driver_state.h"

#define TICK_MS        250
#define STEPS_PER_TURN 64

/* ---- the store's health ---------------------------------------------------------------------- */

void driver_store_failed(struct driver *d, const struct err *why)
{
    if (d->store_error.code != why->code)
        log_err(LOG_ERROR, LOG_STORE, why, "state=failing");
    d->store_error = *why;
    d->store_errors++;
    d->quiet_until = mono_add(loop_now(d->loop), dur_s(RETRY_S));
}

void driver_store_works(struct driver *d)
{
    if (d->store_error.code != ERR_NONE)
        log_line(LOG_INFO, LOG_STORE, "state=working");
    d->store_error = (struct err){.code = ERR_NONE};
}

/* ---- life ------------------------------------------------------------------------------------ */

void driver_is_ready(struct driver *d, const struct err *why)
{
    if (d->ready || d->failed)
        return;
    d->ready = !why;
    d->failed = why;
    if (why)
        lead_stop(d);
    d->ports->on_ready(d->ports_ctx, why ? -(int)why->code : 0, why);
    if (d->ready)
        unstored_push_all(d);
    driver_go_on(d);
}

static void on_left(struct loop_deferred *deferred)
{
    struct driver *d = container_of(deferred, struct driver, leave.soon);

    d->leave.fn(d->leave.ctx);
}

void driver_left(struct driver *d)
{
    if (!d->leave.asked || d->leave.told)
        return;
    d->leave.told = true;
    timer_cancel(&d->leave.patience);
    lead_stop(d);
    loop_defer(d->loop, &d->leave.soon, on_left);
}

static void on_patience(struct timer *t)
{
    struct driver *d = container_of(t, struct driver, leave.patience);

    lead_event(d, ELECTION_EV_LEAVE);
    lead_event(d, ELECTION_EV_RELEASED);
    driver_left(d);
}

void driver_leave(struct driver *d, dur_t patience, void (*fn)(void *ctx), void *ctx)
{
    d->leave.asked = true;
    d->leave.fn = fn;
    d->leave.ctx = ctx;
    timer_set(d->loop, &d->leave.patience, patience, on_patience, "driver.leave");
    driver_go_on(d);
}

/* ---- the pump -------------------------------------------------------------------------------- */

/* What is on its way to the store is stored first; what waits is told that it will not be. */
static void leave(struct driver *d)
{
    enum election_state at = election_state(&d->lead.election);
    struct core_event ev;

    if (d->state == DRIVER_SAVING || d->state == DRIVER_SETTLING)
        return;
    while (d->state == DRIVER_IDLE && event_queue_take(&d->queue, &ev))
        if (ev.kind == EV_COMMAND)
            step_refuse_stopping(d, ev.command);
    if (at != ELECTION_LEAVING && at != ELECTION_GONE)
        lead_event(d, ELECTION_EV_LEAVE);
}

/* Something was missed: nothing is decided before the store was read. */
static void reread(struct driver *d)
{
    if (mono_before(loop_now(d->loop), d->quiet_until))
        load_later(d);
    else
        load_again(d, NULL);
}

static void take_steps(struct driver *d)
{
    struct core_event ev;

    for (unsigned i = 0; i < STEPS_PER_TURN; i++) {
        if (d->state != DRIVER_IDLE || d->reread)
            return;
        if (!d->queue.urgent && unstored_adopt(d))
            continue;
        if (!event_queue_take(&d->queue, &ev)) {
            d->ports->on_settled(d->ports_ctx);
            return;
        }
        step_begin(d, &ev);
    }
    driver_go_on(d);
}

static void on_pump(struct loop_deferred *deferred)
{
    struct driver *d = container_of(deferred, struct driver, pump);

    members_tell(d);
    if (d->leave.asked) {
        leave(d);
        return;
    }
    if (d->state == DRIVER_IDLE)
        watch_drain(d);
    if (d->state == DRIVER_IDLE && d->reread)
        reread(d);
    if (d->state == DRIVER_IDLE && restore_begin(d))
        return;
    take_steps(d);
}

void driver_go_on(struct driver *d)
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
    driver_go_on(d);
}

/* ---- the contract ---------------------------------------------------------------------------- */

int driver_new(const struct driver_config *config, struct loop *l, struct store_thread *store,
               const struct driver_ports *ports, void *ctx, struct driver **ret, struct err *err)
{
    struct driver *d = xnew(struct driver);
    int r = journal_open(&d->journal, config->journal, err);

    if (r < 0) {
        journal_deinit(&d->journal);
        free(d);
        return r;
    }
    d->config = *config;
    d->loop = l;
    d->store = store;
    d->ports = ports;
    d->ports_ctx = ctx;
    core_update_init(&d->step.update);
    core_update_init(&d->seen);
    lead_begin(d);
    timer_set(l, &d->tick, dur_ms(TICK_MS), on_tick, "driver.tick");
    *ret = d;
    return 0;
}

void driver_free(struct driver *d)
{
    if (!d)
        return;
    timer_cancel(&d->tick);
    timer_cancel(&d->reload_again);
    timer_cancel(&d->settle);
    timer_cancel(&d->silence);
    timer_cancel(&d->leave.patience);
    loop_undefer(&d->leave.soon);
    loop_undefer(&d->pump);
    lead_deinit(d);
    watch_deinit(d);
    publish_deinit(d);
    members_deinit(d);
    event_queue_deinit(&d->queue);
    journal_deinit(&d->journal);
    restore_deinit(d);
    core_update_deinit(&d->step.update);
    core_update_deinit(&d->seen);
    core_free(d->core);
    free(d);
}

const struct core *driver_core(const struct driver *d)
{
    return d->core;
}

/* What fails at the moment, as far as anybody has tried: a store that nobody asks for anything is
 * asked to keep the lease. */
static const struct err *store_trouble(const struct driver *d)
{
    const struct driver_lead *l = &d->lead;

    if (d->store_error.code != ERR_NONE)
        return &d->store_error;
    return l->unkept.code != ERR_NONE ? &l->unkept : &l->failing;
}

void driver_health(const struct driver *d, struct driver_health *ret)
{
    *ret = (struct driver_health){
        .store = *store_trouble(d),
        .revision = d->revision,
        .complete = d->lead.alone ? UINT64_MAX : d->watch.told,
        .reports_dropped = d->queue.reports_dropped,
        .store_errors = d->store_errors,
        .unstored = journal_unstored(&d->journal),
        .leadership = d->members.told,
    };
    (void)!restore_held(d, &ret->store);
}

/* With the way out, if the store said one. */
static int refuse_for_store(const struct driver *d, const char *what, struct err *err)
{
    const struct err *why = store_trouble(d);
    int r = err_set(err, ERR_UNAVAILABLE, "%s: %s", what, why->msg);

    if (why->hint[0])
        err_hint(err, "%s", why->hint);
    return r;
}

static int refuse(const struct driver *d, const struct core_command *cmd, struct err *err)
{
    if (d->leave.asked)
        return err_set(err, ERR_UNAVAILABLE, "this coordinator stops; nothing was done");
    if (cmd->kind == CMD_EMERGENCY)
        return 0;
    if (!d->lead.here && store_trouble(d)->code != ERR_NONE)
        return refuse_for_store(d, "this coordinator does not lead; nothing was done", err);
    if (!d->lead.here) {
        err_set(err, ERR_UNAVAILABLE, "%s; nothing was done",
                d->members.leader.present ? "another coordinator leads"
                                          : "no coordinator leads at the moment");
        return err_hint(err, "try again in a moment");
    }
    if (d->restore.begun)
        return err_set(err, ERR_UNAVAILABLE, "a backup is being put back; nothing was done");
    if ((d->state == DRIVER_RELOADING || d->reread) && d->store_error.code != ERR_NONE)
        return refuse_for_store(d, "the store cannot be read", err);
    return restore_held(d, err);
}

int driver_command(struct driver *d, const struct core_command *cmd, struct err *err)
{
    int r = refuse(d, cmd, err);

    if (r == 0)
        r = event_queue_command(&d->queue, cmd, err);
    if (r == 0)
        driver_go_on(d);
    if (r == 0)
        unstored_look(d);
    return r;
}

void driver_node(struct driver *d, const struct core_node *n, mono_t seen)
{
    unstored_saw_epoch(d, n->newest_epoch_seen);
    event_queue_node(&d->queue, n, seen);
    driver_go_on(d);
}

void driver_order(struct driver *d, const struct name *node, const struct emergency *order)
{
    /* Nobody orders with such an epoch, which would hide those that count. */
    if (order->epoch > NODES_EPOCH_MAX)
        return;
    unstored_saw_epoch(d, order->epoch);
    journal_told(&d->journal, node, order);
    event_queue_order(&d->queue, node, order);
    driver_go_on(d);
}

void driver_report(struct driver *d, const struct name *node, const struct route_stats *route,
                   unsigned count)
{
    event_queue_report(&d->queue, node, route, count);
    driver_go_on(d);
}

void driver_past(struct driver *d, const struct name *node, const struct core_bucket *bucket,
                 unsigned count, bool more)
{
    event_queue_past(&d->queue, node, bucket, count, more);
    driver_go_on(d);
}

void driver_job_done(struct driver *d, const struct core_job_done *done)
{
    event_queue_job(&d->queue, done);
    driver_go_on(d);
}

void driver_measure(struct driver *d, const struct core_measure *m)
{
    event_queue_measure(&d->queue, m);
    driver_go_on(d);
}

void driver_ordered(struct driver *d, uint64_t rev, mono_t mono)
{
    if (d->core)
        core_ordered(d->core, rev, mono);
}
