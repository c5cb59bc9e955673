/* SPDX-License-Identifier: Apache-2.0 */
/* One step: decide, save, then publish, answer, tell, ask.
 *
 * What is decided is published once the watch has told everything up to the transaction's revision,
 * so that a set of some revision holds what was decided before it, whoever decided it: all replicas
 * publish the same. When the watch takes longer than SETTLE_MS the store is read instead, and an
 * emergency order goes to the nodes ahead of its set. */
#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "coordinator/driver/driver_state.h"

#define SETTLE_MS 100
#define FRAME_OPS 2u /* the fence and KEY_DECISION */

/* At most ten operations on a migration (core_update.h). */
_Static_assert(10 * CORE_MIGRATIONS_MAX + FRAME_OPS <= STORE_OPS_MAX,
               "every step of the core fits in a transaction");

/* ---- the end of a step ----------------------------------------------------------------------- */

/* Of the latest decision, published or not. */
static uint64_t step_revision(const struct driver *d)
{
    return d->step.update.publish && d->step.rev > d->revision ? d->step.rev : d->revision;
}

static void answer(struct driver *d)
{
    const struct core_update *u = &d->step.update;

    if (!u->has_answer || d->step.answered)
        return;
    failpoint(FP_DRIVER_ANSWER_BEFORE);
    d->step.answered = true;
    d->ports->answer(d->ports_ctx, u, step_revision(d), 0);
}

void step_finish(struct driver *d)
{
    struct core_update *u = &d->step.update;

    timer_cancel(&d->settle);
    answer(d);
    publish_tell(u);
    publish_ask(d, u);
    publish_jobs(d, u);
    unstored_adopted(d);
    d->step.command = NULL;
    d->step.rev = 0;
    d->step.answered = false;
    d->step.conflicts = 0;
    d->step.doubt = (struct err){.code = ERR_NONE};
    d->state = DRIVER_IDLE;
}

void step_carry_out(struct driver *d)
{
    if (d->step.update.save)
        failpoint(FP_DRIVER_PUBLISH_BEFORE);
    d->revision = step_revision(d);
    publish_now(d);
    step_finish(d);
}

void step_give_up(struct driver *d, const struct err *why)
{
    core_abandon(d->core, why, &d->step.update);
    d->orders_again = true;
    step_finish(d);
}

/* ---- save ------------------------------------------------------------------------------------ */

static void on_settle(struct timer *t)
{
    struct driver *d = container_of(t, struct driver, settle);

    if (publish_orders(d, &d->step.update))
        answer(d);
    load_again(d, NULL);
}

void step_settle(struct driver *d)
{
    if (d->lead.alone || d->watch.told >= d->step.rev)
        step_carry_out(d);
    else if (!d->watch.on)
        timer_set(d->loop, &d->settle, dur_ns(0), on_settle, "driver.settle");
}

void step_commit(struct driver *d, store_rev rev)
{
    d->step.rev = rev;
    watch_own(d, rev);
    core_commit(d->core, rev, &d->step.update);
    publish_add(d, &d->step.update);
    d->orders_again = d->orders_again || d->step.update.has_answer;
}

static void on_conflict(struct driver *d)
{
    struct err conflict;

    err_set(&conflict, ERR_CONFLICT, "another program has changed the store; nothing was done");
    err_hint(&conflict, "look at the status, then try again");
    load_again(d, &conflict);
}

/* An emergency does not fail with the store. */
static void save_failed(struct driver *d, const struct err *why)
{
    driver_store_failed(d, why);
    unstored_take_over(d);
    if (why->code == ERR_UNKNOWN_OUTCOME)
        load_again(d, why);
    else
        step_give_up(d, why);
}

static void on_saved(void *ctx, int r, store_rev rev, const struct err *err)
{
    struct driver *d = ctx;

    if (r == 0) {
        driver_store_works(d);
        step_commit(d, rev);
        d->state = DRIVER_SETTLING;
        timer_set(d->loop, &d->settle, dur_ms(SETTLE_MS), on_settle, "driver.settle");
        watch_drain(d);
    } else if (r == STORE_CONFLICT) {
        on_conflict(d);
    } else {
        save_failed(d, err);
    }
    driver_go_on(d);
}

void step_write_decision(struct driver *d, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();
    char text[WALL_TEXT_MAX];

    json_set_string(j, "by", d->config.self.id.s);
    json_set_string(j, "at", wall_text(loop_wall(d->loop), text));
    CHECK(json_print(j, false, b));
}

static struct store_op op_of(const struct core_save *s)
{
    static const enum store_op_kind kinds[] = {
        [SAVE_COMPARE] = STORE_COMPARE,
        [SAVE_PUT] = STORE_PUT,
        [SAVE_DELETE] = STORE_DELETE,
    };

