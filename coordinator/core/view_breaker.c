/* SPDX-License-Identifier: Apache-2.0 */
/* What operators see of the breakers of one migration. */
#include "coordinator/core/compile.h"
#include "coordinator/core/fleet_breaker.h"

int view_breaker(const struct core *c, const char *migration, struct view_breaker *ret,
                 struct err *err)
{
    struct fleet_breaker_facts facts;
    struct migration *m;
    int r = state_get(c, migration, &m, err);

    if (r < 0)
        return r;
    fleet_breaker_stored(&m->is, &facts);
    *ret = (struct view_breaker){
        .fleet = &m->is.rollout.breaker,
        .plan = m->is.plan->route.breaker,
        .by_hand = m->is.rollout.breaker_by_hand.set,
        .armed = facts.armed,
    };
    compile_breaker(&m->is, &ret->in_force);
    return 0;
}

unsigned view_node_breakers(const struct core *c, const char *migration,
                            struct view_node_breaker *ret, unsigned max)
{
    const struct migration *m = state_find(c, migration);
    unsigned count = 0;

    for (const struct node *n = NULL; m && count < max && (n = nodes_next(&c->nodes, n));)
        if (node_connected(n))
            ret[count++] = (struct view_node_breaker){
                .node = node_name(n),
                .state = node_breaker(n, m->slot),
                .seen = node_breaker_seen(n, m->slot),
            };
    return count;
}
