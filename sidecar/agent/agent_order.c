/* SPDX-License-Identifier: Apache-2.0 */
/* Orders: taken from wherever they come, and told to the coordinator when they are served. */
#include "common/base/check.h"
#include "sidecar/agent/agent_parts.h"

enum epoch_outcome agent_take_order(struct agent *a, const struct emergency *order)
{
    enum epoch_outcome r = epochs_take(a->epochs, order);

    a->orders += r == EPOCH_NEWER;
    return r;
}

int agent_no_room(const struct name *migration, struct err *err)
{
    return err_set(err, ERR_EXHAUSTED, "no room for the emergency order for %s: %d stand",
                   migration->s, EPOCHS_MAX);
}

static void tell_all(struct agent *a)
{
    a->telling = true;
    a->untold = 0;
}

/* An operator who asks twice, or asks nodes that heard of it from the coordinator meanwhile, gives
 * one order, not a race of epochs. */
static bool stands(const struct emergency *have, const struct emergency *order)
{
    return have && have->active && strcmp(have->reason, order->reason) == 0 &&
           strcmp(have->operator_name, order->operator_name) == 0;
}

static int order_one(struct agent *a, const struct name *migration, const struct emergency *order,
                     struct err *err)
{
    const struct emergency *have = epochs_find(a->epochs, migration->s);
    struct emergency next = *order;

    if (stands(have, order))
        return AGENT_KNOWN;
    if (have && have->epoch == UINT64_MAX)
        return err_set(err, ERR_REFUSED, "there is no epoch above that of %s", migration->s);
    next.migration = *migration;
    next.epoch = have ? have->epoch + 1 : 1;
    next.active = true;
    if (agent_take_order(a, &next) == EPOCH_FULL)
        return agent_no_room(migration, err);
    tell_all(a);
    return 0;
}

static int order_all(struct agent *a, const struct emergency *order, struct err *err)
{
    int worst = AGENT_KNOWN;

    for (unsigned i = 0; i < a->accepted->count && worst >= 0; i++) {
        int r = order_one(a, &a->accepted->entry[i].route.migration, order, err);

        worst = r < worst ? r : worst;
    }
    return worst;
}

static int no_such_route(const struct agent *a, const char *name, struct err *err)
{
    const char *names[RULESET_ROUTES_MAX + 1] = {NULL};
    const char *near;

    for (unsigned i = 0; i < a->accepted->count; i++)
        names[i] = a->accepted->entry[i].route.migration.s;
    near = str_nearest(str_of(name), names);
    err_set(err, ERR_NOT_FOUND, "this node has no route for a migration \"%s\"", name);
    if (near)
        return err_hint(err, "did you mean \"%s\"?", near);
    return err_hint(err, "order all of them");
}

int agent_order(struct agent *a, const struct emergency *order, struct err *err)
{
    const char *name = order->migration.s;
    int r;

    if (!a->accepted || a->accepted->count == 0)
        return err_set(err, ERR_REFUSED, "this node has no routes: there is nothing on new here");
    if (name[0] && !ruleset_find(a->accepted, name))
        return no_such_route(a, name, err);
    r = name[0] ? order_one(a, &order->migration, order, err) : order_all(a, order, err);
    agent_adopt(a, a->accepted);
    return r;
}

int agent_pushed_order(struct agent *a, const struct emergency *order, struct err *err)
{
    enum epoch_outcome r = agent_take_order(a, order);

    if (r == EPOCH_FULL)
        return agent_no_room(&order->migration, err);
    agent_adopt(a, a->accepted);
    tell_all(a);
    return r == EPOCH_NEWER ? 0 : AGENT_KNOWN;
}

bool agent_obeys(const struct agent *a, const char *migration)
{
    const struct emergency *order = epochs_find(a->epochs, migration);
    const struct ruleset_entry *e = a->serving ? ruleset_find(a->serving, migration) : NULL;

    return order && e && e->emergency.epoch == order->epoch;
}

/* Every active order is told, known ones too: the coordinator knows by the epoch what is new. */
static unsigned next_untold(const struct agent *a)
{
    unsigned i = a->untold;

    while (i < a->epochs->count && !a->epochs->item[i].active)
        i++;
    return i;
}

/* Told is what every loop serves, and what has no route here. */
bool agent_can_tell(const struct agent *a)
{
    unsigned i = next_untold(a);
    const char *migration;

    if (!a->connected || !a->telling || i == a->epochs->count)
        return false;
    migration = a->epochs->item[i].migration.s;
    return agent_obeys(a, migration) || !a->accepted || !ruleset_find(a->accepted, migration);
}

const struct emergency *agent_untold(const struct agent *a)
{
    unsigned i = next_untold(a);

    CHECK(i < a->epochs->count);
    return &a->epochs->item[i];
}

void agent_told(struct agent *a)
{
    a->untold = next_untold(a) + 1;
    a->telling = a->untold < a->epochs->count;
}

bool agent_orders_unwritten(const struct agent *a)
{
    return a->write_failed && a->orders_on_disk != a->orders;
}

void agent_note_disk(struct agent *a)
{
    if (a->told_unwritten == agent_orders_unwritten(a))
        return;
    a->told_unwritten = !a->told_unwritten;
    tell_all(a);
}
