/* SPDX-License-Identifier: Apache-2.0 */
/* Emergency orders that the store does not take. They are given beside the core, which may be in
 * the middle of a step: journal, push, answer. When the store works again the core adopts them, as
 * it adopts what was ordered at a node.
 *
 * A store counts as not answering when it failed, or when a call to it has been on its way for
 * SILENCE_MS while an order waits. Whatever becomes of that call: an order that was stored after
 * all has the epoch that was given here, so that there is nothing left to adopt. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "coordinator/core/nodes.h"
#include "coordinator/core/words.h"
#include "coordinator/driver/driver_state.h"

#define SILENCE_MS    300
#define KEY_EMERGENCY STORE_ROOT "emergency/"

static bool is_emergency(const struct core_command *cmd)
{
    return cmd && cmd->kind == CMD_EMERGENCY;
}

/* ---- epochs ---------------------------------------------------------------------------------- */

void unstored_saw_epoch(struct driver *d, uint64_t epoch)
{
    if (epoch > d->newest_epoch && epoch <= NODES_EPOCH_MAX)
        d->newest_epoch = epoch;
}

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Of the orders in the transaction that is on its way, which may be stored or not. */
static uint64_t staged_epoch(const struct core_update *u)
{
    uint64_t epoch = 0;

    for (const struct core_save *s = u->save; s; s = s->next) {
        CLEANUP(json_freep) struct json *order = NULL;

        if (s->kind == SAVE_PUT && str_starts(str_of(s->key), STR(KEY_EMERGENCY)) &&
            json_parse(s->value, &order, NULL) == 0)
            epoch = max(epoch, json_get_u64(order, "epoch", 0));
    }
    return epoch;
}

static uint64_t stored_epoch(const struct core *c)
{
    uint64_t epoch = 0;
    struct emergency e;

    for (const char *m = ""; (m = core_next_migration(c, m));)
        if (core_emergency(c, m, &e))
            epoch = max(epoch, e.epoch);
    return epoch;
}

/* Above everything that is known; that of the command's own transaction, if it is on its way. */
static uint64_t epoch_for(const struct driver *d, const struct core_command *cmd)
{
    uint64_t staged = d->step.command ? staged_epoch(&d->step.update) : 0;
    uint64_t told = max(d->newest_epoch, journal_epoch(&d->journal));

    if (d->step.command == cmd && staged > told)
        return staged;
    return max(max(staged, told), stored_epoch(d->core)) + 1;
}

/* ---- the order ------------------------------------------------------------------------------- */

struct ordering {
    struct driver *d;
    const struct core_command *cmd;
    struct core_update answer;
    struct core_change **end;
    struct emergency order[CORE_MIGRATIONS_MAX];
    unsigned count;
    uint64_t unstored; /* the newest epoch of the answer; 0: all that it tells of is stored */
};

/* What the core would refuse. */
static int check(const struct core_command *cmd, struct err *err)
{
    if (!cmd->operator_name || !cmd->operator_name[0] || !cmd->reason || !cmd->reason[0])
        return err_set(err, ERR_INVALID, "an emergency order needs an operator and a reason");
    if (strlen(cmd->operator_name) >= sizeof(((struct emergency *)0)->operator_name) ||
        strlen(cmd->reason) >= TEXT_SIZE)
        return err_set(err, ERR_INVALID, "the operator's name or the reason is too long");
    return 0;
}

/* The latest order, if this request's was given before, by the core or beside it. */
static const struct emergency *given(const struct ordering *o, const struct emergency *known)
{
    const char *migration = known->migration.s, *request = o->cmd->request;
    const struct emergency *kept = journal_order(&o->d->journal, migration);

    if (!request || !request[0])
        return NULL;
    if (!(kept && strcmp(kept->request, request) == 0) &&
        !view_has_request(o->d->core, migration, request))
        return NULL;
    return kept && kept->epoch > known->epoch ? kept : known;
}

static void order_stands(struct ordering *o, const struct emergency *e, bool stored,
                         struct core_change *change)
{
    char text[WORDS_GIVEN_MAX];

    change->summary =
        arena_strdup(&o->answer.arena, str_of(words_given(change->migration.s, e, text)));
    change->to = change->from;
    if (!stored)
        o->unstored = max(o->unstored, e->epoch);
}

static void order_anew(struct ordering *o, uint64_t epoch, const struct view_status *s,
                       struct core_change *change)
{
    struct emergency *e = &o->order[o->count++];

