/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/deadline.h"

#include "tests/lib/unit.h"

struct fixture {
    struct clock_fake clock;
    struct loop *loop;
    struct deadline d;
    unsigned woken;
    unsigned due;
};

static struct fixture *fixture;

static void on_timer(struct timer *t UNUSED)
{
    fixture->woken++;
    fixture->due += deadline_is_due(fixture->loop, &fixture->d, on_timer);
}

static int setup(void **state UNUSED)
{
    struct err err = {0};

    fixture = test_calloc(1, sizeof *fixture);
    clock_fake_init(&fixture->clock, (wall_t){1});
    assert_ok(loop_new(&fixture->clock.clock, &fixture->loop, &err), &err);
    return 0;
}

static int teardown(void **state UNUSED)
{
    deadline_cancel(&fixture->d);
    loop_free(fixture->loop);
    test_free(fixture);
    return 0;
}

static void pass(int64_t ms)
{
    clock_fake_advance(&fixture->clock, dur_ms(ms));
    loop_turn(fixture->loop, dur_ns(0));
}

static void moving_it_on_costs_one_wake_up_per_timeout(void **state UNUSED)
{
    for (int i = 0; i < 100; i++) {
        deadline_set(fixture->loop, &fixture->d, dur_ms(100), on_timer);
        pass(10);
    }
    assert_in_range(fixture->woken, 9, 11);
    assert_int_equal(fixture->due, 0);
    pass(89);
    assert_int_equal(fixture->due, 0);
    pass(1);
    assert_int_equal(fixture->due, 1);
    pass(1000);
    assert_int_equal(fixture->due, 1);
}

static void an_earlier_one_comes_earlier(void **state UNUSED)
{
    deadline_set(fixture->loop, &fixture->d, dur_ms(1000), on_timer);
    deadline_set(fixture->loop, &fixture->d, dur_ms(10), on_timer);
    pass(10);
    assert_int_equal(fixture->due, 1);
}

static void off_it_never_comes(void **state UNUSED)
{
    deadline_set(fixture->loop, &fixture->d, dur_ms(10), on_timer);
    deadline_off(&fixture->d);
    pass(20);
    assert_int_equal(fixture->due, 0);
    deadline_set(fixture->loop, &fixture->d, dur_ms(10), on_timer);
    pass(10);
    assert_int_equal(fixture->due, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(moving_it_on_costs_one_wake_up_per_timeout, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_earlier_one_comes_earlier, setup, teardown),
        cmocka_unit_test_setup_teardown(off_it_never_comes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
