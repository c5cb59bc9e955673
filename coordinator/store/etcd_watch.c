/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/etcd_watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/backoff.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/mailbox.h"
#include "coordinator/store/store_list.h"

#define REREAD_S 30
/* How long a silent stream is believed, and how long its member may take to prove that it lives. */
#define SILENCE_MS 1000
#define PROOF_MS   1000
/* What waits to be delivered. Past this nothing is passed on until a later reading. */
#define QUEUE_BYTES_MAX (32u << 20)

/* Changes on their way from the thread to whoever delivers. */
struct batch {
    struct mail mail;
    struct store_list changes; /* owned */
    size_t bytes;
};

struct etcd_watch {
    struct etcd_watch_config config;
    char prefix[STORE_KEY_MAX + 1];
    pthread_t thread;

    /* the thread's */
    struct etcd_client *client; /* owned */
    struct store_list told;     /* every key under the prefix, with its revision, without value */
    store_rev last;             /* everything up to here was told */
    bool streaming;
    bool broken; /* the stream cannot go on */
    bool stale;  /* something may be missing */
    mono_t reread_at;
    mono_t heard_at; /* the stream, or the proof that its member lives */
    struct backoff backoff;
    struct rng rng;

    /* from the thread to the deliverer */
    struct mailbox *box; /* owned */
    atomic_size_t waiting_bytes;

    /* the deliverer's */
    struct loop *loop; /* owned; turned by etcd_watch_deliver() only */
};

static mono_t now(void)
{
    return clock_system->mono(clock_system);
}

static dur_t reread_every(const struct etcd_watch *w)
{
    return w->config.etcd->reread.ns > 0 ? w->config.etcd->reread : dur_s(REREAD_S);
}

static void batch_free(struct batch *b)
{
    store_list_deinit(&b->changes);
    free(b);
}

/* ---- passing on ------------------------------------------------------------------------------ */

static size_t bytes_of(const struct store_list *l)
{
    size_t n = sizeof(struct batch);

    for (size_t i = 0; i < l->count; i++)
        n += sizeof l->item[i] + strlen(l->item[i].key) + l->item[i].value_len;
    return n;
}

static void note_told(struct etcd_watch *w, const struct store_list *changes)
{
    const struct str none = {0};

    for (size_t i = 0; i < changes->count; i++) {
        const struct store_kv *kv = &changes->item[i];

        if (kv->value)
            store_list_put(&w->told, str_of(kv->key), &none, kv->rev);
        else
            store_list_remove(&w->told, str_of(kv->key));
    }
    w->last = changes->rev;
}

/* Hand `changes` (which move) to the deliverer. When too much waits there they are forgotten, as if
 * etcd had not sent them: a later reading finds the difference. */
