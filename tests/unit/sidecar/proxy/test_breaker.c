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
    breaker_fsm_elapse(b, at(ms), wall);
    breaker_fsm_report(b, o, probe, b->era, at(ms), wall);
}

static enum breaker_state look(struct breaker_fsm *b, int64_t ms)
{
    breaker_fsm_elapse(b, at(ms), wall);
    return breaker_state_shown((enum breaker_fsm_state)b->sm.state);
}

static uint64_t errors_of(const struct breaker_fsm *b)
{
    return breaker_window_sum(&b->window).errors;
}

/* By a request that legacy would answer if new failed it. */
static bool take_probe(struct breaker_fsm *b)
{
    return breaker_fsm_take_probe(b, true, b->since);
}

static void open_it(struct breaker_fsm *b)
{
    breaker_fsm_init(b, &limits, at(0), wall);
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

    breaker_fsm_init(&b, &limits, at(0), wall);
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

    breaker_fsm_init(&b, &limits, at(0), wall);
    for (int i = 0; i < 20; i++) {
        report(&b, BREAKER_ERROR, false, i * 9000);
        assert_int_equal(look(&b, i * 9000), BREAKER_CLOSED);
        assert_in_range(errors_of(&b), 1, 2);
    }
    report(&b, BREAKER_ERROR, false, 10000000);
    assert_int_equal(errors_of(&b), 1);
}

static void time_half_opens_it_and_slots_are_capped(void **state UNUSED)
{
    struct breaker_fsm b;

    open_it(&b);
    assert_false(take_probe(&b));
    assert_int_equal(look(&b, 4999), BREAKER_OPEN);
    assert_int_equal(look(&b, 5000), BREAKER_HALF_OPEN);
    assert_true(take_probe(&b));
    assert_true(take_probe(&b));
    assert_false(take_probe(&b));
    report(&b, BREAKER_ABANDONED, true, 5001);
    assert_int_equal(look(&b, 5001), BREAKER_HALF_OPEN);
    assert_true(take_probe(&b));
}

static void a_good_probe_closes_it_and_forgets_the_errors(void **state UNUSED)
{
    struct breaker_fsm b;

    open_it(&b);
    assert_int_equal(look(&b, 5000), BREAKER_HALF_OPEN);
    assert_true(take_probe(&b));
    report(&b, BREAKER_SUCCESS, true, 5001);
    assert_int_equal(look(&b, 5001), BREAKER_CLOSED);
    assert_int_equal(errors_of(&b), 0);
    assert_int_equal(b.probes, 0);
}

static void a_bad_probe_opens_it_for_the_whole_time_again(void **state UNUSED)
{
    struct breaker_fsm b;

    open_it(&b);
    assert_int_equal(look(&b, 6000), BREAKER_HALF_OPEN);
    assert_true(take_probe(&b));
    assert_true(take_probe(&b));
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
    assert_true(take_probe(&b));
    assert_true(take_probe(&b));
    breaker_fsm_configure(&b, &fewer, at(5000), wall);
    report(&b, BREAKER_ERROR, true, 5001);
    assert_int_equal(look(&b, 5002), BREAKER_HALF_OPEN);
    assert_false(take_probe(&b));
    report(&b, BREAKER_ABANDONED, true, 5003);
    assert_true(take_probe(&b));
}

/* What was counted before is as old as it is, whatever the window was then. */
static void another_window_holds_what_is_as_young(void **state UNUSED)
{
    struct route_breaker wide = limits, narrow = limits;
    struct breaker_fsm b;

    narrow.window_ms = wide.window_ms / 10;
    breaker_fsm_init(&b, &wide, at(0), wall);
    report(&b, BREAKER_ERROR, false, 0);
    report(&b, BREAKER_ERROR, false, 9500);
    breaker_fsm_elapse(&b, at(10000), wall);
    breaker_fsm_configure(&b, &narrow, at(10000), wall);
    report(&b, BREAKER_ERROR, false, 10001);
    assert_int_equal(look(&b, 10001), BREAKER_CLOSED);
    assert_int_equal(errors_of(&b), 2);
    breaker_fsm_configure(&b, &wide, at(10002), wall);
    assert_int_equal(look(&b, 20000), BREAKER_CLOSED);
    assert_int_equal(errors_of(&b), 2);
    report(&b, BREAKER_ERROR, false, 24000);
    assert_int_equal(look(&b, 24000), BREAKER_OPEN);
    assert_int_equal(look(&b, 45000), BREAKER_HALF_OPEN);
    assert_int_equal(errors_of(&b), 0);
}

