/* SPDX-License-Identifier: Apache-2.0 */
/* Durations, shares and places read as a person would write them. */
#include "coordinator/core/words.h"
#include "tests/lib/unit.h"
#include "tests/unit/coordinator/core/plans.h"

static void test_durations_have_two_units(void **state UNUSED)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0s"},        {-5, "0s"},          {250, "250ms"},     {1000, "1s"},
        {12999, "12s"},   {190000, "3m 10s"},  {7500000, "2h 5m"}, {7201000, "2h 1s"},
        {86400000, "1d"}, {93784000, "1d 2h"},
    };
    char text[WORDS_DURATION_MAX];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(words_duration(dur_ms(cases[i].ms), text), cases[i].text);
}

static void test_shares_have_a_percent_sign(void **state UNUSED)
{
    char text[WORDS_RATIO_MAX];

    assert_string_equal(words_ratio(50000, text), "5 %");
    assert_string_equal(words_ratio(1000, text), "0.1 %");
    assert_string_equal(words_weight(1250, text), "12.5 %");
    assert_string_equal(words_weight(10000, text), "100 %");
}

static void test_a_place_is_stage_weight_phase(void **state UNUSED)
{
    struct rollout r = {.phase = PHASE_PENDING};
    struct plan *plan;
    struct err err;
    char text[WORDS_PLACE_MAX];

    assert_ok(plan_parse(STR(PLAN_ORDERS), "plan.yaml", &plan, &err), &err);
    assert_string_equal(words_place(plan, &r, text), "legacy, pending");
    r = (struct rollout){.phase = PHASE_BAKING, .stage = 2, .weight_bp = 1000};
    assert_string_equal(words_place(plan, &r, text), "canary (10 %), baking");
    r.override = SYSTEM_LEGACY;
    assert_string_equal(words_place(plan, &r, text), "canary (10 %, all to legacy), baking");
    r = (struct rollout){.phase = PHASE_PENDING, .override = SYSTEM_NEW};
    assert_string_equal(words_place(plan, &r, text), "legacy (0 %, all to new), pending");
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_have_two_units),
        cmocka_unit_test(test_shares_have_a_percent_sign),
        cmocka_unit_test(test_a_place_is_stage_weight_phase),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