static void pass_on(struct etcd_watch *w, struct store_list *changes)
{
    struct batch *b;
    size_t bytes = bytes_of(changes);

    if (changes->count == 0) {
        w->last = changes->rev;
        return;
    }
    b = xnew(struct batch);
    b->bytes = bytes;
    if (atomic_load(&w->waiting_bytes) + bytes > QUEUE_BYTES_MAX) {
        w->stale = true;
        batch_free(b);
        return;
    }
    note_told(w, changes);
    b->changes = *changes;
    *changes = (struct store_list){0};
    atomic_fetch_add(&w->waiting_bytes, bytes);
    CHECK(mailbox_post(w->box, &b->mail));
    w->config.on_news(w->config.on_news_ctx);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* An event from before `last`: have we told it, or something later, about its key? */
static bool is_repeated(const struct etcd_watch *w, const struct store_kv *event)
{
    const struct store_kv *kv = store_list_find(&w->told, str_of(event->key));

    return event->value ? kv && kv->rev >= event->rev : !kv || kv->rev > event->rev;
}

/* The events of one line: in groups of one revision each, which must rise. */
static void take_events(struct etcd_watch *w, const struct store_list *events)
{
    CLEANUP(store_list_deinitp) struct store_list changes = {0};

    for (size_t i = 0; i < events->count; i++) {
        const struct store_kv *kv = &events->item[i];
        struct str value = {kv->value, kv->value_len};

        if (changes.count > 0 && kv->rev != changes.rev) {
            pass_on(w, &changes);
            store_list_deinit(&changes);
        }
        if (kv->rev <= w->last) {
            w->stale |= !is_repeated(w, kv);
            continue;
        }
        changes.rev = kv->rev;
        store_list_put(&changes, str_of(kv->key), kv->value ? &value : NULL, kv->rev);
    }
    if (changes.count > 0)
        pass_on(w, &changes);
}

static void on_line(void *ctx, struct str text)
{
    struct etcd_watch *w = ctx;
    CLEANUP(etcd_watch_line_deinit) struct etcd_watch_line line = {0};

    w->heard_at = now();
    if (w->broken)
        return;
    if (etcd_json_read_watch(&w->client->space, text, &line, NULL) < 0 || line.canceled ||
        line.refusal.code != 0) {
        w->broken = true;
        return;
    }
    backoff_reset(&w->backoff);
    store_list_drop(&line.events, STR(STORE_META));
    take_events(w, &line.events);
}

/* ---- reading again --------------------------------------------------------------------------- */

/* Two ordered lists, walked side by side. */
static void difference(const struct store_list *told, const struct store_list *present,
                       struct store_list *changes)
{
    size_t t = 0;

    for (size_t p = 0; p < present->count; p++) {
        const struct store_kv *kv = &present->item[p];
        struct str value = {kv->value, kv->value_len};

        for (; t < told->count && strcmp(told->item[t].key, kv->key) < 0; t++)
            store_list_put(changes, str_of(told->item[t].key), NULL, present->rev);
        if (t < told->count && strcmp(told->item[t].key, kv->key) == 0) {
            if (told->item[t++].rev == kv->rev)
                continue;
        }
        store_list_put(changes, str_of(kv->key), &value, kv->rev);
    }
    for (; t < told->count; t++)
        store_list_put(changes, str_of(told->item[t].key), NULL, present->rev);
    changes->rev = present->rev;
}

static int read_all(struct etcd_watch *w, store_rev rev, struct store_list *ret, struct err *err)
{
    const struct etcd_view view = {.prefix = str_of(w->prefix), .rev = rev, .keys_only = rev != 0};
    int r = etcd_client_list(w->client, &view, ret, err);

    store_list_drop(ret, STR(STORE_META));
    return r;
}

static void read_again(struct etcd_watch *w)
{
    CLEANUP(store_list_deinitp) struct store_list present = {0};
    CLEANUP(store_list_deinitp) struct store_list changes = {0};
    struct err err;

    w->reread_at = mono_add(now(), reread_every(w));
    if (read_all(w, 0, &present, &err) != 0 || present.rev < w->last) {
        w->broken = true;
        return;
    }
    w->stale = false;
    difference(&w->told, &present, &changes);
    pass_on(w, &changes);
    w->broken |= w->stale; /* there was no room: try again after a pause */
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void open_stream(struct etcd_watch *w)
{
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(4u << 10);

    CHECK(etcd_json_watch(&w->client->space, str_of(w->prefix), w->last + 1, &body));
    etcd_client_stream(w->client, buf_view(&body), on_line, w);
    w->streaming = true;
    w->heard_at = now();
}

/* A read that goes to the stream's member first, and there waits until the others agree. */
static void prove(struct etcd_watch *w)
{
    CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
    struct err err;

    w->broken |=
        etcd_client_get(w->client, STR(META_INCARNATION), dur_ms(PROOF_MS), &answer, &err) != 0;
    w->heard_at = now();
}

/* Elsewhere, with a new token, after a pause, from what etcd holds then. */
static void recover(struct etcd_watch *w)
{
    etcd_http_stream_close(w->client->http);
    etcd_client_drop_token(w->client);
    if (etcd_client_stream_is_here(w->client))
        etcd_client_leave_endpoint(w->client);
    etcd_http_pause(w->client->http, backoff_next(&w->backoff, &w->rng));
    w->streaming = w->broken = false;
    w->stale = true;
}

static dur_t until(mono_t at)
{
    dur_t left = mono_sub(at, now());

    return left.ns > 0 ? left : dur_ms(0);
}

/* Lines, for as long as the stream may be believed. */
static void listen_on(struct etcd_watch *w)
{
    mono_t silent_at = mono_add(w->heard_at, dur_ms(SILENCE_MS));
    mono_t end = mono_before(silent_at, w->reread_at) ? silent_at : w->reread_at;

    w->broken |= etcd_http_stream_wait(w->client->http, until(end), NULL) < 0;
    if (!w->broken && until(mono_add(w->heard_at, dur_ms(SILENCE_MS))).ns == 0)
        prove(w);
}

static void *run(void *ctx)
{
    struct etcd_watch *w = ctx;

    while (!etcd_http_is_cancelled(w->client->http)) {
        if (w->stale || until(w->reread_at).ns == 0)
            read_again(w);
        w->broken |= w->streaming && !etcd_client_stream_is_here(w->client);
        if (!w->broken && !w->streaming)
            open_stream(w);
        if (!w->broken)
            listen_on(w);
        if (w->broken)
            recover(w);
    }
    return NULL;
}

/* ---- delivering ------------------------------------------------------------------------------ */

static void on_batch(void *ctx, struct mail *m)
{
    struct etcd_watch *w = ctx;
    struct batch *b = container_of(m, struct batch, mail);

    atomic_fetch_sub(&w->waiting_bytes, b->bytes);
    if (w->config.fn)
        w->config.fn(w->config.ctx, &b->changes);
    batch_free(b);
}

void etcd_watch_deliver(struct etcd_watch *w, dur_t wait)
{
    loop_turn(w->loop, wait);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* What was there at `from` is what the caller knows. */
static int begin(struct etcd_watch *w, struct err *err)
{
    int r = loop_new(clock_system, &w->loop, err);

    if (r == 0)
        r = mailbox_new(w->loop, QUEUE_BYTES_MAX / sizeof(struct batch), on_batch, w, &w->box, err);
    if (r == 0)
        r = etcd_client_new(w->config.etcd, w->config.failing, &w->client, err);
    if (r == 0)
        r = read_all(w, w->config.from, &w->told, err);
    return r;
}

int etcd_watch_new(const struct etcd_watch_config *config, struct etcd_watch **ret, struct err *err)
{
    CLEANUP(etcd_watch_freep) struct etcd_watch *w = xnew(struct etcd_watch);
    int r;

    w->config = *config;
    CHECK(str_copy(config->prefix, w->prefix, sizeof w->prefix));
    w->last = config->from;
    w->reread_at = mono_add(now(), reread_every(w));
    rng_seed_system(&w->rng);
    backoff_init(&w->backoff, dur_ms(20), dur_s(2));
    r = begin(w, err);
    if (r != 0)
        return r;
    r = pthread_create(&w->thread, NULL, run, w);
    if (r != 0)
        return err_errno(err, r, "start the thread of the watch");
    CHECK(pthread_setname_np(w->thread, "store-watch") == 0);
    *ret = steal(w);
    return 0;
}

void etcd_watch_free(struct etcd_watch *w)
{
    if (!w)
        return;
    if (w->thread) {
        etcd_http_cancel(w->client->http);
        CHECK(pthread_join(w->thread, NULL) == 0);
    }
    w->config.fn = NULL;
    if (w->box) {
        etcd_watch_deliver(w, dur_ms(0)); /* drops what waits; the loop is this thread's now */
        mailbox_close(w->box, NULL);
    }
    mailbox_unref(w->box);
    loop_free(w->loop);
    etcd_client_free(w->client);
    store_list_deinit(&w->told);
    free(w);
}
