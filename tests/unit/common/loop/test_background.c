/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: the background's calls are made when the front has nothing to do, a few at a time; under
 * a busy front they have their share and no more; an event that is postponed is no work. */
#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/loop/loop.h"

#define MANY 64

struct world {
    struct loop *loop;
    unsigned worked;
    unsigned calls; /* of the background */
    struct call {
        struct loop_deferred deferred;
        struct world *world;
        bool again;
    } call[MANY];
};

/* Ready in every turn, as nobody reads what was sent. */
struct pair {
    struct loop_watch watch; /* on fds[0] */
    int fds[2];
    struct world *world;
    struct loop_deferred later;
    bool postpones;
};

static void on_call(struct loop_deferred *d)
{
    struct call *c = container_of(d, struct call, deferred);

    c->world->calls++;
    if (c->again)
        loop_defer_background(c->world->loop, d, on_call);
}

static void on_later(struct loop_deferred *d)
{
    struct pair *p = container_of(d, struct pair, later);

    p->world->calls++;
    loop_want(&p->watch, LOOP_READ);
}

static void on_pair(struct loop_watch *w, unsigned events UNUSED)
{
    struct pair *p = container_of(w, struct pair, watch);

    if (p->postpones) {
        loop_want(w, 0);
        loop_postpone(p->world->loop, &p->later, on_later);
    } else {
        p->world->worked++;
    }
}

static void pair_open(struct world *w, struct pair *p, bool postpones)
{
    *p = (struct pair){.world = w, .postpones = postpones};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
    assert_int_equal(loop_watch(w->loop, &p->watch, p->fds[0], LOOP_READ, on_pair, NULL), 0);
    assert_int_equal(write(p->fds[1], "x", 1), 1);
}

static void pair_close(struct pair *p)
{
    loop_undefer(&p->later);
    loop_unwatch(&p->watch);
    close(p->fds[0]);
    close(p->fds[1]);
}

static void world_open(struct world *w)
{
    *w = (struct world){.worked = 0};
    assert_int_equal(loop_new(clock_system, &w->loop, NULL), 0);
}

static void world_close(struct world *w)
{
    for (unsigned i = 0; i < MANY; i++)
        loop_undefer(&w->call[i].deferred);
    loop_free(w->loop);
}

static void defer_many(struct world *w)
{
    for (unsigned i = 0; i < MANY; i++) {
        w->call[i].world = w;
        loop_defer_background(w->loop, &w->call[i].deferred, on_call);
    }
}

/* Turns never wait here: each has an hour for it. */
static void turn(struct world *w)
{
    loop_turn(w->loop, dur_s(3600));
}

static void turns_without_work_make_a_few_calls_each(void **state UNUSED)
{
    struct world w;
    unsigned turns = 0;

    world_open(&w);
    defer_many(&w);
    for (; w.calls < MANY; turns++) {
        const unsigned before = w.calls;

        turn(&w);
        assert_in_range(w.calls - before, 1, 8);
    }
    assert_true(turns >= MANY / 8);
    world_close(&w);
}

static void a_busy_front_gives_it_a_share(void **state UNUSED)
{
    struct world w;
    struct pair p[2 * LOOP_BACKGROUND_SHARE];

    world_open(&w);
    for (unsigned i = 0; i < 2 * LOOP_BACKGROUND_SHARE; i++)
        pair_open(&w, &p[i], false);
    defer_many(&w);
    for (unsigned i = 1; i <= 5; i++) {
        turn(&w);
        assert_int_equal(w.worked, i * 2 * LOOP_BACKGROUND_SHARE);
        assert_int_equal(w.calls, i * 2);
    }
    for (unsigned i = 0; i < 2 * LOOP_BACKGROUND_SHARE; i++)
        pair_close(&p[i]);
    world_close(&w);
}

static void a_front_with_little_to_do_owes_it_the_share(void **state UNUSED)
{
    struct world w;
    struct pair p;

    world_open(&w);
    pair_open(&w, &p, false);
    defer_many(&w);
    for (unsigned i = 0; i < 3 * LOOP_BACKGROUND_SHARE; i++) {
        assert_int_equal(w.calls, i / LOOP_BACKGROUND_SHARE);
        turn(&w);
    }
    assert_int_equal(w.calls, 3);
    pair_close(&p);
    world_close(&w);
}

static void a_postponed_event_is_no_work(void **state UNUSED)
{
    struct world w;
    struct pair p;

    world_open(&w);
    pair_open(&w, &p, true);
    turn(&w);
    assert_int_equal(w.calls, 1);
    turn(&w); /* level-triggered, as ever */
    assert_int_equal(w.calls, 2);
    pair_close(&p);
    world_close(&w);
}

static void postponed_events_wait_while_others_are_worked_on(void **state UNUSED)
{
    struct world w;
    struct pair front[LOOP_BACKGROUND_SHARE], behind[4];

    world_open(&w);
    for (unsigned i = 0; i < LOOP_BACKGROUND_SHARE; i++)
        pair_open(&w, &front[i], false);
    for (unsigned i = 0; i < 4; i++)
        pair_open(&w, &behind[i], true);
    for (unsigned i = 1; i <= 6; i++) {
        turn(&w);
        assert_int_equal(w.calls, i);
    }
    for (unsigned i = 0; i < LOOP_BACKGROUND_SHARE; i++)
        pair_close(&front[i]);
    for (unsigned i = 0; i < 4; i++)
        pair_close(&behind[i]);
    world_close(&w);
}

static void a_call_that_queues_itself_waits_for_the_next_turn(void **state UNUSED)
{
    struct world w;
    struct call *c = &w.call[0];

    world_open(&w);
    *c = (struct call){.world = &w, .again = true};
    loop_defer_background(w.loop, &c->deferred, on_call);
    turn(&w);
    assert_int_equal(w.calls, 1);
    turn(&w);
    assert_int_equal(w.calls, 2);
    world_close(&w);
}

static void a_call_that_was_taken_back_is_not_made(void **state UNUSED)
{
    struct world w;

    world_open(&w);
    defer_many(&w);
    for (unsigned i = 0; i < MANY; i += 2)
        loop_undefer(&w.call[i].deferred);
    while (w.calls < MANY / 2)
        turn(&w);
    loop_turn(w.loop, dur_ns(0));
    assert_int_equal(w.calls, MANY / 2);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_without_work_make_a_few_calls_each),
        cmocka_unit_test(a_busy_front_gives_it_a_share),
        cmocka_unit_test(a_front_with_little_to_do_owes_it_the_share),
        cmocka_unit_test(a_postponed_event_is_no_work),
        cmocka_unit_test(postponed_events_wait_while_others_are_worked_on),
        cmocka_unit_test(a_call_that_queues_itself_waits_for_the_next_turn),
        cmocka_unit_test(a_call_that_was_taken_back_is_not_made),
    };

    return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
