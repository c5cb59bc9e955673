/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decide/decide.h"

#include "tests/lib/unit.h"

static const uint32_t weights[] = {0, 1, 2500, 9999, 10000};
static const uint32_t buckets[] = {0, 1, 2499, 2500, 9998, 9999};

/* The layers said as the design says them, strongest first. */
static struct decision expect(const struct ruleset_entry *e, enum breaker_state breaker,
                              bool below_weight)
{
    static const enum system by_weight[] = {SYSTEM_LEGACY, SYSTEM_NEW};
    enum system override = e->route.override;

    if (e->emergency.active)
        return (struct decision){SYSTEM_LEGACY, DECIDE_EMERGENCY, 0};
    if (e->route.forbid_legacy && (breaker == BREAKER_OPEN || breaker == BREAKER_HALF_OPEN))
        return (struct decision){SYSTEM_NONE, DECIDE_NOBODY, 0};
    if (e->route.forbid_legacy)
        return (struct decision){SYSTEM_NEW, DECIDE_LEGACY_FORBIDDEN, 0};
    if (override == SYSTEM_LEGACY)
        return (struct decision){SYSTEM_LEGACY, DECIDE_OVERRIDE_LEGACY, 0};
    if (breaker == BREAKER_OPEN || breaker == BREAKER_HALF_OPEN)
        return (struct decision){SYSTEM_LEGACY, DECIDE_BREAKER, 0};
    if (override == SYSTEM_NEW)
        return (struct decision){SYSTEM_NEW, DECIDE_OVERRIDE_NEW, 0};
    return (struct decision){by_weight[below_weight], DECIDE_WEIGHT, 0};
}

static void check_one(const struct ruleset_entry *e, enum breaker_state breaker, uint32_t bucket)
{
    struct decision want = expect(e, breaker, bucket < e->route.weight_bp);
    struct decision got = decide(e, bucket, breaker);

    assert_int_equal(got.system, want.system);
    assert_int_equal(got.reason, want.reason);
    assert_int_equal(got.bucket, bucket);
}

static void every_combination_of_layers_decides_as_designed(void **state UNUSED)
{
    struct ruleset_entry e = {.emergency = {.epoch = 1}};
    unsigned seen = 0;

    for (unsigned n = 0; n < 4 * SYSTEM_COUNT * BREAKER_STATE_COUNT; n++) {
        enum breaker_state breaker = (enum breaker_state)(n / 4 / SYSTEM_COUNT);

        e.emergency.active = n % 2;
        e.route.forbid_legacy = n / 2 % 2;
        e.route.override = (enum system)(n / 4 % SYSTEM_COUNT);
        for (size_t i = 0; i < ARRAY_LEN(weights) * ARRAY_LEN(buckets); i++) {
            e.route.weight_bp = weights[i % ARRAY_LEN(weights)];
            check_one(&e, breaker, buckets[i / ARRAY_LEN(weights)]);
            seen++;
        }
    }
    assert_int_equal(seen, 1440);
}

static void a_lifted_emergency_decides_nothing(void **state UNUSED)
{
    struct ruleset_entry e = {.emergency = {.epoch = 9}, .route = {.weight_bp = 10000}};

    assert_int_equal(decide(&e, 9999, BREAKER_CLOSED).system, SYSTEM_NEW);
    e.emergency.active = true;
    assert_int_equal(decide(&e, 0, BREAKER_CLOSED).system, SYSTEM_LEGACY);
}

static void only_an_emergency_goes_to_legacy_where_it_is_forbidden(void **state UNUSED)
{
    struct ruleset_entry e = {.emergency = {.epoch = 9},
                              .route = {.forbid_legacy = true, .override = SYSTEM_LEGACY}};

    assert_int_equal(decide(&e, 9999, BREAKER_CLOSED).system, SYSTEM_NEW);
    assert_int_equal(decide(&e, 0, BREAKER_OPEN).system, SYSTEM_NONE);
    e.emergency.active = true;
    assert_int_equal(decide(&e, 0, BREAKER_CLOSED).system, SYSTEM_LEGACY);
    assert_int_equal(decide(&e, 0, BREAKER_OPEN).system, SYSTEM_LEGACY);
}

static void a_raised_weight_never_takes_a_key_back(void **state UNUSED)
{
    struct ruleset_entry e = {.route = {.weight_bp = 0}};

    for (uint32_t bucket = 0; bucket < BUCKETS; bucket += 7) {
        bool was_new = false;

        for (uint32_t weight = 0; weight <= WEIGHT_BP_MAX; weight += 50) {
            bool is_new;

            e.route.weight_bp = weight;
            is_new = decide(&e, bucket, BREAKER_CLOSED).system == SYSTEM_NEW;
            assert_true(is_new || !was_new);
            was_new = is_new;
        }
        assert_true(was_new);
    }
}

static void reasons_have_words(void **state UNUSED)
{
    for (unsigned r = 0; r < DECIDE_REASON_COUNT; r++)
        assert_true(strlen(decide_reason_text((enum decide_reason)r)) > 10);
    assert_string_equal(decide_reason_text(DECIDE_REASON_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_of_layers_decides_as_designed),
        cmocka_unit_test(a_lifted_emergency_decides_nothing),
        cmocka_unit_test(only_an_emergency_goes_to_legacy_where_it_is_forbidden),
        cmocka_unit_test(a_raised_weight_never_takes_a_key_back),
        cmocka_unit_test(reasons_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
