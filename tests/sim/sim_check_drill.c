/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/check.h"
#include "coordinator/core/drill_fsm.h"
#include "tests/sim/sim_check_state.h"

bool sim_check_same_drill(const struct rollout *a, const struct rollout *b)
{
    const struct drill_record *x = &a->drill, *y = &b->drill;

    return a->drill_state == b->drill_state && x->present == y->present && x->passed == y->passed &&
           x->started_at.ns == y->started_at.ns && x->ordered_at.ns == y->ordered_at.ns &&
           x->deadline.ns == y->deadline.ns && x->ended_at.ns == y->ended_at.ns &&
           strcmp(x->why, y->why) == 0;
}

/* What happened to a drill, by what is left of it. */
static enum drill_event event_of(const struct rollout *was, const struct rollout *is)
{
    if (was->drill_state == DRILL_IDLE)
        return DRILL_EV_BEGIN;
    if (is->stage == 0 || phase_coarse(is->phase) == COARSE_FALLING)
        return DRILL_EV_FALL;
    return was->drill.measured_ms < is->drill.measured_ms ||
                   was->drill.restored_ms < is->drill.restored_ms
               ? DRILL_EV_CONVERGED
               : DRILL_EV_DEADLINE;
}

static const struct sm_row *find_row(const struct rollout *was, const struct rollout *is)
{
    enum drill_event event = event_of(was, is);

    for (unsigned i = 0; i < drill_machine.row_count; i++) {
        const struct sm_row *row = &drill_machine.rows[i];

        if (row->state == (int)was->drill_state && row->to == (int)is->drill_state &&
            row->event == (int)event)
            return row;
    }
    return NULL;
}

/* A verdict is given once, at the end, and says what went wrong. */
static void check_verdict(struct sim_check *c, const struct sim_decision *is)
{
    const struct drill_record *r = &is->rollout.drill;
    bool over = is->rollout.drill_state == DRILL_IDLE;

    if (over != wall_is_set(r->ended_at) || (!over && r->passed))
        sim_fail(c->sim, "%s: a drill that is %s and over at the same time", is->migration.s,
                 drill_state_name(is->rollout.drill_state));
    else if (over && r->passed == (r->why[0] != '\0'))
        sim_fail(c->sim, "%s: a drill passed in spite of \"%s\"", is->migration.s, r->why);
    else if (r->passed && (r->measured_ms < 0.0 || r->restored_ms < 0.0))
        sim_fail(c->sim, "%s: a drill passed, and nothing was measured", is->migration.s);
}

void sim_check_drill(struct sim_check *c, const struct sim_decision *was,
                     const struct sim_decision *is)
{
    struct sim_coverage *taken = c->sim->config.coverage;
    const struct sm_row *row;

    if (was->rollout.drill_state == is->rollout.drill_state)
        return;
    sim_say(c->sim, is->migration.s, "has a drill of %s, %s%s%s", is->rollout.drill.scope.text,
            drill_state_name(is->rollout.drill_state), is->rollout.drill.why[0] ? ": " : "",
            is->rollout.drill.why);
    row = find_row(&was->rollout, &is->rollout);
    if (!row) {
        sim_fail(c->sim, "%s: no row leads a drill from %s to %s", is->migration.s,
                 drill_state_name(was->rollout.drill_state),
                 drill_state_name(is->rollout.drill_state));
        return;
    }
    check_verdict(c, is);
    CHECK(drill_machine.row_count <= SIM_ROWS_MAX);
    if (taken)
        taken->drilled[row - drill_machine.rows]++;
}
