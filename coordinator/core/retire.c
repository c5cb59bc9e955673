/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/retire.h"

#include "coordinator/core/compile.h"
#include "coordinator/core/words.h"

wall_t retire_standby(const struct durable *d, wall_t now)
{
    if (d->plan->standby.ns == 0 || compile_effective_bp(d) < WEIGHT_BP_MAX)
        return (wall_t){0};
    return wall_add(now, d->plan->standby);
}

static int refuse_share(const struct durable *d, struct err *err)
{
    const char *name = d->plan->name.s;
    char weight[WORDS_RATIO_MAX];

    err_set(err, ERR_REFUSED, "legacy still serves keys of %s: %s of them are on new", name,
            words_weight(compile_effective_bp(d), weight));
    if (d->rollout.override != SYSTEM_NONE)
        return err_hint(err, "switchyard set override %s none --reason TEXT", name);
    return err_hint(err, "switchyard set weight %s 100 --reason TEXT", name);
}

/* A rollback inside of the standby ends it, so the one that runs began after it. */
static int refuse_standby(const struct durable *d, wall_t now, struct err *err)
{
    const struct rollback_record *fall = &d->rollout.last_rollback;
    wall_t until = d->rollout.standby_until;
    bool fell = fall->present && wall_sub(now, fall->ordered_at).ns < d->plan->standby.ns;
    char time[WALL_TEXT_MAX], since[WALL_TEXT_MAX], left[WORDS_DURATION_MAX];

    err_set(err, ERR_REFUSED, "legacy of %s is kept in standby until %.16sZ, %s more%s%.10s",
            d->plan->name.s, wall_text(until, time), words_duration(wall_sub(until, now), left),
            fell ? ": it began anew after the rollback of " : "",
            fell ? wall_text(fall->ordered_at, since) : "");
    return err_hint(err, "switchyard status %s", d->plan->name.s);
}

/* The operator reads it here, and says so. */
static int refuse_checklist(const struct plan *plan, struct err *err)
{
    char list[sizeof err->msg] = "";

    for (unsigned i = 0; i < plan->checklist_count; i++)
        str_join(list, sizeof list, ", ", "(%u) %s", i + 1, plan->checklist[i]);
    err_set(err, ERR_REFUSED, "the checklist of %s has to be gone through first: %s", plan->name.s,
            list);
    return err_hint(err, "switchyard decommission %s --checklist-done --reason TEXT", plan->name.s);
}

int retire_check(const struct durable *d, wall_t now, bool checklist_done, struct err *err)
{
    if (compile_effective_bp(d) < WEIGHT_BP_MAX)
        return refuse_share(d, err);
    if (wall_is_set(d->rollout.standby_until) && wall_before(now, d->rollout.standby_until))
        return refuse_standby(d, now, err);
    if (d->plan->checklist_count > 0 && !checklist_done)
        return refuse_checklist(d->plan, err);
    return 0;
}
