/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/store_thread.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/worker.h"

struct store_thread {
    struct loop *loop;   /* borrowed */
    struct store *store; /* owned; used by the worker while it runs */
    struct worker *worker;
    size_t waiting_bytes;
    bool closing;
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

    /* a transaction */
    store_rev rev;
    store_thread_txn_fn on_txn;
    struct store_op *op; /* owned, in one piece with the bytes it points to */
    size_t count;
    size_t bytes;
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

static void run_load(struct worker_job *j)
{
    struct call *c = call_of(j);

    c->r = store_list(c->thread->store, str_of(c->prefix), &c->list, &c->err);
}

static void done_load(struct worker_job *j)
{
    CLEANUP(call_freep) struct call *c = call_of(j);

    c->on_load(c->ctx, c->r, &c->list, &c->err);
}

static void run_txn(struct worker_job *j)
{
    struct call *c = call_of(j);
    struct store_txn txn = {.op = c->op, .count = c->count};

    c->r = store_txn(c->thread->store, &txn, &c->rev, &c->err);
}

static void done_txn(struct worker_job *j)
{
    CLEANUP(call_freep) struct call *c = call_of(j);

    c->thread->waiting_bytes -= c->bytes;
    c->on_txn(c->ctx, c->r, c->rev, &c->err);
}

/* Hand `c` to the worker, or refuse it; then it stays the caller's. */
static int submit(struct store_thread *t, struct call *c, struct err *err)
{
    if (t->closing)
        return err_set(err, ERR_CANCELLED, "the store is being closed");
    if (t->waiting_bytes + c->bytes > STORE_THREAD_BYTES_MAX || !worker_do(t->worker, &c->job))
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
    r = submit(t, c, err);
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
    r = submit(t, c, err);
    if (r == 0)
        steal(c);
    return r;
}

const char *store_thread_incarnation(const struct store_thread *t)
{
    return t->store->incarnation;
}

int store_thread_new(struct loop *l, struct store *s, struct store_thread **ret, struct err *err)
{
    struct store_thread *t = xnew(struct store_thread);
    int r = worker_new(l, "store", STORE_THREAD_CALLS_MAX, &t->worker, err);

    if (r < 0) {
        free(t);
        return r;
    }
    t->loop = l;
    t->store = s;
    *ret = t;
    return 0;
}

struct store_thread *store_thread_free(struct store_thread *t)
{
    if (!t)
        return NULL;
    t->closing = true;
    worker_free(t->worker);
    store_free(t->store);
    free(t);
    return NULL;
}
