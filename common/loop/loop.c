/* SPDX-License-Identifier: Apache-2.0 */
/* The turn: wait, read the clock once, descriptors, timers, deferred calls. Descriptors go before
 * timers so that an answer that is already here beats the deadline that waits for it. */
#include "common/loop/loop.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/loop_core.h"

/* Waits are in milliseconds and rounded up, but for the last stretch, which is spun: a timer set
 * for "next turn" must not cost a millisecond. */
#define SPIN_NS 50000
#define MS_NS   1000000

static _Thread_local char thread_identity;

/* ---- life ----------------------------------------------------------------------------------- */

static void on_wake(struct loop_watch *w, unsigned events UNUSED)
{
    uint64_t count;

    /* The value does not matter: what it announces is in `stop`. */
    if (read(w->fd, &count, sizeof(count)) < 0)
        CHECK(errno == EAGAIN || errno == EINTR);
}

static int open_fds(struct loop *l, struct err *err)
{
    int r;

    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        return err_errno(err, errno, "create an epoll instance");
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake_fd < 0)
        return err_errno(err, errno, "create an eventfd");
    r = loop_watch(l, &l->wake, l->wake_fd, LOOP_READ, on_wake, err);
    if (r == 0)
        l->watches = 0;
    return r;
}

int loop_new(struct clock *clock, struct loop **ret, struct err *err)
{
    CLEANUP(loop_freep) struct loop *l = xnew(struct loop);
    int r;

    l->clock = clock;
    l->epoll_fd = -1;
    l->wake_fd = -1;
    heap_init(&l->timers);
    r = open_fds(l, err);
    if (r < 0)
        return err_ctx(err, "start an event loop");
    loop_update_now(l);
    *ret = steal(l);
    return 0;
}

void loop_free(struct loop *l)
{
    mono_t next;

    if (!l)
        return;
    CHECK(l->watches == 0);
    CHECK(!timers_next(l, &next));
    CHECK(!l->deferred && !l->background);
    heap_deinit(&l->timers);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    free(l);
}

void loop_assert_owner(const struct loop *l)
{
    const void *owner = atomic_load_explicit(&l->owner, memory_order_relaxed);

    CHECK(!owner || owner == &thread_identity);
}

/* ---- time ----------------------------------------------------------------------------------- */

mono_t loop_now(const struct loop *l)
{
    return l->now;
}

wall_t loop_wall(struct loop *l)
{
    if (!l->wall_known) {
        l->wall = l->clock->wall(l->clock);
        l->wall_known = true;
    }
    return l->wall;
}

void loop_update_now(struct loop *l)
{
    l->now = l->clock->mono(l->clock);
    l->wall_known = false;
}

/* ---- file descriptors ----------------------------------------------------------------------- */

static uint32_t to_epoll(unsigned events)
{
    return (events & LOOP_READ ? EPOLLIN : 0u) | (events & LOOP_WRITE ? EPOLLOUT : 0u) |
           (events & LOOP_EOF ? EPOLLRDHUP : 0u);
}

static unsigned from_epoll(uint32_t ready)
{
    return (ready & EPOLLIN ? LOOP_READ : 0u) | (ready & EPOLLOUT ? LOOP_WRITE : 0u) |
           (ready & EPOLLRDHUP ? LOOP_EOF : 0u) |
           (ready & (EPOLLHUP | EPOLLERR) ? LOOP_HANGUP : 0u);
}

static void arm(struct loop_watch *w, unsigned events)
{
    struct epoll_event ev = {.events = to_epoll(events), .data.ptr = w};

    CHECK(epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev) == 0);
    w->armed = events;
}

int loop_watch(struct loop *l, struct loop_watch *w, int fd, unsigned events, loop_watch_fn fn,
               struct err *err)
{
    struct epoll_event ev = {.events = to_epoll(events), .data.ptr = w};

    loop_assert_owner(l);
    events &= ~LOOP_HANGUP;
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
        return err_errno(err, errno, "watch file descriptor %d", fd);
    *w = (struct loop_watch){.fd = fd, .wanted = events, .armed = events, .fn = fn, .loop = l};
    l->watches++;
    return 0;
}

