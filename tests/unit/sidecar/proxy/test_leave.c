/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/leave.h"

#include "tests/lib/unit.h"

static const dur_t half_a_minute = {30000000000};

static void news_follow_their_users_requests(void **state UNUSED)
{
    struct ruleset_entry e = {.route.weight_bp = 5000};

    assert_true(leave_may_stay(&e, SYSTEM_NEW, 4999));
    assert_false(leave_may_stay(&e, SYSTEM_NEW, 5000));
    e.route.override = SYSTEM_LEGACY;
    assert_false(leave_may_stay(&e, SYSTEM_NEW, 0));
    e.route.override = SYSTEM_NONE;
    e.emergency.active = true;
    assert_false(leave_may_stay(&e, SYSTEM_NEW, 0));
}

static void legacys_stay_while_legacy_may_answer_anybody(void **state UNUSED)
{
    struct ruleset_entry e = {.route.weight_bp = WEIGHT_BP_MAX};

    assert_true(leave_may_stay(&e, SYSTEM_LEGACY, 0));
    e.route.forbid_legacy = true;
    assert_false(leave_may_stay(&e, SYSTEM_LEGACY, 0));
}

static void nothing_stays_without_rules(void **state UNUSED)
{
    assert_false(leave_may_stay(NULL, SYSTEM_NEW, 0));
    assert_false(leave_may_stay(NULL, SYSTEM_LEGACY, 0));
}

static void an_emergency_has_less_time(void **state UNUSED)
{
    struct ruleset_entry e = {.emergency.active = true};

    assert_int_equal(leave_window(NULL, half_a_minute).ns, half_a_minute.ns);
    assert_int_equal(leave_window(&e, half_a_minute).ns, dur_s(5).ns);
    assert_int_equal(leave_window(&e, dur_ms(1)).ns, dur_ms(1).ns);
    e.emergency.active = false;
    assert_int_equal(leave_window(&e, half_a_minute).ns, half_a_minute.ns);
}

static void instants_lie_within_the_window(void **state UNUSED)
{
    struct rng rng;
    unsigned early = 0;

    rng_seed(&rng, 1);
    assert_int_equal(leave_pick(&rng, dur_ms(0)).ns, 0);
    for (unsigned i = 0; i < 1000; i++) {
        int64_t ns = leave_pick(&rng, half_a_minute).ns;

        assert_in_range(ns, 0, half_a_minute.ns);
        early += ns < half_a_minute.ns / 2;
    }
    assert_in_range(early, 400, 600);
}

/* The drain of a node is shorter than what young answers are let alone for. */
static void who_has_to_be_gone_waits_less_and_is_spread_as_well(void **state UNUSED)
{
    const dur_t forever = {INT64_MAX};
    struct rng rng;
    unsigned early = 0;

    rng_seed(&rng, 1);
    for (unsigned i = 0; i < 1000; i++) {
        int64_t ns = leave_pick_after(&rng, dur_s(30), dur_s(4), dur_s(9)).ns;

        assert_in_range(ns, dur_s(5).ns, dur_s(9).ns);
        early += ns < dur_s(7).ns;
        assert_in_range(leave_pick_after(&rng, dur_s(2), dur_s(4), dur_s(9)).ns, dur_s(2).ns,
                        dur_s(6).ns);
        assert_in_range(leave_pick_after(&rng, dur_s(30), dur_s(4), forever).ns, dur_s(30).ns,
                        dur_s(34).ns);
        assert_in_range(leave_pick_after(&rng, dur_s(30), dur_s(4), dur_s(1)).ns, 0, dur_s(1).ns);
    }
    assert_in_range(early, 400, 600);
    assert_int_equal(leave_pick_after(&rng, dur_s(30), dur_s(4), dur_ms(0)).ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(news_follow_their_users_requests),
        cmocka_unit_test(legacys_stay_while_legacy_may_answer_anybody),
        cmocka_unit_test(nothing_stays_without_rules),
        cmocka_unit_test(an_emergency_has_less_time),
        cmocka_unit_test(instants_lie_within_the_window),
        cmocka_unit_test(who_has_to_be_gone_waits_less_and_is_spread_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
