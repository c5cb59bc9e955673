/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/budget.h"

#include "tests/lib/unit.h"

static mono_t at(int64_t ms)
{
    return (mono_t){dur_ms(ms).ns + dur_s(1000000).ns};
}

static unsigned spend_all(struct budget *b, uint32_t share_bp, int64_t ms)
{
    unsigned n = 0;

    for (; budget_allows(b, share_bp, at(ms)); n++)
        budget_spend(b, at(ms));
    return n;
}

static void some_are_free(void **state UNUSED)
{
    struct budget b = {.start = {0}};

    assert_int_equal(spend_all(&b, 1, 0), BUDGET_FREE);
}

static void a_share_of_the_requests_may_be_tried_twice(void **state UNUSED)
{
    struct budget b = {.start = {0}};

    for (int i = 0; i < 1000; i++)
        budget_count(&b, at(i));
    assert_int_equal(spend_all(&b, 2000, 1000), 200);
    for (int i = 0; i < 1000; i++)
        budget_count(&b, at(5000));
    assert_int_equal(spend_all(&b, 2000, 5000), 200);
}

static void what_is_ten_seconds_old_is_forgotten(void **state UNUSED)
{
    struct budget b = {.start = {0}};

    for (int i = 0; i < 1000; i++)
        budget_count(&b, at(0));
    assert_int_equal(spend_all(&b, 2000, 0), 200);
    assert_int_equal(spend_all(&b, 2000, 9999), 0);
    assert_int_equal(spend_all(&b, 2000, 10000), BUDGET_FREE);
    assert_int_equal(spend_all(&b, 2000, 3600000), BUDGET_FREE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_are_free),
        cmocka_unit_test(a_share_of_the_requests_may_be_tried_twice),
        cmocka_unit_test(what_is_ten_seconds_old_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
