/* SPDX-License-Identifier: Apache-2.0 */
/* The process's completion queue, its thread, and the way from there to the loops.
 *
 * An operation is a struct rpc_op inside the object it works for; its address is the tag. It is
 * posted to the mailbox of the loop that owns the object, or run on the queue's thread when it has
 * none. When the mailbox has closed, its object has ended before, and `done` runs on the queue's
 * thread only to drop the operation's reference. */
#pragma once

#include <grpc/grpc.h>
#include <stdatomic.h>

#include "common/base/attrs.h"
#include "common/loop/mailbox.h"

struct rpc_op;
typedef void (*rpc_op_fn)(struct rpc_op *op, bool ok);

struct rpc_op {
    struct mail mail;
    rpc_op_fn done;
    struct mailbox *box; /* borrowed from the object; NULL: run on the queue's thread */
    atomic_bool
        started; /* orders what was written before the start before what the queue's thread reads */
    bool ok;
};

/* Right before `op` is given to the library as a tag: from here on its object is the library's,
 * too. */
static inline void rpc_op_init(struct rpc_op *op, struct mailbox *box, rpc_op_fn done)
{
    op->done = done;
    op->box = box;
    atomic_store_explicit(&op->started, true, memory_order_release);
}

/* Between rpc_start() and rpc_shutdown(). */
grpc_completion_queue *rpc_cq(void);

/* Hand `op` to `box` as if it had completed well. Any thread. */
void rpc_op_post(struct rpc_op *op, struct mailbox *box, rpc_op_fn done);

/* The mailbox of a loop, shared by all clients and services bound to it: one descriptor for a
 * thousand clients. Counted; owner thread of the loop, or before it runs. */
struct rpc_inbox;
int rpc_inbox_get(struct loop *l, struct rpc_inbox **ret, struct err *err) MUST_CHECK;
/* Inside a callback of the inbox, the last put takes effect at the end of the turn. Tolerates
 * NULL. */
void rpc_inbox_put(struct rpc_inbox *in);
struct mailbox *rpc_inbox_box(struct rpc_inbox *in); /* borrowed */
struct loop *rpc_inbox_loop(struct rpc_inbox *in);

/* What the library logged on this thread since rpc_log_capture(): the only place where it tells why
 * a port cannot be bound. */
void rpc_log_capture(char *dst, size_t size);
void rpc_log_release(void);
