/* SPDX-License-Identifier: Apache-2.0 */
/* sm_check(): each static function finds one kind of fault in a machine's tables. */
#include "common/fsm/sm.h"

#include <stdio.h>

static int fault(const struct sm_machine *m, struct err *err, const char *fmt, ...) PRINTF(3, 4);

static int fault(const struct sm_machine *m, struct err *err, const char *fmt, ...)
{
    char what[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return err_set(err, ERR_INTERNAL, "machine %s: %s", m->name, what);
}

/* Stored in files and typed by people: lower case, digits, '_', '-' and '.'. */
static bool name_in_shape(const char *name)
{
    return name && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == strlen(name);
}

static bool has_text(const char *s)
{
    return s && *s;
}

static int check_states(const struct sm_machine *m, struct err *err)
{
    bool initial = false;

    if (m->state_count == 0 || m->state_count > SM_MAX_STATES)
        return fault(m, err, "%u states; 1 to %d are possible", m->state_count, SM_MAX_STATES);
    for (unsigned i = 0; i < m->state_count; i++) {
        const struct sm_state *s = &m->states[i];
        if (!name_in_shape(s->name))
            return fault(m, err, "state %u has no name, or one that is not [a-z][a-z0-9_.-]*", i);
        if (!has_text(s->coarse) || !has_text(s->help))
            return fault(m, err, "state %s lacks its coarse word or its help", s->name);
        if (m->state_count < SM_MAX_STATES && s->next >> m->state_count)
            return fault(m, err, "state %s allows a next state that does not exist", s->name);
        initial = initial || (s->flags & SM_INITIAL);
    }
    return initial ? 0 : fault(m, err, "no state is marked initial");
}

/* Unique names are exactly those that come back through the lookup. */
static int check_names(const struct sm_machine *m, struct err *err)
{
    for (unsigned i = 0; i < m->state_count; i++) {
        int back = -1;
        int r = sm_state_by_name(m, str_of(m->states[i].name), &back, err);
        if (r < 0 || back != (int)i)
            return fault(m, err, "two states are named %s", m->states[i].name);
    }
    for (unsigned i = 0; i < m->event_count; i++) {
        int back = -1;
        if (!name_in_shape(m->events[i]))
            return fault(m, err, "event %u has no name, or one that is not [a-z][a-z0-9_.-]*", i);
        int r = sm_event_by_name(m, str_of(m->events[i]), &back, err);
        if (r < 0 || back != (int)i)
            return fault(m, err, "two events are named %s", m->events[i]);
    }
    return 0;
}

static bool in_range(const struct sm_machine *m, int state, int event)
{
    return state >= 0 && (unsigned)state < m->state_count && event >= 0 &&
           (unsigned)event < m->event_count;
}

static int check_row(const struct sm_machine *m, const struct sm_row *row, struct err *err)
{
    unsigned n = (unsigned)(row - m->rows);

    if (!in_range(m, row->state, row->event))
        return fault(m, err, "row %u: state or event does not exist", n);
    const char *state = sm_state_name(m, row->state);
    const char *event = sm_event_name(m, row->event);
    if (row->to != SM_STAY && !sm_allows(m, row->state, row->to))
        return fault(m, err, "row %u: %s on %s goes to %s, which %s does not allow", n, state,
                     event, sm_state_name(m, row->to), state);
    if (!row->guard != !row->guard_name)
        return fault(m, err, "row %u: %s on %s has a guard without name or the reverse", n, state,
                     event);
    if (!has_text(row->why))
        return fault(m, err, "row %u: %s on %s does not say why", n, state, event);
    if (m->effect_count < 32 && row->effects >> m->effect_count)
        return fault(m, err, "row %u: %s on %s has an effect without name", n, state, event);
    if (!row->guard && sm_next_row(m, row->state, row->event, row))
        return fault(m, err, "row %u: %s on %s has no guard, the rows after it never apply", n,
                     state, event);
    return 0;
}

static int check_rows(const struct sm_machine *m, struct err *err)
{
    for (unsigned i = 0; i < m->row_count; i++) {
        int r = check_row(m, &m->rows[i], err);
        if (r < 0)
            return r;
    }
    for (unsigned i = 0; i < m->ignored_count; i++) {
        const struct sm_ignore *ignored = &m->ignored[i];
        if (!in_range(m, ignored->state, ignored->event))
            return fault(m, err, "ignore %u: state or event does not exist", i);
        const char *state = sm_state_name(m, ignored->state);
        const char *event = sm_event_name(m, ignored->event);
        if (sm_find_ignore(m, ignored->state, ignored->event) != ignored)
            return fault(m, err, "%s on %s is ignored twice", state, event);
        if (!has_text(ignored->why))
            return fault(m, err, "%s ignores %s and does not say why", state, event);
    }
    return 0;
}

static int check_pairs(const struct sm_machine *m, struct err *err)
{
    for (int state = 0; state < (int)m->state_count; state++)
        for (int event = 0; event < (int)m->event_count; event++) {
            bool row = sm_next_row(m, state, event, NULL) != NULL;
            bool ignored = sm_find_ignore(m, state, event) != NULL;
            if (row == ignored)
                return fault(m, err, "%s on %s is in %s", sm_state_name(m, state),
                             sm_event_name(m, event),
                             row ? "both the row table and the ignore table"
                                 : "neither the row table nor the ignore table");
        }
    return 0;
}

static bool has_row_for(const struct sm_machine *m, int from, int to)
{
    for (unsigned i = 0; i < m->row_count; i++)
        if (m->rows[i].state == from && m->rows[i].to == to)
            return true;
    return false;
}

static int check_moves_used(const struct sm_machine *m, struct err *err)
{
    for (int from = 0; from < (int)m->state_count; from++)
        for (int to = 0; to < (int)m->state_count; to++)
            if (sm_allows(m, from, to) && !has_row_for(m, from, to))
                return fault(m, err, "%s allows %s, and no row goes there", sm_state_name(m, from),
                             sm_state_name(m, to));
    return 0;
}

/* Every state from which, or to which, the set `from` is connected. */
static uint64_t closure(const struct sm_machine *m, uint64_t set, bool forwards)
{
    uint64_t before;

    do {
        before = set;
        for (unsigned i = 0; i < m->state_count; i++) {
            if (forwards && (set & SM_TO(i)))
                set |= m->states[i].next;
            if (!forwards && (set & m->states[i].next))
                set |= SM_TO(i);
        }
    } while (set != before);
    return set;
}

static uint64_t flagged(const struct sm_machine *m, enum sm_flag flag)
{
    uint64_t set = 0;

    for (unsigned i = 0; i < m->state_count; i++)
        if (m->states[i].flags & flag)
            set |= SM_TO(i);
    return set;
}

static int check_reachable(const struct sm_machine *m, struct err *err)
{
    uint64_t from_start = closure(m, flagged(m, SM_INITIAL), true);
    uint64_t finals = flagged(m, SM_FINAL);
    uint64_t to_end = finals ? closure(m, finals, false) : UINT64_MAX;

    for (unsigned i = 0; i < m->state_count; i++) {
        if (!(from_start & SM_TO(i)))
            return fault(m, err, "%s cannot be reached from an initial state", m->states[i].name);
        if (!(to_end & SM_TO(i)))
            return fault(m, err, "%s cannot reach a final state", m->states[i].name);
    }
    return 0;
}

int sm_check(const struct sm_machine *m, struct err *err)
{
    static int (*const checks[])(const struct sm_machine *, struct err *) = {
        check_states, check_names, check_rows, check_pairs, check_moves_used, check_reachable,
    };

    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        int r = checks[i](m, err);
        if (r < 0)
            return r;
    }
    return 0;
}
