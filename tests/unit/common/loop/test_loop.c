/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: events reach their watch and nobody else's, unwatching inside callbacks is final,
 * interest follows loop_want(), deferred calls run once and after everything else, stop works from
 * anywhere. */
#include "common/loop/loop.h"

#include <fcntl.h>
#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/loop/loop_core.h"
#include "common/loop/thread.h"
#include "common/loop/timer.h"

struct pair {
    struct loop_watch watch; /* on fds[0] */
    int fds[2];
    unsigned calls;
    unsigned events;
    struct pair *victim; /* unwatched by the callback */
};

static struct loop *new_loop(void)
{
    struct loop *l = NULL;

    assert_int_equal(loop_new(clock_system, &l, NULL), 0);
    return l;
}

static void on_pair(struct loop_watch *w, unsigned events)
{
    struct pair *p = container_of(w, struct pair, watch);

    p->calls++;
    p->events |= events;
    if (p->victim)
        loop_unwatch(&p->victim->watch);
}

static void pair_open(struct loop *l, struct pair *p, unsigned events)
{
    *p = (struct pair){.calls = 0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
    assert_int_equal(loop_watch(l, &p->watch, p->fds[0], events, on_pair, NULL), 0);
}

static void pair_close(struct pair *p)
{
    loop_unwatch(&p->watch);
    close(p->fds[0]);
    close(p->fds[1]);
}

static void pair_send(struct pair *p)
{
    assert_int_equal(write(p->fds[1], "x", 1), 1);
}

static void readable_calls_back_until_read(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct pair p;
    char c;

    pair_open(l, &p, LOOP_READ);
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.calls, 0);
    pair_send(&p);
    assert_int_equal(p.calls, 0); /* never from inside the registering function */
    loop_turn(l, dur_ns(0));
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.calls, 2);
    assert_int_equal(p.events, LOOP_READ);
    assert_int_equal(read(p.fds[0], &c, 1), 1);
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.calls, 2);
    pair_close(&p);
    loop_free(l);
}

static void want_switches_between_reading_and_writing(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct pair p;

    pair_open(l, &p, 0);
    pair_send(&p);
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.events, 0);
    loop_want(&p.watch, LOOP_WRITE);
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.events, LOOP_WRITE);
    p.events = 0;
    loop_want(&p.watch, LOOP_READ);
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.events, LOOP_READ);
    pair_close(&p);
    loop_free(l);
}

static void reading_given_up_stays_armed_until_it_costs(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct pair p;

    pair_open(l, &p, LOOP_READ);
    loop_want(&p.watch, 0);
    assert_int_equal(p.watch.armed, LOOP_READ);
    pair_send(&p);
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.calls, 0);
    assert_int_equal(p.watch.armed, 0);
    loop_want(&p.watch, LOOP_READ);
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.calls, 1);
    pair_close(&p);
    loop_free(l);
}

static void hangup_comes_without_being_wanted(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct pair p;

    pair_open(l, &p, 0);
    close(p.fds[1]);
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.events, LOOP_HANGUP);
    loop_unwatch(&p.watch);
    close(p.fds[0]);
    loop_free(l);
}

static void half_close_is_reported_when_wanted(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct pair p;

    pair_open(l, &p, LOOP_EOF);
    assert_int_equal(shutdown(p.fds[1], SHUT_WR), 0);
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.events, LOOP_EOF);
    loop_want(&p.watch, 0);
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.calls, 1);
    pair_close(&p);
    loop_free(l);
}

static void unwatch_inside_a_callback_silences_the_same_batch(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct pair a, b;

    pair_open(l, &a, LOOP_READ);
    pair_open(l, &b, LOOP_READ);
    a.victim = &b;
    b.victim = &a;
    pair_send(&a);
    pair_send(&b);
    loop_turn(l, dur_ns(0));
    assert_int_equal(a.calls + b.calls, 1);
    loop_unwatch(&a.watch); /* tolerated twice */
    pair_close(&a);
    pair_close(&b);
    loop_free(l);
}

static void a_watch_may_remove_itself(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct pair p;

    pair_open(l, &p, LOOP_READ);
    p.victim = &p;
    pair_send(&p);
    loop_turn(l, dur_ns(0));
    loop_turn(l, dur_ns(0));
    assert_int_equal(p.calls, 1);
    pair_close(&p);
    loop_free(l);
}

static void many_ready_descriptors_are_all_served(void **state UNUSED)
{
    enum { PAIRS = 300 }; /* more than one batch */
    static struct pair pairs[PAIRS];
    struct loop *l = new_loop();

    for (unsigned i = 0; i < PAIRS; i++) {
        pair_open(l, &pairs[i], LOOP_READ);
        pair_send(&pairs[i]);
    }
    loop_turn(l, dur_ns(0));
    loop_turn(l, dur_ns(0));
    for (unsigned i = 0; i < PAIRS; i++) {
        assert_true(pairs[i].calls >= 1);
        pair_close(&pairs[i]);
    }
    loop_free(l);
}