/* ---- rates ----------------------------------------------------------------------------------- */

static void a_rate_opens_it_once_enough_was_asked(void **state UNUSED)
{
    const struct route_breaker rate = {.window_ms = 16000,
                                       .open_for_ms = 5000,
                                       .half_open_requests = 1,
                                       .error_rate_bp = 2500,
                                       .min_requests = 8};
    struct breaker_fsm b;

    breaker_fsm_init(&b, &rate, at(0), wall);
    for (int i = 0; i < 7; i++)
        report(&b, BREAKER_ERROR, false, i);
    assert_int_equal(look(&b, 7), BREAKER_CLOSED);
    breaker_fsm_add_good(&b, 22);
    report(&b, BREAKER_ERROR, false, 8); /* 8 of 30 */
    assert_int_equal(look(&b, 8), BREAKER_OPEN);
    assert_int_equal(b.cause, BREAKER_CAUSE_ERROR_RATE);

    breaker_fsm_init(&b, &rate, at(0), wall);
    breaker_fsm_add_good(&b, 22);
    for (int i = 0; i < 7; i++)
        report(&b, BREAKER_ERROR, false, i); /* 7 of 29 */
    assert_int_equal(look(&b, 7), BREAKER_CLOSED);
}

static void slow_answers_open_it_and_a_slow_probe_does_not_close_it(void **state UNUSED)
{
    const struct route_breaker slow = {.window_ms = 16000,
                                       .open_for_ms = 5000,
                                       .half_open_requests = 1,
                                       .slow_ms = 100,
                                       .slow_rate_bp = 5000,
                                       .min_requests = 4};
    struct breaker_fsm b;

    breaker_fsm_init(&b, &slow, at(0), wall);
    breaker_fsm_add_good(&b, 2);
    report(&b, BREAKER_SLOW, false, 0);
    report(&b, BREAKER_ERROR, false, 0); /* is no answer, and so no slow one */
    assert_int_equal(look(&b, 0), BREAKER_CLOSED);
    report(&b, BREAKER_SLOW, false, 0);
    assert_int_equal(look(&b, 0), BREAKER_OPEN);
    assert_int_equal(b.cause, BREAKER_CAUSE_SLOW_RATE);
    assert_int_equal(look(&b, 5000), BREAKER_HALF_OPEN);
    assert_true(take_probe(&b));
    report(&b, BREAKER_SLOW, true, 5001);
    assert_int_equal(look(&b, 5001), BREAKER_OPEN);
    assert_int_equal(b.cause, BREAKER_CAUSE_PROBE);
}

/* ---- re-ramp --------------------------------------------------------------------------------- */

static const struct route_breaker ramped = {.errors = 10,
                                            .window_ms = 160000,
                                            .open_for_ms = 5000,
                                            .half_open_requests = 2,
                                            .re_ramp_ms = 10000};

/* Re-ramping since instant 5000. */
static void ramp_it(struct breaker_fsm *b)
{
    breaker_fsm_init(b, &ramped, at(0), wall);
    for (int i = 0; i < 10; i++)
        report(b, BREAKER_ERROR, false, 0);
    assert_int_equal(look(b, 5000), BREAKER_HALF_OPEN);
    assert_int_equal(breaker_fsm_share(b, at(5000)), 0);
    assert_true(take_probe(b));
    report(b, BREAKER_SUCCESS, true, 5000);
    assert_int_equal(b->sm.state, BREAKER_ST_RAMPING);
}

static void the_share_rises_and_never_falls(void **state UNUSED)
{
    struct breaker_fsm b;
    uint32_t before = 0;

    ramp_it(&b);
    assert_int_equal(breaker_fsm_share(&b, at(5000)), BREAKER_RAMP_FLOOR_BP);
    for (int64_t ms = 5000; ms < 15000; ms += 37) {
        uint32_t share = breaker_fsm_share(&b, at(ms));

        assert_int_equal(look(&b, ms), BREAKER_HALF_OPEN);
        assert_in_range(share, before, WEIGHT_BP_MAX - 1);
        assert_true(mono_before(at(ms), breaker_fsm_wake(&b, at(ms))));
        before = share;
    }
    assert_int_equal(look(&b, 15000), BREAKER_CLOSED);
    assert_int_equal(breaker_fsm_share(&b, at(15000)), WEIGHT_BP_MAX);
}

