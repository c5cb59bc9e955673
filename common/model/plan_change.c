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
        char url[ENDPOINT_URL_SIZE];

        if (moved)
            return err_set(err, ERR_REFUSED,
                           "%s was %s and would become %s in the middle of the rollout",
                           endpoint_url(moved, url), system_name((enum system)i),
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

/* Nobody means to run production on the plan of a test system. */
static int check_same_environment(const struct plan *old, const struct plan *new, struct err *err)
{
    if (strcmp(old->environment, new->environment) == 0)
        return 0;
    return err_set(err, ERR_REFUSED, "the environment changes from %s to %s",
                   old->environment[0] ? old->environment : "none",
                   new->environment[0] ? new->environment : "none");
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

/* Who has switched to enforcement meant it for good, and who has not is not to be cut off. */
static int check_same_enforcement(const struct plan *old, const struct plan *new, unsigned stage,
                                  struct err *err)
{
    const struct plan_stage *was = &old->stage[stage - 1], *is = &new->stage[stage - 1];

    if (was->enforce == is->enforce)
        return 0;
    return err_set(err, ERR_REFUSED, "stage %u \"%s\" would %s legacy to everybody at once", stage,
                   is->name.s, is->enforce ? "forbid" : "allow");
}

/* The nodes of a wave that is reached serve the stage; they would go back, or all others forward.
 */
static int check_same_waves(const struct plan *old, const struct plan *new, unsigned stage,
                            unsigned wave, struct err *err)
{
    const struct plan_stage *was = &old->stage[stage - 1], *is = &new->stage[stage - 1];

    if (was->wave_count == 0 && is->wave_count > 0)
        return err_set(err, ERR_REFUSED,
                       "stage %u \"%s\" would get waves, and it has reached every node", stage,
                       is->name.s);
    if (was->wave_count > 0 && is->wave_count == 0)
        return err_set(err, ERR_REFUSED,
                       "stage %u \"%s\" would lose its waves, and it has reached %u of %u", stage,
                       is->name.s, wave, was->wave_count);
    for (unsigned i = 0; i < wave && i < was->wave_count; i++) {
        const char *before = was->wave[i].select.text;
        const char *after = i < is->wave_count ? is->wave[i].select.text : "none";

        if (strcmp(before, after) != 0)
            return err_set(err, ERR_REFUSED,
                           "wave %u of stage %u \"%s\" changes from %s to %s, and it is reached",
                           i + 1, stage, is->name.s, before, after);
    }
    return 0;
}

/* What nodes serve at `stage` stays; flags may come, with what lies ahead. */
static int check_same_flags(const struct plan *old, const struct plan *new, unsigned stage,
                            struct err *err)
{
    struct flags was, is;

    plan_flags(old, stage, &was);
    plan_flags(new, stage, &is);
    for (unsigned i = 0; i < was.count; i++) {
        const struct flag *now = flags_find(&is, was.flag[i].name);

        if (!now)
            return err_set(err, ERR_REFUSED, "flag %s is gone, and applications are given it",
                           was.flag[i].name);
        if (strcmp(now->value, was.flag[i].value) != 0)
            return err_set(err, ERR_REFUSED,
                           "flag %s changes from %s to %s at stage %u, which is reached", now->name,
                           was.flag[i].value, now->value, stage);
    }
    return 0;
}

/* What people and nodes have been given. */
static int check_reached(const struct plan *old, const struct plan *new, unsigned stage,
                         unsigned wave, struct err *err)
{
    int r = check_same_stages(old, new, stage, err);

    if (r == 0 && stage > 0)
        r = check_same_enforcement(old, new, stage, err);
    if (r == 0 && stage > 0)
        r = check_same_waves(old, new, stage, wave, err);
    if (r == 0)
        r = check_same_flags(old, new, stage, err);
    return r;
}

int plan_check_change(const struct plan *old, const struct plan *new_plan, unsigned stage,
                      unsigned wave, struct err *err)
{
    const struct route *was = &old->route, *is = &new_plan->route;
    int r = check_same_environment(old, new_plan, err);

    if (r == 0)
        r = check_same_sides(was, is, err);
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
        r = check_reached(old, new_plan, stage, wave, err);
    if (r < 0)
        err_hint(err,
                 "change only what lies ahead, or `switchyard abort %s` first and apply it anew",
                 old->name.s);
    return r;
}
