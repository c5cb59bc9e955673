/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet breaker's tables, read by a program: sound, unambiguous, stable in their names,
 * documented, and true to what an operator may rely on. */
#include "coordinator/core/fleet_breaker_fsm.h"
#include "tests/fsm/machine_checks.h"

static bool update_page;

static const size_t flags[] = {
#define FLAG(name) offsetof(struct fleet_breaker_facts, name)
    FLAG(present), FLAG(forbidden), FLAG(armed),  FLAG(sick),
    FLAG(well),    FLAG(due),       FLAG(waking), FLAG(waits),
#undef FLAG
};

#define COMBINATIONS ((1u << ARRAY_LEN(flags)) * BREAKER_ORDER_COUNT)

static struct fleet_breaker_facts facts_of(unsigned n)
{
    unsigned bits = n / BREAKER_ORDER_COUNT;
    struct fleet_breaker_facts facts;

    memset(&facts, 0, sizeof facts);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        *(bool *)((char *)&facts + flags[i]) = (bits >> i) & 1u;
    facts.order = (enum breaker_order)(n % BREAKER_ORDER_COUNT);
    return facts;
}

static void test_tables_are_sound(void **state UNUSED)
{
    machine_is_sound(&fleet_breaker_machine);
}

static void test_no_two_rows_hold_for_any_facts(void **state UNUSED)
{
    for (unsigned n = 0; n < COMBINATIONS; n++) {
        const struct fleet_breaker_facts facts = facts_of(n);

        machine_is_unambiguous_for(&fleet_breaker_machine, &facts);
    }
}

/* The order that a row gives, or that stands when it gives none. */
static enum breaker_order order_after(const struct sm_row *row, enum breaker_order before)
{
    static const enum breaker_order orders[FLEET_BREAKER_FX_COUNT] = {
        [FLEET_BREAKER_FX_BIT_ORDER_OPEN] = BREAKER_ORDER_OPEN,
        [FLEET_BREAKER_FX_BIT_ORDER_CLOSE] = BREAKER_ORDER_CLOSE,
        [FLEET_BREAKER_FX_BIT_ORDER_PROBE] = BREAKER_ORDER_PROBE,
        [FLEET_BREAKER_FX_BIT_ORDER_RESET] = BREAKER_ORDER_RESET,
    };

    for (unsigned i = 0; i < FLEET_BREAKER_FX_COUNT; i++)
        if ((row->effects & (1u << i)) && orders[i] != BREAKER_ORDER_NONE)
            before = orders[i];
    return before;
}

/* Whatever happens, nodes have been told what the state says. */
static void test_every_row_keeps_what_its_state_promises(void **state UNUSED)
{
    for (unsigned n = 0; n < COMBINATIONS; n++) {
        for (unsigned i = 0; i < fleet_breaker_machine.row_count; i++) {
            const struct sm_row *row = &fleet_breaker_machine.rows[i];
            struct fleet_breaker_facts f = facts_of(n);
            int to = row->to == SM_STAY ? row->state : row->to;
            const char *why;

            if (!fleet_breaker_machine.invariant(row->state, &f, &why) ||
                (row->guard && !row->guard(&f)))
                continue;
            f.order = order_after(row, f.order);
            f.waits = row->effects & FLEET_BREAKER_FX_WAIT;
            if (!fleet_breaker_machine.invariant(to, &f, &why))
                fail_msg("%s, %s: %s", sm_state_name(&fleet_breaker_machine, row->state),
                         sm_event_name(&fleet_breaker_machine, row->event), why);
        }
    }
}

static const struct sm_row *row_for(int state, enum fleet_breaker_event event, bool present,
                                    bool forbidden)
{
    const struct fleet_breaker_facts f = {
        .present = present, .forbidden = forbidden, .armed = present && !forbidden};

    return sm_find_row(&fleet_breaker_machine, state, (int)event, &f, NULL);
}

/* Nobody is left without an answer. */
static void test_it_is_never_open_where_legacy_is_forbidden(void **state UNUSED)
{
    for (int s = 0; s < FLEET_BREAKER_STATE_COUNT; s++) {
        for (int e = 0; e < FLEET_BREAKER_EVENT_COUNT; e++) {
            const struct sm_row *row = row_for(s, (enum fleet_breaker_event)e, true, true);

            assert_false(row && order_after(row, BREAKER_ORDER_NONE) == BREAKER_ORDER_OPEN);
        }
    }
    assert_int_equal(row_for(FLEET_BREAKER_FORCED_OPEN, FLEET_BREAKER_EV_DISARM, true, true)->to,
                     FLEET_BREAKER_CLOSED);
}

/* An operator's word is taken in every state, and says the same in each. */
static void test_operators_are_always_heard(void **state UNUSED)
{
    static const struct {
        enum fleet_breaker_event event;
        int to;
    } words[] = {
        {FLEET_BREAKER_EV_OPEN, FLEET_BREAKER_FORCED_OPEN},
        {FLEET_BREAKER_EV_CLOSE, FLEET_BREAKER_FORCED_CLOSED},
        {FLEET_BREAKER_EV_RESET, FLEET_BREAKER_CLOSED},
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (int s = 0; s < FLEET_BREAKER_STATE_COUNT; s++) {
            const struct sm_row *row = row_for(s, words[i].event, true, false);

            if (s == words[i].to && words[i].event != FLEET_BREAKER_EV_RESET)
                assert_null(row);
            else
                assert_int_equal(row->to == SM_STAY ? s : row->to, words[i].to);
        }
    }
}

static void test_a_fall_lets_go_of_new_and_keeps_what_is_safe(void **state UNUSED)
{
    const struct sm_row *closed =
        row_for(FLEET_BREAKER_FORCED_CLOSED, FLEET_BREAKER_EV_FALL, true, false);

    assert_int_equal(closed->to, FLEET_BREAKER_CLOSED);
    assert_null(row_for(FLEET_BREAKER_FORCED_OPEN, FLEET_BREAKER_EV_FALL, true, false));
}

static void test_names_are_the_released_ones(void **state UNUSED)
{
    static const char *const released[] = {"closed", "forced_open", "forced_closed",
                                           "open",   "half_open",   NULL};

    machine_keeps_names(&fleet_breaker_machine, released);
    for (int s = 0; s < FLEET_BREAKER_STATE_COUNT; s++) {
        const char *name = fleet_breaker_state_name((enum fleet_breaker_state)s);
        enum fleet_breaker_state back;

        assert_true(fleet_breaker_state_parse(str_of(name), &back));
        assert_int_equal(back, s);
        assert_string_equal(sm_state_name(&fleet_breaker_machine, s), name);
    }
}

static void test_the_page_in_docs_is_fresh(void **state UNUSED)
{
    machine_page_is_fresh(&fleet_breaker_machine, update_page);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_sound),
        cmocka_unit_test(test_no_two_rows_hold_for_any_facts),
        cmocka_unit_test(test_every_row_keeps_what_its_state_promises),
        cmocka_unit_test(test_it_is_never_open_where_legacy_is_forbidden),
        cmocka_unit_test(test_operators_are_always_heard),
        cmocka_unit_test(test_a_fall_lets_go_of_new_and_keeps_what_is_safe),
        cmocka_unit_test(test_names_are_the_released_ones),
        cmocka_unit_test(test_the_page_in_docs_is_fresh),
    };

    update_page = argc > 1 && strcmp(argv[1], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
