/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/webhooks.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/loop/timer.h"

#define FOLDER     STORE_ROOT "webhooks/"
#define KEY_LEADER STORE_ROOT "leader"
#define READ_EVERY dur_s(10)
#define READ_AGAIN dur_s(1)

struct webhooks {
    struct webhooks_config config;
    struct loop *loop;
    struct store_thread *store;   /* borrowed */
    struct driver *const *driver; /* borrowed; made after this */
    struct notify *notify;        /* owned */
    bool here;                    /* this coordinator leads, in `term` */
    uint64_t term;
    bool reading, again; /* `again`: what is being read may be too old */
    bool stopped;
    struct timer read;
};

static void read_now(struct webhooks *w);

/* ---- what notify asks for -------------------------------------------------------------------- */

static uint64_t known_revision(const struct webhooks *w)
{
    struct driver_health h;

    driver_health(*w->driver, &h);
    return h.complete;
}

static bool next(void *ctx, const struct event_place *after, struct notify_event *ret)
{
    const struct webhooks *w = ctx;
    struct view_event e;

    if (!driver_core(*w->driver) ||
        !view_next_event(driver_core(*w->driver), after, known_revision(w), "", &e))
        return false;
    *ret = (struct notify_event){.at = e.at, .event = e.event, .oldest = e.oldest};
    return true;
}

static uint64_t newest(void *ctx)
{
    const struct webhooks *w = ctx;
    uint64_t known = known_revision(w);
    uint64_t rev = driver_core(*w->driver) ? view_events_rev(driver_core(*w->driver)) : 0;

    return rev < known ? rev : known;
}

static const char *incarnation(void *ctx)
{
    return store_thread_incarnation(((const struct webhooks *)ctx)->store);
}

struct saving {
    notify_saved_fn fn;
    void *ctx;
};

static void on_saved(void *ctx, int r, store_rev rev UNUSED, const struct err *err UNUSED)
{
    struct saving *s = ctx;

    s->fn(s->ctx, r == 0);
    free(s);
}

static int save(void *ctx, const char *id, struct str state, notify_saved_fn fn, void *fn_ctx,
                struct err *err)
{
    struct webhooks *w = ctx;
    struct saving *s = xnew(struct saving);
    char key[sizeof(FOLDER) + NOTIFY_ID_SIZE];
    const struct store_op op[] = {
        {STORE_COMPARE, STR(KEY_LEADER), .rev = w->term},
        {STORE_PUT, {key, sizeof(FOLDER) - 1 + strlen(id)}, state, 0},
    };
    unsigned from = w->config.shared ? 0 : 1;
    const struct store_txn txn = {.op = &op[from], .count = ARRAY_LEN(op) - from};
    int r;

    str_fmt(key, sizeof(key), FOLDER "%s", id);
    *s = (struct saving){fn, fn_ctx};
    r = store_thread_txn(w->store, &txn, on_saved, s, err);
    if (r < 0)
        free(s);
    return r;
}

/* ---- what is stored -------------------------------------------------------------------------- */

static void on_read_due(struct timer *t)
{
    read_now(container_of(t, struct webhooks, read));
}

static void read_later(struct webhooks *w, dur_t after)
{
    if (!w->stopped)
        timer_set(w->loop, &w->read, after, on_read_due, "webhooks.read");
}

static void take(struct webhooks *w, const struct store_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct store_kv *kv = &list->item[i];

        notify_stored(w->notify, kv->key + sizeof(FOLDER) - 1,
                      (struct str){kv->value, kv->value_len});
    }
}

static void on_read(void *ctx, int r, struct store_list *list, const struct err *err UNUSED)
{
    struct webhooks *w = ctx;

    w->reading = false;
    if (w->stopped)
        return;
    if (r < 0 || w->again) {
        read_later(w, r < 0 ? READ_AGAIN : dur_ns(0));
        return;
    }
    take(w, list);
    if (w->here)
        notify_lead(w->notify, true);
    else
        read_later(w, READ_EVERY);
}

static void read_now(struct webhooks *w)
{
    struct err err;

    w->again = w->reading;
    if (w->reading)
        return;
    w->reading = store_thread_load(w->store, STR(FOLDER), on_read, w, &err) == 0;
    if (!w->reading)
        read_later(w, READ_AGAIN);
}

/* ---- the contract ---------------------------------------------------------------------------- */

int webhooks_new(const struct webhooks_config *config, struct loop *l, struct store_thread *store,
                 struct driver *const *driver, struct webhooks **ret, struct err *err)
{
    struct webhooks *w = xnew(struct webhooks);
    const struct notify_host host = {
        .ctx = w, .next = next, .now = newest, .incarnation = incarnation, .save = save};
    int r;

    w->config = *config;
    w->loop = l;
    w->store = store;
    w->driver = driver;
    r = notify_new(&config->notify, &host, l, &w->notify, err);
    if (r < 0) {
        free(w);
        return r;
    }
    *ret = w;
    return 0;
}

void webhooks_on_leader(struct webhooks *w, const struct leadership *l)
{
    if (w->config.notify.count == 0 || (w->here == l->here && w->term == l->term))
        return;
    w->here = l->here;
    w->term = l->term;
    notify_lead(w->notify, false);
    timer_cancel(&w->read);
    read_now(w);
}

void webhooks_look(struct webhooks *w)
{
    notify_look(w->notify);
}

unsigned webhooks_status(const struct webhooks *w, struct service_webhook ret[SERVICE_WEBHOOKS_MAX])
{
    struct notify_status status[NOTIFY_HOOKS_MAX];
    unsigned n = notify_status(w->notify, status);

    for (unsigned i = 0; i < n; i++) {
        ret[i] = (struct service_webhook){
            .known = status[i].known, .behind = status[i].behind, .failing = status[i].failing};
        str_fmt(ret[i].shown, sizeof(ret[i].shown), "%s", status[i].shown);
        str_fmt(ret[i].why, sizeof(ret[i].why), "%s", status[i].why);
    }
    return n;
}

void webhooks_stop(struct webhooks *w)
{
    w->stopped = true;
    timer_cancel(&w->read);
    notify_stop(w->notify);
}

void webhooks_free(struct webhooks *w)
{
    if (!w)
        return;
    timer_cancel(&w->read);
    notify_free(w->notify);
    free(w);
}
