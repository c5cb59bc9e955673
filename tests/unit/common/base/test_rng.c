/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/backoff.h"
#include "common/base/rng.h"
#include "tests/lib/unit.h"

static void the_algorithm_is_xoshiro256ss(void **state UNUSED)
{
    struct rng r = {{1, 2, 3, 4}};

    assert_true(rng_u64(&r) == 11520);
    assert_true(rng_u64(&r) == 0);
    assert_true(rng_u64(&r) == 1509978240);
    assert_true(rng_u64(&r) == UINT64_C(1215971899390074240));
}

static void the_same_seed_gives_the_same_chance(void **state UNUSED)
{
    struct rng a, b, c;

    rng_seed(&a, 99);
    rng_seed(&b, 99);
    rng_seed(&c, 100);
    assert_true(rng_u64(&a) == rng_u64(&b));
    assert_true(rng_u64(&a) != rng_u64(&c));
    rng_seed_system(&a);
    rng_seed_system(&b);
    assert_true(rng_u64(&a) != rng_u64(&b));
}

static void ranges_are_kept_and_filled_evenly(void **state UNUSED)
{
    unsigned counts[7] = {0};
    struct rng r;

    rng_seed(&r, 1);
    for (unsigned i = 0; i < 70000; i++)
        counts[rng_below(&r, 7)]++;
    for (unsigned i = 0; i < 7; i++)
        assert_in_range(counts[i], 9500, 10500);
    for (unsigned i = 0; i < 1000; i++) {
        double u = rng_unit(&r);
        assert_true(u >= 0 && u < 1);
        assert_int_equal(rng_below(&r, 1), 0);
    }
}

static void delays_stay_between_base_and_cap_and_spread(void **state UNUSED)
{
    struct backoff b;
    struct rng r;
    bool capped = false;

    rng_seed(&r, 4);
    backoff_init(&b, dur_ms(100), dur_s(5));
    for (unsigned i = 0; i < 1000; i++) {
        int64_t previous = b.last.ns;
        dur_t d = backoff_next(&b, &r);
        assert_true(d.ns >= dur_ms(100).ns && d.ns <= dur_s(5).ns);
        assert_true(d.ns <= 3 * previous);
        capped = capped || d.ns == dur_s(5).ns;
    }
    assert_true(capped);
    backoff_reset(&b);
    assert_true(backoff_next(&b, &r).ns <= dur_ms(300).ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_algorithm_is_xoshiro256ss),
        cmocka_unit_test(the_same_seed_gives_the_same_chance),
        cmocka_unit_test(ranges_are_kept_and_filled_evenly),
        cmocka_unit_test(delays_stay_between_base_and_cap_and_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
