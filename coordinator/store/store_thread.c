/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/store_thread.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/worker.h"
#include "coordinator/store/store_list.h"

/* Each a worker. A back end that is not `apart` has the first one only. */
enum line { LINE_STATE, LINE_WATCH, LINE_LEASE, LINE_COUNT };

static const char *const line_names[] =
    {[LINE_STATE] = "store", [LINE_WATCH] = "store-news", [LINE_LEASE] = "store-lease"};

struct store_thread {
    struct loop *loop;   /* borrowed */
    struct store *store; /* owned; used by the workers while they run */
    struct worker *line[LINE_COUNT];
    size_t waiting_bytes;
    bool closing;

    /* The watch. Changes and news come through `box`. */
    struct mailbox *box;
    store_thread_watch_fn on_watch; /* NULL: nobody watches */
    void *watch_ctx;
    unsigned watch;        /* which watch it is, counted */
    unsigned worker_watch; /* the one whose changes the worker is told; LINE_WATCH's */
    atomic_bool lost;      /* `box` was full */
    struct mail news;      /* the store has something to poll for */
    atomic_bool has_news;  /* it is on its way */
    bool poll_owed;        /* the worker had no room for a poll */
};

/* One call: moves to the worker and back, and is freed when its function has been called. */
struct call {
    struct worker_job job;
    struct store_thread *thread;
    void *ctx;
    int r;
    struct err err;

    /* a load */
    struct store_list list;
    store_thread_load_fn on_load;
    char prefix[STORE_KEY_MAX + 1];

    /* a watch: which, and from `rev` */
    unsigned watch;

    /* a transaction */
    store_rev rev;
    store_thread_txn_fn on_txn;
    struct store_op *op; /* owned, in one piece with the bytes it points to */
    size_t count;
    size_t bytes;
    store_lease lease; /* of a transaction, or the lease itself */

    /* a lease */
    enum store_lease_call lease_call;
    dur_t ttl;
    store_thread_lease_fn on_lease;
};

static struct call *call_of(struct worker_job *j)
{
    return container_of(j, struct call, job);
}

static void call_free(struct call *c)
{
    store_list_deinit(&c->list);
    free(c->op);
    free(c);
}
DEFINE_CLEANUP(struct call, call_free)

static void poll_owed(struct store_thread *t);

/* A call's function may do anything but free the thread. */
static void call_done(struct call *c)
{
    struct store_thread *t = c->thread;

    call_free(c);
    if (t->poll_owed)
        poll_owed(t);
}
DEFINE_CLEANUP(struct call, call_done)

static void run_load(struct worker_job *j)
{
    struct call *c = call_of(j);

    c->r = store_list(c->thread->store, str_of(c->prefix), &c->list, &c->err);
}

static void done_load(struct worker_job *j)
{
    CLEANUP(call_donep) struct call *c = call_of(j);

    c->on_load(c->ctx, c->r, &c->list, &c->err);
}

static void run_txn(struct worker_job *j)
{
    struct call *c = call_of(j);
    struct store_txn txn = {.op = c->op, .count = c->count, .lease = c->lease};

    c->r = store_txn(c->thread->store, &txn, &c->rev, &c->err);
}

static void done_txn(struct worker_job *j)
{
    CLEANUP(call_donep) struct call *c = call_of(j);

    c->thread->waiting_bytes -= c->bytes;
    c->on_txn(c->ctx, c->r, c->rev, &c->err);
}

/* Put `c` in the line, or refuse it; then it stays the caller's. */
static int submit(struct store_thread *t, enum line line, struct call *c, struct err *err)
{
    struct worker *w = t->line[line] ? t->line[line] : t->line[LINE_STATE];

    if (t->closing)
        return err_set(err, ERR_CANCELLED, "the store is being closed");
    if (t->waiting_bytes + c->bytes > STORE_THREAD_BYTES_MAX || !worker_do(w, &c->job))
        return err_set(err, ERR_EXHAUSTED, "too much waits for the store: its disk is slow");
    t->waiting_bytes += c->bytes;
    return 0;
}

int store_thread_load(struct store_thread *t, struct str prefix, store_thread_load_fn fn, void *ctx,
                      struct err *err)
{
    CLEANUP(call_freep) struct call *c = NULL;
    int r;

    loop_assert_owner(t->loop);
    r = store_prefix_check(prefix, err);
    if (r < 0)
        return r;
    c = xnew(struct call);
    *c = (struct call){
        .job = {.run = run_load, .done = done_load}, .thread = t, .on_load = fn, .ctx = ctx};
    CHECK(str_copy(prefix, c->prefix, sizeof c->prefix));
    r = submit(t, LINE_STATE, c, err);
    if (r == 0)
        steal(c);
    return r;
}

static struct str move_text(struct str s, char **at)
{
    struct str moved = {*at, s.n};

    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return moved;
}

