/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the store: all of it, at the start and whenever what the core believes may be wrong. A
 * conflict means that somebody else wrote to the store, an unknown outcome that we do not know what
 * it holds, a lost watch that we no longer hear of it. The core is shown what there is and keeps
 * what it measured. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "coordinator/driver/driver_state.h"

static bool is_cores(const char *key)
{
    return !member_key(key) && strcmp(key, KEY_RESTORE) != 0;
}

static bool has_mark(const struct store_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i].key, KEY_RESTORE) == 0)
            return true;
    return false;
}

/* Of the latest decision, as far as the store says so: a store that was never written to by more
 * than one says nothing, and the core knows. */
static uint64_t decided(const struct driver *d, const struct store_list *list)
{
    bool any = false;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->item[i].key, KEY_DECISION) == 0)
            return list->item[i].rev;
        any = any || is_cores(list->item[i].key);
    }
    /* Nobody else writes: a deletion that left nothing behind was ours. */
    return d->lead.alone && any ? list->rev : 0;
}

/* ---- the first time -------------------------------------------------------------------------- */

/* Nothing of half a backup. */
static int make_core(struct driver *d, const struct store_list *list, struct err *err)
{
    size_t count = restore_hold(d, has_mark(list)) ? 0 : list->count;
    CLEANUP(core_freep)
    struct core *c = core_new(&d->config.core, loop_wall(d->loop), loop_now(d->loop));
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++) {
        const struct store_kv *kv = &list->item[i];

        if (is_cores(kv->key))
            r = core_load(c, kv->key, (struct str){kv->value, kv->value_len}, kv->rev, err);
    }
    if (r == 0)
        r = core_loaded(c, store_thread_incarnation(d->store), list->rev, err);
    if (r < 0)
        return err_ctx(err, "read the state in the store");
    d->core = steal(c);
    return 0;
}

static void use_core(struct driver *d, const struct store_list *list)
{
    d->mono = loop_now(d->loop);
    d->revision = d->restore.held ? 0 : decided(d, list);
    d->reread = false;
    d->state = DRIVER_IDLE;
    publish_all(d);
    watch_begin(d, list->rev);
    members_saw_all(d, list);
    lead_loaded(d);
    driver_go_on(d);
}

static void on_first(void *ctx, int r, struct store_list *list, const struct err *err)
{
    struct driver *d = ctx;
    struct err broken;

    if (r == 0 && make_core(d, list, &broken) == 0)
        use_core(d, list);
    else
        driver_is_ready(d, r < 0 ? err : &broken);
}

void load_begin(struct driver *d)
{
    struct err err;

    if (d->loading)
        return;
    d->loading = true;
    if (store_thread_load(d->store, STR(STORE_ROOT), on_first, d, &err) < 0)
        driver_is_ready(d, &err);
}

/* ---- again ----------------------------------------------------------------------------------- */

static const struct store_kv *find_kv(const struct store_list *list, const char *key)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i].key, key) == 0)
            return &list->item[i];
    return NULL;
}

static store_rev rev_before(const struct core_update *u, const char *key)
{
    for (const struct core_save *s = u->save; s; s = s->next)
        if (s->kind == SAVE_COMPARE && strcmp(s->key, key) == 0)
            return s->rev;
    return 0;
}

static bool holds(const struct store_kv *kv, const struct core_save *s)
{
    return str_eq(s->value, (struct str){kv->value, kv->value_len});
}

/* May the update have been the transaction that made `rev`? What it put stands at that revision as
 * it put it, or was written again or deleted since. */
static bool may_be(const struct core_update *u, const struct store_list *list, store_rev rev)
{
    for (const struct core_save *s = u->save; s; s = s->next) {
        const struct store_kv *kv = s->kind == SAVE_PUT ? find_kv(list, s->key) : NULL;

        if (kv && (kv->rev < rev || (kv->rev == rev && !holds(kv, s))))
            return false;
    }
    return true;
}

/* Was what the update wanted to store stored? A transaction is done whole, so one key would tell,
 * but another coordinator that adopts the same order puts the same value. Its revision, or 0. */
