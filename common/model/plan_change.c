/* SPDX-License-Identifier: Apache-2.0 */
/* What may change in the plan of a rollout that is under way. */
#include "common/base/units.h"
#include "common/model/plan.h"

static bool has_endpoint(const struct route_upstream *u, const struct endpoint *ep)
{
    for (unsigned i = 0; i < u->endpoint_count; i++) {
        if (endpoint_eq(&u->endpoint[i], ep))
            return true;
    }
    return false;
}

/* An endpoint of `old` that `other` has now. */
static const struct endpoint *find_moved(const struct route_upstream *old,
                                         const struct route_upstream *other)
{
    for (unsigned i = 0; i < old->endpoint_count; i++) {
        if (has_endpoint(other, &old->endpoint[i]))
            return &old->endpoint[i];
    }
    return NULL;
}

/* Instances may come and go; what was legacy must not become new, nor the reverse. */
static int check_same_sides(const struct route *old, const struct route *new, struct err *err)
{
    for (unsigned i = SYSTEM_LEGACY; i <= SYSTEM_NEW; i++) {
        unsigned other = i == SYSTEM_LEGACY ? SYSTEM_NEW : SYSTEM_LEGACY;
        const struct endpoint *moved = find_moved(&old->upstream[i], &new->upstream[other]);

        if (moved)
            return err_set(err, ERR_REFUSED,
                           "http://%s:%u was %s and would become %s in the middle of the rollout",
                           moved->host, moved->port, system_name((enum system)i),
                           system_name((enum system)other));
    }
    return 0;
}

static int check_same_key(const char *field, const struct route_key *old,
                          const struct route_key *new, struct err *err)
{
    char was[ROUTE_KEY_TEXT_SIZE], is[ROUTE_KEY_TEXT_SIZE];

    if (strcmp(route_key_text(old, was), route_key_text(new, is)) == 0)
        return 0;
    return err_set(err, ERR_REFUSED,
                   "%s changes from \"%s\" to \"%s\", which would move people between the systems",
                   field, was, is);
}

static int check_same_stages(const struct plan *old, const struct plan *new, unsigned stage,
                             struct err *err)
{
    for (unsigned i = 0; i < stage && i < old->stage_count; i++) {
        const struct plan_stage *was = &old->stage[i], *is = &new->stage[i];

        if (i >= new->stage_count)
            return err_set(err, ERR_REFUSED, "stage %u \"%s\" is gone, and the rollout is at %u",
                           i + 1, was->name.s, stage);
        if (!name_eq(&was->name, &is->name))
            return err_set(err, ERR_REFUSED,
                           "stage %u changes from \"%s\" to \"%s\", and the rollout is at %u",
                           i + 1, was->name.s, is->name.s, stage);
        if (was->weight_bp != is->weight_bp)
            return err_set(err, ERR_REFUSED,
                           "stage %u \"%s\" changes its weight from %g to %g, and the rollout is "
                           "at %u",
                           i + 1, was->name.s, weight_percent(was->weight_bp),
                           weight_percent(is->weight_bp), stage);
    }
    return 0;
}

int plan_check_change(const struct plan *old, const struct plan *new_plan, unsigned stage,
                      struct err *err)
{
    const struct route *was = &old->route, *is = &new_plan->route;
    int r = check_same_sides(was, is, err);

    if (r == 0)
        r = check_same_key("routing.key", &was->key, &is->key, err);
    if (r == 0)
        r = check_same_key("routing.fallbackKey", &was->fallback_key, &is->fallback_key, err);
    if (r == 0 && strcmp(was->salt, is->salt) != 0)
        r = err_set(err, ERR_REFUSED,
                    "routing.salt changes from \"%s\" to \"%s\", which would move people between "
                    "the systems",
                    was->salt, is->salt);
    if (r == 0)
        r = check_same_stages(old, new_plan, stage, err);
    if (r < 0)
        err_hint(err,
                 "change only what lies ahead, or `switchyard abort %s` first and apply it anew",
                 old->name.s);
    return r;
}
