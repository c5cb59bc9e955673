/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fsm/sm.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "tests/unit/common/fsm/door.h"

static const struct door_facts with_key = {.has_key = true};
static const struct door_facts without_key = {0};

static void the_first_row_whose_guard_holds_wins(void **state UNUSED)
{
    enum sm_found found;

    const struct sm_row *row = sm_find_row(&door, DOOR_LOCKED, EV_KEY, &with_key, &found);
    assert_int_equal(found, SM_FOUND);
    assert_int_equal(row->to, DOOR_CLOSED);
    row = sm_find_row(&door, DOOR_LOCKED, EV_KEY, &without_key, &found);
    assert_int_equal(found, SM_FOUND);
    assert_int_equal(row->to, SM_STAY);
}

static void no_row_says_whether_held_ignored_or_unknown(void **state UNUSED)
{
    enum sm_found found;

    assert_null(sm_find_row(&door, DOOR_CLOSED, EV_KEY, &without_key, &found));
    assert_int_equal(found, SM_HELD);
    assert_null(sm_find_row(&door, DOOR_OPEN, EV_KEY, &without_key, &found));
    assert_int_equal(found, SM_IGNORED);
    assert_null(sm_find_row(&door, DOOR_OPEN, 99, &without_key, &found));
    assert_int_equal(found, SM_UNKNOWN);
    assert_null(sm_find_row(&door, DOOR_OPEN, 99, &without_key, NULL));
    assert_string_equal(sm_find_ignore(&door, DOOR_GONE, EV_FIRE)->why, "nothing to burn");
}

static void steps_move_and_are_remembered(void **state UNUSED)
{
    enum sm_found found;
    struct sm sm;

    sm_init(&sm, &door, DOOR_CLOSED);
    assert_null(sm_history(&sm, 0));
    assert_string_equal(sm_step(&sm, EV_PUSH, &without_key, (wall_t){1}, &found)->why,
                        "somebody pushed");
    assert_int_equal(sm.state, DOOR_OPEN);
    assert_null(sm_step(&sm, EV_KEY, &without_key, (wall_t){2}, &found));
    assert_int_equal(found, SM_IGNORED);
    assert_non_null(sm_step(&sm, EV_PUSH, NULL, (wall_t){3}, NULL));
    assert_int_equal(sm.moves, 2);
    assert_true(sm_history(&sm, 0)->at.ns == 3);
    assert_int_equal(sm_history(&sm, 0)->from, DOOR_OPEN);
    assert_int_equal(sm_history(&sm, 1)->to, DOOR_OPEN);
    assert_null(sm_history(&sm, 2));
}

static void staying_is_no_move(void **state UNUSED)
{
    struct sm sm;

    sm_init(&sm, &door, DOOR_LOCKED);
    const struct sm_row *row = sm_step(&sm, EV_PUSH, &without_key, (wall_t){1}, NULL);
    assert_int_equal(row->effects, FX_BELL);
    assert_int_equal(sm.state, DOOR_LOCKED);
    assert_int_equal(sm.moves, 0);
}

static void the_ring_holds_the_last_32(void **state UNUSED)
{
    struct sm sm;

    sm_init(&sm, &door, DOOR_CLOSED);
    for (int i = 1; i <= 100; i++)
        sm_step(&sm, EV_PUSH, &without_key, (wall_t){i}, NULL);
    assert_int_equal(sm.moves, 100);
    for (int i = 0; i < SM_RING; i++)
        assert_true(sm_history(&sm, (unsigned)i)->at.ns == 100 - i);
    assert_null(sm_history(&sm, SM_RING));
}

static void move_other_row(struct sm *sm)
{
    sm_move(sm, &door_rows[3], NULL, (wall_t){1}); /* a row of OPEN */
}

static void move_forbidden(struct sm *sm)
{
    static const struct sm_row rows[] = {{DOOR_CLOSED, EV_PUSH, NULL, NULL, DOOR_CLOSED, 0, "x"}};
    static struct sm_machine bad;

    bad = door;
    bad.rows = rows;
    bad.row_count = 1;
    sm->machine = &bad;
    sm_move(sm, rows, NULL, (wall_t){1});
}

static void move_into_broken(struct sm *sm)
{
    const struct door_facts broken = {.broken = true};

    sm_step(sm, EV_PUSH, &broken, (wall_t){1}, NULL);
}

static void assert_aborts(void (*body)(struct sm *))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct sm sm;
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        sm_init(&sm, &door, DOOR_CLOSED);
        body(&sm);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void wrong_moves_and_broken_invariants_abort(void **state UNUSED)
{
    assert_aborts(move_other_row);
    assert_aborts(move_forbidden);
    assert_aborts(move_into_broken);
}

static void unknown_names_are_errors_with_the_nearest(void **state UNUSED)
{
    struct err e;
    int s = 77;

    assert_ok(sm_state_by_name(&door, STR("locked"), &s, &e), &e);
    assert_int_equal(s, DOOR_LOCKED);
    assert_fails(sm_state_by_name(&door, STR("lokced"), &s, &e), ERR_INVALID);
    assert_string_equal(e.msg, "machine door has no state named \"lokced\"");
    assert_string_equal(e.hint, "did you mean \"locked\"?");
    assert_int_equal(s, DOOR_LOCKED);
    assert_fails(sm_event_by_name(&door, STR("zzzzzz"), &s, &e), ERR_INVALID);
    assert_string_equal(e.hint, "");
    assert_fails(sm_state_by_name(&door, STR(""), &s, &e), ERR_INVALID);
    assert_string_equal(sm_state_name(&door, -1), "?");
    assert_string_equal(sm_event_name(&door, 99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_row_whose_guard_holds_wins),
        cmocka_unit_test(no_row_says_whether_held_ignored_or_unknown),
        cmocka_unit_test(steps_move_and_are_remembered),
        cmocka_unit_test(staying_is_no_move),
        cmocka_unit_test(the_ring_holds_the_last_32),
        cmocka_unit_test(wrong_moves_and_broken_invariants_abort),
        cmocka_unit_test(unknown_names_are_errors_with_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
