/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that runs a loop. */
#pragma once

#include "common/loop/loop.h"

struct loop_thread;

/* Start a thread named `name` (15 bytes) that runs `l`. `l` stays the caller's to free after
 * loop_thread_join(). */
int loop_thread_start(struct loop *l, const char *name, struct loop_thread **ret,
                      struct err *err) MUST_CHECK;
/* loop_stop() and wait for the thread to end. The loop may then be torn down by the caller.
 * Tolerates NULL. */
void loop_thread_join(struct loop_thread *t);
