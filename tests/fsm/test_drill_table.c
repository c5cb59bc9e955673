/* SPDX-License-Identifier: Apache-2.0 */
/* The drill's tables, read by a program: sound, unambiguous, stable in their names, documented, and
 * true to what a drill promises: what it moved comes back. */
#include "coordinator/core/drill_fsm.h"
#include "tests/fsm/machine_checks.h"

static bool update_page;

static const size_t flags[] = {
#define FLAG(name) offsetof(struct drill_facts, name)
    FLAG(on_stage),  FLAG(overridden), FLAG(forbidden), FLAG(populated),
    FLAG(converged), FLAG(late),       FLAG(waking),    FLAG(open),
#undef FLAG
};

static struct drill_facts facts_of(unsigned bits)
{
    struct drill_facts facts;

    memset(&facts, 0, sizeof facts);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        *(bool *)((char *)&facts + flags[i]) = (bits >> i) & 1u;
    return facts;
}

static void test_tables_are_sound(void **state UNUSED)
{
    machine_is_sound(&drill_machine);
}

static void test_no_two_rows_hold_for_any_facts(void **state UNUSED)
{
    for (unsigned bits = 0; bits < 1u << ARRAY_LEN(flags); bits++) {
        const struct drill_facts facts = facts_of(bits);

        machine_is_unambiguous_for(&drill_machine, &facts);
    }
}

/* Whatever a rehearsal came to, the scope is given back before the drill is over; only a fall,
 * which sends everybody to legacy or lower, needs no giving back. */
static void test_what_is_rehearsed_is_restored(void **state UNUSED)
{
    for (unsigned i = 0; i < drill_machine.row_count; i++) {
        const struct sm_row *row = &drill_machine.rows[i];

        if (row->state != DRILL_REHEARSING)
            continue;
        assert_true(row->event == DRILL_EV_FALL || row->to == DRILL_RESTORING);
        assert_int_equal(row->to == DRILL_RESTORING, !!(row->effects & DRILL_FX_RESTORE));
    }
}

/* A drill that ran has an end in its record, and one that went wrong says why. */
static void test_every_drill_is_closed(void **state UNUSED)
{
    for (unsigned i = 0; i < drill_machine.row_count; i++) {
        const struct sm_row *row = &drill_machine.rows[i];
        bool wrong = row->event == DRILL_EV_DEADLINE || row->event == DRILL_EV_FALL;

        assert_int_equal(row->to == DRILL_IDLE, !!(row->effects & DRILL_FX_CLOSE));
        assert_int_equal(wrong, !!(row->effects & DRILL_FX_FAIL));
    }
}

/* Nothing keeps a rollback, an abort or an emergency waiting. */
static void test_a_fall_ends_a_drill_at_once(void **state UNUSED)
{
    for (unsigned bits = 0; bits < 1u << ARRAY_LEN(flags); bits++) {
        const struct drill_facts facts = facts_of(bits);

        for (int s = 0; s < DRILL_STATE_COUNT; s++) {
            const struct sm_row *row = sm_find_row(&drill_machine, s, DRILL_EV_FALL, &facts, NULL);

            assert_int_equal(row != NULL, s != DRILL_IDLE);
            if (row)
                assert_int_equal(row->to, DRILL_IDLE);
        }
    }
}

static void test_no_drill_begins_where_it_must_not(void **state UNUSED)
{
    for (unsigned bits = 0; bits < 1u << ARRAY_LEN(flags); bits++) {
        const struct drill_facts f = facts_of(bits);
        bool row = sm_find_row(&drill_machine, DRILL_IDLE, DRILL_EV_BEGIN, &f, NULL);

        assert_int_equal(row, f.on_stage && !f.overridden && !f.forbidden && f.populated);
    }
}

static void test_the_invariant_looks(void **state UNUSED)
{
    const char *why = NULL;

    for (unsigned bits = 0; bits < 1u << ARRAY_LEN(flags); bits++) {
        const struct drill_facts f = facts_of(bits);

        for (int s = 0; s < DRILL_STATE_COUNT; s++) {
            bool holds = s == DRILL_IDLE ? !f.open : f.open && f.on_stage;

            assert_int_equal(drill_machine.invariant(s, &f, &why), holds);
        }
    }
}

static void test_names_are_the_released_ones(void **state UNUSED)
{
    static const char *const released[] = {"idle", "rehearsing", "restoring", NULL};

    machine_keeps_names(&drill_machine, released);
    for (int s = 0; s < DRILL_STATE_COUNT; s++) {
        enum drill_state back;

        assert_true(drill_state_parse(str_of(drill_state_name((enum drill_state)s)), &back));
        assert_int_equal(back, s);
        assert_string_equal(sm_state_name(&drill_machine, s),
                            drill_state_name((enum drill_state)s));
    }
}

static void test_the_page_in_docs_is_fresh(void **state UNUSED)
{
    machine_page_is_fresh(&drill_machine, update_page);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_sound),
        cmocka_unit_test(test_no_two_rows_hold_for_any_facts),
        cmocka_unit_test(test_what_is_rehearsed_is_restored),
        cmocka_unit_test(test_every_drill_is_closed),
        cmocka_unit_test(test_a_fall_ends_a_drill_at_once),
        cmocka_unit_test(test_no_drill_begins_where_it_must_not),
        cmocka_unit_test(test_the_invariant_looks),
        cmocka_unit_test(test_names_are_the_released_ones),
        cmocka_unit_test(test_the_page_in_docs_is_fresh),
    };

    update_page = argc > 1 && strcmp(argv[1], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
