/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/view_breaker.h"

#include "coordinator/core/compile.h"
#include "coordinator/core/fleet_breaker.h"

static void look(const struct durable *d, struct view_breaker *ret)
{
    struct fleet_breaker_facts facts;

    fleet_breaker_stored(d, &facts);
    *ret = (struct view_breaker){
        .fleet = &d->rollout.breaker,
        .plan = d->plan->route.breaker,
        .by_hand = d->rollout.breaker_by_hand.set,
        .armed = facts.armed,
    };
    compile_breaker(d, &ret->in_force);
}

int view_breaker(const struct core *c, const char *migration, struct view_breaker *ret,
                 struct err *err)
{
    struct migration *m;
    int r = state_get(c, migration, &m, err);

    if (r == 0)
        look(&m->is, ret);
    return r;
}

static struct view_node_breaker of_node(const struct node *n, int slot)
{
    return (struct view_node_breaker){
        .node = node_name(n),
        .state = node_breaker(n, slot),
        .seen = node_breaker_seen(n, slot),
    };
}

unsigned view_node_breakers(const struct core *c, const char *migration,
                            struct view_node_breaker *ret, unsigned max)
{
    const struct migration *m = state_find(c, migration);
    unsigned count = 0;

    for (const struct node *n = NULL; m && count < max && (n = nodes_next(&c->nodes, n));)
        if (node_connected(n))
            ret[count++] = of_node(n, m->slot);
    return count;
}

/* ---- of a status ----------------------------------------------------------------------------- */

static bool is_sicker(const struct view_node_breaker *a, const struct view_node_breaker *b)
{
    if (a->state != b->state)
        return a->state == BREAKER_OPEN;
    if (a->seen->since.ns != b->seen->since.ns)
        return wall_before(a->seen->since, b->seen->since);
    return strcmp(a->node->s, b->node->s) < 0;
}

/* Keep the VIEW_SICK_MAX sickest, sorted. */
static void list_sick(struct view_status *ret, const struct view_node_breaker *n)
{
    unsigned at = ret->sick_count;

    if (at == VIEW_SICK_MAX && !is_sicker(n, &ret->sick[at - 1]))
        return;
    if (at == VIEW_SICK_MAX)
        at--;
    else
        ret->sick_count++;
    for (; at > 0 && is_sicker(n, &ret->sick[at - 1]); at--)
        ret->sick[at] = ret->sick[at - 1];
    ret->sick[at] = *n;
}

void view_breakers_of(const struct core *c, const struct migration *m, struct view_status *ret)
{
    look(&m->is, &ret->breakers);
    ret->breaker = BREAKER_DISABLED;
    for (const struct node *n = NULL; (n = nodes_next(&c->nodes, n));) {
        struct view_node_breaker b = of_node(n, m->slot);

        if (!node_connected(n))
            continue;
        /* The enum rises from disabled to open. */
        ret->breaker = b.state > ret->breaker ? b.state : ret->breaker;
        ret->breaker_open_nodes += b.state == BREAKER_OPEN;
        ret->breaker_half_open_nodes += b.state == BREAKER_HALF_OPEN;
        if (b.state == BREAKER_OPEN || b.state == BREAKER_HALF_OPEN)
            list_sick(ret, &b);
    }
}