static void one_error_of_a_few_does_not_open_it_again(void **state UNUSED)
{
    struct breaker_fsm b;

    ramp_it(&b);
    report(&b, BREAKER_ERROR, false, 5001);
    assert_int_equal(b.sm.state, BREAKER_ST_RAMPING);
    report(&b, BREAKER_ERROR, false, 5002); /* the limit is 10 of all, and 5 % is here */
    assert_int_equal(b.sm.state, BREAKER_ST_OPEN);
    assert_int_equal(b.cause, BREAKER_CAUSE_ERRORS);

    ramp_it(&b);
    for (int i = 0; i < 5; i++)
        report(&b, BREAKER_ERROR, false, 10200); /* at 54.4 % the limit is 6 */
    assert_int_equal(b.sm.state, BREAKER_ST_RAMPING);
    report(&b, BREAKER_ERROR, false, 10200);
    assert_int_equal(b.sm.state, BREAKER_ST_OPEN);
}

static void what_was_sent_before_it_opened_opens_no_ramp(void **state UNUSED)
{
    struct breaker_fsm b;

    ramp_it(&b);
    for (int i = 0; i < 100; i++)
        breaker_fsm_report(&b, BREAKER_ERROR, false, b.era - 1, at(6000), wall);
    assert_int_equal(b.sm.state, BREAKER_ST_RAMPING);
    assert_int_equal(errors_of(&b), 0);
}

static void probes_are_those_that_legacy_could_rescue_first(void **state UNUSED)
{
    struct breaker_fsm b;

    open_it(&b);
    assert_int_equal(look(&b, 5000), BREAKER_HALF_OPEN);
    assert_false(breaker_fsm_take_probe(&b, false, at(9999)));
    assert_true(breaker_fsm_take_probe(&b, true, at(9999)));
    assert_true(breaker_fsm_take_probe(&b, false, at(10000)));
}

/* ---- orders ---------------------------------------------------------------------------------- */

static void order(struct breaker_fsm *b, enum breaker_order o, uint64_t number, int64_t ms)
{
    struct route_breaker config = b->config;

    config.order = o;
    config.order_number = number;
    breaker_fsm_configure(b, &config, at(ms), wall);
}

static void an_order_is_obeyed_once_and_holds(void **state UNUSED)
{
    struct breaker_seen seen;
    struct breaker_fsm b;

    breaker_fsm_init(&b, &limits, at(0), wall);
    order(&b, BREAKER_ORDER_OPEN, 7, 1);
    assert_int_equal(look(&b, 1000000), BREAKER_OPEN);
    breaker_fsm_see(&b, at(1000000), &seen);
    assert_true(seen.held);
    assert_int_equal(seen.cause, BREAKER_CAUSE_ORDER);
    assert_int_equal(seen.order_number, 7);
    order(&b, BREAKER_ORDER_CLOSE, 7, 1000000); /* the same number again, or an older one */
    order(&b, BREAKER_ORDER_CLOSE, 6, 1000000);
    assert_int_equal(look(&b, 1000000), BREAKER_OPEN);
    order(&b, BREAKER_ORDER_PROBE, 8, 1000000);
    assert_int_equal(look(&b, 1000000), BREAKER_HALF_OPEN);
    order(&b, BREAKER_ORDER_CLOSE, 9, 1000000);
    for (int i = 0; i < 10; i++)
        report(&b, BREAKER_ERROR, false, 1000001);
    assert_int_equal(look(&b, 1000001), BREAKER_CLOSED);
    order(&b, BREAKER_ORDER_RESET, 10, 1000002);
    assert_int_equal(errors_of(&b), 0);
    for (int i = 0; i < 3; i++)
        report(&b, BREAKER_ERROR, false, 1000003);
    assert_int_equal(look(&b, 1000003), BREAKER_OPEN);
    order(&b, BREAKER_ORDER_RESET, 11, 1000004);
    assert_int_equal(look(&b, 1000004), BREAKER_CLOSED);
}

