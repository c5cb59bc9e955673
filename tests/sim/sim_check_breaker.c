/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/check.h"
#include "coordinator/core/fleet_breaker_fsm.h"
#include "tests/sim/sim_check_state.h"

bool sim_check_same_breaker(const struct rollout *a, const struct rollout *b)
{
    const struct fleet_breaker *x = &a->breaker, *y = &b->breaker;

    return x->state == y->state && x->order == y->order && x->order_number == y->order_number &&
           strcmp(x->why, y->why) == 0;
}

/* The row that leads from one to the other: the one whose sentence the record begins with. */
static const struct sm_row *find_row(const struct fleet_breaker *was,
                                     const struct fleet_breaker *is)
{
    for (unsigned i = 0; i < fleet_breaker_machine.row_count; i++) {
        const struct sm_row *row = &fleet_breaker_machine.rows[i];
        int to = row->to == SM_STAY ? row->state : row->to;

        if (row->state == (int)was->state && to == (int)is->state &&
            str_starts(str_of(is->why), str_of(row->why)))
            return row;
    }
    return NULL;
}

static bool is_open(const struct fleet_breaker *b)
{
    return b->order == BREAKER_ORDER_OPEN;
}

/* Nodes obey higher numbers only. */
static void check_number(struct sim_check *c, const struct sim_decision *was,
                         const struct sim_decision *is)
{
    const struct fleet_breaker *before = &was->rollout.breaker, *now = &is->rollout.breaker;

    if (now->order_number < before->order_number)
        sim_fail(c->sim, "%s: the number of orders to breakers falls", is->migration.s);
    else if (now->order != before->order && now->order_number == before->order_number)
        sim_fail(c->sim, "%s: two orders to breakers have one number", is->migration.s);
}

void sim_check_breaker(struct sim_check *c, const struct sim_decision *was,
                       const struct sim_decision *is)
{
    struct sim_coverage *taken = c->sim->config.coverage;
    const struct sm_row *row;

    check_number(c, was, is);
    if (is_open(&is->rollout.breaker) && sim_decision_forbids(is))
        sim_fail(c->sim, "%s: the fleet's breaker is open, and legacy is forbidden",
                 is->migration.s);
    if (sim_check_same_breaker(&was->rollout, &is->rollout))
        return;
    sim_say(c->sim, is->migration.s, "has a fleet breaker that is %s: %s",
            fleet_breaker_state_name(is->rollout.breaker.state), is->rollout.breaker.why);
    row = find_row(&was->rollout.breaker, &is->rollout.breaker);
    if (!row) {
        sim_fail(c->sim, "%s: no row leads the fleet's breaker from %s to %s", is->migration.s,
                 fleet_breaker_state_name(was->rollout.breaker.state),
                 fleet_breaker_state_name(is->rollout.breaker.state));
        return;
    }
    CHECK(fleet_breaker_machine.row_count <= SIM_ROWS_MAX);
    if (taken)
        taken->braked[row - fleet_breaker_machine.rows]++;
}

/* What every node was ordered, a node that has acknowledged it does. Where legacy is forbidden new
 * is asked, whatever the breaker says. */
void sim_check_held_open(struct sim_check *c, const struct sim_node *n,
                         const struct ruleset_entry *e)
{
    const struct sim_decision *d = sim_ledger_at(&c->ledger, e->route.migration.s, UINT64_MAX);
    uint64_t ordered;

    if (!d || !d->exists || !is_open(&d->rollout.breaker) ||
        !route_breaker_is_on(&e->route.breaker))
        return;
    ordered = d->rollout.decision_rev ? d->rollout.decision_rev : d->rev;
    if (c->node[sim_node_index(n)].acked_rev >= ordered)
        sim_fail(c->sim, "%s asks new of %s for something, and acknowledged an open breaker",
                 sim_node_name(n)->s, d->migration.s);
}
