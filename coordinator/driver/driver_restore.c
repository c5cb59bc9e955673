/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a backup back: the mark, then what was written with each of its revisions as one
 * transaction, oldest first, then the mark goes. Every transaction compares the leader key and the
 * mark, so that nobody else writes a part of it.
 *
 * While the mark stands what the store holds is half a state. No coordinator looks at it, and none
 * takes a command: they wait for the mark to go. A restore that was cut short leaves it; the next
 * one clears away what the first one wrote. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "coordinator/driver/driver_state.h"
#include "coordinator/store/store_list.h"

#define KEY_PLANS     STORE_ROOT "plans/"
#define FRAME_OPS     4u /* the fence, the mark's compare, KEY_DECISION, the mark */
#define FRAME_BYTES   4096u
#define MARK_TEXT_MAX 512u

static void go_on(struct driver *d);

/* ---- the end --------------------------------------------------------------------------------- */

static void forget(struct driver *d)
{
    store_list_deinit(&d->restore.old);
    d->restore = (struct driver_restore){.held = d->restore.held};
}

void restore_end(struct driver *d)
{
    driver_restored_fn fn = d->restore.fn;
    void *ctx = d->restore.ctx;

    if (!fn || !d->restore.written)
        return;
    forget(d);
    fn(ctx, 0, d->revision, NULL);
}

/* What the store holds now is found out by reading it. */
static void fail(struct driver *d, const struct err *why)
{
    driver_restored_fn fn = d->restore.fn;
    void *ctx = d->restore.ctx;

    forget(d);
    d->state = DRIVER_IDLE;
    d->reread = true;
    fn(ctx, -(int)why->code, 0, why);
    driver_go_on(d);
}

static void failed(struct driver *d, int r, const struct err *err)
{
    struct err why;

    if (r == STORE_CONFLICT)
        err_set(&why, ERR_CONFLICT, "another coordinator leads now, or somebody else restores");
    else
        why = *err;
    err_ctx(&why, "write the backup into the store");
    if (d->restore.mark)
        err_hint(&why, "it is written in part: give the same command again");
    fail(d, &why);
}

void restore_deinit(struct driver *d)
{
    driver_restored_fn fn = d->restore.fn;
    void *ctx = d->restore.ctx;
    struct err why;

    forget(d);
    if (!fn)
        return;
    err_set(&why, ERR_CANCELLED, "the coordinator stops");
    fn(ctx, -ERR_CANCELLED, 0, &why);
}

/* ---- transactions ---------------------------------------------------------------------------- */

struct frame {
    struct store_op *op; /* owned */
    struct store_txn txn;
};

static void frame_deinit(struct frame *f)
{
    free(f->op);
}

static void frame_init(struct driver *d, size_t ops, struct frame *f)
{
    f->op = xcalloc(ops + FRAME_OPS, sizeof(*f->op));
    f->txn = (struct store_txn){.op = f->op};
    if (!d->lead.alone)
        f->op[f->txn.count++] =
            (struct store_op){STORE_COMPARE, .key = STR(KEY_LEADER), .rev = d->members.term};
    f->op[f->txn.count++] =
        (struct store_op){STORE_COMPARE, .key = STR(KEY_RESTORE), .rev = d->restore.mark};
}

static void add(struct frame *f, enum store_op_kind kind, struct str key, struct str value)
{
    f->op[f->txn.count++] = (struct store_op){kind, key, value, 0};
}

static void send(struct driver *d, struct frame *f, store_thread_txn_fn fn)
{
    struct err err;

    if (!lead_may_act(d))
        return failed(d, STORE_CONFLICT, NULL);
    if (store_thread_txn(d->store, &f->txn, fn, d, &err) < 0)
        failed(d, -(int)err.code, &err);
}

static void on_step(void *ctx, int r, store_rev rev UNUSED, const struct err *err)
{
    struct driver *d = ctx;

    if (r == 0)
        go_on(d);
    else
        failed(d, r, err);
}

/* What a restore before this one has left. */
static void clear_some(struct driver *d)
{
    CLEANUP(frame_deinit) struct frame f;
    struct driver_restore *s = &d->restore;

    frame_init(d, STORE_OPS_MAX, &f);
    while (s->old_next < s->old.count && f.txn.count + FRAME_OPS < STORE_OPS_MAX)
        add(&f, STORE_DELETE, str_of(s->old.item[s->old_next++].key), (struct str){NULL, 0});
    send(d, &f, on_step);
}

/* Keys of one revision, as long as they fit. */
static void write_some(struct driver *d)
{
    CLEANUP(frame_deinit) struct frame f;
    struct driver_restore *s = &d->restore;
    uint64_t rev = s->kv[s->next].rev;
    size_t bytes = FRAME_BYTES;

    frame_init(d, STORE_OPS_MAX, &f);
    while (s->next < s->count && s->kv[s->next].rev == rev) {
        const struct core_kv *kv = &s->kv[s->next];

        bytes += strlen(kv->key) + kv->value.n;
        if (f.txn.count > FRAME_OPS &&
            (f.txn.count + FRAME_OPS >= STORE_OPS_MAX || bytes > STORE_TXN_BYTES_MAX))
            break;
        add(&f, STORE_PUT, str_of(kv->key), kv->value);
        s->next++;
    }
    send(d, &f, on_step);
}

