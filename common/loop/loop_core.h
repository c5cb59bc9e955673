/* SPDX-License-Identifier: Apache-2.0 */
/* struct loop as the files of this folder see it. Nobody else includes this. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>

#include "common/base/heap.h"
#include "common/loop/loop.h"

/* What one epoll_wait() may bring: enough that a busy loop amortises the call, and small enough
 * that timers are not kept waiting. */
enum { LOOP_BATCH = 256 };

struct loop {
    struct clock *clock;         /* borrowed */
    _Atomic(const void *) owner; /* identity of the owner thread; NULL before the first run */
    atomic_bool stop;
    int epoll_fd;
    int wake_fd; /* eventfd */
    struct loop_watch wake;
    unsigned watches; /* added and not yet removed, without `wake` */

    mono_t now;
    wall_t wall;
    bool wall_known; /* `wall` was read in this turn */

    struct heap timers;
    struct loop_deferred *deferred;   /* utlist, in order */
    struct loop_deferred *background; /* the same */
    uint32_t round;                   /* counts the runs over either */
    unsigned worked;                  /* events of this turn, without the background's */
    mono_t worked_at;                 /* the latest turn that had any */
    unsigned owed;                    /* such events that the background had no share for */
    bool marked;                      /* the event at hand is the background's */

    /* The batch being dispatched; loop_unwatch() clears slots from `batch_at` on. */
    int batch_at;
    int batch_n;
    struct epoll_event batch[LOOP_BATCH];
};

/* Make the deferred calls of this turn, and those of the background that it has time for;
 * deferred.c. */
void deferred_run(struct loop *l);
/* When the background need not wait any longer, should nothing come before; with one that waits. */
mono_t deferred_background_at(const struct loop *l);

/* Call the timers that are due; timer.c. */
void timers_run(struct loop *l);
/* The earliest instant a timer waits for; false when none is set. */
bool timers_next(const struct loop *l, mono_t *ret);
