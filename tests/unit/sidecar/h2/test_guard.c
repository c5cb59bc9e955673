/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: what is asked for without a result is limited by number and by rate, and DATA of ours
 * pays for what answers it. */
#include "sidecar/h2/h2_guard.h"

#include "tests/lib/unit.h"

static unsigned charge_until_refused(struct h2_guard *g, enum h2_burden burden, mono_t now)
{
    unsigned n = 0;

    while (h2_guard_charge(g, burden, now))
        n++;
    return n;
}

static void each_burden_has_its_own_limit(void **state UNUSED)
{
    const mono_t now = {.ns = 1};
    struct h2_guard g;

    h2_guard_init(&g, now);
    assert_int_equal(charge_until_refused(&g, H2_BURDEN_RESET, now), 500);
    assert_int_equal(charge_until_refused(&g, H2_BURDEN_NOISE, now), 1000);
}

static void time_refills_it_and_no_more(void **state UNUSED)
{
    mono_t now = {.ns = 1};
    struct h2_guard g;

    h2_guard_init(&g, now);
    charge_until_refused(&g, H2_BURDEN_RESET, now);
    now = mono_add(now, dur_s(1));
    assert_in_range(charge_until_refused(&g, H2_BURDEN_RESET, now), 98, 100);
    now = mono_add(now, dur_s(3600));
    assert_int_equal(charge_until_refused(&g, H2_BURDEN_RESET, now), 500);
}

static void data_pays_for_window_updates(void **state UNUSED)
{
    const mono_t now = {.ns = 1};
    struct h2_guard g;

    h2_guard_init(&g, now);
    for (unsigned i = 0; i < 100000; i++) {
        h2_guard_credit(&g, 0);
        assert_true(h2_guard_charge(&g, H2_BURDEN_NOISE, now));
        assert_true(h2_guard_charge(&g, H2_BURDEN_NOISE, now));
    }
}

static void each_piece_that_is_read_is_paid_for(void **state UNUSED)
{
    const mono_t now = {.ns = 1};
    struct h2_guard g;

    h2_guard_init(&g, now);
    for (unsigned i = 0; i < 100000; i++) {
        h2_guard_credit(&g, 16384);
        for (unsigned update = 0; update < 2 * 16; update++)
            assert_true(h2_guard_charge(&g, H2_BURDEN_NOISE, now));
    }
}

static void data_that_is_read_later_has_paid_too(void **state UNUSED)
{
    mono_t now = {.ns = 1};
    struct h2_guard g;

    h2_guard_init(&g, now);
    for (unsigned i = 0; i < 10000; i++)
        h2_guard_credit(&g, 0);
    now = mono_add(now, dur_s(60));
    assert_int_equal(charge_until_refused(&g, H2_BURDEN_NOISE, now), 1000 + 3 * 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_burden_has_its_own_limit),
        cmocka_unit_test(time_refills_it_and_no_more),
        cmocka_unit_test(data_pays_for_window_updates),
        cmocka_unit_test(each_piece_that_is_read_is_paid_for),
        cmocka_unit_test(data_that_is_read_later_has_paid_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
