/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: the background's calls are made once the front has had nothing to do for a while, one
 * at a time; under a front that always has they wait for so long, and then have their share and no
 * more; an event that is marked as the background's is no work. */
#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/loop/loop.h"

#define MANY 64

struct world {
    struct clock_fake clock;
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
    bool is_background;
};

static void on_call(struct loop_deferred *d)
{
    struct call *c = container_of(d, struct call, deferred);

    c->world->calls++;
    if (c->again)
        loop_defer_background(c->world->loop, d, on_call);
}

static void on_pair(struct loop_watch *w, unsigned events UNUSED)
{
    struct pair *p = container_of(w, struct pair, watch);

    if (p->is_background)
        loop_mark_background(p->world->loop);
    else
        p->world->worked++;
}

static void pair_open(struct world *w, struct pair *p, bool is_background)
{
    *p = (struct pair){.world = w, .is_background = is_background};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
    assert_int_equal(loop_watch(w->loop, &p->watch, p->fds[0], LOOP_READ, on_pair, NULL), 0);
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
    *w = (struct world){.worked = 0};
    clock_fake_init(&w->clock, (wall_t){1});
    clock_fake_advance(&w->clock, dur_s(1000));
    assert_int_equal(loop_new(&w->clock.clock, &w->loop, NULL), 0);
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

static void turn_after(struct world *w, int64_t ms)
{
    clock_fake_advance(&w->clock, dur_ms(ms));
    loop_turn(w->loop, dur_ns(0));
}

static void turn(struct world *w)
{
    turn_after(w, 0);
}

static void turns_without_work_make_one_call_each(void **state UNUSED)
{
    struct world w;

    world_open(&w);
    defer_many(&w);
    for (unsigned turns = 1; turns <= MANY; turns++) {
        turn(&w);
        assert_int_equal(w.calls, turns);
    }
    world_close(&w);
}

static void it_begins_when_all_has_been_quiet_for_a_while(void **state UNUSED)
{
    struct world w;
    struct pair p;

    world_open(&w);
    pair_open(&w, &p, false);
    defer_many(&w);
    for (unsigned i = 0; i < LOOP_PATIENCE_MS; i++)
        turn_after(&w, i > 0); /* each brings work */
    assert_int_equal(w.worked, LOOP_PATIENCE_MS);
    loop_want(&p.watch, 0);
    turn(&w);
    assert_int_equal(w.calls, 0);
    turn_after(&w, LOOP_QUIET_MS);
    assert_int_equal(w.calls, 1);
    turn(&w);
    assert_int_equal(w.calls, 2);
    pair_close(&p);
    world_close(&w);
}

/* The loop knows when to come back by itself. */
static void quiet_is_waited_for_and_no_longer(void **state UNUSED)
{
    struct world w = {.worked = 0};
    struct pair p;

    assert_int_equal(loop_new(clock_system, &w.loop, NULL), 0);
    pair_open(&w, &p, false);
    defer_many(&w);
    while (w.worked == 0)
        loop_turn(w.loop, dur_s(3600));
    loop_want(&p.watch, 0);
    while (w.calls < MANY)
        loop_turn(w.loop, dur_s(3600));
    pair_close(&p);
    world_close(&w);
}

static void a_front_that_is_always_busy_gives_it_a_share(void **state UNUSED)
{
    struct world w;
    struct pair p[2 * LOOP_BACKGROUND_SHARE];

    world_open(&w);
    for (unsigned i = 0; i < 2 * LOOP_BACKGROUND_SHARE; i++)
        pair_open(&w, &p[i], false);
    turn(&w);
    defer_many(&w);
    turn_after(&w, LOOP_PATIENCE_MS - 1);
    assert_int_equal(w.calls, 0);
    turn_after(&w, 1);
    assert_int_equal(w.calls, 2);
    for (unsigned i = 2; i <= 5; i++) {
        turn(&w);
        assert_int_equal(w.calls, i * 2);
    }
    assert_int_equal(w.worked, 7 * 2 * LOOP_BACKGROUND_SHARE);
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
    clock_fake_advance(&w.clock, dur_ms(LOOP_PATIENCE_MS));
    for (unsigned i = 0; i < 3 * LOOP_BACKGROUND_SHARE; i++) {
        assert_int_equal(w.calls, i / LOOP_BACKGROUND_SHARE);
        turn(&w);
    }
    assert_int_equal(w.calls, 3);
    pair_close(&p);
    world_close(&w);
}

/* A gap between two events is enough for what is overdue. */
static void what_is_overdue_needs_no_quiet(void **state UNUSED)
{
    struct world w;
    struct pair p;

    world_open(&w);
    pair_open(&w, &p, false);
    defer_many(&w);
    turn_after(&w, LOOP_PATIENCE_MS);
    assert_int_equal(w.calls, 0); /* of one event it has no whole call */
    loop_want(&p.watch, 0);
    turn(&w);
    assert_int_equal(w.calls, 1);
    pair_close(&p);
    world_close(&w);
}

static void an_event_of_its_own_is_no_work(void **state UNUSED)
{
    struct world w;
    struct pair p;

    world_open(&w);
    pair_open(&w, &p, true);
    defer_many(&w);
    turn(&w);
    assert_int_equal(w.calls, 1);
    pair_close(&p);
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
    turn(&w);
    assert_int_equal(w.calls, MANY / 2);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_without_work_make_one_call_each),
        cmocka_unit_test(it_begins_when_all_has_been_quiet_for_a_while),
        cmocka_unit_test(quiet_is_waited_for_and_no_longer),
        cmocka_unit_test(a_front_that_is_always_busy_gives_it_a_share),
        cmocka_unit_test(a_front_with_little_to_do_owes_it_the_share),
        cmocka_unit_test(what_is_overdue_needs_no_quiet),
        cmocka_unit_test(an_event_of_its_own_is_no_work),
        cmocka_unit_test(a_call_that_queues_itself_waits_for_the_next_turn),
        cmocka_unit_test(a_call_that_was_taken_back_is_not_made),
    };

    return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
