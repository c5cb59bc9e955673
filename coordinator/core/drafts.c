/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/drafts.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/drill.h"
#include "coordinator/core/fleet_breaker.h"
#include "coordinator/core/facts.h"
#include "coordinator/core/keys.h"
#include "coordinator/core/record.h"
#include "coordinator/core/record_days.h"
#include "coordinator/core/record_events.h"

/* ---- one migration --------------------------------------------------------------------------- */

static struct json *dup(const struct json *j)
{
    return j ? json_dup(j) : NULL;
}

static struct draft *draft_new(const struct core *c, const struct name *name)
{
    struct draft *d = xnew(struct draft);
    struct migration *m = state_find_any(c, name->s);

    d->name = *name;
    d->m = m;
    if (!m) {
        d->is.rollout.migration = *name;
        d->is.order.migration = *name;
        return d;
    }
    d->is = m->is;
    d->is.rollout.extra = dup(m->is.rollout.extra);
    d->is.order_extra = dup(m->is.order_extra);
    d->plan_rev = m->plan_rev;
    d->rollout_rev = m->rollout_rev;
    d->order_rev = m->order_rev;
    history_copy(&m->history, &d->history);
    event_log_copy(&m->events, &d->events);
    days_copy(&m->days, &d->days);
    return d;
}

static void draft_free(struct draft *d)
{
    if (d->new_plan)
        plan_free(d->is.plan);
    json_free(d->is.rollout.extra);
    json_free(d->is.order_extra);
    history_deinit(&d->history);
    event_log_deinit(&d->events);
    days_deinit(&d->days);
    free(d);
}

struct drafts *drafts_free(struct drafts *d)
{
    struct draft *draft, *next;

    if (!d)
        return NULL;
    HASH_ITER (hh, d->by_name, draft, next) {
        HASH_DEL(d->by_name, draft);
        draft_free(draft);
    }
    free(d);
    return NULL;
}

static struct draft *draft_of(struct drafts *d, const struct core *c, const struct name *name)
{
    struct draft *draft;

    HASH_FIND_STR(d->by_name, name->s, draft);
    if (draft)
        return draft;
    draft = draft_new(c, name);
    HASH_ADD_STR(d->by_name, name.s, draft);
    return draft;
}

/* ---- its keys -------------------------------------------------------------------------------- */

/* NULL: the plan is gone. */
static void set_plan(struct draft *d, struct plan *plan, uint64_t rev)
{
    if (d->new_plan)
        plan_free(d->is.plan);
    d->is.plan = plan;
    d->new_plan = true;
    d->plan_rev = rev;
}

static int take_plan(struct draft *d, const struct core_kv *kv, struct err *err)
{
    struct plan *plan;
    int r = record_read_plan(kv->value, &plan, err);

    if (r < 0)
        return r;
    set_plan(d, plan, kv->rev);
    if (!name_eq(&plan->name, &d->name))
        return err_set(err, ERR_CORRUPT, "the plan is named %s", plan->name.s);
    return 0;
}

static void set_rollout(struct draft *d, const struct rollout *rollout, uint64_t rev)
{
    json_free(d->is.rollout.extra);
    d->is.rollout = *rollout;
    d->is.rollout.migration = d->name;
    d->rollout_rev = rev;
}

static int take_rollout(struct draft *d, const struct core_kv *kv, struct err *err)
{
    struct rollout rollout;
    int r = record_read_rollout(kv->value, &rollout, err);

    if (r == 0)
        set_rollout(d, &rollout, kv->rev);
    return r;
}

static void set_order(struct draft *d, const struct emergency *order, struct json *extra,
                      uint64_t rev)
{
    json_free(d->is.order_extra);
    d->is.order_extra = extra;
    d->is.order = *order;
    d->is.order.migration = d->name;
    d->order_rev = rev;
}

static int take_order(struct draft *d, const struct core_kv *kv, struct err *err)
{
    struct emergency order;
    struct json *extra = NULL;
    int r = record_read_emergency(kv->value, &order, &extra, err);

    if (r == 0)
        set_order(d, &order, extra, kv->rev);
    return r;
}

