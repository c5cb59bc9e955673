/* SPDX-License-Identifier: Apache-2.0 */
/* Operators agree to a stage, one by one. */
#include "common/base/check.h"
#include "coordinator/core/approvals.h"
#include "coordinator/core/command.h"

/* The next stage, one that is being prepared included, or the one that is named. */
static int stage_asked_for(struct command_run *q, unsigned *ret)
{
    const struct rollout *r = &q->m->is.rollout;
    const char *text = q->cmd->to_stage_name;
    uint64_t number;

    *ret = q->cmd->to_stage ? q->cmd->to_stage : r->stage + 1;
    if (!text || !text[0])
        return 0;
    if (plan_stage_by_name(q->m->is.plan, text) == 0 &&
        str_to_u64(str_of(text), PLAN_STAGES_MAX, &number)) {
        *ret = (unsigned)number;
        return 0;
    }
    return command_stage_by_name(q, ret);
}

static int check_stage(struct command_run *q, unsigned stage)
{
    const struct rollout *r = &q->m->is.rollout;
    const struct plan *plan = q->m->is.plan;

    if (stage > plan->stage_count || stage == 0)
        return err_set(q->err, ERR_INVALID,
                       "plan %s has no stage %u to approve; its last is %u, %s", plan->name.s,
                       stage, plan->stage_count, plan_stage_name(plan, plan->stage_count));
    if (stage <= r->stage)
        return err_set(q->err, ERR_REFUSED,
                       "%s has entered %s already; its stages ahead are approved", plan->name.s,
                       plan_stage_name(plan, stage));
    if (plan->stage[stage - 1].approvers > 0)
        return 0;
    err_set(q->err, ERR_REFUSED, "stage %s of %s asks for no approvals",
            plan_stage_name(plan, stage), plan->name.s);
    return err_hint(q->err, "switchyard promote %s enters it, when it is the next one",
                    plan->name.s);
}

/* "all is approved by ann, bob: 2 of 2" */
static const char *summary(struct command_run *q, const struct rollout *r, unsigned stage)
{
    char who[TEXT_SIZE];

    return update_fmt(q->u, "%s of %s is approved by %s: %u of %u",
                      plan_stage_name(q->m->is.plan, stage), q->m->name.s,
                      approvals_text(r, stage, who), approvals_count(r, stage),
                      q->m->is.plan->stage[stage - 1].approvers);
}

static void fill(struct command_run *q, unsigned stage, struct approval *ret)
{
    *ret = (struct approval){.stage = stage, .time = q->c->now};
    str_fmt(ret->operator_name, sizeof ret->operator_name, "%s", q->cmd->operator_name);
    str_fmt(ret->reason, sizeof ret->reason, "%s", q->cmd->reason);
}

int command_approve(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_PROMOTE);
    struct approval approval;
    struct staged *s;
    unsigned stage;
    int r = stage_asked_for(q, &stage);

    if (r == 0)
        r = check_stage(q, stage);
    if (r < 0)
        return r;
    if (approvals_find(&q->m->is.rollout, stage, q->cmd->operator_name))
        return command_unchanged(
            q, q->m,
            update_fmt(q->u, "%s has approved it before; %s", q->cmd->operator_name,
                       summary(q, &q->m->is.rollout, stage)));
    fill(q, stage, &approval);
    s = staging_begin(q->c, q->m);
    if (!approvals_add(&s->next.rollout, &approval))
        return err_set(q->err, ERR_EXHAUSTED, "%s has %d approvals already, of all its stages",
                       q->m->name.s, APPROVALS_MAX);
    moves_record(q->c, s, &move);
    command_changed(q, s, summary(q, &s->next.rollout, stage));
    return 0;
}