static void on_written(void *ctx, int r, store_rev rev UNUSED, const struct err *err)
{
    struct driver *d = ctx;

    if (r != 0)
        return failed(d, r, err);
    d->restore.written = true;
    d->restore.held = false;
    load_again(d, NULL);
}

static void finish(struct driver *d)
{
    CLEANUP(frame_deinit) struct frame f;
    CLEANUP(buf_deinitp) struct buf decision = BUF_INIT(DECISION_TEXT_MAX);

    frame_init(d, 0, &f);
    step_write_decision(d, &decision);
    add(&f, STORE_PUT, STR(KEY_DECISION), buf_view(&decision));
    add(&f, STORE_DELETE, STR(KEY_RESTORE), (struct str){NULL, 0});
    send(d, &f, on_written);
}

static void skip_foreign(struct driver_restore *s)
{
    while (s->next < s->count && !restore_takes(s->kv[s->next].key))
        s->next++;
}

static void go_on(struct driver *d)
{
    skip_foreign(&d->restore);
    if (d->restore.old_next < d->restore.old.count)
        clear_some(d);
    else if (d->restore.next < d->restore.count)
        write_some(d);
    else
        finish(d);
}

/* ---- the beginning --------------------------------------------------------------------------- */

bool restore_takes(const char *key)
{
    return !member_key(key) && strcmp(key, KEY_DECISION) != 0 && strcmp(key, KEY_RESTORE) != 0;
}

static void on_marked(void *ctx, int r, store_rev rev, const struct err *err)
{
    struct driver *d = ctx;

    if (r != 0)
        return failed(d, r, err);
    d->restore.mark = rev;
    go_on(d);
}

static void put_mark(struct driver *d)
{
    CLEANUP(frame_deinit) struct frame f;
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(MARK_TEXT_MAX);
    CLEANUP(json_freep) struct json *j = json_object();
    char at[WALL_TEXT_MAX];

    json_set_string(j, "by", d->config.self.id.s);
    json_set_string(j, "at", wall_text(loop_wall(d->loop), at));
    json_set_u64(j, "keys", d->restore.count);
    CHECK(json_print(j, false, &text));
    frame_init(d, 0, &f);
    add(&f, STORE_PUT, STR(KEY_RESTORE), buf_view(&text));
    send(d, &f, on_marked);
}

/* Without a mark what is there is not ours to clear away; with one, all of it is. */
static int look(struct driver *d, struct store_list *list, struct err *err)
{
    struct driver_restore *s = &d->restore;

    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i].key, KEY_RESTORE) == 0)
            s->mark = list->item[i].rev;
    for (size_t i = 0; i < list->count && !s->mark; i++)
        if (str_starts(str_of(list->item[i].key), STR(KEY_PLANS)))
            return err_set(err, ERR_REFUSED, "the store holds the plan %s",
                           list->item[i].key + sizeof(KEY_PLANS) - 1);
    if (!s->mark)
        return 0;
    for (size_t i = 0; i < list->count; i++)
        if (restore_takes(list->item[i].key))
            store_list_put(&s->old, str_of(list->item[i].key), NULL, 0);
    return 0;
}

static void on_read(void *ctx, int r, struct store_list *list, const struct err *err)
{
    struct driver *d = ctx;
    struct err why;

    if (r < 0)
        return fail(d, err);
    if (look(d, list, &why) < 0)
        return fail(d, &why);
    put_mark(d);
}

bool restore_begin(struct driver *d)
{
    struct err err;

    if (!d->restore.fn || d->restore.begun)
        return false;
    d->restore.begun = true;
    d->state = DRIVER_RESTORING;
    if (store_thread_load(d->store, STR(STORE_ROOT), on_read, d, &err) < 0)
        fail(d, &err);
    return true;
}

int driver_restore(struct driver *d, const struct core_kv *kv, unsigned count,
                   driver_restored_fn fn, void *ctx, struct err *err)
{
    const char *plan = core_next_migration(d->core, "");

    if (!lead_may_act(d))
        return err_set(err, ERR_UNAVAILABLE, "this coordinator does not lead; nothing was done");
    if (d->restore.fn)
        return err_set(err, ERR_EXHAUSTED, "another backup is being put back");
    if (plan) {
        err_set(err, ERR_REFUSED, "the store holds the plan %s", plan);
        return err_hint(err, "a backup is put back into a store without plans");
    }
    d->restore.fn = fn;
    d->restore.ctx = ctx;
    d->restore.kv = kv;
    d->restore.count = count;
    driver_go_on(d);
    return 0;
}

/* ---- one that has not finished --------------------------------------------------------------- */

int restore_held(const struct driver *d, struct err *err)
{
    if (!d->restore.held)
        return 0;
    err_set(err, ERR_CORRUPT,
            "a restore has not finished: the store holds a part of a backup and "
            "the key " KEY_RESTORE);
    return err_hint(err,
                    "give the same command again: switchyard backup restore FILE --reason TEXT");
}

bool restore_hold(struct driver *d, bool held)
{
    if (d->restore.begun || d->restore.held == held)
        return held;
    d->restore.held = held;
    d->reread = d->reread || !held;
    return held;
}