static int take_history(struct draft *d, const struct core_kv *kv, uint64_t sequence,
                        struct err *err)
{
    struct history_item *item = xnew(struct history_item);
    int r = record_read_history(kv->value, &item->entry, &item->extra, err);

    if (r < 0) {
        free(item);
        return r;
    }
    item->entry.sequence = sequence;
    item->rev = kv->rev;
    item->seen = true;
    if (item->entry.revision == 0)
        item->entry.revision = kv->rev;
    history_remove(&d->history, sequence);
    return history_add(&d->history, item, err);
}

static int take_events(struct draft *d, const struct core_kv *kv, uint64_t sequence,
                       struct err *err)
{
    struct event_batch *batch;
    int r = record_read_events(kv->value, sequence, &batch, err);

    if (r == 0)
        event_log_put(&d->events, batch, kv->rev);
    return r;
}

static int take_day(struct draft *d, const struct core_kv *kv, uint64_t day, struct err *err)
{
    struct day stored;
    int r = record_read_day(kv->value, &stored, err);

    if (r < 0)
        return r;
    stored.day = (int64_t)day;
    stored.rev = kv->rev;
    days_put(&d->days, &stored);
    return 0;
}

static int take_value(struct draft *d, enum key_kind kind, const struct core_kv *kv,
                      uint64_t sequence, struct err *err)
{
    if (kv->value.n > (kind == KEYS_PLAN ? RECORD_PLAN_MAX : RECORD_MAX))
        return err_set(err, ERR_CORRUPT, "it has %zu bytes", kv->value.n);
    switch (kind) {
    case KEYS_PLAN:
        return take_plan(d, kv, err);
    case KEYS_ROLLOUT:
        return take_rollout(d, kv, err);
    case KEYS_EMERGENCY:
        return take_order(d, kv, err);
    case KEYS_HISTORY:
        return take_history(d, kv, sequence, err);
    case KEYS_EVENTS:
        return take_events(d, kv, sequence, err);
    case KEYS_DAY:
        return take_day(d, kv, sequence, err);
    case KEYS_OTHER:
    case KEYS_REMOVED:
        break;
    }
    check_die("keys of kind %d are no migration's", (int)kind);
}

static void drop_key(struct draft *d, enum key_kind kind, uint64_t sequence, uint64_t rev)
{
    const struct rollout no_rollout = {.stage = 0};
    const struct emergency no_order = {.epoch = 0};

    if (kind == KEYS_PLAN)
        set_plan(d, NULL, 0);
    else if (kind == KEYS_ROLLOUT)
        set_rollout(d, &no_rollout, 0);
    else if (kind == KEYS_EMERGENCY)
        set_order(d, &no_order, NULL, 0);
    else if (kind == KEYS_EVENTS)
        event_log_remove(&d->events, sequence);
    else if (kind == KEYS_DAY)
        days_remove(&d->days, (int64_t)sequence);
    else
        history_remove(&d->history, sequence);
    if (rev > d->removed_rev)
        d->removed_rev = rev;
    d->changed = true;
}

/* ---- what is known --------------------------------------------------------------------------- */

static uint64_t known_rev(const struct draft *d, enum key_kind kind, uint64_t sequence)
{
    const struct event_log_entry *batch;
    const struct history_item *item;
    const struct day *day;

    if (kind == KEYS_PLAN)
        return d->plan_rev;
    if (kind == KEYS_ROLLOUT)
        return d->rollout_rev;
    if (kind == KEYS_EMERGENCY)
        return d->order_rev;
    if (kind == KEYS_EVENTS) {
        batch = event_log_find(&d->events, sequence);
        return batch ? batch->rev : 0;
    }
    if (kind == KEYS_DAY) {
        day = days_find(&d->days, (int64_t)sequence);
        return day ? day->rev : 0;
    }
    item = history_find(&d->history, sequence);
    return item ? item->rev : 0;
}