static struct str value_of(const struct store_op *op)
{
    return op->kind == STORE_PUT ? op->value : (struct str){0};
}

/* Operations first, then all keys and values, in one allocation. */
static void copy_ops(struct call *c, const struct store_txn *txn)
{
    size_t head = txn->count * sizeof *txn->op;

    for (size_t i = 0; i < txn->count; i++)
        c->bytes += txn->op[i].key.n + value_of(&txn->op[i]).n;
    c->op = xalloc(head + c->bytes);
    c->count = txn->count;

    char *at = (char *)c->op + head;
    for (size_t i = 0; i < txn->count; i++) {
        c->op[i] = txn->op[i];
        c->op[i].key = move_text(txn->op[i].key, &at);
        c->op[i].value = move_text(value_of(&txn->op[i]), &at);
    }
}

int store_thread_txn(struct store_thread *t, const struct store_txn *txn, store_thread_txn_fn fn,
                     void *ctx, struct err *err)
{
    CLEANUP(call_freep) struct call *c = NULL;
    int r;

    loop_assert_owner(t->loop);
    r = store_txn_check(txn, err);
    if (r < 0)
        return r;
    c = xnew(struct call);
    *c = (struct call){
        .job = {.run = run_txn, .done = done_txn}, .thread = t, .on_txn = fn, .ctx = ctx};
    copy_ops(c, txn);
    c->lease = txn->lease;
    r = submit(t, LINE_STATE, c, err);
    if (r == 0)
        steal(c);
    return r;
}

/* ---- leases ---------------------------------------------------------------------------------- */

static void run_lease(struct worker_job *j)
{
    struct call *c = call_of(j);
    struct store *s = c->thread->store;

    switch (c->lease_call) {
    case STORE_LEASE_GRANT:
        c->r = store_lease_grant(s, c->ttl, &c->lease, &c->err);
        break;
    case STORE_LEASE_KEEP:
        c->r = store_lease_keep(s, c->lease, &c->err);
        break;
    case STORE_LEASE_REVOKE:
        c->r = store_lease_revoke(s, c->lease, &c->err);
        break;
    }
}

static void done_lease(struct worker_job *j)
{
    CLEANUP(call_donep) struct call *c = call_of(j);

    c->on_lease(c->ctx, c->r, c->lease, &c->err);
}

int store_thread_lease(struct store_thread *t, enum store_lease_call what,
                       const struct store_thread_lease *lease, store_thread_lease_fn fn, void *ctx,
                       struct err *err)
{
    CLEANUP(call_freep) struct call *c = xnew(struct call);
    int r;

    loop_assert_owner(t->loop);
    *c = (struct call){.job = {.run = run_lease, .done = done_lease},
                       .thread = t,
                       .lease_call = what,
                       .lease = lease->lease,
                       .ttl = lease->ttl,
                       .on_lease = fn,
                       .ctx = ctx};
    r = submit(t, LINE_LEASE, c, err);
    if (r == 0)
        steal(c);
    return r;
}

/* ---- the watch ------------------------------------------------------------------------------- */

/* Changes on their way to the loop. */
struct told {
    struct mail mail;
    unsigned watch;
    struct store_list changes; /* owned */
};

static void told_free(struct told *m)
{
    store_list_deinit(&m->changes);
    free(m);
}
DEFINE_CLEANUP(struct told, told_free)

/* Any thread. False: there is no room. */
static bool send_news(struct store_thread *t)
{
    if (atomic_exchange(&t->has_news, true) || mailbox_post(t->box, &t->news))
        return true;
    atomic_store(&t->has_news, false);
    return false;
}

/* Any thread. The box was full of changes that nobody takes: the watch ends, and whoever begins
 * another polls. If there is still no room for the news, whoever takes what fills it sees this. */
static void lose(struct store_thread *t)
{
    atomic_store(&t->lost, true);
    (void)send_news(t);
}

/* The worker's thread, from inside a call of the store. */
static void on_changes(void *ctx, const struct store_list *changes)
{
    struct store_thread *t = ctx;
    CLEANUP(told_freep) struct told *m = xnew(struct told);

    m->watch = t->worker_watch;
    m->changes.rev = changes->rev;
    for (size_t i = 0; i < changes->count; i++) {
        const struct store_kv *kv = &changes->item[i];
        struct str value = {kv->value, kv->value_len};

        store_list_put(&m->changes, str_of(kv->key), kv->value ? &value : NULL, kv->rev);
    }
    if (mailbox_post(t->box, &m->mail))
        steal(m);
    else
        lose(t);
}

static void end_watch(struct store_thread *t, int r, const struct err *err)
{
    store_thread_watch_fn fn = t->on_watch;

    t->on_watch = NULL;
    if (fn)
        fn(t->watch_ctx, r, NULL, err);
}

