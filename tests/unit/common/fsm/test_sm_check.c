/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"
#include "tests/unit/common/fsm/door.h"

/* A copy of the door that a test may damage. */
struct bench {
    struct sm_state states[DOOR_STATES];
    struct sm_row rows[ARRAY_LEN(door_rows)];
    struct sm_ignore ignored[ARRAY_LEN(door_ignored)];
    const char *events[DOOR_EVENTS];
    struct sm_machine machine;
};

static void set_up(struct bench *b)
{
    memcpy(b->states, door_states, sizeof b->states);
    memcpy(b->rows, door_rows, sizeof b->rows);
    memcpy(b->ignored, door_ignored, sizeof b->ignored);
    memcpy(b->events, door_events, sizeof b->events);
    b->machine = door;
    b->machine.states = b->states;
    b->machine.rows = b->rows;
    b->machine.ignored = b->ignored;
    b->machine.events = b->events;
}

static void sound_tables_pass(void **state UNUSED)
{
    struct err e;

    assert_ok(sm_check(&door, &e), &e);
}

static void no_states(struct bench *b)
{
    b->machine.state_count = 0;
}
static void too_many_states(struct bench *b)
{
    b->machine.state_count = SM_MAX_STATES + 1;
}
static void shapeless_name(struct bench *b)
{
    b->states[DOOR_OPEN].name = "Open";
}
static void no_help(struct bench *b)
{
    b->states[DOOR_OPEN].help = NULL;
}
static void next_out_of_range(struct bench *b)
{
    b->states[DOOR_OPEN].next |= SM_TO(DOOR_STATES);
}
static void no_initial(struct bench *b)
{
    b->states[DOOR_CLOSED].flags = 0;
}
static void same_state_name(struct bench *b)
{
    b->states[DOOR_LOCKED].name = "open";
}
static void same_event_name(struct bench *b)
{
    b->events[EV_KEY] = "push";
}
static void nameless_event(struct bench *b)
{
    b->events[EV_KEY] = NULL;
}
static void row_out_of_range(struct bench *b)
{
    b->rows[0].event = DOOR_EVENTS;
}
static void forbidden_move(struct bench *b)
{
    b->rows[3].to = DOOR_LOCKED;
}
static void nameless_guard(struct bench *b)
{
    b->rows[1].guard_name = NULL;
}
static void no_reason(struct bench *b)
{
    b->rows[1].why = "";
}
static void nameless_effect(struct bench *b)
{
    b->rows[1].effects = 1u << 2;
}
static void unguarded_too_early(struct bench *b)
{
    b->rows[6].guard = NULL;
    b->rows[6].guard_name = NULL;
}
static void ignore_out_of_range(struct bench *b)
{
    b->ignored[0].state = -1;
}
static void ignored_twice(struct bench *b)
{
    b->ignored[2].event = EV_PUSH;
}
static void ignore_without_reason(struct bench *b)
{
    b->ignored[0].why = NULL;
}
static void pair_missing(struct bench *b)
{
    b->machine.ignored_count--;
}
static void pair_in_both(struct bench *b)
{
    b->ignored[0].event = EV_PUSH;
}
static void unused_move(struct bench *b)
{
    b->states[DOOR_OPEN].next |= SM_TO(DOOR_LOCKED);
}
static void unreachable(struct bench *b)
{
    b->states[DOOR_CLOSED].next &= ~SM_TO(DOOR_LOCKED);
    b->rows[1].to = SM_STAY;
}
static void dead_end(struct bench *b)
{
    b->states[DOOR_LOCKED].next = 0;
    b->rows[6].to = SM_STAY;
    b->rows[8].to = SM_STAY;
}

static void every_fault_is_found_and_named(void **state UNUSED)
{
    static const struct {
        void (*damage)(struct bench *);
        const char *message;
    } cases[] = {
        {no_states, "0 states"},
        {too_many_states, "65 states"},
        {shapeless_name, "state 1 has no name, or one"},
        {no_help, "state open lacks"},
        {next_out_of_range, "state open allows a next state that does not exist"},
        {no_initial, "initial"},
        {same_state_name, "two states are named open"},
        {same_event_name, "two events are named push"},
        {nameless_event, "event 1 has no name"},
        {row_out_of_range, "row 0: state or event does not exist"},
        {forbidden_move, "row 3: open on push goes to locked, which open does not allow"},
        {nameless_guard, "row 1: closed on key has a guard without name"},
        {no_reason, "row 1: closed on key does not say why"},
        {nameless_effect, "row 1: closed on key has an effect without name"},
        {unguarded_too_early, "row 6: locked on key has no guard"},
        {ignore_out_of_range, "ignore 0: state or event does not exist"},
        {ignored_twice, "gone on push is ignored twice"},
        {ignore_without_reason, "open ignores key and does not say why"},
        {pair_missing, "gone on fire is in neither"},
        {pair_in_both, "open on push is in both"},
        {unused_move, "open allows locked, and no row goes there"},
        {unreachable, "locked cannot be reached"},
        {dead_end, "locked cannot reach a final state"},
    };
    struct bench b;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_up(&b);
        cases[i].damage(&b);
        assert_fails(sm_check(&b.machine, &e), ERR_INTERNAL);
        assert_holds(e.msg, cases[i].message);
        assert_holds(e.msg, "machine door: ");
    }
}

static void machines_that_never_end_need_no_final_state(void **state UNUSED)
{
    struct bench b;
    struct err e;

    set_up(&b);
    b.states[DOOR_GONE].flags = 0;
    assert_ok(sm_check(&b.machine, &e), &e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_tables_pass),
        cmocka_unit_test(every_fault_is_found_and_named),
        cmocka_unit_test(machines_that_never_end_need_no_final_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
