/* SPDX-License-Identifier: Apache-2.0 */
/* The background of a loop. The front watches its epoll descriptor like any other, so both wait in
 * one system call, and what is ready there stays there until there is time for it: the front is
 * reminded in each turn, without work for it. */
#include <errno.h>

#include "common/base/check.h"
#include "common/loop/loop_core.h"

/* What it does in one go while the front has nothing to do, and so for how long somebody who comes
 * then waits: some ten microseconds. */
#define SLICE 4

static void on_glance(struct loop_watch *w, unsigned events UNUSED)
{
    container_of(w, struct loop, glance)->ready = true;
}

int loop_new_background(struct loop *front, struct loop **ret, struct err *err)
{
    CLEANUP(loop_freep) struct loop *l = NULL;
    int r = loop_new(front->clock, &l, err);

    CHECK(!front->background);
    if (r == 0)
        r = loop_watch(front, &l->glance, l->epoll_fd, LOOP_READ, on_glance, err);
    if (r < 0)
        return err_ctx(err, "start a background loop");
    front->watches--; /* it is not the owner's to remove */
    front->background = l;
    l->front = front;
    *ret = steal(l);
    return 0;
}

void background_leave(struct loop *l)
{
    if (!l->front)
        return;
    l->front->watches++;
    loop_unwatch(&l->glance);
    l->front->background = NULL;
}

static bool has_work(const struct loop *l)
{
    mono_t next;

    return l->ready || l->deferred || (timers_next(l, &next) && !mono_before(l->now, next));
}

/* How many calls it may make now. */
static unsigned share(struct loop *l, unsigned events)
{
    unsigned calls;

    if (events == 0) {
        l->owed = 0;
        return SLICE;
    }
    l->owed += events;
    calls = l->owed / LOOP_BACKGROUND_SHARE;
    l->owed %= LOOP_BACKGROUND_SHARE;
    return calls;
}

static void work(struct loop *l, bool ready, unsigned calls)
{
    int n = ready ? epoll_wait(l->epoll_fd, l->batch, (int)calls, 0) : 0;

    CHECK(n >= 0 || errno == EINTR);
    loop_work(l, n > 0 ? n : 0, calls);
}

void background_run(struct loop *l, int events)
{
    const bool ready = l->ready;
    unsigned calls;

    l->now = l->front->now;
    l->wall_known = false;
    calls = has_work(l) ? share(l, (unsigned)events - ready) : 0;
    l->ready = false;
    if (calls > 0)
        work(l, ready, calls);
}