static store_rev was_stored(const struct core_update *u, const struct store_list *list)
{
    bool puts = false, there = false;

    for (const struct core_save *s = u->save; s; s = s->next) {
        const struct store_kv *kv = find_kv(list, s->key);

        puts = puts || s->kind == SAVE_PUT;
        there = there || (s->kind == SAVE_DELETE && kv);
        if (s->kind == SAVE_PUT && kv && kv->rev > rev_before(u, s->key) && holds(kv, s) &&
            may_be(u, list, kv->rev))
            return kv->rev;
    }
    return puts || there ? 0 : list->rev;
}

/* The core learns how the step ended: as stored, or not at all. */
static bool end_step(struct driver *d, const struct store_list *list)
{
    struct err *doubt = &d->step.doubt;
    store_rev rev = 0;

    if (d->step.rev > 0)
        return true; /* it was stored before, and the watch is late */
    if (doubt->code == ERR_NONE)
        return false;
    if (doubt->code == ERR_UNKNOWN_OUTCOME && list)
        rev = was_stored(&d->step.update, list);
    if (rev > 0) {
        step_commit(d, rev);
        return true;
    }
    if (doubt->code == ERR_UNKNOWN_OUTCOME && list) {
        doubt->code = ERR_UNAVAILABLE;
        err_ctx(doubt, "nothing was stored");
    }
    core_abandon(d->core, doubt, &d->step.update);
    d->orders_again = true;
    return false;
}

static int observe(struct driver *d, const struct store_list *list, struct err *err)
{
    CLEANUP(xfreep) struct core_kv *kv = xcalloc(list->count + 1, sizeof(*kv));
    uint64_t rev = decided(d, list);
    unsigned n = 0;
    int r;

    core_update_reset(&d->seen);
    if (restore_hold(d, has_mark(list)))
        return 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct store_kv *from = &list->item[i];

        if (is_cores(from->key))
            kv[n++] = (struct core_kv){from->key, {from->value, from->value_len}, from->rev};
    }
    r = core_observe(d->core, kv, n, true, list->rev, &d->seen, err);
    if (r < 0)
        return err_ctx(err, "read the state in the store");
    d->revision = rev > d->revision ? rev : d->revision;
    return 0;
}

static void go_on_with_step(struct driver *d, bool stored)
{
    enum err_code why = d->step.doubt.code;

    d->state = DRIVER_IDLE;
    if (stored)
        return step_carry_out(d);
    publish_now(d);
    if (why == ERR_CONFLICT)
        step_again(d);
    else if (why != ERR_NONE)
        step_finish(d);
}

static void on_reload_again(struct timer *t)
{
    struct driver *d = container_of(t, struct driver, reload_again);

    load_again(d, NULL);
}

void load_later(struct driver *d)
{
    d->state = DRIVER_RELOADING;
    timer_set(d->loop, &d->reload_again, dur_s(RETRY_S), on_reload_again, "driver.reload");
    unstored_look(d);
}

/* The last state stays and reading goes on, but the command is not kept waiting for what nobody can
 * tell. */
static void load_failed(struct driver *d, const struct err *why)
{
    driver_store_failed(d, why);
    if (d->step.rev > 0) {
        publish_orders(d, &d->step.update); /* the set waits until the store can be read */
        step_finish(d);
    } else if (d->step.doubt.code != ERR_NONE) {
        unstored_take_over(d);
        end_step(d, NULL);
        step_finish(d);
    }
    restore_end(d);
    load_later(d);
}

static void on_loaded(void *ctx, int r, struct store_list *list, const struct err *err)
{
    struct driver *d = ctx;
    struct err broken;
    bool stored;

    if (r < 0)
        return load_failed(d, err);
    stored = end_step(d, list);
    if (observe(d, list, &broken) < 0)
        return load_failed(d, &broken);
    driver_store_works(d);
    d->reread = false;
    publish_add(d, &d->seen);
    publish_tell(&d->seen);
    publish_ask(d, &d->seen);
    members_saw_all(d, list);
    watch_begin(d, list->rev);
    watch_drain(d);
    event_queue_repeat_orders(&d->queue);
    go_on_with_step(d, stored);
    restore_end(d);
    driver_go_on(d);
}

void load_again(struct driver *d, const struct err *doubt)
{
    struct err err;

    if (doubt)
        d->step.doubt = *doubt;
    d->state = DRIVER_RELOADING;
    if (store_thread_load(d->store, STR(STORE_ROOT), on_loaded, d, &err) < 0)
        load_failed(d, &err);
    else
        unstored_asked(d);
}