static void run_watch(struct worker_job *j)
{
    struct call *c = call_of(j);

    c->thread->worker_watch = c->watch;
    c->r = store_watch(c->thread->store, str_of(c->prefix), c->rev, on_changes, c->thread, &c->err);
}

static void done_watch(struct worker_job *j)
{
    CLEANUP(call_donep) struct call *c = call_of(j);

    if (c->r != 0 && c->watch == c->thread->watch)
        end_watch(c->thread, c->r, c->r < 0 ? &c->err : NULL);
}

static void run_poll(struct worker_job *j)
{
    struct call *c = call_of(j);

    c->r = store_poll(c->thread->store, dur_ms(0), &c->err);
}

static void done_poll(struct worker_job *j)
{
    CLEANUP(call_donep) struct call *c = call_of(j);

    if (c->r != 0)
        end_watch(c->thread, c->r, c->r < 0 ? &c->err : NULL);
}

/* With no room for it, it is made up for when a call ends. */
static void poll_owed(struct store_thread *t)
{
    CLEANUP(call_freep) struct call *c = xnew(struct call);

    c->job = (struct worker_job){.run = run_poll, .done = done_poll};
    c->thread = t;
    t->poll_owed = submit(t, LINE_WATCH, c, NULL) < 0 && !t->closing;
    if (!t->poll_owed && !t->closing)
        steal(c);
}

/* Any thread. */
static void on_news(void *ctx)
{
    struct store_thread *t = ctx;

    if (!send_news(t))
        lose(t);
}

static void on_told(struct store_thread *t, struct told *arrived)
{
    CLEANUP(told_freep) struct told *m = arrived;

    if (m->watch == t->watch && t->on_watch)
        t->on_watch(t->watch_ctx, 0, &m->changes, NULL);
}

static void on_mail(void *ctx, struct mail *mail)
{
    struct store_thread *t = ctx;

    if (mail == &t->news) {
        atomic_store(&t->has_news, false);
        poll_owed(t);
    } else {
        on_told(t, container_of(mail, struct told, mail));
    }
    if (atomic_exchange(&t->lost, false))
        end_watch(t, STORE_COMPACTED, NULL);
}

static void drop_mail(void *ctx, struct mail *mail)
{
    struct store_thread *t = ctx;

    if (mail != &t->news)
        told_free(container_of(mail, struct told, mail));
}

int store_thread_watch(struct store_thread *t, struct str prefix, store_rev from,
                       store_thread_watch_fn fn, void *ctx, struct err *err)
{
    CLEANUP(call_freep) struct call *c = NULL;
    int r;

    loop_assert_owner(t->loop);
    r = store_prefix_check(prefix, err);
    if (r < 0)
        return r;
    c = xnew(struct call);
    *c = (struct call){.job = {.run = run_watch, .done = done_watch},
                       .thread = t,
                       .rev = from,
                       .watch = t->watch + 1};
    CHECK(str_copy(prefix, c->prefix, sizeof c->prefix));
    r = submit(t, LINE_WATCH, c, err);
    if (r < 0)
        return r;
    steal(c);
    t->watch++;
    t->on_watch = fn;
    t->watch_ctx = ctx;
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

const char *store_thread_incarnation(const struct store_thread *t)
{
    return t->store->incarnation;
}

static int start_lines(struct store_thread *t, struct err *err)
{
    unsigned count = t->store->ops->apart ? LINE_COUNT : 1;
    int r = 0;

    for (unsigned i = 0; i < count && r == 0; i++)
        r = worker_new(t->loop, line_names[i], STORE_THREAD_CALLS_MAX, &t->line[i], err);
    return r;
}

static void end_lines(struct store_thread *t)
{
    for (unsigned i = 0; i < LINE_COUNT; i++)
        worker_free(t->line[i]);
}

static void close_box(struct store_thread *t)
{
    if (t->box)
        mailbox_close(t->box, drop_mail);
    mailbox_unref(t->box);
}

int store_thread_new(struct loop *l, struct store *s, struct store_thread **ret, struct err *err)
{
    struct store_thread *t = xnew(struct store_thread);
    int r = mailbox_new(l, STORE_THREAD_CHANGES_MAX, on_mail, t, &t->box, err);

    t->loop = l;
    t->store = s;
    if (r == 0)
        r = start_lines(t, err);
    if (r < 0) {
        end_lines(t);
        close_box(t);
        free(t);
        return r;
    }
    store_on_news(s, on_news, t);
    *ret = t;
    return 0;
}

struct store_thread *store_thread_free(struct store_thread *t)
{
    if (!t)
        return NULL;
    t->closing = true;
    t->on_watch = NULL;
    end_lines(t);
    store_free(t->store);
    close_box(t);
    free(t);
    return NULL;
}
