/* SPDX-License-Identifier: Apache-2.0 */
/* The election's tables, read by a program: sound, unambiguous, stable in their names, documented,
 * and safe in what every row may do. */
#include "coordinator/election/election.h"
#include "tests/fsm/machine_checks.h"

static bool update_page;

static void test_tables_are_sound(void **state UNUSED)
{
    machine_is_sound(&election_machine);
}

static struct election_facts facts_of(unsigned bits)
{
    return (struct election_facts){
        .leased = bits & 1, .in_time = (bits & 2) != 0, .vacant = (bits & 4) != 0};
}

static void test_no_two_rows_hold_for_any_facts(void **state UNUSED)
{
    for (unsigned bits = 0; bits < 8; bits++) {
        const struct election_facts facts = facts_of(bits);

        machine_is_unambiguous_for(&election_machine, &facts);
    }
}

/* Acting begins with a row into LEADING, and ends with every row out of it. */
static void test_leading_is_entered_and_left_aloud(void **state UNUSED)
{
    for (unsigned i = 0; i < election_machine.row_count; i++) {
        const struct sm_row *row = &election_machine.rows[i];
        bool leads = row->effects & ELECTION_FX_LEAD;
        bool steps_down = row->effects & ELECTION_FX_STEP_DOWN;

        if (row->to == ELECTION_LEADING && row->state != ELECTION_LEADING)
            assert_true(leads && row->event == ELECTION_EV_OURS);
        assert_int_equal(steps_down, row->state == ELECTION_LEADING && row->to != SM_STAY);
    }
}

/* Nobody begins to lead with a lease that was not kept in time, whatever else is known. */
static void test_nobody_leads_late(void **state UNUSED)
{
    for (unsigned bits = 0; bits < 8; bits++) {
        struct election_facts facts = facts_of(bits);

        facts.in_time = false;
        for (int s = 0; s < ELECTION_STATE_COUNT; s++) {
            const struct sm_row *row =
                sm_find_row(&election_machine, s, ELECTION_EV_OURS, &facts, NULL);

            if (row && s != ELECTION_LEADING)
                assert_int_not_equal(row->to, ELECTION_LEADING);
        }
    }
}

/* Whatever is going on, a lease that ended is forgotten and asked for anew, and a process can
 * stop. */
static void test_a_lease_may_end_in_every_state_that_has_one(void **state UNUSED)
{
    for (int s = ELECTION_REGISTERING; s <= ELECTION_DOUBTING; s++) {
        const struct sm_row *ended = sm_next_row(&election_machine, s, ELECTION_EV_ENDED, NULL);
        const struct sm_row *leave = sm_next_row(&election_machine, s, ELECTION_EV_LEAVE, NULL);

        assert_non_null(ended);
        assert_null(ended->guard);
        assert_int_equal(ended->to, ELECTION_OUTSIDE);
        assert_true(ended->effects & ELECTION_FX_DROP);
        assert_non_null(leave);
        assert_int_equal(leave->to, ELECTION_LEAVING);
        assert_true(leave->effects & ELECTION_FX_REVOKE);
    }
}

static void test_names_are_the_released_ones(void **state UNUSED)
{
    static const char *const released[] = {"outside",     "registering", "following",
                                           "campaigning", "leading",     "doubting",
                                           "leaving",     "gone",        NULL};

    machine_keeps_names(&election_machine, released);
}

static void test_the_page_in_docs_is_fresh(void **state UNUSED)
{
    machine_page_is_fresh(&election_machine, update_page);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_sound),
        cmocka_unit_test(test_no_two_rows_hold_for_any_facts),
        cmocka_unit_test(test_leading_is_entered_and_left_aloud),
        cmocka_unit_test(test_nobody_leads_late),
        cmocka_unit_test(test_a_lease_may_end_in_every_state_that_has_one),
        cmocka_unit_test(test_names_are_the_released_ones),
        cmocka_unit_test(test_the_page_in_docs_is_fresh),
    };

    update_page = argc > 1 && strcmp(argv[1], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