static void an_order_to_probe_leaves_a_closed_one_alone(void **state UNUSED)
{
    struct breaker_fsm b;
    struct route_breaker config = limits;

    config.order = BREAKER_ORDER_PROBE;
    config.order_number = 3;
    breaker_fsm_init(&b, &config, at(0), wall);
    assert_int_equal(look(&b, 0), BREAKER_CLOSED);
    config.order = BREAKER_ORDER_OPEN;
    breaker_fsm_init(&b, &config, at(0), wall); /* a node that just began obeys what holds */
    assert_int_equal(look(&b, 0), BREAKER_OPEN);
}

/* ---- the shared one -------------------------------------------------------------------------- */

static const struct breaker_request anybody = {.bucket = 0,
                                               .weight_bp = WEIGHT_BP_MAX,
                                               .rescuable = true};

static void tell(struct breaker *b, struct breaker_cell *cell, struct breaker_ticket t,
                 enum breaker_outcome o, int64_t ms)
{
    breaker_report(b, cell, t, o, dur_ns(0), at(ms), wall);
}

static void the_shared_one_says_what_the_table_says(void **state UNUSED)
{
    struct breaker *b = breaker_new(&limits, at(0), wall);
    struct breaker_cell *cell = breaker_cell(b, 0);
    struct breaker_ticket t, other;
    struct breaker_seen seen;

    assert_int_equal(breaker_look(NULL, at(0), wall), BREAKER_DISABLED);
    assert_int_equal(breaker_see(NULL, at(0), wall, &seen), BREAKER_DISABLED);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(breaker_look(b, at(0), wall), BREAKER_CLOSED);
        assert_true(breaker_admit(b, &anybody, at(0), wall, &t));
        tell(b, cell, t, BREAKER_ERROR, 0);
    }
    assert_int_equal(breaker_look(b, at(1), wall), BREAKER_OPEN);
    assert_false(breaker_admit(b, &anybody, at(1), wall, &t));
    assert_int_equal(breaker_look(b, at(5000), wall), BREAKER_HALF_OPEN);
    assert_true(breaker_admit(b, &anybody, at(5000), wall, &t));
    assert_true(breaker_admit(b, &anybody, at(5000), wall, &other));
    assert_false(breaker_admit(b, &anybody, at(5000), wall, &(struct breaker_ticket){0}));
    tell(b, cell, other, BREAKER_ABANDONED, 5000);
    assert_true(breaker_admit(b, &anybody, at(5000), wall, &other));
    tell(b, cell, t, BREAKER_SUCCESS, 5001);
    assert_int_equal(breaker_look(b, at(5001), wall), BREAKER_CLOSED);
    tell(b, cell, other, BREAKER_SUCCESS, 5001);
    breaker_unref(breaker_ref(b));
    breaker_unref(b);
}

static void answers_of_all_lanes_are_in_the_window(void **state UNUSED)
{
    struct breaker *b = breaker_new(&limits, at(0), wall);
    struct breaker_cell *cell[] = {breaker_cell(b, 0), breaker_cell(b, 63)};
    struct breaker_ticket t = {0};
    struct breaker_seen seen;

    assert_ptr_equal(breaker_cell(b, 63), cell[1]);
    for (int i = 0; i < 100; i++)
        tell(b, cell[i % 2], t, BREAKER_SUCCESS, i);
    tell(b, cell[0], t, BREAKER_ERROR, 100);
    assert_int_equal(breaker_see(b, at(100), wall, &seen), BREAKER_CLOSED);
    assert_int_equal(seen.requests, 101);
    assert_int_equal(seen.errors, 1);
    assert_int_equal(seen.share_bp, WEIGHT_BP_MAX);
    for (int i = 0; i < 100; i++) /* in the window's second half */
        tell(b, cell[1], t, BREAKER_SUCCESS, 12000);
    breaker_see(b, at(17500), wall, &seen);
    assert_int_equal(seen.requests, 100);
    assert_int_equal(seen.errors, 0);
    breaker_unref(b);
}

static void answers_are_slow_by_their_time(void **state UNUSED)
{
    struct route_breaker config = limits;
    struct breaker_seen seen;
    struct breaker_cell *cell;
    struct breaker *b;

    config.slow_ms = 100;
    b = breaker_new(&config, at(0), wall);
    cell = breaker_cell(b, 0);
    breaker_report(b, cell, breaker_ticket(b), BREAKER_SUCCESS, dur_ms(100), at(0), wall);
    breaker_report(b, cell, breaker_ticket(b), BREAKER_SUCCESS, dur_ms(101), at(0), wall);
    breaker_see(b, at(0), wall, &seen);
    assert_int_equal(seen.slow, 1);
    assert_int_equal(seen.requests, 2);
    breaker_unref(b);
}