void loop_want(struct loop_watch *w, unsigned events)
{
    CHECK(w->loop);
    events &= ~LOOP_HANGUP;
    w->wanted = events;
    /* An unwanted LOOP_WRITE or LOOP_EOF would fire at once, so those are given up right away. Data
     * seldom comes from a peer that waits for us: most of the time giving up reading is free. */
    if ((events & ~w->armed) || ((w->armed & ~events) & ~LOOP_READ))
        arm(w, events);
}

static void forget_ready(struct loop *l, const struct loop_watch *w)
{
    for (int i = l->batch_at; i < l->batch_n; i++) {
        if (l->batch[i].data.ptr == w)
            l->batch[i].data.ptr = NULL;
    }
}

void loop_unwatch(struct loop_watch *w)
{
    struct loop *l = w->loop;

    if (!l)
        return;
    loop_assert_owner(l);
    CHECK(epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL) == 0);
    forget_ready(l, w);
    w->loop = NULL;
    l->watches--;
}

static void dispatch(struct loop *l, struct loop_watch *w, uint32_t ready)
{
    unsigned events = from_epoll(ready);

    if (events & w->armed & ~w->wanted)
        arm(w, w->wanted);
    events &= w->wanted | LOOP_HANGUP;
    if (!events)
        return;
    l->marked = false;
    w->fn(w, events);
    l->worked += !l->marked;
}

static void dispatch_batch(struct loop *l)
{
    l->worked = 0;
    while (l->batch_at < l->batch_n) {
        const struct epoll_event *ev = &l->batch[l->batch_at++];

        if (ev->data.ptr)
            dispatch(l, ev->data.ptr, ev->events);
    }
    l->batch_at = l->batch_n = 0;
    if (l->worked > 0)
        l->worked_at = l->now;
}

/* ---- the turn ------------------------------------------------------------------------------- */

static int64_t no_later(const struct loop *l, int64_t ns, mono_t at)
{
    dur_t left = mono_sub(at, l->now);

    return left.ns < ns ? left.ns : ns;
}

/* How long to wait, in epoll's milliseconds. `max_wait` < 0: as long as it takes. */
static int wait_ms(const struct loop *l, dur_t max_wait)
{
    int64_t ns = max_wait.ns < 0 ? INT64_MAX : max_wait.ns;
    mono_t next;

    if (l->deferred)
        return 0;
    if (timers_next(l, &next))
        ns = no_later(l, ns, next);
    if (l->background)
        ns = no_later(l, ns, deferred_background_at(l));
    if (ns == INT64_MAX)
        return -1;
    if (ns <= SPIN_NS)
        return 0;
    if (ns / MS_NS >= INT32_MAX)
        return INT32_MAX;
    return (int)((ns - SPIN_NS + MS_NS - 1) / MS_NS);
}

static void turn(struct loop *l, dur_t max_wait)
{
    int n = epoll_wait(l->epoll_fd, l->batch, LOOP_BATCH, wait_ms(l, max_wait));

    CHECK(n >= 0 || errno == EINTR);
    l->batch_at = 0;
    l->batch_n = n > 0 ? n : 0;
    loop_update_now(l);
    dispatch_batch(l);
    timers_run(l);
    deferred_run(l);
}

static void take_ownership(struct loop *l)
{
    atomic_store_explicit(&l->owner, &thread_identity, memory_order_relaxed);
}

void loop_run(struct loop *l)
{
    take_ownership(l);
    while (!atomic_load_explicit(&l->stop, memory_order_acquire))
        turn(l, dur_ns(-1));
    atomic_store_explicit(&l->stop, false, memory_order_relaxed);
    /* Whoever joins this thread may take the loop apart. */
    atomic_store_explicit(&l->owner, NULL, memory_order_relaxed);
}

void loop_turn(struct loop *l, dur_t max_wait)
{
    take_ownership(l);
    turn(l, max_wait.ns < 0 ? dur_ns(0) : max_wait);
}

void loop_stop(struct loop *l)
{
    const uint64_t one = 1;

    atomic_store_explicit(&l->stop, true, memory_order_release);
    /* EAGAIN: the counter is full, so a wake-up is pending anyway. */
    if (write(l->wake_fd, &one, sizeof(one)) < 0)
        CHECK(errno == EAGAIN || errno == EINTR);
}
