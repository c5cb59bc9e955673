/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a request, without a clock. */
#include "sidecar/proxy/balance.h"

#include "tests/lib/unit.h"

#define WELL(n)                             \
    {                                       \
        .busy = (n), .weight = BALANCE_FULL \
    }
#define SICK(n)                  \
    {                            \
        .busy = (n), .weight = 0 \
    }
#define WARM(n, w)                 \
    {                              \
        .busy = (n), .weight = (w) \
    }
#define OUT                                            \
    {                                                  \
        .busy = 0, .weight = BALANCE_FULL, .out = true \
    }

static void the_least_busy_of_the_best_is_chosen(void **state UNUSED)
{
    static const struct {
        const char *what;
        struct balance_candidate c[3];
        unsigned want;
    } rows[] = {
        {"fewest requests", {WELL(3), WELL(1), WELL(2)}, 1},
        {"an idle one that is sick waits", {WELL(9), SICK(0), WELL(8)}, 2},
        {"one that was tried is never chosen", {OUT, WELL(5), WELL(6)}, 1},
        {"the last one left", {OUT, WELL(500), OUT}, 1},
        {"a sick one is better than none", {OUT, SICK(7), OUT}, 1},
        {"one that warms up is better than a sick one", {SICK(0), WARM(9, 1), OUT}, 1},
        {"nobody is well: the least busy", {SICK(4), SICK(3), SICK(2)}, 2},
        {"nobody is left", {OUT, OUT, OUT}, BALANCE_NONE},
    };

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        for (uint32_t turn = 0; turn < 1000; turn++) {
            unsigned got = balance_choose(rows[i].c, 3, turn);

            if (got != rows[i].want)
                fail_msg("%s: %u at turn %u", rows[i].what, got, (unsigned)turn);
        }
    assert_int_equal(balance_choose(NULL, 0, 7), BALANCE_NONE);
}

static void equals_take_turns(void **state UNUSED)
{
    const struct balance_candidate c[] = {WELL(2), WELL(2), WELL(2)};
    unsigned got[3] = {0};

    for (uint32_t turn = UINT32_MAX - 100; turn != 200; turn++)
        got[balance_choose(c, 3, turn)]++;
    for (unsigned i = 0; i < 3; i++)
        assert_true(got[i] >= 99 && got[i] <= 102);
}

/* The share that one has among three, in thousandths, when all are idle. */
static unsigned share_at(uint32_t weight)
{
    const struct balance_candidate c[] = {WELL(0), WARM(0, weight), WELL(0)};
    unsigned got = 0;

    for (uint32_t turn = 0; turn < 30000; turn++)
        got += balance_choose(c, 3, turn) == 1;
    return got / 30;
}

static void one_that_warms_up_gets_what_its_weight_says(void **state UNUSED)
{
    const unsigned full = share_at(BALANCE_FULL), half = share_at(BALANCE_FULL / 2),
                   tenth = share_at(balance_ramp(dur_ms(0)));

    assert_true(full >= 330 && full <= 336);
    assert_true(half >= 150 && half <= 180);
    assert_true(tenth >= 20 && tenth <= 45);
}

static void the_ramp_rises_from_a_tenth_to_all(void **state UNUSED)
{
    uint32_t before = 0;

    assert_int_equal(balance_ramp(dur_ms(-5)), BALANCE_FULL / 10);
    for (int64_t ms = 0; ms < 12000; ms += 10) {
        uint32_t weight = balance_ramp(dur_ms(ms));

        assert_true(weight >= before && weight > 0 && weight <= BALANCE_FULL);
        before = weight;
    }
    assert_int_equal(before, BALANCE_FULL);
    assert_int_equal(balance_ramp((dur_t){INT64_MAX}), BALANCE_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_busy_of_the_best_is_chosen),
        cmocka_unit_test(equals_take_turns),
        cmocka_unit_test(one_that_warms_up_gets_what_its_weight_says),
        cmocka_unit_test(the_ramp_rises_from_a_tenth_to_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
