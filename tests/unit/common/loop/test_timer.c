/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: timers fire in order and never early, move and cancel, and one that sets itself again
 * does not keep the loop busy. */
#include "common/loop/timer.h"

#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>

#include <cmocka.h>

struct alarm {
    struct timer timer;
    char name;
    bool again;
    struct timer *cancels;
};

static struct clock_fake clock;
static struct loop *loop;
static char fired[32];

static int set_up(void **state UNUSED)
{
    clock_fake_init(&clock, (wall_t){1});
    fired[0] = '\0';
    return loop_new(&clock.clock, &loop, NULL);
}

static int tear_down(void **state UNUSED)
{
    loop_free(loop);
    return 0;
}

static void on_alarm(struct timer *t)
{
    struct alarm *a = container_of(t, struct alarm, timer);
    size_t n = strlen(fired);

    fired[n] = a->name;
    fired[n + 1] = '\0';
    if (a->again)
        timer_set(loop, t, dur_ns(0), on_alarm, "again");
    if (a->cancels)
        timer_cancel(a->cancels);
}

static void set(struct alarm *a, int64_t ms)
{
    timer_set(loop, &a->timer, dur_ms(ms), on_alarm, "test");
}

static void turn_after(int64_t ms)
{
    clock_fake_advance(&clock, dur_ms(ms));
    loop_turn(loop, dur_ns(0));
}

static void timers_fire_in_order_of_their_instants(void **state UNUSED)
{
    struct alarm a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};

    set(&c, 30);
    set(&a, 10);
    set(&b, 20);
    turn_after(9);
    assert_string_equal(fired, "");
    assert_true(timer_is_set(&a.timer));
    turn_after(1);
    assert_string_equal(fired, "a");
    assert_false(timer_is_set(&a.timer));
    turn_after(100);
    assert_string_equal(fired, "abc");
}

static void setting_a_set_timer_moves_it(void **state UNUSED)
{
    struct alarm a = {.name = 'a'};

    set(&a, 10);
    set(&a, 50);
    turn_after(20);
    assert_string_equal(fired, "");
    turn_after(30);
    assert_string_equal(fired, "a");
    turn_after(100);
    assert_string_equal(fired, "a");
}

static void a_cancelled_timer_does_not_fire(void **state UNUSED)
{
    struct alarm a = {.name = 'a'}, b = {.name = 'b'};

    timer_cancel(&a.timer); /* zeroed: not set */
    set(&a, 10);
    timer_cancel(&a.timer);
    turn_after(20);
    assert_string_equal(fired, "");

    set(&a, 10);
    set(&b, 10);
    a.cancels = &b.timer;
    turn_after(20);
    assert_string_equal(fired, "a");
}

static void a_timer_of_no_delay_fires_in_the_next_turn(void **state UNUSED)
{
    struct alarm a = {.name = 'a', .again = true};

    set(&a, 0);
    loop_turn(loop, dur_ns(0));
    assert_string_equal(fired, "");
    turn_after(1);
    assert_string_equal(fired, "a");
    turn_after(1);
    assert_string_equal(fired, "aa");
    timer_cancel(&a.timer);
}

static void a_negative_delay_is_no_delay(void **state UNUSED)
{
    struct alarm a = {.name = 'a'};

    set(&a, -5);
    turn_after(1);
    assert_string_equal(fired, "a");
}

static void on_stop(struct timer *t UNUSED)
{
    (void)t;
    loop_stop(loop);
}

/* The real clock: the loop itself must wake for the timer, not before it is due. */
static void a_waiting_loop_wakes_for_its_timer(void **state UNUSED)
{
    struct timer t = {.name = NULL};
    struct loop *l = loop;
    mono_t start;

    assert_int_equal(loop_new(clock_system, &loop, NULL), 0);
    start = loop_now(loop);
    timer_set(loop, &t, dur_ms(3), on_stop, "stop");
    loop_run(loop);
    assert_true(mono_sub(loop_now(loop), start).ns >= dur_ms(3).ns);
    loop_free(loop);
    loop = l;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_of_their_instants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(setting_a_set_timer_moves_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_timer_does_not_fire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_of_no_delay_fires_in_the_next_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_negative_delay_is_no_delay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_waiting_loop_wakes_for_its_timer, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
