/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/breaker.h"

#include "tests/lib/unit.h"

static const struct route_breaker limits = {.errors = 3,
                                            .window_ms = 16000,
                                            .open_for_ms = 5000,
                                            .half_open_requests = 2};
static const wall_t wall = {.ns = 1};

static mono_t at(int64_t ms)
{
    return (mono_t){dur_ms(ms).ns + 1};
}

static void report(struct breaker_fsm *b, enum breaker_outcome o, bool probe, int64_t ms)
{
    breaker_fsm_report(b, o, probe, at(ms), wall);
}

static enum breaker_state look(struct breaker_fsm *b, int64_t ms)
{
    return breaker_fsm_state(b, at(ms), wall);
}

static void open_it(struct breaker_fsm *b)
{
    breaker_fsm_init(b, &limits, at(0));
    for (int i = 0; i < 3; i++)
        report(b, BREAKER_ERROR, false, 0);
    assert_int_equal(look(b, 0), BREAKER_OPEN);
}

static void the_table_is_sound(void **state UNUSED)
{
    struct err err = {0};

    assert_ok(sm_check(&breaker_machine, &err), &err);
}

static void errors_inside_the_window_open_it(void **state UNUSED)
{
    struct breaker_fsm b;

    breaker_fsm_init(&b, &limits, at(0));
    report(&b, BREAKER_ERROR, false, 0);
    report(&b, BREAKER_SUCCESS, false, 1);
    report(&b, BREAKER_ERROR, false, 8000);
    assert_int_equal(look(&b, 8000), BREAKER_CLOSED);
    report(&b, BREAKER_ERROR, false, 14000);
    assert_int_equal(look(&b, 14000), BREAKER_OPEN);
}

static void errors_that_left_the_window_do_not(void **state UNUSED)
{
    struct breaker_fsm b;

    breaker_fsm_init(&b, &limits, at(0));
    for (int i = 0; i < 20; i++) {
        report(&b, BREAKER_ERROR, false, i * 9000);
        assert_int_equal(look(&b, i * 9000), BREAKER_CLOSED);
        assert_in_range(breaker_fsm_errors(&b), 1, 2);
    }
    report(&b, BREAKER_ERROR, false, 10000000);
    assert_int_equal(breaker_fsm_errors(&b), 1);
}

static void time_half_opens_it_and_slots_are_capped(void **state UNUSED)
{
    struct breaker_fsm b;

    open_it(&b);
    assert_false(breaker_fsm_take_probe(&b));
    assert_int_equal(look(&b, 4999), BREAKER_OPEN);
    assert_int_equal(look(&b, 5000), BREAKER_HALF_OPEN);
    assert_true(breaker_fsm_take_probe(&b));
    assert_true(breaker_fsm_take_probe(&b));
    assert_false(breaker_fsm_take_probe(&b));
    report(&b, BREAKER_ABANDONED, true, 5001);
    assert_int_equal(look(&b, 5001), BREAKER_HALF_OPEN);
    assert_true(breaker_fsm_take_probe(&b));
}

static void a_good_probe_closes_it_and_forgets_the_errors(void **state UNUSED)
{
    struct breaker_fsm b;

    open_it(&b);
    assert_int_equal(look(&b, 5000), BREAKER_HALF_OPEN);
    assert_true(breaker_fsm_take_probe(&b));
    report(&b, BREAKER_SUCCESS, true, 5001);
    assert_int_equal(look(&b, 5001), BREAKER_CLOSED);
    assert_int_equal(breaker_fsm_errors(&b), 0);
    assert_int_equal(b.probes, 0);
}

static void a_bad_probe_opens_it_for_the_whole_time_again(void **state UNUSED)
{
    struct breaker_fsm b;

    open_it(&b);
    assert_int_equal(look(&b, 6000), BREAKER_HALF_OPEN);
    assert_true(breaker_fsm_take_probe(&b));
    assert_true(breaker_fsm_take_probe(&b));
    report(&b, BREAKER_ERROR, true, 7000);
    assert_int_equal(look(&b, 11999), BREAKER_OPEN);
    report(&b, BREAKER_SUCCESS, true, 11999); /* the other probe says nothing any more */
    assert_int_equal(look(&b, 11999), BREAKER_OPEN);
    assert_int_equal(look(&b, 12000), BREAKER_HALF_OPEN);
    assert_int_equal(b.probes, 0);
}

static void stragglers_sent_before_it_opened_do_not_matter(void **state UNUSED)
{
    struct breaker_fsm b;

    open_it(&b);
    report(&b, BREAKER_ERROR, false, 4000);
    assert_int_equal(look(&b, 5000), BREAKER_HALF_OPEN);
    report(&b, BREAKER_ERROR, false, 5001);
    assert_int_equal(look(&b, 5001), BREAKER_HALF_OPEN);
}

static void new_limits_apply_with_probes_out(void **state UNUSED)
{
    struct route_breaker fewer = limits;
    struct breaker_fsm b;

    fewer.half_open_requests = 1;
    fewer.open_for_ms = 1;
    open_it(&b);
    assert_int_equal(look(&b, 5000), BREAKER_HALF_OPEN);
    assert_true(breaker_fsm_take_probe(&b));
    assert_true(breaker_fsm_take_probe(&b));
    breaker_fsm_configure(&b, &fewer);
    report(&b, BREAKER_ERROR, true, 5001);
    assert_int_equal(look(&b, 5002), BREAKER_HALF_OPEN);
    assert_false(breaker_fsm_take_probe(&b));
    report(&b, BREAKER_ABANDONED, true, 5003);
    assert_true(breaker_fsm_take_probe(&b));
}

static void the_shared_one_says_what_the_table_says(void **state UNUSED)
{
    struct breaker *b = breaker_new(&limits, at(0));

    assert_int_equal(breaker_look(NULL, at(0), wall), BREAKER_DISABLED);
    breaker_report(NULL, BREAKER_ERROR, false, at(0), wall);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(breaker_look(b, at(0), wall), BREAKER_CLOSED);
        breaker_report(b, BREAKER_ERROR, false, at(0), wall);
    }
    assert_int_equal(breaker_look(b, at(1), wall), BREAKER_OPEN);
    assert_int_equal(breaker_look(b, at(5000), wall), BREAKER_HALF_OPEN);
    assert_true(breaker_take_probe(b));
    breaker_report(b, BREAKER_SUCCESS, true, at(5001), wall);
    assert_int_equal(breaker_look(b, at(5001), wall), BREAKER_CLOSED);
    breaker_unref(breaker_ref(b));
    breaker_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(errors_inside_the_window_open_it),
        cmocka_unit_test(errors_that_left_the_window_do_not),
        cmocka_unit_test(time_half_opens_it_and_slots_are_capped),
        cmocka_unit_test(a_good_probe_closes_it_and_forgets_the_errors),
        cmocka_unit_test(a_bad_probe_opens_it_for_the_whole_time_again),
        cmocka_unit_test(stragglers_sent_before_it_opened_do_not_matter),
        cmocka_unit_test(new_limits_apply_with_probes_out),
        cmocka_unit_test(the_shared_one_says_what_the_table_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
