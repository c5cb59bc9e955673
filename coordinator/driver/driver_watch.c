/* SPDX-License-Identifier: Apache-2.0 */
/* What others wrote, as the store tells it. A watch is a hint (store.h): what it says is taken by
 * its revisions, and when it ends or more comes than waits, everything is read again.
 *
 * Keys of the lease holders go to the members and the election at once, the rest to the core, which
 * is not shown anything while a step of its own is on its way to the store. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "coordinator/driver/driver_state.h"
#include "coordinator/store/store_list.h"

void watch_own(struct driver *d, store_rev rev)
{
    d->watch.own[d->watch.own_next++ % OWN_REVS] = rev;
}

static bool is_own(const struct driver *d, store_rev rev)
{
    for (unsigned i = 0; i < OWN_REVS; i++)
        if (d->watch.own[i] == rev)
            return true;
    return false;
}

/* ---- taking it over -------------------------------------------------------------------------- */

static struct core_kv kv_of(const struct store_kv *kv)
{
    return (struct core_kv){kv->key, {kv->value, kv->value ? kv->value_len : 0}, kv->rev};
}

static void note_decided(struct driver *d, const struct store_list *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        if (strcmp(changes->item[i].key, KEY_DECISION) == 0 && changes->item[i].rev > d->revision)
            d->revision = changes->item[i].rev;
}

static void note_told(struct driver *d, const struct store_list *changes)
{
    d->watch.told = changes->rev;
}

static int observe(struct driver *d, const struct store_list *changes, struct err *err)
{
    CLEANUP(xfreep) struct core_kv *kv = xcalloc(changes->count + 1, sizeof(*kv));
    unsigned n = 0;

    for (size_t i = 0; i < changes->count; i++)
        if (!member_key(changes->item[i].key) && !is_own(d, changes->item[i].rev))
            kv[n++] = kv_of(&changes->item[i]);
    core_update_reset(&d->seen);
    if (core_observe(d->core, kv, n, false, changes->rev, &d->seen, err) < 0)
        return err_ctx(err, "what another coordinator stored");
    publish_add(d, &d->seen);
    publish_tell(&d->seen);
    publish_ask(d, &d->seen);
    return 0;
}

/* Of `rev`, or of a later one that is told of in the same call. */
static bool is_decided(const struct store_list *changes, store_rev rev)
{
    for (size_t i = 0; i < changes->count; i++)
        if (changes->item[i].rev >= rev && strcmp(changes->item[i].key, KEY_DECISION) == 0)
            return changes->item[i].value != NULL;
    return false;
}

/* Of which the old goes with anything. */
static bool is_log(const char *key)
{
    return str_starts(str_of(key), STR(STORE_ROOT "history/")) ||
           str_starts(str_of(key), STR(STORE_ROOT "events/")) ||
           str_starts(str_of(key), STR(STORE_ROOT "days/"));
}

/* Who decides writes so in the same transaction, but old history goes with any. What else goes may
 * be a store that was cleared: nodes serve on until it has been read. */
static int check_gone(const struct store_list *changes, struct err *err)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct store_kv *kv = &changes->item[i];

        if (!kv->value && !member_key(kv->key) && strcmp(kv->key, KEY_RESTORE) != 0 &&
            !is_log(kv->key) && !is_decided(changes, kv->rev))
            return err_set(err, ERR_CORRUPT, "key %s was deleted, and not by a coordinator",
                           kv->key);
    }
    return 0;
}

/* What cannot be read is named, and then everything is read: it may have been put right. */
static void take(struct driver *d, const struct store_list *changes)
{
    struct err err;

    /* Told again, it may be about a key that is gone by now; and nothing is told past a gap. */
    if (changes->rev <= d->watch.told || d->reread)
        return;
    if (check_gone(changes, &err) < 0 || observe(d, changes, &err) < 0) {
        driver_store_failed(d, &err);
        d->reread = true;
        return;
    }
    note_decided(d, changes);
    note_told(d, changes);
}

static void forget_waiting(struct driver *d)
{
    for (unsigned i = 0; i < d->watch.waiting_count; i++)
        store_list_deinit(&d->watch.waiting[i]);
    d->watch.waiting_count = 0;
}

void watch_drain(struct driver *d)
{
    for (unsigned i = 0; i < d->watch.waiting_count; i++)
        take(d, &d->watch.waiting[i]);
    forget_waiting(d);
    if (d->state == DRIVER_SETTLING)
        step_settle(d);
    else if (d->state == DRIVER_IDLE && !d->reread)
        publish_now(d);
}

/* ---- hearing of it --------------------------------------------------------------------------- */

static void lost(struct driver *d)
{
    d->watch.on = false;
    d->reread = true;
    forget_waiting(d);
    if (d->state == DRIVER_SETTLING)
        step_settle(d);
    driver_go_on(d);
}

static void wait(struct driver *d, const struct store_list *changes)
{
    struct store_list *copy;

    if (d->watch.waiting_count == WATCHED_MAX)
        return lost(d);
    copy = &d->watch.waiting[d->watch.waiting_count++];
    *copy = (struct store_list){.rev = changes->rev};
    for (size_t i = 0; i < changes->count; i++) {
        const struct store_kv *kv = &changes->item[i];
        struct str value = {kv->value, kv->value_len};

        if (!member_key(kv->key))
            store_list_put(copy, str_of(kv->key), kv->value ? &value : NULL, kv->rev);
    }
}

static void on_changes(void *ctx, int r, const struct store_list *changes, const struct err *err)
{
    struct driver *d = ctx;

    if (r < 0)
        driver_store_failed(d, err);
    if (r != 0)
        return lost(d);
    for (size_t i = 0; i < changes->count; i++) {
        const struct core_kv kv = kv_of(&changes->item[i]);

        if (member_key(kv.key))
            members_saw(d, &kv);
        if (strcmp(kv.key, KEY_RESTORE) == 0)
            restore_hold(d, kv.value.p);
    }
    if (!d->watch.on)
        return;
    if (d->restore.held || d->restore.begun)
        note_told(d, changes);
    else
        wait(d, changes);
    if (d->state == DRIVER_IDLE || d->state == DRIVER_SETTLING)
        watch_drain(d);
    driver_go_on(d);
}

void watch_begin(struct driver *d, store_rev from)
{
    struct err err;

    if (d->watch.told < from)
        d->watch.told = from;
    if (d->watch.on || d->lead.alone)
        return;
    d->watch.on = true;
    if (store_thread_watch(d->store, STR(STORE_ROOT), from, on_changes, d, &err) == 0)
        return;
    driver_store_failed(d, &err);
    lost(d);
}

void watch_deinit(struct driver *d)
{
    forget_waiting(d);
}
