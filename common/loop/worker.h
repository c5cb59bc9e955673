/* SPDX-License-Identifier: Apache-2.0 */
/* One thread that runs blocking jobs in order; each result comes back on the loop that asked. */
#pragma once

#include "common/loop/mailbox.h"

struct worker;
struct worker_job;
typedef void (*worker_fn)(struct worker_job *j);

/* Embedded in the job's own struct, which moves to the worker with worker_do() and back with
 * `done`. */
struct worker_job {
    struct mail mail; /* private */
    worker_fn run;    /* on the worker's thread; must not touch the loop */
    worker_fn done;   /* on the loop's thread, exactly once */
};

/* At most `max` jobs wait. `name` shows in the thread list (15 bytes). */
int worker_new(struct loop *l, const char *name, unsigned max, struct worker **ret,
               struct err *err) MUST_CHECK;
/* Finish the queued jobs (their `done` is called before the return), end the thread. Owner
 * thread. */
void worker_free(struct worker *w);
DEFINE_CLEANUP(struct worker, worker_free)

/* False when the queue is full; the job stays the caller's. Owner thread of the loop. */
bool worker_do(struct worker *w, struct worker_job *j) MUST_CHECK;
