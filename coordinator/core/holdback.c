/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/holdback.h"

#include "common/base/units.h"
#include "coordinator/core/approvals.h"
#include "coordinator/core/words.h"

/* One raise that is looked at. */
struct raise {
    const struct durable *d;
    unsigned to_stage;
    wall_t now;
};

static const char *name_of(const struct raise *q)
{
    return q->d->plan->name.s;
}

static void set_hint(struct view_holdback *ret, const struct raise *q, const char *command,
                     const char *options)
{
    str_fmt(ret->hint, sizeof ret->hint, "switchyard %s %s%s", command, name_of(q), options);
}

/* ---- freeze ---------------------------------------------------------------------------------- */

static void look_at_freeze(const struct raise *q, struct view_holdback *ret)
{
    const struct plan *plan = q->d->plan;
    const struct plan_freeze *freeze;
    char text[WALL_TEXT_MAX];
    wall_t until;

    if (plan->freeze_count == 0)
        return;
    freeze = plan_frozen(plan, q->now, &until);
    ret->verdict = freeze ? VERDICT_HOLD : VERDICT_PASS;
    if (!freeze) {
        str_fmt(ret->text, sizeof ret->text, "no freeze holds");
        return;
    }
    str_fmt(ret->text, sizeof ret->text, "frozen until %.16sZ%s%s", wall_text(until, text),
            freeze->reason[0] ? ": " : "", freeze->reason);
    ret->passes = true;
    set_hint(ret, q, "status", " --watch");
}

/* ---- approvals ------------------------------------------------------------------------------- */

/* "all needs 2 approvals and has 1 (ann)" */
static void tell_approvals(const struct raise *q, unsigned stage, struct view_holdback *ret)
{
    unsigned needed = q->d->plan->stage[stage - 1].approvers;
    unsigned given = approvals_count(&q->d->rollout, stage);
    char who[TEXT_SIZE], has[TEXT_SIZE] = "none";

    if (given > 0)
        str_fmt(has, sizeof has, "%u (%s)", given, approvals_text(&q->d->rollout, stage, who));
    str_fmt(ret->text, sizeof ret->text, "%s needs %u approval%s and has %s",
            plan_stage_name(q->d->plan, stage), needed, needed == 1 ? "" : "s", has);
}

/* A stage that is skipped does not take its approvals with it. */
static void look_at_approvals(const struct raise *q, struct view_holdback *ret)
{
    const struct plan *plan = q->d->plan;
    char options[NAME_SIZE * 2];

    for (unsigned i = q->d->rollout.stage + 1; i <= q->to_stage && i <= plan->stage_count; i++) {
        if (plan->stage[i - 1].approvers == 0)
            continue;
        tell_approvals(q, i, ret);
        ret->verdict = VERDICT_PASS;
        if (approvals_count(&q->d->rollout, i) >= plan->stage[i - 1].approvers)
            continue;
        ret->verdict = VERDICT_HOLD;
        str_fmt(options, sizeof options, " --stage %s --reason TEXT", plan_stage_name(plan, i));
        set_hint(ret, q, "approve", options);
        return;
    }
}

/* ---- drill ----------------------------------------------------------------------------------- */

/* Where no stage is entered there is nothing to rehearse. */
static bool needs_drill(const struct raise *q)
{
    return q->d->plan->drill_max_age.ns > 0 && q->d->rollout.stage > 0;
}

static bool is_too_old(const struct raise *q)
{
    return wall_sub(q->now, q->d->rollout.drill.ended_at).ns > q->d->plan->drill_max_age.ns;
}

static bool is_too_slow(const struct raise *q)
{
    const struct plan *plan = q->d->plan;

    return plan->drill_within.ns > 0 &&
           q->d->rollout.drill.measured_ms > dur_in_ms(plan->drill_within);
}

