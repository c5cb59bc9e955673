/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: whoever moves enough in each window goes on for as long as it likes, and whoever does not
 * is found out when the window is over, however often it moves a byte. */
#include "sidecar/proxy/pace.h"

#include "tests/lib/unit.h"

#define WINDOW dur_s(10)
#define FLOOR  100

static bool holds(struct pace *p, uint64_t moved, int64_t at_ms)
{
    return pace_holds(p, moved, (mono_t){1 + at_ms * 1000000}, WINDOW, FLOOR);
}

static void rest(struct pace *p, int64_t at_ms)
{
    pace_rest(p, (mono_t){1 + at_ms * 1000000});
}

static void enough_in_each_window_is_enough(void **state UNUSED)
{
    struct pace p = {.before = 0};
    uint64_t moved = 100;

    for (int64_t at = 0; at < 600000; at += 1000, moved += FLOOR)
        assert_true(holds(&p, moved, at));
}

static void a_drip_is_found_out_when_the_window_is_over(void **state UNUSED)
{
    struct pace p = {.before = 0};
    uint64_t moved = 7;

    for (int64_t at = 0; at < 10000; at += 100)
        assert_true(holds(&p, moved++, at));
    assert_false(holds(&p, moved, 10000));
    assert_false(holds(&p, moved + 1, 10001));
    assert_true(holds(&p, moved + 2000, 10002));
    assert_true(holds(&p, moved + 2000, 20001));
    assert_false(holds(&p, moved + 2000, 20002));
}

static void a_burst_counts_for_its_own_window_alone(void **state UNUSED)
{
    struct pace p = {.before = 0};

    assert_true(holds(&p, 0, 0));
    assert_true(holds(&p, 1000000, 10));
    assert_true(holds(&p, 1000001, 10010));
    assert_false(holds(&p, 1000002, 20010));
}

static void time_that_others_take_does_not_count(void **state UNUSED)
{
    struct pace p = {.before = 0};

    assert_true(holds(&p, 1, 0));
    rest(&p, 4000);
    rest(&p, 30000);
    assert_true(holds(&p, 2, 50000));
    assert_true(holds(&p, 3, 55999));
    assert_false(holds(&p, 4, 56000));
}

/* Buffers that come empty make the proxy wait for others every now and then. */
static void to_be_waited_for_in_pieces_is_no_way_out(void **state UNUSED)
{
    struct pace p = {.before = 0};
    unsigned moved = 0;

    while (moved < 1000 && holds(&p, moved, 100 * moved)) {
        moved++;
        rest(&p, 100 * moved - 1);
    }
    assert_in_range(moved, 100, 102);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enough_in_each_window_is_enough),
        cmocka_unit_test(a_drip_is_found_out_when_the_window_is_over),
        cmocka_unit_test(a_burst_counts_for_its_own_window_alone),
        cmocka_unit_test(time_that_others_take_does_not_count),
        cmocka_unit_test(to_be_waited_for_in_pieces_is_no_way_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
