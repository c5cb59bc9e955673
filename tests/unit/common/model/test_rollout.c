/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/rollout.h"

#include "tests/lib/unit.h"

/* Stored and printed: the list may grow at its end, nothing in it may change. */
static const char *const released[] = {
    "pending",   "converging",   "baking",         "ready",           "paused",
    "completed", "rolling_back", "rolled_back",    "rollback_failed", "aborted",
    "preparing", "retreating",   "decommissioned",
};

static void names_are_as_released(void **state UNUSED)
{
    assert_int_equal(PHASE_COUNT, ARRAY_LEN(released));
    for (unsigned i = 0; i < PHASE_COUNT; i++)
        assert_string_equal(phase_name((enum rollout_phase)i), released[i]);
}

static void names_survive_both_ways(void **state UNUSED)
{
    enum rollout_phase p;

    for (unsigned i = 0; i < PHASE_COUNT; i++) {
        assert_true(phase_parse(str_of(phase_name((enum rollout_phase)i)), &p));
        assert_int_equal(p, i);
        assert_true(strlen(phase_help(p)) > 20);
    }
    assert_false(phase_parse(STR("Pending"), &p));
    assert_false(phase_parse(STR(""), &p));
}

static void a_phase_out_of_range_has_no_name(void **state UNUSED)
{
    assert_string_equal(phase_name(PHASE_COUNT), "?");
    assert_string_equal(phase_help(PHASE_COUNT), "?");
    assert_int_equal(phase_coarse(PHASE_COUNT), COARSE_WAITING);
}

static void coarse_states_say_what_moves(void **state UNUSED)
{
    assert_int_equal(phase_coarse(PHASE_PAUSED), COARSE_WAITING);
    assert_int_equal(phase_coarse(PHASE_BAKING), COARSE_RUNNING);
    assert_int_equal(phase_coarse(PHASE_ROLLING_BACK), COARSE_FALLING);
    assert_int_equal(phase_coarse(PHASE_ABORTED), COARSE_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_as_released),
        cmocka_unit_test(names_survive_both_ways),
        cmocka_unit_test(a_phase_out_of_range_has_no_name),
        cmocka_unit_test(coarse_states_say_what_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
