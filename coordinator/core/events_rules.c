/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/events_rules.h"

#include "coordinator/core/compile.h"
#include "coordinator/core/convergence.h"
#include "coordinator/core/mirror.h"
#include "coordinator/core/words.h"

/* ---- did it happen? -------------------------------------------------------------------------- */

static bool moved_to(const struct event_change *d, enum rollout_phase phase)
{
    return d->is->phase == phase && d->was->phase != phase;
}

static bool plan_applied(const struct event_change *d)
{
    return d->s->new_plan;
}

static bool preparing(const struct event_change *d)
{
    return d->is->entering_stage > 0 && d->was->entering_stage == 0;
}

/* Nothing was entered, and nobody stopped it. */
static bool check_failed(const struct event_change *d)
{
    return d->was->entering_stage > 0 && d->is->entering_stage == 0 && !d->c->command &&
           (d->is->phase == PHASE_READY || d->is->phase == PHASE_PENDING);
}

static bool emergency(const struct event_change *d)
{
    return d->s->new_order && d->s->next.order.active;
}

static bool emergency_cleared(const struct event_change *d)
{
    return d->s->new_order && !d->s->next.order.active;
}

static bool rollback(const struct event_change *d)
{
    return d->s->fell && !emergency(d);
}

static bool rolled_back(const struct event_change *d)
{
    return moved_to(d, PHASE_ROLLED_BACK);
}

static bool rollback_failed(const struct event_change *d)
{
    return moved_to(d, PHASE_ROLLBACK_FAILED);
}

/* Back through the stages, which is no rollback. */
static bool retreats(const struct event_change *d)
{
    return phase_coarse(d->is->phase) == COARSE_FALLING &&
           phase_coarse(d->was->phase) != COARSE_FALLING && !d->s->fell;
}

/* At once; or, of a retreat, its first step and its end. */
static bool aborted(const struct event_change *d)
{
    return moved_to(d, PHASE_ABORTED) || retreats(d);
}

/* Back to legacy, one way or the other. */
static bool ends(const struct event_change *d)
{
    return d->s->fell || aborted(d);
}

static bool converged(const struct event_change *d)
{
    return d->was->phase == PHASE_CONVERGING &&
           (d->is->phase == PHASE_BAKING || d->is->phase == PHASE_READY ||
            d->is->phase == PHASE_COMPLETED);
}

static bool completed(const struct event_change *d)
{
    return moved_to(d, PHASE_COMPLETED);
}

static bool paused(const struct event_change *d)
{
    return moved_to(d, PHASE_PAUSED);
}

static bool resumed(const struct event_change *d)
{
    return d->was->phase == PHASE_PAUSED && d->is->phase != PHASE_PAUSED && !ends(d);
}

/* The last one may be entered once more, for everybody. */
static bool stage_enabled(const struct event_change *d)
{
    bool entered = d->is->stage != d->was->stage || (d->is->full && !d->was->full);

    return d->is->stage > 0 && entered && !ends(d);
}

static bool wave_started(const struct event_change *d)
{
    return d->is->wave > 0 && (d->is->wave != d->was->wave || stage_enabled(d)) && !ends(d);
}

static bool weight_set(const struct event_change *d)
{
    return !stage_enabled(d) && d->is->wave == d->was->wave && !ends(d) &&
           (d->is->weight_bp != d->was->weight_bp ||
            d->is->weight_by_hand != d->was->weight_by_hand);
}

static bool mirror_set(const struct event_change *d)
{
    return !stage_enabled(d) && !ends(d) &&
           (d->is->mirror_bp != d->was->mirror_bp ||
            d->is->mirror_by_hand != d->was->mirror_by_hand);
}

static bool override_set(const struct event_change *d)
{
    return d->is->override != d->was->override && !ends(d);
}

static bool approved(const struct event_change *d)
{
    return d->is->approval_count > d->was->approval_count;
}

static bool drill_started(const struct event_change *d)
{
    return d->is->drill_state == DRILL_REHEARSING && d->was->drill_state != DRILL_REHEARSING;
}

static bool drill_ended(const struct event_change *d)
{
    return d->is->drill_state == DRILL_IDLE && d->was->drill_state != DRILL_IDLE;
}

static bool is_open(const struct fleet_breaker *b)
{
    return b->state == FLEET_BREAKER_OPEN || b->state == FLEET_BREAKER_FORCED_OPEN;
}

/* Also when an operator takes over what had opened by itself. */
static bool fleet_breaker_opened(const struct event_change *d)
{
    return is_open(&d->is->breaker) && d->is->breaker.state != d->was->breaker.state;
}

/* Half open is neither: what comes of it is told. */
static bool fleet_breaker_closed(const struct event_change *d)
{
    const struct fleet_breaker *was = &d->was->breaker, *is = &d->is->breaker;
    bool ordered = is->order_number != was->order_number;

    return !is_open(is) && is->state != FLEET_BREAKER_HALF_OPEN &&
           (is->state != was->state || ordered);
}

static bool breaker_tuned(const struct event_change *d)
{
    return memcmp(&d->is->breaker_by_hand, &d->was->breaker_by_hand,
                  sizeof d->is->breaker_by_hand) != 0;
}

static bool decommissioned(const struct event_change *d)
{
    return moved_to(d, PHASE_DECOMMISSIONED);
}

static bool deleted(const struct event_change *d)
{
    return d->s->removed;
}

/* ---- in words -------------------------------------------------------------------------------- */

static const char *why(const struct event_change *d)
{
    return d->is->why;
}