    *e = (struct emergency){.epoch = epoch, .active = true, .ordered_at = loop_wall(o->d->loop)};
    e->migration = change->migration;
    str_fmt(e->reason, sizeof(e->reason), "%s", o->cmd->reason);
    str_fmt(e->operator_name, sizeof(e->operator_name), "%s", o->cmd->operator_name);
    str_fmt(e->request, sizeof(e->request), "%s", o->cmd->request ? o->cmd->request : "");
    o->unstored = epoch;
    change->summary = arena_fmt(&o->answer.arena,
                                "%s goes to legacy now, by emergency order %" PRIu64
                                "; the store does not answer and will hear of it later",
                                e->migration.s, epoch);
    change->to = "legacy, emergency";
    change->nodes = s->convergence.nodes;
    change->share_affected = s->effective_weight_bp / 10000.0;
}

static int add(struct ordering *o, const char *migration, uint64_t epoch, struct err *err)
{
    struct arena *a = &o->answer.arena;
    struct core_change *change = arena_new(a, struct core_change);
    struct emergency known = {.epoch = 0};
    const struct emergency *before;
    char place[WORDS_PLACE_MAX];
    struct view_status s;
    int r = view_status(o->d->core, migration, loop_wall(o->d->loop), o->d->mono, &s, err);

    if (r < 0)
        return r;
    *change = (struct core_change){
        .migration = s.rollout->migration,
        .from = arena_strdup(a, str_of(words_place(s.plan, s.rollout, place))),
    };
    if (!core_emergency(o->d->core, migration, &known))
        known.migration = change->migration;
    before = given(o, &known);
    if (before)
        order_stands(o, before, before == &known, change);
    else
        order_anew(o, epoch, &s, change);
    *o->end = change;
    o->end = &change->next;
    return 0;
}

static int add_all(struct ordering *o, uint64_t epoch, struct err *err)
{
    const struct core *c = o->d->core;
    int r = check(o->cmd, err);

    if (r < 0 || !o->cmd->all)
        return r < 0 ? r : add(o, o->cmd->migration ? o->cmd->migration : "", epoch, err);
    if (!core_next_migration(c, ""))
        return err_set(err, ERR_NOT_FOUND, "there are no migrations");
    for (const char *m = ""; r == 0 && (m = core_next_migration(c, m));)
        r = add(o, m, epoch, err);
    return r;
}

static void push(void *ctx, const struct emergency *order)
{
    struct driver *d = ctx;

    d->ports->push_order(d->ports_ctx, order);
}

/* A disk that is full as well is no reason to leave traffic on new: nodes keep it, too. */
static void only_in_memory(struct ordering *o, const struct err *why)
{
    log_err(LOG_ERROR, LOG_EMERGENCY, why, "action=journal");
    for (struct core_change *c = o->answer.change; c; c = c->next)
        c->summary = arena_fmt(&o->answer.arena, "%s; it is only in this coordinator's memory: %s",
                               c->summary, why->msg);
}

static void keep_and_push(struct ordering *o)
{
    struct err err;

    if (o->count > 0 && journal_add(&o->d->journal, o->order, o->count, &err) < 0)
        only_in_memory(o, &err);
    for (unsigned i = 0; i < o->count; i++) {
        log_line(LOG_WARN, LOG_EMERGENCY,
                 "action=pushed migration=%s epoch=%" PRIu64 " operator=%s reason=%s",
                 o->order[i].migration.s, o->order[i].epoch, LOGQ(o->order[i].operator_name),
                 LOGQ(o->order[i].reason));
        push(o->d, &o->order[i]);
    }
}

/* Carry out an emergency command beside the core, and answer it. */
static void order_beside(struct driver *d, const struct core_command *cmd)
{
    CLEANUP(xfreep) struct ordering *o = xnew(struct ordering);
    uint64_t epoch = epoch_for(d, cmd);

    o->d = d;
    o->cmd = cmd;
    core_update_init(&o->answer);
    o->end = &o->answer.change;
    o->answer.has_answer = true;
    o->answer.token = cmd->token;
    o->answer.dry_run = cmd->dry_run;
    if (add_all(o, epoch, &o->answer.refused) < 0)
        o->answer.change = NULL;
    else if (!cmd->dry_run)
        keep_and_push(o);
    d->ports->answer(d->ports_ctx, &o->answer, d->revision,
                     o->answer.change && !cmd->dry_run ? o->unstored : 0);
    core_update_deinit(&o->answer);
}

