/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: a background is worked on when its front has nothing to do, a few calls at a time; under
 * a busy front it has its share and no more; its timers and calls keep the front from waiting. */
#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/loop/loop.h"
#include "common/loop/timer.h"

#define MANY 64

/* Ready in every turn, as nobody reads what was sent. */
struct pair {
    struct loop_watch watch; /* on fds[0] */
    int fds[2];
    unsigned *calls;
};

struct call {
    struct loop_deferred deferred;
    unsigned *calls;
};

struct alarm {
    struct timer timer;
    unsigned calls;
};

struct world {
    struct clock_fake clock;
    struct loop *front;
    struct loop *background;
    unsigned front_calls;
    unsigned calls; /* of the background */
    struct call call[MANY];
};

static void on_pair(struct loop_watch *w, unsigned events UNUSED)
{
    ++*container_of(w, struct pair, watch)->calls;
}

static void on_call(struct loop_deferred *d)
{
    ++*container_of(d, struct call, deferred)->calls;
}

static void on_alarm(struct timer *t)
{
    container_of(t, struct alarm, timer)->calls++;
}

static void open_ready(struct loop *l, struct pair *p, unsigned *calls)
{
    *p = (struct pair){.calls = calls};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
    assert_int_equal(loop_watch(l, &p->watch, p->fds[0], LOOP_READ, on_pair, NULL), 0);
    assert_int_equal(write(p->fds[1], "x", 1), 1);
}

static void pair_close(struct pair *p)
{
    loop_unwatch(&p->watch);
    close(p->fds[0]);
    close(p->fds[1]);
}

static void world_open(struct world *w)
{
    memset(w, 0, sizeof *w);
    clock_fake_init(&w->clock, (wall_t){1000});
    assert_int_equal(loop_new(&w->clock.clock, &w->front, NULL), 0);
    assert_int_equal(loop_new_background(w->front, &w->background, NULL), 0);
}

static void world_close(struct world *w)
{
    loop_free(w->background);
    loop_free(w->front);
}

static void defer_many(struct world *w)
{
    for (unsigned i = 0; i < MANY; i++) {
        w->call[i].calls = &w->calls;
        loop_defer(w->background, &w->call[i].deferred, on_call);
    }
}

static void undefer_many(struct world *w)
{
    for (unsigned i = 0; i < MANY; i++)
        loop_undefer(&w->call[i].deferred);
}

/* Turns never wait: each has sixty seconds for it. */
static void turn(struct world *w)
{
    loop_turn(w->front, dur_s(60));
}

static void an_idle_front_gives_it_all_turns_a_few_calls_each(void **state UNUSED)
{
    struct world w;
    unsigned turns = 0;

    world_open(&w);
    defer_many(&w);
    while (w.calls < MANY) {
        const unsigned before = w.calls;

        turn(&w);
        turns++;
        assert_in_range(w.calls - before, 1, 8);
    }
    assert_true(turns >= MANY / 8);
    world_close(&w);
}

static void its_descriptors_end_the_wait(void **state UNUSED)
{
    struct world w;
    struct pair p;

    world_open(&w);
    open_ready(w.background, &p, &w.calls);
    turn(&w);
    assert_int_equal(w.calls, 1);
    turn(&w); /* level-triggered, as in any loop */
    assert_int_equal(w.calls, 2);
    pair_close(&p);
    loop_turn(w.front, dur_ns(0));
    assert_int_equal(w.calls, 2);
    world_close(&w);
}

static void a_busy_front_gives_it_a_share(void **state UNUSED)
{
    struct world w;
    struct pair p[2 * LOOP_BACKGROUND_SHARE];

    world_open(&w);
    for (unsigned i = 0; i < 2 * LOOP_BACKGROUND_SHARE; i++)
        open_ready(w.front, &p[i], &w.front_calls);
    defer_many(&w);
    for (unsigned i = 1; i <= 5; i++) {
        turn(&w);
        assert_int_equal(w.front_calls, i * 2 * LOOP_BACKGROUND_SHARE);
        assert_int_equal(w.calls, i * 2);
    }
    undefer_many(&w);
    for (unsigned i = 0; i < 2 * LOOP_BACKGROUND_SHARE; i++)
        pair_close(&p[i]);
    world_close(&w);
}

static void a_front_with_little_to_do_owes_it_the_share(void **state UNUSED)
{
    struct world w;
    struct pair p;

    world_open(&w);
    open_ready(w.front, &p, &w.front_calls);
    defer_many(&w);
    for (unsigned i = 0; i < 3 * LOOP_BACKGROUND_SHARE; i++) {
        assert_int_equal(w.calls, i / LOOP_BACKGROUND_SHARE);
        turn(&w);
    }
    assert_int_equal(w.calls, 3);
    undefer_many(&w);
    pair_close(&p);
    world_close(&w);
}

static void ready_descriptors_wait_for_the_share_too(void **state UNUSED)
{
    struct world w;
    struct pair front[LOOP_BACKGROUND_SHARE], behind[4];

    world_open(&w);
    for (unsigned i = 0; i < LOOP_BACKGROUND_SHARE; i++)
        open_ready(w.front, &front[i], &w.front_calls);
    for (unsigned i = 0; i < 4; i++)
        open_ready(w.background, &behind[i], &w.calls);
    for (unsigned i = 1; i <= 6; i++) {
        turn(&w);
        assert_int_equal(w.calls, i); /* the glance at it is no event of the front's */
    }
    for (unsigned i = 0; i < LOOP_BACKGROUND_SHARE; i++)
        pair_close(&front[i]);
    for (unsigned i = 0; i < 4; i++)
        pair_close(&behind[i]);
    world_close(&w);
}

static void its_timers_fire(void **state UNUSED)
{
    struct world w;
    struct alarm a = {.calls = 0};

    world_open(&w);
    timer_set(w.background, &a.timer, dur_s(5), on_alarm, "alarm");
    loop_turn(w.front, dur_ns(0));
    assert_int_equal(a.calls, 0);
    clock_fake_advance(&w.clock, dur_s(5));
    loop_turn(w.front, dur_ns(0));
    assert_int_equal(a.calls, 1);
    assert_int_equal(loop_now(w.background).ns, loop_now(w.front).ns);
    world_close(&w);
}

static void the_wait_ends_with_its_timers(void **state UNUSED)
{
    struct loop *front = NULL, *background = NULL;
    struct alarm a = {.calls = 0};

    assert_int_equal(loop_new(clock_system, &front, NULL), 0);
    assert_int_equal(loop_new_background(front, &background, NULL), 0);
    timer_set(background, &a.timer, dur_ms(1), on_alarm, "alarm");
    while (a.calls == 0)
        loop_turn(front, dur_s(3600));
    loop_free(background);
    loop_free(front);
}

static void a_front_goes_on_without_it(void **state UNUSED)
{
    struct world w;
    struct pair p;

    world_open(&w);
    open_ready(w.front, &p, &w.front_calls);
    loop_free(w.background);
    turn(&w);
    assert_int_equal(w.front_calls, 1);
    pair_close(&p);
    loop_free(w.front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_front_gives_it_all_turns_a_few_calls_each),
        cmocka_unit_test(its_descriptors_end_the_wait),
        cmocka_unit_test(a_busy_front_gives_it_a_share),
        cmocka_unit_test(a_front_with_little_to_do_owes_it_the_share),
        cmocka_unit_test(ready_descriptors_wait_for_the_share_too),
        cmocka_unit_test(its_timers_fire),
        cmocka_unit_test(the_wait_ends_with_its_timers),
        cmocka_unit_test(a_front_goes_on_without_it),
    };

    return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