/* What the operator wrote, after a sentence of ours. */
static const char *with_reason(const struct event_change *d, const char *sentence)
{
    const struct core_command *cmd = d->c->command;

    return cmd && cmd->reason && cmd->reason[0] ? update_fmt(d->u, "%s: %s", sentence, cmd->reason)
                                                : sentence;
}

static const char *say_plan(const struct event_change *d)
{
    unsigned stages = d->s->next.plan->stage_count;

    return with_reason(d, d->s->added ? update_fmt(d->u, "the plan is new, with %u stage%s", stages,
                                                   stages == 1 ? "" : "s")
                                      : "the plan was changed");
}

static const char *say_converged(const struct event_change *d)
{
    unsigned nodes = convergence_counted(d->c, d->s->m);

    return update_fmt(d->u, "%u node%s serve%s it", nodes, nodes == 1 ? "" : "s",
                      nodes == 1 ? "s" : "");
}

static const char *say_rolled_back(const struct event_change *d)
{
    double ms = d->is->last_rollback.measured_ms;

    return ms < 0.0 ? d->is->why : update_fmt(d->u, "%s, after %.0f ms", d->is->why, ms);
}

static const char *say_stage(const struct event_change *d)
{
    char weight[WORDS_RATIO_MAX];

    words_weight(compile_effective_bp(&d->s->next), weight);
    return update_fmt(d->u, "%s of keys on new: %s", weight, d->is->why);
}

static const char *say_wave(const struct event_change *d)
{
    return update_fmt(d->u, "wave %u: %s", d->is->wave, d->is->why);
}

static const char *say_weight(const struct event_change *d)
{
    char weight[WORDS_RATIO_MAX];

    words_weight(d->is->weight_bp, weight);
    return with_reason(d, update_fmt(d->u, "%s of keys on new", weight));
}

static const char *say_mirror(const struct event_change *d)
{
    struct view_mirror v;
    char share[WORDS_RATIO_MAX];

    mirror_look(&d->s->next, &v);
    return with_reason(d, update_fmt(d->u, "%s of legacy's requests are copied to new (%s)",
                                     v.share_bp ? words_weight(v.share_bp, share) : "none", v.why));
}

static const char *say_override(const struct event_change *d)
{
    if (d->is->override == SYSTEM_NONE)
        return with_reason(d, "no override any more; the weight counts again");
    return with_reason(d, update_fmt(d->u, "everything to %s", system_name(d->is->override)));
}

static const char *say_approval(const struct event_change *d)
{
    return with_reason(d, "the stage may be entered");
}

static const char *say_drill(const struct event_change *d)
{
    const struct drill_record *drill = &d->is->drill;

    return update_fmt(d->u, "%s%s%s", drill->shadow ? "in shadow" : drill->scope.text,
                      drill->reason[0] ? ": " : "", drill->reason);
}

static const char *say_drill_end(const struct event_change *d)
{
    const struct drill_record *drill = &d->is->drill;

    if (!drill->passed)
        return update_fmt(d->u, "failed: %s", drill->why);
    return update_fmt(d->u, "passed: rolled back after %.0f ms, restored after %.0f ms",
                      drill->measured_ms, drill->restored_ms);
}

static const char *say_tuned(const struct event_change *d)
{
    return with_reason(d, "the settings of the breakers are others by hand");
}

static const char *say_fleet_breaker(const struct event_change *d)
{
    return d->is->breaker.why;
}

static const char *say_deleted(const struct event_change *d)
{
    return with_reason(d, "the plan and its history are forgotten");
}

/* In the order in which one reads them. */
static const struct {
    enum event_kind kind;
    bool (*happened)(const struct event_change *d);
    const char *(*text)(const struct event_change *d);
} rules[] = {
    {EVENT_PLAN_APPLIED, plan_applied, say_plan},
    {EVENT_APPROVED, approved, say_approval},
    {EVENT_EMERGENCY_ROLLBACK, emergency, why},
    {EVENT_EMERGENCY_CLEARED, emergency_cleared, why},
    {EVENT_ROLLBACK, rollback, why},
    {EVENT_ROLLED_BACK, rolled_back, say_rolled_back},
    {EVENT_ROLLBACK_FAILED, rollback_failed, why},
    {EVENT_ABORTED, aborted, why},
    {EVENT_CONVERGED, converged, say_converged},
    {EVENT_COMPLETED, completed, why},
    {EVENT_CHECK_FAILED, check_failed, why},
    {EVENT_PREPARING, preparing, why},
    {EVENT_STAGE_ENABLED, stage_enabled, say_stage},
    {EVENT_WAVE_STARTED, wave_started, say_wave},
    {EVENT_PAUSED, paused, why},
    {EVENT_RESUMED, resumed, why},
    {EVENT_WEIGHT_SET, weight_set, say_weight},
    {EVENT_MIRROR_SET, mirror_set, say_mirror},
    {EVENT_OVERRIDE_SET, override_set, say_override},
    {EVENT_DRILL_STARTED, drill_started, say_drill},
    {EVENT_DRILL_ENDED, drill_ended, say_drill_end},
    {EVENT_BREAKER_TUNED, breaker_tuned, say_tuned},
    {EVENT_FLEET_BREAKER_OPENED, fleet_breaker_opened, say_fleet_breaker},
    {EVENT_FLEET_BREAKER_CLOSED, fleet_breaker_closed, say_fleet_breaker},
    {EVENT_DECOMMISSIONED, decommissioned, why},
    {EVENT_DELETED, deleted, say_deleted},
};

void events_rules_apply(const struct event_change *d)
{
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].happened(d))
            events_say(d->c, d->u, d->s, rules[i].kind, "", rules[i].text(d));
}
