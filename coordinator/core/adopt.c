/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/adopt.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "coordinator/core/moves.h"

/* An active order and a lifting may have been given the same epoch on the two sides of a partition:
 * then the order counts, because legacy is the safe side. */
static bool beats(const struct emergency *told, const struct emergency *known)
{
    if (!told->active)
        return false;
    return told->epoch > known->epoch || (told->epoch == known->epoch && !known->active);
}

/* A node's clock may be anywhere; records hold whole milliseconds that have passed. */
static wall_t when(const struct core *c, wall_t told)
{
    if (!wall_is_set(told) || told.ns < 0 || wall_before(c->now, told))
        return c->now;
    return (wall_t){told.ns - told.ns % dur_ms(1).ns};
}

static void stage(struct core *c, struct migration *m, const struct emergency *told,
                  struct core_update *u)
{
    const struct move move = {
        .event = STAGE_EMERGENCY,
        .operator_name = told->operator_name,
        .reason = told->reason,
        .request = told->request,
        .recorded_as = MOVES_ADOPTED,
    };
    struct staged *s = staging_begin(c, m);
    bool tied = told->epoch == m->is.order.epoch;
    struct stage_facts facts;

    s->next.order = *told;
    s->next.order.migration = m->name;
    s->next.order.epoch = told->epoch + tied; /* nodes obey higher epochs only */
    s->next.order.ordered_at = when(c, told->ordered_at);
    s->new_order = true;
    CHECK(moves_run(c, s, &move, u, &facts) == 0);
}

void adopt_order(struct core *c, const struct name *node, const struct emergency *told,
                 struct core_update *u)
{
    struct migration *m = state_find(c, told->migration.s);

    if (!nodes_saw_epoch(&c->nodes, told->epoch) || !m || !beats(told, &m->is.order))
        return;
    stage(c, m, told, u);
    update_tell(
        u, LOG_WARN, LOG_EMERGENCY,
        update_fmt(u, "action=adopted migration=%s epoch=%" PRIu64 " node=%s operator=%s reason=%s",
                   m->name.s, told->epoch, node->s, LOGQ(told->operator_name), LOGQ(told->reason)));
}
