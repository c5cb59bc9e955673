/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_cq.h"

#include <grpc/support/log.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/rpc/rpc.h"

#define DEAF "Failed accept4: "

/* owner: the loop's thread, but for `users` and `next`. */
struct rpc_inbox {
    struct loop *loop; /* borrowed */
    struct mailbox *box;
    struct loop_deferred closing;
    struct rpc_inbox *next;
    unsigned users;
    unsigned depth; /* callbacks being run */
};

static struct {
    pthread_mutex_t mutex; /* protects this struct and inbox users; no other is taken under it */
    unsigned starts;
    grpc_completion_queue *cq;
    pthread_t thread;
    struct rpc_inbox *inboxes;
} runtime = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct {
    char *dst;
    size_t size;
} captured;

static void (*deaf_fn)(const char *why);

/* ---- the library's log --------------------------------------------------------------------- */

static void on_log(gpr_log_func_args *args)
{
    if (captured.dst && args->severity == GPR_LOG_SEVERITY_ERROR)
        (void)str_fmt(captured.dst, captured.size, "%s", args->message);
    /* Its log is the only place where it tells. */
    if (deaf_fn && strncmp(args->message, DEAF, sizeof DEAF - 1) == 0)
        deaf_fn(args->message + sizeof DEAF - 1);
}

void rpc_on_deaf(void (*fn)(const char *why))
{
    deaf_fn = fn;
}

void rpc_log_capture(char *dst, size_t size)
{
    dst[0] = '\0';
    captured.dst = dst;
    captured.size = size;
}

void rpc_log_release(void)
{
    captured.dst = NULL;
}

/* ---- the queue ----------------------------------------------------------------------------- */

static void deliver(struct rpc_op *op)
{
    if (!op->box || !mailbox_post(op->box, &op->mail))
        op->done(op, op->ok);
}

void rpc_op_post(struct rpc_op *op, struct mailbox *box, rpc_op_fn done)
{
    rpc_op_init(op, box, done);
    op->ok = true;
    deliver(op);
}

static void *run_queue(void *arg)
{
    grpc_completion_queue *cq = arg;

    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        struct rpc_op *op = event.tag;

        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        CHECK(atomic_load_explicit(&op->started, memory_order_acquire));
        op->ok = event.success != 0;
        deliver(op);
    }
}

/* The library's threads must not take the signals that a loop waits for with signalfd. */
static void start_threads(void)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    gpr_set_log_function(on_log);
    grpc_init();
    runtime.cq = grpc_completion_queue_create_for_next(NULL);
    CHECK(pthread_create(&runtime.thread, NULL, run_queue, runtime.cq) == 0);
    pthread_setname_np(runtime.thread, "rpc");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void rpc_start(void)
{
    pthread_mutex_lock(&runtime.mutex);
    if (runtime.starts++ == 0)
        start_threads();
    pthread_mutex_unlock(&runtime.mutex);
}

void rpc_shutdown(void)
{
    pthread_mutex_lock(&runtime.mutex);
    CHECK(runtime.starts > 0);
    if (--runtime.starts == 0) {
        /* Operations of ended calls may still be on their way: the thread drains them. */
        grpc_completion_queue_shutdown(runtime.cq);
        pthread_join(runtime.thread, NULL);
        grpc_completion_queue_destroy(runtime.cq);
        runtime.cq = NULL;
        grpc_shutdown();
    }
    pthread_mutex_unlock(&runtime.mutex);
}

grpc_completion_queue *rpc_cq(void)
{
    CHECK(runtime.cq);
    return runtime.cq;
}

/* ---- inboxes ------------------------------------------------------------------------------- */

static void on_mail(void *ctx, struct mail *m)
{
    struct rpc_inbox *in = ctx;
    struct rpc_op *op = container_of(m, struct rpc_op, mail);

    in->depth++;
    op->done(op, op->ok);
    in->depth--;
}

/* Called with the mutex held. */
static struct rpc_inbox *find_inbox(const struct loop *l)
{
    struct rpc_inbox *in = runtime.inboxes;

    while (in && in->loop != l)
        in = in->next;
    return in;
}

/* Called with the mutex held. */
static int new_inbox(struct loop *l, struct rpc_inbox **ret, struct err *err)
{
    struct rpc_inbox *in = xnew(struct rpc_inbox);
    int r;

    /* Not bounded here: each open call has at most three operations, and calls are bounded. */
    r = mailbox_new(l, UINT_MAX, on_mail, in, &in->box, err);
    if (r < 0) {
        free(in);
        return r;
    }
    in->loop = l;
    in->next = runtime.inboxes;
    runtime.inboxes = in;
    *ret = in;
    return 0;
}

int rpc_inbox_get(struct loop *l, struct rpc_inbox **ret, struct err *err)
{
    struct rpc_inbox *in;
    int r = 0;

    pthread_mutex_lock(&runtime.mutex);
    in = find_inbox(l);
    if (!in)
        r = new_inbox(l, &in, err);
    if (r == 0) {
        in->users++;
        *ret = in;
    }
    pthread_mutex_unlock(&runtime.mutex);
    return r;
}

/* False when somebody has got the inbox again. */
static bool unlink_unused(struct rpc_inbox *in)
{
    struct rpc_inbox **at = &runtime.inboxes;
    bool unused;

    pthread_mutex_lock(&runtime.mutex);
    unused = in->users == 0;
    if (unused) {
        while (*at != in)
            at = &(*at)->next;
        *at = in->next;
    }
    pthread_mutex_unlock(&runtime.mutex);
    return unused;
}

static void close_inbox(struct rpc_inbox *in)
{
    if (!unlink_unused(in))
        return;
    loop_undefer(&in->closing);
    mailbox_close(in->box, on_mail);
    mailbox_unref(in->box);
    free(in);
}

static void on_end_of_turn(struct loop_deferred *d)
{
    close_inbox(container_of(d, struct rpc_inbox, closing));
}

void rpc_inbox_put(struct rpc_inbox *in)
{
    bool unused;

    if (!in)
        return;
    pthread_mutex_lock(&runtime.mutex);
    unused = --in->users == 0;
    pthread_mutex_unlock(&runtime.mutex);
    if (!unused)
        return;
    if (in->depth > 0)
        loop_defer(in->loop, &in->closing, on_end_of_turn);
    else
        close_inbox(in);
}

struct mailbox *rpc_inbox_box(struct rpc_inbox *in)
{
    return in->box;
}

struct loop *rpc_inbox_loop(struct rpc_inbox *in)
{
    return in->loop;
}
