/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/state.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct migration *migration_new(const struct name *name)
{
    struct migration *m = xnew(struct migration);

    m->name = *name;
    m->slot = -1;
    m->is.rollout.migration = *name;
    m->is.order.migration = *name;
    m->stats = samples_new();
    m->judged = samples_new();
    m->beyond = samples_new();
    sm_init(&m->is.machine, &stage_machine, PHASE_PENDING);
    sm_init(&m->is.drill, &drill_machine, DRILL_IDLE);
    sm_init(&m->is.breaker, &fleet_breaker_machine, FLEET_BREAKER_CLOSED);
    return m;
}

struct migration *migration_free(struct migration *m)
{
    if (!m)
        return NULL;
    plan_free(m->is.plan);
    json_free(m->is.rollout.extra);
    json_free(m->is.order_extra);
    history_deinit(&m->history);
    event_log_deinit(&m->events);
    days_deinit(&m->days);
    samples_free(m->stats);
    samples_free(m->judged);
    samples_free(m->beyond);
    compared_deinit(&m->compared);
    sums_deinit(&m->mirrored_lately);
    sums_deinit(&m->over_budget_lately);
    jobs_deinit(&m->jobs);
    free(m);
    return NULL;
}

struct migration *state_find_any(const struct core *c, const char *name)
{
    struct migration *found;

    HASH_FIND_STR(c->by_name, name, found);
    return found;
}

struct migration *state_find(const struct core *c, const char *name)
{
    struct migration *m = state_find_any(c, name);

    return m && m->slot >= 0 ? m : NULL;
}

static const char *nearest_name(const struct core *c, const char *name)
{
    const char *names[CORE_MIGRATIONS_MAX + 1] = {NULL};
    unsigned count = 0;

    STATE_FOREACH(c, m)
    names[count++] = m->name.s;
    return str_nearest(str_of(name), names);
}

int state_get(const struct core *c, const char *name, struct migration **ret, struct err *err)
{
    const char *nearest;

    *ret = state_find(c, name);
    if (*ret)
        return 0;
    err_set(err, ERR_NOT_FOUND, "there is no migration \"%.64s\"", name);
    nearest = nearest_name(c, name);
    if (nearest)
        return err_hint(err, "did you mean \"%s\"?", nearest);
    return err_hint(err, c->migrations ? "switchyard get plans" : "switchyard apply -f PLAN.yaml");
}

void state_add(struct core *c, struct migration *m)
{
    HASH_ADD_STR(c->by_name, name.s, m);
}

void state_remove(struct core *c, struct migration *m, uint64_t rev)
{
    CHECK(m->slot < 0);
    c->gone[c->gone_count++ % CORE_GONE_KEPT] = (struct gone){.name = m->name, .rev = rev};
    HASH_DEL(c->by_name, m);
    migration_free(m);
}

uint64_t state_gone_rev(const struct core *c, const char *name)
{
    uint64_t rev = 0;

    for (unsigned i = 0; i < ARRAY_LEN(c->gone); i++)
        if (strcmp(c->gone[i].name.s, name) == 0 && c->gone[i].rev > rev)
            rev = c->gone[i].rev;
    return rev;
}

void state_take_slot(struct core *c, struct migration *m)
{
    int i = 0;

    CHECK(m->slot < 0 && c->migrations < CORE_MIGRATIONS_MAX);
    while (c->slot[i])
        i++;
    c->slot[i] = m;
    m->slot = i;
    c->migrations++;
}

void state_leave_slot(struct core *c, struct migration *m)
{
    CHECK(m->slot >= 0 && c->slot[m->slot] == m);
    nodes_forget_slot(&c->nodes, m->slot);
    m->stats = samples_free(m->stats);
    m->stats = samples_new();
    samples_clear(m->judged);
    samples_clear(m->beyond);
    compared_deinit(&m->compared);
    m->mirrored = (struct mirror_stats){0};
    m->over_budget = 0;
    sums_deinit(&m->mirrored_lately);
    sums_deinit(&m->over_budget_lately);
    m->takeover = (struct takeover){.rev = 0};
    days_deinit(&m->days);
    m->scope = (struct drill_watch){.rev = 0};
    memset(m->measured, 0, sizeof m->measured);
    jobs_orphan(c, m);
    c->slot[m->slot] = NULL;
    m->slot = -1;
    c->migrations--;
}
