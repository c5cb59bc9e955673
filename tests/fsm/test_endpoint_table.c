/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of an endpoint's health, read by a program: sound, unambiguous, stable in their names,
 * documented, and walked at random for 100,000 steps. */
#include "tests/fsm/machine_checks.h"

#include "common/base/rng.h"
#include "sidecar/proxy/balance.h"
#include "sidecar/proxy/endpoint_fsm.h"

static bool update_pages;

static void test_tables_are_sound(void **state UNUSED)
{
    machine_is_sound(&endpoint_machine);
}

static void test_no_two_rows_hold_for_any_facts(void **state UNUSED)
{
    for (unsigned bits = 0; bits < 16; bits++) {
        const struct endpoint_facts facts = {
            .limit_reached = bits & 1,
            .others_stand = bits & 2,
            .checks_settled = bits & 4,
            .time_is_over = bits & 8,
        };

        machine_is_unambiguous_for(&endpoint_machine, &facts);
    }
}

static void test_names_are_the_released_ones(void **state UNUSED)
{
    static const char *const released[] = {"warming", "healthy", "ejected", "failing", NULL};

    machine_keeps_names(&endpoint_machine, released);
}

static void test_the_page_in_docs_is_fresh(void **state UNUSED)
{
    machine_page_is_fresh(&endpoint_machine, update_pages);
}

static void take_event(struct endpoint_fsm *e, struct rng *rng, mono_t now)
{
    wall_t wall = {now.ns};

    switch (rng_below(rng, 8)) {
    case 0:
        endpoint_fsm_check(e, rng_below(rng, 2), now, wall);
        break;
    case 1:
        if (rng_below(rng, 50) == 0)
            endpoint_fsm_uncheck(e, now, wall);
        break;
    case 2:
    case 3:
        endpoint_fsm_fail(e, rng_below(rng, 8) ? 1 : ENDPOINT_UNREACHED, rng_below(rng, 2), now,
                          wall);
        break;
    case 4:
        if (endpoint_fsm_state(e) != ENDPOINT_EJECTED)
            e->failures = 0;
        break;
    default:
        endpoint_fsm_tick(e, now, wall);
        break;
    }
}

static void test_a_random_walk_takes_every_move(void **state UNUSED)
{
    uint64_t taken[ENDPOINT_STATE_COUNT] = {0};
    mono_t now = {1000000000000};
    struct endpoint_fsm e;
    struct rng rng;

    rng_seed(&rng, 20261121);
    endpoint_fsm_init(&e, ENDPOINT_HEALTHY, now);
    for (unsigned i = 0; i < 100000; i++) {
        const struct sm_step *last;

        now = mono_add(now, dur_ms((int64_t)rng_below(&rng, 1500)));
        take_event(&e, &rng, now);
        assert_true(e.failures <= ENDPOINT_FAILURES);
        assert_true(e.ejected_for.ns <= ENDPOINT_EJECT_LONGEST.ns);
        last = sm_history(&e.sm, 0);
        if (last)
            taken[last->from] |= SM_TO(last->to);
    }
    for (int s = 0; s < ENDPOINT_STATE_COUNT; s++)
        assert_int_equal(taken[s], endpoint_machine.states[s].next);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_sound),
        cmocka_unit_test(test_no_two_rows_hold_for_any_facts),
        cmocka_unit_test(test_names_are_the_released_ones),
        cmocka_unit_test(test_the_page_in_docs_is_fresh),
        cmocka_unit_test(test_a_random_walk_takes_every_move),
    };

    update_pages = argc > 1 && strcmp(argv[1], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
