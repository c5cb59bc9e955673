/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker's tables, read by a program: sound, unambiguous, stable in its names, documented, and
 * walked at random for 100,000 steps. */
#include "tests/fsm/machine_checks.h"

#include "common/base/rng.h"
#include "sidecar/proxy/breaker_fsm.h"

static bool update_pages;

static void test_tables_are_sound(void **state UNUSED)
{
    machine_is_sound(&breaker_machine);
}

static void test_no_two_rows_hold_for_any_facts(void **state UNUSED)
{
    for (unsigned bits = 0; bits < 16; bits++) {
        const struct breaker_facts facts = {
            .limit_reached = bits & 1,
            .open_is_over = bits & 2,
            .probes = bits & 4 ? 1 : 0,
            .probes_max = bits & 8 ? 2 : 1,
        };

        machine_is_unambiguous_for(&breaker_machine, &facts);
    }
}

static void test_names_are_the_released_ones(void **state UNUSED)
{
    static const char *const released[] = {"closed", "open", "half_open", NULL};

    machine_keeps_names(&breaker_machine, released);
}

static void test_the_page_in_docs_is_fresh(void **state UNUSED)
{
    machine_page_is_fresh(&breaker_machine, update_pages);
}

/* A client of the breaker that behaves: it gives every slot back, sooner or later. */
static void test_a_random_walk_keeps_every_invariant(void **state UNUSED)
{
    const struct route_breaker config = {
        .errors = 3, .window_ms = 1000, .open_for_ms = 500, .half_open_requests = 4};
    uint64_t taken[BREAKER_ST_COUNT] = {0};
    unsigned out = 0;
    mono_t now = {1000000000000};
    struct breaker_fsm b;
    struct rng rng;

    rng_seed(&rng, 20261121);
    breaker_fsm_init(&b, &config, now);
    for (unsigned i = 0; i < 100000; i++) {
        wall_t wall = {now.ns};
        const struct sm_step *last;

        now = mono_add(now, dur_ms((int64_t)rng_below(&rng, 40)));
        breaker_fsm_state(&b, now, wall);
        if (rng_below(&rng, 3) == 0 && breaker_fsm_take_probe(&b))
            out++;
        if (out > 0 && rng_below(&rng, 4) == 0) {
            breaker_fsm_report(&b, (enum breaker_outcome)rng_below(&rng, 3), true, now, wall);
            out--;
        }
        breaker_fsm_report(&b, rng_below(&rng, 20) ? BREAKER_SUCCESS : BREAKER_ERROR, false, now,
                           wall);
        assert_int_equal(b.probes, out);
        assert_true(out <= config.half_open_requests);
        last = sm_history(&b.sm, 0);
        if (last)
            taken[last->from] |= SM_TO(last->to);
    }
    for (int s = 0; s < BREAKER_ST_COUNT; s++)
        assert_int_equal(taken[s], breaker_machine.states[s].next);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_sound),
        cmocka_unit_test(test_no_two_rows_hold_for_any_facts),
        cmocka_unit_test(test_names_are_the_released_ones),
        cmocka_unit_test(test_the_page_in_docs_is_fresh),
        cmocka_unit_test(test_a_random_walk_keeps_every_invariant),
    };

    update_pages = argc > 1 && strcmp(argv[1], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
