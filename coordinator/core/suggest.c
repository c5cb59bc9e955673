/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/suggest.h"

#define STEP_BY_HAND_BP 500u

uint32_t suggest_weight_bp(const struct plan *plan, const struct rollout *r)
{
    if (!r->weight_by_hand)
        return plan_stage_weight_bp(plan, r->stage < plan->stage_count ? r->stage + 1 : r->stage);
    return r->weight_bp + STEP_BY_HAND_BP > WEIGHT_BP_MAX ? WEIGHT_BP_MAX
                                                          : r->weight_bp + STEP_BY_HAND_BP;
}

/* What an operator can do about it, if something holds the next stage back; "" when it only has to
 * be waited for; NULL: nothing does. */
static const char *against_holdbacks(const struct view_status *s)
{
    const char *found = NULL;

    for (unsigned i = 0; i < HOLDBACKS_COUNT; i++) {
        if (s->holdback[i].verdict != VERDICT_HOLD)
            continue;
        if (!s->holdback[i].passes)
            return s->holdback[i].hint;
        found = "";
    }
    return found;
}

static const char *after_a_stop(const struct view_status *s, const char *name, char *dst)
{
    const char *first = against_holdbacks(s);

    if (s->emergency && s->emergency->active)
        str_fmt(dst, TEXT_SIZE, "switchyard rollback %s --clear --reason TEXT", name);
    else if (first)
        str_fmt(dst, TEXT_SIZE, "%s", first);
    else if (s->rollout->stage == 0)
        str_fmt(dst, TEXT_SIZE, "switchyard start %s", name);
    else
        str_fmt(dst, TEXT_SIZE, "switchyard promote %s", name);
    return dst;
}

/* Who sets weights by hand goes on so, as long as that is less than the next stage. */
static bool goes_on_by_hand(const struct view_status *s)
{
    const struct rollout *r = s->rollout;

    if (r->stage == s->plan->stage_count)
        return !s->more_waves;
    return r->weight_by_hand &&
           suggest_weight_bp(s->plan, r) < plan_stage_weight_bp(s->plan, r->stage + 1);
}

static const char *while_ready(const struct view_status *s, const char *name, char *dst)
{
    const char *first = against_holdbacks(s);

    if (first)
        str_fmt(dst, TEXT_SIZE, "%s", first);
    else if (goes_on_by_hand(s))
        str_fmt(dst, TEXT_SIZE, "switchyard set weight %s %g --reason TEXT", name,
                (double)suggest_weight_bp(s->plan, s->rollout) / 100.0);
    else
        str_fmt(dst, TEXT_SIZE, "switchyard promote %s", name);
    return dst;
}

const char *suggest_command(const struct view_status *s, char *dst)
{
    const char *name = s->rollout->migration.s;

    dst[0] = '\0';
    switch (s->rollout->phase) {
    case PHASE_PENDING:
    case PHASE_ABORTED:
    case PHASE_ROLLED_BACK:
        return after_a_stop(s, name, dst);
    case PHASE_READY:
        return while_ready(s, name, dst);
    case PHASE_PAUSED:
        str_fmt(dst, TEXT_SIZE, "switchyard resume %s", name);
        return dst;
    case PHASE_BAKING:
        if (s->gate.verdict == VERDICT_FAIL)
            str_fmt(dst, TEXT_SIZE, "switchyard rollback %s --to %u --reason TEXT", name,
                    s->rollout->stage - 1);
        return dst;
    case PHASE_COMPLETED:
        if (s->may_retire)
            str_fmt(dst, TEXT_SIZE, "switchyard decommission %s%s --reason TEXT", name,
                    s->plan->checklist_count ? " --checklist-done" : "");
        return dst;
    case PHASE_ROLLBACK_FAILED:
        str_fmt(dst, TEXT_SIZE, "switchyard recover %s", name);
        return dst;
    case PHASE_PREPARING:
    case PHASE_CONVERGING:
    case PHASE_DECOMMISSIONED:
    case PHASE_RETREATING:
    case PHASE_ROLLING_BACK:
    case PHASE_COUNT:
        break;
    }
    return dst;
}
