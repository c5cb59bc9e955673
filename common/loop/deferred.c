/* SPDX-License-Identifier: Apache-2.0 */
/* Calls at the end of a turn, of two ranks. */
#include <limits.h>
#include <utlist.h>

#include "common/loop/loop_core.h"

static struct loop_deferred **list_of(struct loop *l, bool background)
{
    return background ? &l->background : &l->deferred;
}

static void queue(struct loop *l, struct loop_deferred *d, loop_deferred_fn fn, bool background)
{
    struct loop_deferred **list = list_of(l, background);

    loop_assert_owner(l);
    if (d->loop)
        return;
    d->fn = fn;
    d->loop = l;
    d->round = l->round;
    d->background = background;
    d->since = l->now;
    DL_APPEND(*list, d);
}

void loop_defer(struct loop *l, struct loop_deferred *d, loop_deferred_fn fn)
{
    queue(l, d, fn, false);
}

void loop_defer_background(struct loop *l, struct loop_deferred *d, loop_deferred_fn fn)
{
    queue(l, d, fn, true);
}

void loop_mark_background(struct loop *l)
{
    loop_assert_owner(l);
    l->marked = true;
}

void loop_undefer(struct loop_deferred *d)
{
    struct loop_deferred **list;

    if (!d->loop)
        return;
    list = list_of(d->loop, d->background);
    DL_DELETE(*list, d);
    d->loop = NULL;
}

/* What these calls queue waits for the next run. */
static void run(struct loop *l, bool background, unsigned most)
{
    struct loop_deferred **list = list_of(l, background);

    l->round++;
    for (; most > 0 && *list && (*list)->round != l->round; most--) {
        struct loop_deferred *d = *list;

        loop_undefer(d);
        d->fn(d);
    }
}

mono_t deferred_background_at(const struct loop *l)
{
    mono_t quiet = mono_add(l->worked_at, dur_ms(LOOP_QUIET_MS));
    mono_t overdue = mono_add(l->background->since, dur_ms(LOOP_PATIENCE_MS));

    return mono_before(quiet, overdue) ? quiet : overdue;
}

/* How many calls this turn has time for: one if it brought no work, since who comes meanwhile waits
 * for it, up to the 60 us of a connection. */
static unsigned share(struct loop *l)
{
    unsigned calls;

    if (l->worked == 0) {
        l->owed = 0;
        return 1;
    }
    l->owed += l->worked;
    calls = l->owed / LOOP_BACKGROUND_SHARE;
    l->owed %= LOOP_BACKGROUND_SHARE;
    return calls;
}

void deferred_run(struct loop *l)
{
    run(l, false, UINT_MAX);
    if (l->background && !mono_before(l->now, deferred_background_at(l)))
        run(l, true, share(l));
}
