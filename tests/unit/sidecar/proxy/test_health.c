/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints that fail, are left out and come back, in virtual time. */
#include "sidecar/proxy/health.h"

#include "tests/lib/unit.h"

#define ADDRESSES 4

struct fixture {
    struct address address[ADDRESSES];
    struct health *health;
    mono_t now;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);

    f->now = (mono_t){5000000000000};
    for (unsigned i = 0; i < ADDRESSES; i++)
        assert_true(address_parse("127.0.0.1", (uint16_t)(9000 + i), &f->address[i]));
    f->health = health_new(f->address, 3, NULL, f->now);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    health_unref(f->health);
    test_free(f);
    return 0;
}

static void pass(struct fixture *f, dur_t time)
{
    f->now = mono_add(f->now, time);
    health_tick(f->health, f->now, (wall_t){f->now.ns});
}

static void fail_on(struct fixture *f, unsigned endpoint, unsigned times)
{
    while (times-- > 0)
        health_note_failure(f->health, endpoint, 1, f->now, (wall_t){f->now.ns});
}

static void check(struct fixture *f, unsigned endpoint, bool passed)
{
    health_note_check(f->health, endpoint, passed, f->now, (wall_t){f->now.ns});
}

static void is(struct fixture *f, unsigned endpoint, enum endpoint_state want)
{
    enum endpoint_state got = health_state(f->health, endpoint, NULL);

    assert_string_equal(sm_state_name(&endpoint_machine, (int)got),
                        sm_state_name(&endpoint_machine, (int)want));
}

/* Another set of the addresses from..to, as a new rule set or a new answer of the resolver has. */
static void change(struct fixture *f, unsigned from, unsigned to)
{
    struct health *next = health_new(&f->address[from], to - from, f->health, f->now);

    health_unref(f->health);
    f->health = next;
}

static void failures_in_a_row_eject(void **state)
{
    struct fixture *f = *state;

    fail_on(f, 1, ENDPOINT_FAILURES - 1);
    health_note_success(f->health, 1);
    fail_on(f, 1, ENDPOINT_FAILURES - 1);
    is(f, 1, ENDPOINT_HEALTHY);
    fail_on(f, 1, 1);
    is(f, 1, ENDPOINT_EJECTED);
    assert_int_equal(health_weight(f->health, 1, f->now), 0);
    is(f, 0, ENDPOINT_HEALTHY);
}

static void one_that_is_not_reached_in_time_is_left_out_at_once(void **state)
{
    struct fixture *f = *state;

    health_note_failure(f->health, 1, ENDPOINT_UNREACHED, f->now, (wall_t){f->now.ns});
    is(f, 1, ENDPOINT_EJECTED);
    pass(f, dur_s(2));
    is(f, 1, ENDPOINT_WARMING);
    fail_on(f, 1, 1);
    is(f, 1, ENDPOINT_WARMING);
    health_note_failure(f->health, 1, ENDPOINT_UNREACHED, f->now, (wall_t){f->now.ns});
    is(f, 1, ENDPOINT_EJECTED);
}

static void one_that_comes_back_warms_up(void **state)
{
    struct fixture *f = *state;

    fail_on(f, 1, ENDPOINT_FAILURES);
    pass(f, dur_ms(1999));
    is(f, 1, ENDPOINT_EJECTED);
    pass(f, dur_ms(1));
    is(f, 1, ENDPOINT_WARMING);
    assert_int_equal(health_weight(f->health, 1, f->now), BALANCE_FULL / 10);
    f->now = mono_add(f->now, dur_s(5));
    assert_true(health_weight(f->health, 1, f->now) > BALANCE_FULL / 2 - 10);
    pass(f, dur_s(5));
    is(f, 1, ENDPOINT_HEALTHY);
}

/* How long the endpoint that is ejected now stays so. */
static int64_t seconds_out(struct fixture *f, unsigned endpoint)
{
    int64_t s = 0;

    while (health_state(f->health, endpoint, NULL) == ENDPOINT_EJECTED) {
        pass(f, dur_s(1));
        s++;
    }
    return s;
}

static void ejections_grow_and_start_over_after_health(void **state)
{
    static const int64_t want[] = {2, 4, 8, 16, 32, 60, 60};
    struct fixture *f = *state;

    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        fail_on(f, 0, ENDPOINT_FAILURES);
        assert_int_equal(seconds_out(f, 0), want[i]);
    }
    pass(f, dur_s(10));
    is(f, 0, ENDPOINT_HEALTHY);
    pass(f, dur_s(61));
    fail_on(f, 0, ENDPOINT_FAILURES);
    assert_int_equal(seconds_out(f, 0), 2);
}

static void no_more_than_half_are_ejected(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 3; i++)
        fail_on(f, i, ENDPOINT_FAILURES);
    is(f, 0, ENDPOINT_EJECTED);
    is(f, 1, ENDPOINT_HEALTHY);
    is(f, 2, ENDPOINT_HEALTHY);

    change(f, 0, 4);
    fail_on(f, 2, 1); /* its failures came along */
    is(f, 2, ENDPOINT_EJECTED);
    fail_on(f, 1, 1);
    is(f, 1, ENDPOINT_HEALTHY);
}

static void the_last_that_passes_its_checks_is_not_ejected(void **state)
{
    struct fixture *f = *state;

    change(f, 0, 2);
    check(f, 0, false);
    is(f, 0, ENDPOINT_HEALTHY);
    check(f, 0, false);
    is(f, 0, ENDPOINT_FAILING);
    fail_on(f, 1, 2 * ENDPOINT_FAILURES);
    is(f, 1, ENDPOINT_HEALTHY);
}

static void two_checks_put_out_and_two_back(void **state)
{
    struct fixture *f = *state;

    check(f, 2, false);
    check(f, 2, true);
    check(f, 2, false);
    is(f, 2, ENDPOINT_HEALTHY);
    check(f, 2, false);
    is(f, 2, ENDPOINT_FAILING);
    pass(f, dur_s(600));
    check(f, 2, true);
    is(f, 2, ENDPOINT_FAILING);
    check(f, 2, true);
    is(f, 2, ENDPOINT_WARMING);
}

static void checks_that_stop_hold_nobody_back(void **state)
{
    struct fixture *f = *state;

    check(f, 2, false);
    check(f, 2, false);
    is(f, 2, ENDPOINT_FAILING);
    health_uncheck(f->health, f->now, (wall_t){f->now.ns});
    is(f, 2, ENDPOINT_WARMING);
}

static void what_is_known_goes_on_in_the_next_set(void **state)
{
    struct fixture *f = *state;
    struct health *same = health_new(f->address, 3, f->health, f->now);

    assert_ptr_equal(same, f->health);
    health_unref(same);
    fail_on(f, 1, ENDPOINT_FAILURES);
    change(f, 1, 4);
    is(f, 0, ENDPOINT_EJECTED); /* as it was at 1 */
    is(f, 1, ENDPOINT_HEALTHY);
    is(f, 2, ENDPOINT_WARMING); /* joins them */
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failures_in_a_row_eject),
        TEST(one_that_is_not_reached_in_time_is_left_out_at_once),
        TEST(one_that_comes_back_warms_up),
        TEST(ejections_grow_and_start_over_after_health),
        TEST(no_more_than_half_are_ejected),
        TEST(the_last_that_passes_its_checks_is_not_ejected),
        TEST(two_checks_put_out_and_two_back),
        TEST(checks_that_stop_hold_nobody_back),
        TEST(what_is_known_goes_on_in_the_next_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
