/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/check.h"
#include "coordinator/core/fleet_breaker_fsm.h"
#include "tests/sim/sim_check_state.h"

static bool is_same(const struct fleet_breaker *a, const struct fleet_breaker *b)
{
    return a->state == b->state && a->order == b->order && a->order_number == b->order_number &&
           strcmp(a->why, b->why) == 0;
}

bool sim_check_same_breaker(const struct rollout *a, const struct rollout *b)
{
    return is_same(&a->breaker, &b->breaker) &&
           memcmp(&a->breaker_by_hand, &b->breaker_by_hand, sizeof a->breaker_by_hand) == 0;
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
    if (is_same(&was->rollout.breaker, &is->rollout.breaker))
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

/* ---- nodes ----------------------------------------------------------------------------------- */

/* What every node was ordered, a node that has acknowledged it does. Where legacy is forbidden new
 * is asked, whatever the breaker says. */
void sim_check_held_open(struct sim_check *c, const struct sim_node *n,
                         const struct ruleset_entry *e)
{
    const struct sim_decision *d = sim_ledger_at(&c->ledger, e->route.migration.s, UINT64_MAX);
    uint64_t ordered;

    if (!d || !d->exists || !is_open(&d->rollout.breaker) ||
        !route_breaker_is_on(&e->route.breaker) || e->route.breaker.mode == BREAKER_MODE_WATCH)
        return;
    ordered = d->rollout.decision_rev ? d->rollout.decision_rev : d->rev;
    if (c->node[sim_node_index(n)].acked_rev >= ordered)
        sim_fail(c->sim, "%s asks new of %s for something, and acknowledged an open breaker",
                 sim_node_name(n)->s, d->migration.s);
}

/* Was this order ever given? */
static bool is_stored(const struct sim_check *c, const struct route_breaker *r,
                      const struct name *migration)
{
    for (const struct sim_decision *d = c->ledger.decisions; d; d = d->older)
        if (name_eq(&d->migration, migration) && d->exists &&
            d->rollout.breaker.order == r->order &&
            d->rollout.breaker.order_number == r->order_number)
            return true;
    return false;
}

/* By the order alone: what a node's breaker is once it has obeyed. */
static bool follows(const struct sim_obeyed *is, enum breaker_order order)
{
    switch (order) {
    case BREAKER_ORDER_OPEN:
        return is->state == BREAKER_OPEN && is->seen.held;
    case BREAKER_ORDER_CLOSE:
        return is->state == BREAKER_CLOSED && is->seen.held;
    case BREAKER_ORDER_RESET:
        return is->state == BREAKER_CLOSED && !is->seen.held && is->seen.requests == 0;
    case BREAKER_ORDER_PROBE:
        return is->state != BREAKER_OPEN && !is->seen.held;
    case BREAKER_ORDER_NONE:
    case BREAKER_ORDER_COUNT:
        break;
    }
    return false;
}

void sim_check_obeyed(struct sim_check *c, const struct sim_node *n, const struct name *migration,
                      const struct route_breaker *r, const struct sim_obeyed *was,
                      const struct sim_obeyed *is)
{
    const char *node = sim_node_name(n)->s;

    if (!route_breaker_is_on(r))
        return;
    if (r->order_number > was->seen.order_number && !is_stored(c, r, migration))
        sim_fail(c->sim, "%s obeys an order to its breaker of %s that nobody gave", node,
                 migration->s);
    else if (r->order_number > was->seen.order_number && !follows(is, r->order))
        sim_fail(c->sim, "%s has a breaker of %s that is %s, and the order was to %s", node,
                 migration->s, breaker_state_name(is->state), breaker_order_name(r->order));
    else if (r->order_number <= was->seen.order_number &&
             is->seen.order_number != was->seen.order_number)
        sim_fail(c->sim, "%s obeys an order to its breaker of %s that is older than its last", node,
                 migration->s);
    else if (r->order_number <= was->seen.order_number && was->state != BREAKER_DISABLED &&
             is->seen.held != was->seen.held)
        sim_fail(c->sim, "%s lets its breaker of %s go without an order", node, migration->s);
}

/* ---- what is known of nodes ------------------------------------------------------------------ */

static bool is_known_as(const struct view_node_breaker *n, const struct fleet_breaker *f)
{
    if (n->state == BREAKER_DISABLED)
        return true; /* nothing was told yet, or there is none */
    if (n->seen->order_number < f->order_number)
        return false;
    if (f->order == BREAKER_ORDER_OPEN)
        return n->state == BREAKER_OPEN;
    return f->order != BREAKER_ORDER_CLOSE || n->state == BREAKER_CLOSED;
}

void sim_check_known(struct sim_check *c, const struct sim_coord *coord, const char *migration)
{
    const struct sim_decision *d = sim_ledger_at(&c->ledger, migration, UINT64_MAX);
    const struct core *core = sim_coord_core(coord);
    struct view_node_breaker node[SIM_NODES_MAX];
    struct view_breaker v;
    const struct name *excused;
    unsigned count;

    if (!d || !d->exists || core_decision_rev(core, migration) < d->rev)
        return; /* nodes know more than it does */
    CHECK(view_breaker(core, migration, &v, NULL) == 0);
    if (v.fleet->order == BREAKER_ORDER_NONE || !route_breaker_is_on(&v.in_force) ||
        view_quarantined(core, migration, &excused) > 0)
        return;
    count = view_node_breakers(core, migration, node, SIM_NODES_MAX);
    for (unsigned i = 0; i < count; i++)
        if (!is_known_as(&node[i], v.fleet))
            sim_fail(c->sim,
                     "%s says that %s has a breaker of %s that is %s, and all serve the order %s",
                     sim_coord_name(coord)->s, node[i].node->s, migration,
                     breaker_state_name(node[i].state), breaker_order_name(v.fleet->order));
}
