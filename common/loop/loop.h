/* SPDX-License-Identifier: Apache-2.0 */
/* An epoll loop with one owner thread.
 *
 * Everything registered on a loop is called on the thread that runs loop_run(), never from inside
 * the function that registers it. Only mailbox_post() (mailbox.h) and loop_stop() may be called
 * from other threads. The loop keeps one cached instant, taken once per turn: loop_now(). */
#pragma once

#include <stdint.h>

#include "common/base/clock.h"
#include "common/base/err.h"

struct loop;

int loop_new(struct clock *clock, struct loop **ret, struct err *err) MUST_CHECK;
/* All watches, timers and mailboxes of the loop must be gone. Tolerates NULL. */
void loop_free(struct loop *l);
DEFINE_CLEANUP(struct loop, loop_free)

/* Run on the calling thread, which becomes the owner, until loop_stop(). */
void loop_run(struct loop *l);
/* Wait for at most `max_wait` (0: do not wait), handle what is ready, return. For programs with one
 * thread and for tests. */
void loop_turn(struct loop *l, dur_t max_wait);
/* Any thread; also before loop_run(), which then returns at once. */
void loop_stop(struct loop *l);

/* The cached instants of this turn. The wall clock is read when first asked for. */
mono_t loop_now(const struct loop *l);
wall_t loop_wall(struct loop *l);
/* Read the clock again, after work that took long. */
void loop_update_now(struct loop *l);

/* Abort unless called on the owner thread (or before the loop ever ran). First line of what needs
 * it. */
void loop_assert_owner(const struct loop *l);

/* ---- file descriptors ----------------------------------------------------------------------- */

enum {
    LOOP_READ = 1u << 0,
    LOOP_WRITE = 1u << 1,
    LOOP_HANGUP = 1u << 2, /* both directions closed, or an error: always reported; act on it, or it
                              comes again every turn */
    LOOP_EOF = 1u << 3     /* the peer will send no more, maybe with data still to read */
};

struct loop_watch;
typedef void (*loop_watch_fn)(struct loop_watch *w, unsigned events);

/* Embedded in its user; the memory must stay until loop_unwatch(). After loop_unwatch() no callback
 * comes, not even one that was ready in the same turn. */
struct loop_watch {
    int fd; /* not owned */
    /* private */
    unsigned wanted;
    unsigned armed; /* what the kernel was told; at least `wanted` */
    loop_watch_fn fn;
    struct loop *loop; /* NULL while not watched */
};

/* Level-triggered. `events` may be 0. */
int loop_watch(struct loop *l, struct loop_watch *w, int fd, unsigned events, loop_watch_fn fn,
               struct err *err) MUST_CHECK;
/* Change what a watched descriptor waits for. No system call when the kernel already watches for
 * it, nor when only reading is given up: an event that is not wanted then costs one call if it ever
 * comes. */
void loop_want(struct loop_watch *w, unsigned events);
/* Tolerates a watch that was never added (zeroed memory). Call before closing the descriptor. */
void loop_unwatch(struct loop_watch *w);

/* ---- called once per turn ------------------------------------------------------------------- */

struct loop_deferred;
typedef void (*loop_deferred_fn)(struct loop_deferred *d);

/* Embedded in its user. Zeroed memory is not queued. */
struct loop_deferred {
    /* private */
    loop_deferred_fn fn;
    struct loop_deferred *prev;
    struct loop_deferred *next;
    struct loop *loop; /* NULL while not queued */
    uint32_t round;
    bool background;
    mono_t since; /* of the background: queued */
};

/* Run `fn` once at the end of this turn (of the next one when called from a deferred function);
 * queueing a queued one does nothing. The way to free an object from inside its own callback and to
 * batch writes. */
void loop_defer(struct loop *l, struct loop_deferred *d, loop_deferred_fn fn);
/* For work that must keep nobody waiting. Who works on one event is likely to be needed for the
 * next one soon, so such calls are made once nothing has come for LOOP_QUIET_MS, one in each turn
 * that brings no work. If the oldest has waited for LOOP_PATIENCE_MS they need no quiet any more,
 * and behind a turn that brought work there is one call for every LOOP_BACKGROUND_SHARE events:
 * slow under load, but it never stands still. In order. */
#define LOOP_QUIET_MS         1
#define LOOP_PATIENCE_MS      20
#define LOOP_BACKGROUND_SHARE 16
void loop_defer_background(struct loop *l, struct loop_deferred *d, loop_deferred_fn fn);
/* Inside the callback of a watch: this event is the background's, and does not count as work. */
void loop_mark_background(struct loop *l);
/* Of either kind. */
void loop_undefer(struct loop_deferred *d);
