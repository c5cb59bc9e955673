/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that `switchyard dev` keeps: started from the folder this program is in (or the
 * PATH), each in a process group of its own so that Ctrl-C reaches only us, started again when they
 * end by themselves. */
#pragma once

#include <sys/types.h>

#include "common/loop/loop.h"

#define CHILD_ARGS_MAX 24
#define CHILDREN_MAX   17

struct children;

/* `on_event` (may be NULL) tells in words what happened to a child. Blocks SIGCHLD: call before
 * other threads start. */
int children_new(struct loop *l, void (*on_event)(void *ctx, const char *text), void *ctx,
                 struct children **ret, struct err *err) MUST_CHECK;
/* argv[0] is the program's name; texts are copied. EXHAUSTED past CHILDREN_MAX. */
int children_start(struct children *c, const char *const *argv, struct err *err) MUST_CHECK;
/* True when a child has ended more often than a working program would (the reason is in its
 * output), or could not be found. */
bool children_gave_up(const struct children *c);
/* SIGTERM to all in reverse order of their start, one after the other, SIGKILL after `grace` each.
 * Returns when all have ended. */
void children_stop(struct children *c, dur_t grace);
/* From an event during children_stop(): no more grace. */
void children_hurry(struct children *c);
/* Kills what still runs. Tolerates NULL. */
struct children *children_free(struct children *c);
