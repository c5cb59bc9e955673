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
    for (unsigned bits = 0; bits < 64; bits++) {
        const struct breaker_facts facts = {
            .limit_reached = bits & 1,
            .open_is_over = bits & 2,
            .probes = bits & 4 ? 1 : 0,
            .probes_max = bits & 8 ? 2 : 1,
            .ramps = bits & 16,
            .ramp_is_over = bits & 32,
        };

        machine_is_unambiguous_for(&breaker_machine, &facts);
    }
}

static void test_names_are_the_released_ones(void **state UNUSED)
{
    static const char *const released[] = {"closed",    "open",        "half_open", "ramping",
                                           "held_open", "held_closed", NULL};

    machine_keeps_names(&breaker_machine, released);
}

static void test_the_page_in_docs_is_fresh(void **state UNUSED)
{
    machine_page_is_fresh(&breaker_machine, update_pages);
}

/* A client of the breaker that behaves: it gives every slot back, sooner or later. Now and then an
 * operator gives an order, and more often lets it go by itself again. */
struct walk {
    struct breaker_fsm b;
    struct route_breaker config;
    struct rng rng;
    mono_t now;
    struct {
        uint32_t era;
    } probe[8];
    unsigned out;
};

static void give_order(struct walk *w)
{
    static const enum breaker_order orders[] = {BREAKER_ORDER_OPEN,  BREAKER_ORDER_CLOSE,
                                                BREAKER_ORDER_PROBE, BREAKER_ORDER_PROBE,
                                                BREAKER_ORDER_RESET, BREAKER_ORDER_RESET};

    w->config.order = orders[rng_below(&w->rng, ARRAY_LEN(orders))];
    w->config.order_number++;
    w->config.re_ramp_ms = rng_below(&w->rng, 2) ? 300 : 0;
    breaker_fsm_configure(&w->b, &w->config, w->now, (wall_t){w->now.ns});
}

static void walk_probes(struct walk *w)
{
    const wall_t wall = {w->now.ns};

    if (rng_below(&w->rng, 3) == 0 && breaker_fsm_take_probe(&w->b, true, w->now))
        w->probe[w->out++].era = w->b.era;
    if (w->out > 0 && rng_below(&w->rng, 4) == 0) {
        enum breaker_outcome o = (enum breaker_outcome)rng_below(&w->rng, 4);

        breaker_fsm_report(&w->b, o, true, w->probe[--w->out].era, w->now, wall);
    }
    assert_int_equal(w->b.probes, w->out);
    assert_true(w->out <= w->config.half_open_requests);
}

static void test_a_random_walk_keeps_every_invariant(void **state UNUSED)
{
    struct walk w = {
        .config = {.errors = 3, .window_ms = 1000, .open_for_ms = 500, .half_open_requests = 4},
        .now = {1000000000000}};
    uint64_t taken[BREAKER_ST_COUNT] = {0};

    rng_seed(&w.rng, 20261121);
    breaker_fsm_init(&w.b, &w.config, w.now, (wall_t){w.now.ns});
    for (unsigned i = 0; i < 100000; i++) {
        const struct sm_step *last;

        w.now = mono_add(w.now, dur_ms((int64_t)rng_below(&w.rng, 40)));
        breaker_fsm_elapse(&w.b, w.now, (wall_t){w.now.ns});
        walk_probes(&w);
        breaker_fsm_report(&w.b, rng_below(&w.rng, 20) ? BREAKER_SUCCESS : BREAKER_ERROR, false,
                           w.b.era, w.now, (wall_t){w.now.ns});
        last = sm_history(&w.b.sm, 0);
        if (last)
            taken[last->from] |= SM_TO(last->to);
        if (rng_below(&w.rng, 50) == 0)
            give_order(&w);
        last = sm_history(&w.b.sm, 0);
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