static void one_that_watches_diverts_nobody(void **state UNUSED)
{
    struct route_breaker config = limits;
    struct breaker_ticket t;
    struct breaker_seen seen;
    struct breaker_cell *cell;
    struct breaker *b;

    config.mode = BREAKER_MODE_WATCH;
    b = breaker_new(&config, at(0), wall);
    cell = breaker_cell(b, 0);
    for (int i = 0; i < 20; i++) {
        assert_true(breaker_admit(b, &anybody, at(i), wall, &t));
        tell(b, cell, t, BREAKER_ERROR, i);
    }
    assert_int_equal(breaker_look(b, at(20), wall), BREAKER_CLOSED);
    assert_int_equal(breaker_see(b, at(20), wall, &seen), BREAKER_OPEN);
    assert_true(seen.watching);
    assert_int_equal(seen.errors, 3 + 17);
    assert_true(breaker_admit(b, &anybody, at(6000), wall, &t));
    assert_true(t.probe);
    tell(b, cell, t, BREAKER_SUCCESS, 6000);
    assert_int_equal(breaker_see(b, at(6000), wall, &seen), BREAKER_CLOSED);
    config.mode = BREAKER_MODE_ENFORCE;
    breaker_configure(b, &config, at(6000), wall);
    for (int i = 0; i < 3; i++)
        tell(b, cell, t = breaker_ticket(b), BREAKER_ERROR, 6001);
    assert_false(breaker_admit(b, &anybody, at(6001), wall, &t));
    breaker_unref(b);
}

/* Users do not flip: who is let through stays let through, and the weight bounds it all. */
static void the_same_buckets_come_first_while_the_share_rises(void **state UNUSED)
{
    struct breaker *b = breaker_new(&ramped, at(0), wall);
    struct breaker_cell *cell = breaker_cell(b, 0);
    struct breaker_ticket t = breaker_ticket(b);
    uint32_t before = 0;

    for (int i = 0; i < 10; i++)
        tell(b, cell, t, BREAKER_ERROR, 0);
    assert_true(breaker_admit(b, &anybody, at(5000), wall, &t));
    tell(b, cell, t, BREAKER_SUCCESS, 5000);
    for (int64_t ms = 5000; ms <= 15000; ms += 100) {
        struct breaker_request req = {.weight_bp = 3000};
        uint32_t through = 0;

        while (req.bucket < 10000 && breaker_admit(b, &req, at(ms), wall, &t))
            req.bucket++;
        through = req.bucket;
        for (; req.bucket < 10000; req.bucket++)
            assert_false(breaker_admit(b, &req, at(ms), wall, &t) && ms < 15000);
        assert_in_range(through, before, 10000);
        assert_true(ms == 15000 || through <= 3000);
        before = through;
        req = (struct breaker_request){.bucket = 0, .weight_bp = 1};
        assert_true(breaker_admit(b, &req, at(ms), wall, &t));
    }
    assert_int_equal(breaker_look(b, at(15000), wall), BREAKER_CLOSED);
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
        cmocka_unit_test(another_window_holds_what_is_as_young),
        cmocka_unit_test(a_rate_opens_it_once_enough_was_asked),
        cmocka_unit_test(slow_answers_open_it_and_a_slow_probe_does_not_close_it),
        cmocka_unit_test(the_share_rises_and_never_falls),
        cmocka_unit_test(one_error_of_a_few_does_not_open_it_again),
        cmocka_unit_test(what_was_sent_before_it_opened_opens_no_ramp),
        cmocka_unit_test(probes_are_those_that_legacy_could_rescue_first),
        cmocka_unit_test(an_order_is_obeyed_once_and_holds),
        cmocka_unit_test(an_order_to_probe_leaves_a_closed_one_alone),
        cmocka_unit_test(the_shared_one_says_what_the_table_says),
        cmocka_unit_test(answers_of_all_lanes_are_in_the_window),
        cmocka_unit_test(answers_are_slow_by_their_time),
        cmocka_unit_test(one_that_watches_diverts_nobody),
        cmocka_unit_test(the_same_buckets_come_first_while_the_share_rises),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