    return (struct store_op){kinds[s->kind], str_of(s->key), s->value, s->rev};
}

/* The fence, what the core saves, and the mark of a decision. */
static int send(struct driver *d, struct err *err)
{
    const struct core_update *u = &d->step.update;
    CLEANUP(xfreep) struct store_op *op = xcalloc(u->save_count + FRAME_OPS, sizeof(*op));
    CLEANUP(buf_deinitp) struct buf decision = BUF_INIT(DECISION_TEXT_MAX);
    struct store_txn txn = {.op = op};

    if (d->step.fenced)
        op[txn.count++] =
            (struct store_op){STORE_COMPARE, .key = STR(KEY_LEADER), .rev = d->members.term};
    for (const struct core_save *s = u->save; s; s = s->next)
        op[txn.count++] = op_of(s);
    if (u->publish && !d->lead.alone) {
        step_write_decision(d, &decision);
        op[txn.count++] = (struct store_op){STORE_PUT, STR(KEY_DECISION), buf_view(&decision), 0};
    }
    return store_thread_txn(d->store, &txn, on_saved, d, err);
}

static void save(struct driver *d)
{
    struct err err;

    d->state = DRIVER_SAVING;
    if (send(d, &err) == 0)
        unstored_asked(d);
    else
        save_failed(d, &err);
}

/* ---- decide ---------------------------------------------------------------------------------- */

/* Needs no leader: an emergency order, and one that is adopted. */
static bool is_free(const struct core_event *ev)
{
    return ev->kind == EV_ORDER || (ev->kind == EV_COMMAND && ev->command->kind == CMD_EMERGENCY);
}

static void refuse(struct driver *d, const struct core_command *cmd, const struct err *why)
{
    struct core_update *u = &d->step.update;

    core_update_reset(u);
    u->has_answer = true;
    u->token = cmd->token;
    u->dry_run = cmd->dry_run;
    u->refused = *why;
    step_finish(d);
}

static void why_not_leading(const struct driver *d, struct err *ret)
{
    if (d->members.leader.present)
        err_set(ret, ERR_UNAVAILABLE, "another coordinator leads now; nothing was done");
    else
        err_set(ret, ERR_UNAVAILABLE, "no coordinator leads at the moment; nothing was done");
    err_hint(ret, "try again in a moment");
}

static void refuse_not_leading(struct driver *d, const struct core_command *cmd)
{
    struct err why;

    why_not_leading(d, &why);
    refuse(d, cmd, &why);
}

static void give_up_not_leading(struct driver *d)
{
    struct err why;

    why_not_leading(d, &why);
    step_give_up(d, &why);
}

void step_refuse_stopping(struct driver *d, const struct core_command *cmd)
{
    struct err why;

    err_set(&why, ERR_UNAVAILABLE, "this coordinator stops; nothing was done");
    refuse(d, cmd, &why);
}

static void decide(struct driver *d, const struct core_event *ev)
{
    d->step.fenced = !d->lead.alone && !is_free(ev);
    core_step(d->core, ev, &d->step.update);
    /* What a node says may be what the core waits for: it looks at once, not at the next tick. */
    if (ev->kind == EV_NODE)
        event_queue_tick(&d->queue);
    if (d->step.update.save && d->step.fenced && !d->lead.here)
        give_up_not_leading(d); /* the leader key is another one's: its fence would let us pass */
    else if (d->step.update.save)
        save(d);
    else
        step_carry_out(d);
}

/* What a node said was said when its stream's thread heard it, but the core's time does not run
 * backwards. */
static void set_time(struct driver *d, struct core_event *ev)
{
    if (ev->kind != EV_NODE)
        ev->mono = loop_now(d->loop);
    if (mono_before(ev->mono, d->mono))
        ev->mono = d->mono;
    d->mono = ev->mono;
    ev->now = loop_wall(d->loop);
}

void step_begin(struct driver *d, struct core_event *ev)
{
    bool leads = lead_may_act(d);

    d->step.command = ev->kind == EV_COMMAND ? ev->command : NULL;
    if (!leads && ev->kind == EV_ORDER && d->step.adopts.epoch == 0)
        return; /* the leader adopts it; whoever becomes the leader looks at all again */
    if (!leads && ev->kind == EV_COMMAND && !is_free(ev))
        return refuse_not_leading(d, ev->command);
    set_time(d, ev);
    decide(d, ev);
}

void step_again(struct driver *d)
{
    struct core_event ev = {.kind = EV_COMMAND, .command = d->step.command};

    if (!ev.command || d->step.answered || ++d->step.conflicts >= CONFLICTS_MAX)
        return step_finish(d);
    d->step.doubt = (struct err){.code = ERR_NONE};
    step_begin(d, &ev);
}
