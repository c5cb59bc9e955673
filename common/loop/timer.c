/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/timer.h"

#include "common/base/check.h"
#include "common/loop/loop_core.h"

void timer_set(struct loop *l, struct timer *t, dur_t after, timer_fn fn, const char *name)
{
    loop_assert_owner(l);
    timer_cancel(t);
    t->loop = l;
    t->fn = fn;
    t->name = name;
    /* At least one nanosecond: a timer never fires in the turn that set it, so that one which sets
     * itself again cannot keep the loop from its descriptors. */
    heap_insert(&l->timers, &t->node, mono_add(l->now, after.ns > 0 ? after : dur_ns(1)));
}

void timer_cancel(struct timer *t)
{
    if (!t->loop)
        return;
    loop_assert_owner(t->loop);
    heap_remove(&t->loop->timers, &t->node);
    t->loop = NULL;
}

bool timer_is_set(const struct timer *t)
{
    return t->loop != NULL;
}

bool timers_next(const struct loop *l, mono_t *ret)
{
    const struct heap_node *first = heap_min(&l->timers);

    if (!first)
        return false;
    *ret = first->due;
    return true;
}

void timers_run(struct loop *l)
{
    struct heap_node *first;

    while ((first = heap_min(&l->timers)) && !mono_before(l->now, first->due)) {
        struct timer *t = container_of(first, struct timer, node);

        timer_cancel(t);
        t->fn(t);
    }
}