static void mark_seen(struct draft *d, enum key_kind kind, uint64_t sequence)
{
    struct history_item *item = kind == KEYS_HISTORY ? history_find(&d->history, sequence) : NULL;
    struct event_log_entry *batch =
        kind == KEYS_EVENTS ? event_log_find(&d->events, sequence) : NULL;
    struct day *day = kind == KEYS_DAY ? days_find(&d->days, (int64_t)sequence) : NULL;

    d->plan_seen = d->plan_seen || kind == KEYS_PLAN;
    d->rollout_seen = d->rollout_seen || kind == KEYS_ROLLOUT;
    d->order_seen = d->order_seen || kind == KEYS_EMERGENCY;
    if (item)
        item->seen = true;
    if (batch)
        batch->seen = true;
    if (day)
        day->seen = true;
}

/* The watch tells late what we wrote ourselves: of a key that we have deleted since, too. */
static bool is_news(const struct core *c, const struct draft *d, const struct core_kv *kv,
                    uint64_t known)
{
    if (known > 0)
        return kv->rev > known;
    return kv->value.p && kv->rev > (d->m ? d->m->saved_rev : state_gone_rev(c, d->name.s));
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int explain(const struct core_kv *kv, struct err *err)
{
    int r = err_ctx(err, "key %s", kv->key);

    if (r == -ERR_UNSUPPORTED)
        return err_hint(err, "a newer coordinator wrote it: start one of that version");
    return err_hint(err, "put it back from a backup (switchyard backup restore, or etcdctl put)");
}

static void take_removed(struct drafts *d, const struct core_kv *kv)
{
    if (kv->value.p && kv->rev > d->removed_rev)
        d->removed_rev = kv->rev;
}

int drafts_take(struct drafts *d, const struct core *c, const struct core_kv *kv, struct err *err)
{
    enum key_kind kind;
    struct name name;
    struct draft *draft;
    uint64_t sequence;
    int r = keys_read(kv->key, &kind, &name, &sequence, err);

    if (r < 0)
        return kv->value.p ? err_hint(err, "delete the key, if nobody knows it") : 0;
    if (kind == KEYS_REMOVED)
        take_removed(d, kv);
    if (kind == KEYS_REMOVED || kind == KEYS_OTHER)
        return 0;

    draft = draft_of(d, c, &name);
    if (kv->value.p)
        mark_seen(draft, kind, sequence);
    if (!is_news(c, draft, kv, known_rev(draft, kind, sequence)))
        return 0;
    if (!kv->value.p) {
        drop_key(draft, kind, sequence, kv->rev);
        return 0;
    }
    draft->changed = true;
    r = take_value(draft, kind, kv, sequence, err);
    if (r < 0)
        return explain(kv, err);
    mark_seen(draft, kind, sequence);
    return 0;
}

void drafts_see(struct drafts *d, const struct core *c, const char *key)
{
    enum key_kind kind;
    struct name name;
    uint64_t sequence;

    if (keys_read(key, &kind, &name, &sequence, NULL) == 0 && kind != KEYS_REMOVED &&
        kind != KEYS_OTHER)
        mark_seen(draft_of(d, c, &name), kind, sequence);
}

/* What the store does not hold any more, unless it is younger than what was read. */
static void drop_unseen(struct draft *d, uint64_t rev)
{
    if (d->plan_rev && !d->plan_seen && d->plan_rev <= rev)
        drop_key(d, KEYS_PLAN, 0, rev);
    if (d->rollout_rev && !d->rollout_seen && d->rollout_rev <= rev)
        drop_key(d, KEYS_ROLLOUT, 0, rev);
    if (d->order_rev && !d->order_seen && d->order_rev <= rev)
        drop_key(d, KEYS_EMERGENCY, 0, rev);
    for (unsigned i = d->history.count; i-- > 0;)
        if (!d->history.item[i]->seen && d->history.item[i]->rev <= rev)
            drop_key(d, KEYS_HISTORY, d->history.item[i]->entry.sequence, rev);
    for (unsigned i = d->events.entries; i-- > 0;)
        if (!d->events.entry[i].seen && d->events.entry[i].rev <= rev)
            drop_key(d, KEYS_EVENTS, d->events.entry[i].batch->first, rev);
    for (unsigned i = d->days.count; i-- > 0;)
        if (d->days.day[i].rev > 0 && !d->days.day[i].seen && d->days.day[i].rev <= rev)
            drop_key(d, KEYS_DAY, (uint64_t)d->days.day[i].day, rev);
}

void drafts_whole(struct drafts *d, const struct core *c, uint64_t rev)
{
    struct migration *m, *next_m;
    struct draft *draft, *next;

    HASH_ITER (hh, c->by_name, m, next_m)
        (void)draft_of(d, c, &m->name);
    HASH_ITER (hh, d->by_name, draft, next)
        drop_unseen(draft, rev);
}

/* ---- is it a state? -------------------------------------------------------------------------- */

/* A plan and its rollout stand together, or only an order and old history are left. */
static int check_pair(const struct draft *d, struct err *err)
{
    const char *gone = d->is.plan ? "rollouts" : "plans";
    const char *left = d->is.plan ? "plans" : "rollouts";

    if (!d->is.plan == (d->rollout_rev == 0))
        return 0;
    err_set(err, ERR_CORRUPT, "key " KEYS_ROOT "%s/%s is missing, and %s/%s is there", gone,
            d->name.s, left, d->name.s);
    return err_hint(err,
                    "put it back from a backup (switchyard backup restore, or etcdctl put), or "
                    "delete " KEYS_ROOT "%s/%s as well",
                    left, d->name.s);
}

/* What the record promises and does not hold, or NULL; *ret_state is its name for people. */
static const char *broken_promise(const struct draft *d, const char **ret_state)
{
    const struct rollout *r = &d->is.rollout;
    const char *why = "no reason given";
    struct stage_facts facts;
    struct drill_facts drill;
    struct fleet_breaker_facts breaker;

    *ret_state = phase_name(r->phase);
    facts_stored(&d->is, &facts);
    if (!stage_machine.invariant((int)r->phase, &facts, &why))
        return why;
    *ret_state = drill_state_name(r->drill_state);
    drill_stored(&d->is, &drill);
    if (!drill_machine.invariant((int)r->drill_state, &drill, &why))
        return why;
    *ret_state = fleet_breaker_state_name(r->breaker.state);
    fleet_breaker_stored(&d->is, &breaker);
    return fleet_breaker_machine.invariant((int)r->breaker.state, &breaker, &why) ? NULL : why;
}

static int check_rollout(const struct draft *d, struct err *err)
{
    const struct rollout *r = &d->is.rollout;
    const char *why, *state;

    if (r->stage > d->is.plan->stage_count) {
        err_set(err, ERR_CORRUPT, "key " KEYS_ROOT "rollouts/%s: stage %u is not in the plan",
                d->name.s, r->stage);
    } else {
        why = broken_promise(d, &state);
        if (!why)
            return 0;
        err_set(err, ERR_CORRUPT, "key " KEYS_ROOT "rollouts/%s: %s, but %s", d->name.s, state,
                why);
    }
    return err_hint(err, "put it back from a backup (switchyard backup restore, or etcdctl put)");
}

static int check_draft(const struct draft *d, struct err *err)
{
    int r = check_pair(d, err);

    return r == 0 && d->is.plan ? check_rollout(d, err) : r;
}

int drafts_check(const struct drafts *d, const struct core *c, struct err *err)
{
    unsigned plans = c->migrations;
    struct draft *draft, *next;

    HASH_ITER (hh, d->by_name, draft, next) {
        int r = check_draft(draft, err);

        if (r < 0)
            return r;
        plans += draft->is.plan && !(draft->m && draft->m->slot >= 0);
        plans -= !draft->is.plan && draft->m && draft->m->slot >= 0;
    }
    if (plans <= CORE_MIGRATIONS_MAX)
        return 0;
    return err_set(err, ERR_EXHAUSTED, "more than %d migrations are stored", CORE_MIGRATIONS_MAX);
}

uint64_t draft_decision_rev(const struct draft *d, const char *incarnation)
{
    const struct rollout *r = &d->is.rollout;
    bool told = r->decision_rev > 0 && r->decision_rev < d->rollout_rev &&
                strcmp(r->decision_store, incarnation) == 0;
    uint64_t rev = told ? r->decision_rev : d->rollout_rev;

    /* We write the rollout with whatever else we write: what is younger was put there by hand. */
    if (d->plan_rev > d->rollout_rev)
        rev = d->plan_rev;
    if (d->order_rev > d->rollout_rev && d->order_rev > rev)
        rev = d->order_rev;
    return rev;
}