/* ---- when ------------------------------------------------------------------------------------ */

static bool step_waits(const struct driver *d)
{
    return is_emergency(d->step.command) && !d->step.answered && d->step.rev == 0;
}

static bool is_asking(const struct driver *d)
{
    return d->state == DRIVER_SAVING || d->state == DRIVER_RELOADING;
}

static dur_t left(const struct driver *d)
{
    if (d->state == DRIVER_RELOADING && d->store_error.code != ERR_NONE)
        return dur_ns(0);
    return mono_sub(mono_add(d->asked_at, dur_ms(SILENCE_MS)), loop_now(d->loop));
}

void unstored_take_over(struct driver *d)
{
    if (!step_waits(d))
        return;
    order_beside(d, d->step.command);
    d->step.command = NULL; /* with the answer it is its giver's again */
    d->step.answered = true;
}

static void on_silence(struct timer *t)
{
    struct driver *d = container_of(t, struct driver, silence);
    const struct core_command *cmd;

    if (!is_asking(d) || left(d).ns > 0)
        return unstored_look(d);
    unstored_take_over(d);
    while ((cmd = event_queue_take_urgent(&d->queue)))
        order_beside(d, cmd);
}

void unstored_look(struct driver *d)
{
    dur_t wait;

    if (!is_asking(d) || !(step_waits(d) || d->queue.urgent))
        return;
    wait = left(d);
    timer_set(d->loop, &d->silence, wait.ns > 0 ? wait : dur_ns(0), on_silence, "driver.silence");
}

void unstored_asked(struct driver *d)
{
    d->asked_at = loop_now(d->loop);
    unstored_look(d);
}

/* ---- the store is back ----------------------------------------------------------------------- */

bool unstored_adopt(struct driver *d)
{
    const struct emergency *order = journal_next(&d->journal);
    struct core_event ev = {.kind = EV_ORDER};

    if (!order || mono_before(loop_now(d->loop), d->quiet_until))
        return false;
    d->step.adopts = *order;
    ev.order.node = &d->config.self.id;
    ev.order.told = &d->step.adopts;
    step_begin(d, &ev);
    return true;
}

void unstored_adopted(struct driver *d)
{
    const char *m = d->step.adopts.migration.s;
    uint64_t epoch = d->step.adopts.epoch;
    struct emergency known;
    struct err err;

    if (epoch == 0)
        return;
    d->step.adopts.epoch = 0;
    if (d->step.update.save && !(core_emergency(d->core, m, &known) && known.epoch >= epoch))
        return; /* it could not be stored */
    if (journal_stored(&d->journal, m, epoch, &err) < 0)
        log_err(LOG_ERROR, LOG_EMERGENCY, &err, "action=journal");
}

void unstored_push_all(struct driver *d)
{
    journal_each(&d->journal, push, d);
}

bool driver_unstored_order(const struct driver *d, const char *migration, struct emergency *ret)
{
    const struct emergency *kept = journal_order(&d->journal, migration);
    const struct emergency *told = event_queue_order_of(&d->queue, migration);
    struct emergency known;

    if (!kept || (told && told->epoch > kept->epoch))
        kept = told;
    if (!kept || (core_emergency(d->core, migration, &known) && known.epoch >= kept->epoch))
        return false;
    *ret = *kept;
    return true;
}

/* ---- who serves them ------------------------------------------------------------------------- */

struct counting {
    const struct driver *d;
    const char *migration;
    uint64_t epoch;
    struct view_convergence *c;
};

static void count(void *ctx, const struct core_node *n)
{
    struct counting *k = ctx;
    struct view_convergence *c = k->c;

    if (!n->connected)
        return;
    c->nodes++;
    if (journal_serves(&k->d->journal, n->name.s, k->migration, k->epoch)) {
        c->serving++;
        return;
    }
    c->lagging++;
    if (c->laggard_count < LAGGARDS_MAX)
        c->laggard[c->laggard_count++] = n->name.s;
}

void driver_unstored_convergence(const struct driver *d, const char *migration, uint64_t epoch,
                                 struct view_convergence *ret)
{
    struct counting k = {d, migration, epoch, ret};

    *ret = (struct view_convergence){.nodes = 0};
    event_queue_each_node(&d->queue, count, &k);
}