static void watching_a_closed_descriptor_fails_with_words(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct loop_watch w = {.fd = 0};
    struct err err;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(fd);
    assert_true(loop_watch(l, &w, fd, LOOP_READ, on_pair, &err) < 0);
    assert_non_null(strstr(err.msg, "watch file descriptor"));
    loop_unwatch(&w); /* never added */
    loop_free(l);
}

/* ---- deferred calls ------------------------------------------------------------------------- */

struct step {
    struct loop_deferred deferred;
    struct loop *loop;
    char name;
    bool again;
};

static char order[16];

static void on_step(struct loop_deferred *d)
{
    struct step *s = container_of(d, struct step, deferred);
    size_t n = strlen(order);

    order[n] = s->name;
    order[n + 1] = '\0';
    if (s->again)
        loop_defer(s->loop, d, on_step);
}

static void deferred_calls_run_once_in_order(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct step a = {.loop = l, .name = 'a'}, b = {.loop = l, .name = 'b'};
    struct step c = {.loop = l, .name = 'c'};

    order[0] = '\0';
    loop_defer(l, &b.deferred, on_step);
    loop_defer(l, &c.deferred, on_step);
    loop_defer(l, &a.deferred, on_step);
    loop_defer(l, &b.deferred, on_step);
    loop_undefer(&c.deferred);
    loop_undefer(&c.deferred);
    assert_string_equal(order, "");
    loop_turn(l, dur_s(60)); /* does not wait: there is something to do */
    assert_string_equal(order, "ba");
    loop_turn(l, dur_ns(0));
    assert_string_equal(order, "ba");
    loop_free(l);
}

static void deferring_from_a_deferred_call_waits_for_the_next_turn(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct step a = {.loop = l, .name = 'a', .again = true};

    order[0] = '\0';
    loop_defer(l, &a.deferred, on_step);
    loop_turn(l, dur_ns(0));
    assert_string_equal(order, "a");
    loop_turn(l, dur_s(60));
    assert_string_equal(order, "aa");
    loop_undefer(&a.deferred);
    loop_free(l);
}

/* ---- time and stop -------------------------------------------------------------------------- */

static void the_instant_is_cached_for_a_turn(void **state UNUSED)
{
    struct clock_fake clock;
    struct loop *l = NULL;

    clock_fake_init(&clock, (wall_t){1000});
    assert_int_equal(loop_new(&clock.clock, &l, NULL), 0);
    mono_t before = loop_now(l);

    assert_int_equal(loop_wall(l).ns, 1000);
    clock_fake_advance(&clock, dur_s(5));
    assert_int_equal(loop_now(l).ns, before.ns);
    assert_int_equal(loop_wall(l).ns, 1000);
    loop_turn(l, dur_ns(0));
    assert_int_equal(mono_sub(loop_now(l), before).ns, dur_s(5).ns);
    assert_int_equal(loop_wall(l).ns, dur_s(5).ns + 1000);
    clock_fake_advance(&clock, dur_s(1));
    loop_update_now(l);
    assert_int_equal(mono_sub(loop_now(l), before).ns, dur_s(6).ns);
    loop_free(l);
}

static void stop_before_run_returns_at_once_and_once(void **state UNUSED)
{
    struct loop *l = new_loop();

    loop_stop(l);
    loop_run(l);
    loop_stop(l);
    loop_run(l);
    loop_free(l);
}

static void stop_ends_a_loop_on_another_thread(void **state UNUSED)
{
    struct loop *l = new_loop();
    struct loop_thread *t = NULL;
    struct pair p;

    assert_int_equal(loop_thread_start(l, "test", &t, NULL), 0);
    loop_thread_join(t);
    pair_open(l, &p, LOOP_READ); /* the joiner owns the loop again */
    pair_close(&p);
    loop_thread_join(NULL);
    loop_free(l);
    loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readable_calls_back_until_read),
        cmocka_unit_test(want_switches_between_reading_and_writing),
        cmocka_unit_test(reading_given_up_stays_armed_until_it_costs),
        cmocka_unit_test(hangup_comes_without_being_wanted),
        cmocka_unit_test(half_close_is_reported_when_wanted),
        cmocka_unit_test(unwatch_inside_a_callback_silences_the_same_batch),
        cmocka_unit_test(a_watch_may_remove_itself),
        cmocka_unit_test(many_ready_descriptors_are_all_served),
        cmocka_unit_test(watching_a_closed_descriptor_fails_with_words),
        cmocka_unit_test(deferred_calls_run_once_in_order),
        cmocka_unit_test(deferring_from_a_deferred_call_waits_for_the_next_turn),
        cmocka_unit_test(the_instant_is_cached_for_a_turn),
        cmocka_unit_test(stop_before_run_returns_at_once_and_once),
        cmocka_unit_test(stop_ends_a_loop_on_another_thread),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