/* What speaks against the latest drill, into `dst` of TEXT_SIZE bytes; false: nothing. */
static bool fault_of_drill(const struct raise *q, char *dst)
{
    const struct drill_record *drill = &q->d->rollout.drill;
    const struct plan *plan = q->d->plan;
    char asked[WORDS_DURATION_MAX], is[WORDS_DURATION_MAX];

    words_duration(plan->drill_max_age, asked);
    if (!drill->present) {
        str_fmt(dst, TEXT_SIZE, "the plan asks for a drill in the last %s, and there was none",
                asked);
    } else if (!drill->passed) {
        str_fmt(dst, TEXT_SIZE, "the latest drill did not pass: %s", drill->why);
    } else if (is_too_old(q)) {
        words_duration(wall_sub(q->now, drill->ended_at), is);
        str_fmt(dst, TEXT_SIZE,
                "the latest drill was %s ago, and the plan asks for one in the last %s", is, asked);
    } else if (is_too_slow(q)) {
        words_duration(plan->drill_within, asked);
        str_fmt(dst, TEXT_SIZE, "the latest drill took %.0f ms, and the plan asks for %s",
                drill->measured_ms, asked);
    } else {
        return false;
    }
    return true;
}

static void look_at_drill(const struct raise *q, struct view_holdback *ret)
{
    const struct drill_record *drill = &q->d->rollout.drill;
    char ago[WORDS_DURATION_MAX];

    if (q->d->rollout.drill_state != DRILL_IDLE) {
        ret->verdict = VERDICT_HOLD;
        str_fmt(ret->text, sizeof ret->text, "a drill is %s; nothing rises until it is over",
                drill_state_name(q->d->rollout.drill_state));
        ret->passes = true;
        set_hint(ret, q, "status", " --watch");
        return;
    }
    if (!needs_drill(q))
        return;
    ret->verdict = VERDICT_PASS;
    if (fault_of_drill(q, ret->text)) {
        ret->verdict = VERDICT_HOLD;
        set_hint(ret, q, "drill", " --scope SELECTOR --reason TEXT");
        return;
    }
    str_fmt(ret->text, sizeof ret->text, "a drill passed %s ago, in %.0f ms",
            words_duration(wall_sub(q->now, drill->ended_at), ago), drill->measured_ms);
}

/* ---- breaker --------------------------------------------------------------------------------- */

/* A stage that nobody asks new for anything in proves nothing. */
static void look_at_breaker(const struct raise *q, struct view_holdback *ret)
{
    const struct fleet_breaker *b = &q->d->rollout.breaker;

    if (b->state == FLEET_BREAKER_CLOSED || b->state == FLEET_BREAKER_FORCED_CLOSED)
        return;
    ret->verdict = VERDICT_HOLD;
    str_fmt(ret->text, sizeof ret->text, "the breaker of the fleet is %s: %s",
            fleet_breaker_state_name(b->state), b->why);
    ret->passes = b->state != FLEET_BREAKER_FORCED_OPEN;
    if (ret->passes)
        set_hint(ret, q, "status", " --watch");
    else
        set_hint(ret, q, "breaker reset", " --reason TEXT");
}

/* ---- all of them ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*look)(const struct raise *q, struct view_holdback *ret);
} conditions[HOLDBACKS_COUNT] = {
    {"freeze", look_at_freeze},
    {"approvals", look_at_approvals},
    {"drill", look_at_drill},
    {"breaker", look_at_breaker},
};

void holdback_list(const struct durable *d, unsigned to_stage, wall_t now,
                   struct view_holdback *ret)
{
    const struct raise q = {.d = d, .to_stage = to_stage, .now = now};

    for (unsigned i = 0; i < HOLDBACKS_COUNT; i++) {
        ret[i] = (struct view_holdback){.name = conditions[i].name};
        conditions[i].look(&q, &ret[i]);
    }
}

bool holdback(const struct durable *d, unsigned to_stage, wall_t now, char *ret_why, char *ret_hint)
{
    struct view_holdback list[HOLDBACKS_COUNT];

    holdback_list(d, to_stage, now, list);
    for (unsigned i = 0; i < HOLDBACKS_COUNT; i++) {
        if (list[i].verdict != VERDICT_HOLD)
            continue;
        str_fmt(ret_why, TEXT_SIZE, "%s", list[i].text);
        str_fmt(ret_hint, TEXT_SIZE, "%s", list[i].hint);
        return true;
    }
    return false;
}
