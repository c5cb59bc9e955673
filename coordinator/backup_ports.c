/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/backup_ports.h"

#include <stdlib.h>

#include "common/base/mem.h"

static const char *ports_incarnation(void *ctx)
{
    const struct backup_ports *p = ctx;

    return store_thread_incarnation(p->store);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A read on its way, then what it gave. */
struct reading {
    struct store_list list; /* owned */
    struct backup_kv *kv;   /* owned; points into the list */
    backup_loaded_fn fn;
    void *fn_ctx;
};

static void release(void *held)
{
    struct reading *r = held;

    store_list_deinit(&r->list);
    free(r->kv);
    free(r);
}

static void on_list(void *ctx, int status, struct store_list *list, const struct err *err)
{
    struct reading *r = ctx;
    struct backup_source source = {.held = r, .release = release};

    if (status < 0) {
        r->fn(r->fn_ctx, status, NULL, err);
        return release(r);
    }
    r->list = *list;
    *list = (struct store_list){.item = NULL};
    r->kv = xcalloc(r->list.count + 1, sizeof(*r->kv));
    for (size_t i = 0; i < r->list.count; i++) {
        const struct store_kv *item = &r->list.item[i];

        r->kv[i] = (struct backup_kv){item->key, {item->value, item->value_len}, item->rev};
    }
    source.kv = r->kv;
    source.count = (unsigned)r->list.count;
    source.revision = r->list.rev;
    r->fn(r->fn_ctx, 0, &source, NULL);
}

static int ports_load(void *ctx, backup_loaded_fn fn, void *fn_ctx, struct err *err)
{
    struct backup_ports *p = ctx;
    struct reading *r = xnew(struct reading);
    int status;

    r->fn = fn;
    r->fn_ctx = fn_ctx;
    status = store_thread_load(p->store, STR(STORE_ROOT), on_list, r, err);
    if (status < 0)
        release(r);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A restore on its way. */
struct writing {
    struct core_kv *kv; /* owned; points to what the caller keeps */
    backup_restored_fn fn;
    void *fn_ctx;
};

static void end_writing(struct writing *w)
{
    free(w->kv);
    free(w);
}

static void on_restored(void *ctx, int r, uint64_t revision, const struct err *err)
{
    struct writing *w = ctx;

    w->fn(w->fn_ctx, r, revision, err);
    end_writing(w);
}

static int ports_restore(void *ctx, const struct backup_kv *kv, unsigned count,
                         backup_restored_fn fn, void *fn_ctx, struct err *err)
{
    struct backup_ports *p = ctx;
    struct writing *w = xnew(struct writing);
    int r;

    w->kv = xcalloc(count + 1, sizeof(*w->kv));
    for (unsigned i = 0; i < count; i++)
        w->kv[i] = (struct core_kv){kv[i].key, kv[i].value, kv[i].rev};
    w->fn = fn;
    w->fn_ctx = fn_ctx;
    r = driver_restore(p->driver, w->kv, count, on_restored, w, err);
    if (r < 0)
        end_writing(w);
    return r;
}

static int ports_may_restore(void *ctx, struct err *err)
{
    const struct backup_ports *p = ctx;
    struct driver_health h;

    driver_health(p->driver, &h);
    if (h.leadership.here)
        return 0;
    if (h.leadership.leader.id.s[0] == '\0')
        return err_set(err, ERR_UNAVAILABLE, "no coordinator leads at the moment");
    err_set(err, ERR_UNAVAILABLE, "%s leads, and only the leader restores",
            h.leadership.leader.id.s);
    return err_hint(err, "give its address: --endpoints %s", h.leadership.leader.address);
}

/* ---- the host -------------------------------------------------------------------------------- */

struct backup_host backup_ports_host(struct backup_ports *p)
{
    return (struct backup_host){
        .ctx = p,
        .incarnation = ports_incarnation,
        .load = ports_load,
        .may_restore = ports_may_restore,
        .restore = ports_restore,
    };
}
