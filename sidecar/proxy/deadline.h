/* SPDX-License-Identifier: Apache-2.0 */
/* A deadline that moves with every request, where a heap operation per request would be too dear.
 *
 * Moving it later, or off, only writes a field; the timer below fires at the earlier instant and is
 * set again for the rest. So a busy connection pays one heap operation per timeout, not per
 * request. */
#pragma once

#include "common/loop/timer.h"

struct deadline {
    struct timer timer;
    mono_t at;    /* ns 0: off */
    mono_t armed; /* when the timer fires, if it is set */
};

static inline void deadline_off(struct deadline *d)
{
    d->at.ns = 0;
}

static inline bool deadline_is_on(const struct deadline *d)
{
    return d->at.ns != 0;
}

static inline void deadline_set(struct loop *l, struct deadline *d, dur_t after, timer_fn fn)
{
    d->at = mono_add(loop_now(l), after);
    if (timer_is_set(&d->timer) && !mono_before(d->at, d->armed))
        return;
    d->armed = d->at;
    timer_set(l, &d->timer, after, fn, "deadline");
}

/* First line of `fn`: whether the deadline itself has come, and not only its timer. */
static inline bool deadline_is_due(struct loop *l, struct deadline *d, timer_fn fn)
{
    if (!deadline_is_on(d))
        return false;
    if (mono_before(loop_now(l), d->at)) {
        deadline_set(l, d, mono_sub(d->at, loop_now(l)), fn);
        return false;
    }
    deadline_off(d);
    return true;
}

static inline void deadline_cancel(struct deadline *d)
{
    timer_cancel(&d->timer);
    deadline_off(d);
}
