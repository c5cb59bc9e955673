/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fsm/sm.h"

#include "common/base/check.h"

#define NEAREST_MAX 128 /* names looked at for "did you mean" */

const struct sm_row *sm_next_row(const struct sm_machine *m, int state, int event,
                                 const struct sm_row *previous)
{
    const struct sm_row *row = previous ? previous + 1 : m->rows;

    for (; row < m->rows + m->row_count; row++)
        if (row->state == state && row->event == event)
            return row;
    return NULL;
}

const struct sm_ignore *sm_find_ignore(const struct sm_machine *m, int state, int event)
{
    for (unsigned i = 0; i < m->ignored_count; i++)
        if (m->ignored[i].state == state && m->ignored[i].event == event)
            return &m->ignored[i];
    return NULL;
}

const struct sm_row *sm_find_row(const struct sm_machine *m, int state, int event,
                                 const void *facts, enum sm_found *ret_found)
{
    const struct sm_row *row = sm_next_row(m, state, event, NULL);
    enum sm_found found = SM_HELD;

    if (!row)
        found = sm_find_ignore(m, state, event) ? SM_IGNORED : SM_UNKNOWN;
    while (row && row->guard && !row->guard(facts))
        row = sm_next_row(m, state, event, row);
    if (row)
        found = SM_FOUND;
    if (ret_found)
        *ret_found = found;
    return row;
}

static bool is_state(const struct sm_machine *m, int state)
{
    return state >= 0 && (unsigned)state < m->state_count;
}

void sm_init(struct sm *sm, const struct sm_machine *m, int state)
{
    CHECK(m->state_count <= SM_MAX_STATES && is_state(m, state));
    *sm = (struct sm){.machine = m, .state = state};
}

static void check_invariant(const struct sm *sm, const void *facts)
{
    const char *why = "no reason given";

    if (facts && sm->machine->invariant && !sm->machine->invariant(sm->state, facts, &why))
        check_die("machine %s in state %s: invariant broken: %s", sm->machine->name,
                  sm_state_name(sm->machine, sm->state), why);
}

void sm_move(struct sm *sm, const struct sm_row *row, const void *facts, wall_t at)
{
    const struct sm_machine *m = sm->machine;

    CHECK(row >= m->rows && row < m->rows + m->row_count && row->state == sm->state);
    if (row->to != SM_STAY) {
        if (!sm_allows(m, sm->state, row->to))
            check_die("machine %s: the state table forbids the move from %s to %s on %s", m->name,
                      sm_state_name(m, sm->state), sm_state_name(m, row->to),
                      sm_event_name(m, row->event));
        sm->ring[sm->moves++ % SM_RING] =
            (struct sm_step){.at = at, .from = sm->state, .to = row->to, .row = row};
        sm->state = row->to;
    }
    check_invariant(sm, facts);
}

const struct sm_row *sm_step(struct sm *sm, int event, const void *facts, wall_t at,
                             enum sm_found *ret_found)
{
    const struct sm_row *row = sm_find_row(sm->machine, sm->state, event, facts, ret_found);

    if (row)
        sm_move(sm, row, facts, at);
    return row;
}

const struct sm_step *sm_history(const struct sm *sm, unsigned n)
{
    if (n >= SM_RING || n >= sm->moves)
        return NULL;
    return &sm->ring[(sm->moves - 1 - n) % SM_RING];
}

bool sm_allows(const struct sm_machine *m, int from, int to)
{
    return is_state(m, from) && is_state(m, to) && (m->states[from].next & SM_TO(to)) != 0;
}

const char *sm_state_name(const struct sm_machine *m, int state)
{
    return is_state(m, state) ? m->states[state].name : "?";
}

const char *sm_event_name(const struct sm_machine *m, int event)
{
    return event >= 0 && (unsigned)event < m->event_count ? m->events[event] : "?";
}

static const char *nearest_state(const struct sm_machine *m, struct str name)
{
    const char *names[SM_MAX_STATES + 1] = {NULL};

    for (unsigned i = 0; i < m->state_count && i < SM_MAX_STATES; i++)
        names[i] = m->states[i].name;
    return str_nearest(name, names);
}

static const char *nearest_event(const struct sm_machine *m, struct str name)
{
    const char *names[NEAREST_MAX + 1] = {NULL};

    for (unsigned i = 0; i < m->event_count && i < NEAREST_MAX; i++)
        names[i] = m->events[i];
    return str_nearest(name, names);
}

static int unknown(const struct sm_machine *m, const char *what, struct str name,
                   const char *nearest, struct err *err)
{
    int shown = name.n > 64 ? 64 : (int)name.n;
    int r = err_set(err, ERR_INVALID, "machine %s has no %s named \"%.*s\"", m->name, what, shown,
                    name.n ? name.p : "");

    if (nearest)
        err_hint(err, "did you mean \"%s\"?", nearest);
    return r;
}

int sm_state_by_name(const struct sm_machine *m, struct str name, int *ret_state, struct err *err)
{
    for (unsigned i = 0; i < m->state_count; i++)
        if (str_eq(str_of(m->states[i].name), name)) {
            *ret_state = (int)i;
            return 0;
        }
    return unknown(m, "state", name, nearest_state(m, name), err);
}

int sm_event_by_name(const struct sm_machine *m, struct str name, int *ret_event, struct err *err)
{
    for (unsigned i = 0; i < m->event_count; i++)
        if (str_eq(str_of(m->events[i]), name)) {
            *ret_event = (int)i;
            return 0;
        }
    return unknown(m, "event", name, nearest_event(m, name), err);
}
