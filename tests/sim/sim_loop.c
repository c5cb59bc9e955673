/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_loop.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"

struct loop {
    struct sim *sim;
    void (*after_turn)(void *ctx);
    void *ctx;
    uint64_t lives; /* processes so far: tells a wake-up of an old one */
    bool running, paused, broken;
    int64_t mono_offset, wall_offset;
    mono_t now; /* of the turn */
    wall_t wall;
    struct heap timers;
    struct sim_post *posts;
    struct loop_deferred *deferred;
    uint32_t round;
    bool in_turn, wake_due;
    mono_t wake; /* in the simulation's time; valid while wake_due */
};

static struct loop *current;

void sim_loop_enter(struct loop *l)
{
    current = l;
}

void *sim_loop_current(void)
{
    return current ? current->ctx : NULL;
}

bool sim_loop_in_turn(const struct loop *l)
{
    return l->in_turn;
}

/* ---- clocks ---------------------------------------------------------------------------------- */

mono_t sim_loop_mono(const struct loop *l)
{
    return (mono_t){l->sim->now.ns + l->mono_offset};
}

wall_t sim_loop_wall(const struct loop *l)
{
    return (wall_t){sim_wall(l->sim).ns + l->wall_offset};
}

mono_t loop_now(const struct loop *l)
{
    return l->now;
}

wall_t loop_wall(struct loop *l)
{
    return l->wall;
}

void loop_update_now(struct loop *l)
{
    l->now = sim_loop_mono(l);
    l->wall = sim_loop_wall(l);
}

void loop_assert_owner(const struct loop *l)
{
    CHECK(l->running);
}

void sim_loop_jump(struct loop *l, dur_t by)
{
    l->wall_offset += by.ns;
}

/* ---- the turn -------------------------------------------------------------------------------- */

static void arm(struct loop *l);

static void run_posts(struct loop *l)
{
    struct sim_post *batch = steal(l->posts);

    while (batch && !l->broken) {
        struct sim_post *p = batch;

        DL_DELETE(batch, p);
        p->run(p);
    }
    while (batch) {
        struct sim_post *p = batch;

        DL_DELETE(batch, p);
        p->drop(p);
    }
}

static void run_timers(struct loop *l)
{
    struct heap_node *first;

    while (!l->broken && (first = heap_min(&l->timers)) && !mono_before(l->now, first->due)) {
        struct timer *t = container_of(first, struct timer, node);

        timer_cancel(t);
        t->fn(t);
    }
}

static void run_deferred(struct loop *l)
{
    l->round++;
    while (!l->broken && l->deferred && l->deferred->round != l->round) {
        struct loop_deferred *d = l->deferred;

        loop_undefer(d);
        d->fn(d);
    }
}

static void turn(struct sim *s, void *who, uint64_t life)
{
    struct loop *l = who;

    if (!l->running || l->lives != life || !l->wake_due || l->wake.ns != s->now.ns)
        return; /* another one has taken its place */
    l->wake_due = false;
    if (l->paused)
        return;
    l->in_turn = true;
    current = l;
    loop_update_now(l);
    run_posts(l);
    run_timers(l);
    run_deferred(l);
    l->in_turn = false;
    current = NULL;
    l->after_turn(l->ctx);
    arm(l);
}

/* Have a turn when there is something to do. */
static void arm(struct loop *l)
{
    const struct heap_node *first = heap_min(&l->timers);
    mono_t due = l->sim->now;

    if (!l->running || l->paused || l->in_turn)
        return;
    if (!l->posts && !l->deferred) {
        if (!first)
            return;
        if (first->due.ns - l->mono_offset > due.ns)
            due.ns = first->due.ns - l->mono_offset;
    }
    if (l->wake_due && l->wake.ns <= due.ns)
        return;
    l->wake_due = true;
    l->wake = due;
    sim_after(l->sim, mono_sub(due, l->sim->now), turn, l, l->lives);
}

void sim_loop_break(struct loop *l)
{
    l->broken = true;
}

void sim_loop_post(struct loop *l, struct sim_post *p)
{
    CHECK(l->running);
    DL_APPEND(l->posts, p);
    arm(l);
}

bool sim_loop_has_looked(const struct loop *l)
{
    return l->running && !l->paused && !(l->wake_due && l->wake.ns <= l->sim->now.ns);
}

void sim_loop_pause(struct loop *l, bool paused)
{
    l->paused = paused;
    if (paused)
        l->wake_due = false;
    arm(l);
}

bool sim_loop_is_paused(const struct loop *l)
{
    return l->running && l->paused;
}

/* ---- timers ---------------------------------------------------------------------------------- */

void timer_set(struct loop *l, struct timer *t, dur_t after, timer_fn fn, const char *name)
{
    timer_cancel(t);
    t->loop = l;
    t->fn = fn;
    t->name = name;
    heap_insert(&l->timers, &t->node, mono_add(l->now, after.ns > 0 ? after : dur_ns(1)));
    arm(l);
}

void timer_cancel(struct timer *t)
{
    if (!t->loop)
        return;
    heap_remove(&t->loop->timers, &t->node);
    t->loop = NULL;
}

bool timer_is_set(const struct timer *t)
{
    return t->loop != NULL;
}

/* ---- deferred calls -------------------------------------------------------------------------- */

void loop_defer(struct loop *l, struct loop_deferred *d, loop_deferred_fn fn)
{
    if (d->loop)
        return;
    d->fn = fn;
    d->loop = l;
    d->round = l->round;
    DL_APPEND(l->deferred, d);
    arm(l);
}

void loop_undefer(struct loop_deferred *d)
{
    if (!d->loop)
        return;
    DL_DELETE(d->loop->deferred, d);
    d->loop = NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct loop *sim_loop_new(struct sim *s, void (*after_turn)(void *ctx), void *ctx)
{
    struct loop *l = xnew(struct loop);

    l->sim = s;
    l->after_turn = after_turn;
    l->ctx = ctx;
    heap_init(&l->timers);
    return l;
}

void sim_loop_start(struct loop *l)
{
    CHECK(!l->running);
    l->lives++;
    l->running = true;
    l->broken = false;
    l->mono_offset = (int64_t)sim_below(l->sim, UINT64_C(1) << 40);
    loop_update_now(l);
}

void sim_loop_end(struct loop *l)
{
    CHECK(!heap_min(&l->timers) && !l->deferred && !l->in_turn);
    l->running = l->paused = l->wake_due = false;
    while (l->posts) {
        struct sim_post *p = l->posts;

        DL_DELETE(l->posts, p);
        p->drop(p);
    }
}

struct loop *sim_loop_free(struct loop *l)
{
    if (!l)
        return NULL;
    if (l->running)
        sim_loop_end(l);
    heap_deinit(&l->timers);
    free(l);
    return NULL;
}
