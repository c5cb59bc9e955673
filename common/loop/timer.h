/* SPDX-License-Identifier: Apache-2.0 */
/* Named one-shot timers on a loop. Setting and cancelling are O(log n) without a system call. */
#pragma once

#include "common/base/heap.h"
#include "common/loop/loop.h"

struct timer;
typedef void (*timer_fn)(struct timer *t);

/* Embedded in its user. Zeroed memory is a timer that is not set. */
struct timer {
    /* private */
    struct heap_node node;
    struct loop *loop;
    timer_fn fn;
    const char *name;
};

/* Call `fn` once, `after` from loop_now() or later, and in a later turn even when `after` is 0.
 * Setting a set timer moves it. `name` is static. */
void timer_set(struct loop *l, struct timer *t, dur_t after, timer_fn fn, const char *name);
void timer_cancel(struct timer *t);
bool timer_is_set(const struct timer *t);
