/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/stage_fsm.h"
#include "tests/sim/sim_check_state.h"

#define PREPARING (1u << JOB_READY | 1u << JOB_BACKUP | 1u << JOB_BEFORE)

/* ---- what the world says --------------------------------------------------------------------- */

void sim_check_job(struct sim_check *c, const struct sim_coord *coord, const struct core_job *job)
{
    if (!sim_coord_leads(coord))
        sim_fail(c->sim, "%s begins the job %s of %s, and does not lead", sim_coord_name(coord)->s,
                 job_kind_name(job->kind), job->migration.s);
}

void sim_check_found(struct sim_check *c, const struct sim_found *found)
{
    struct sim_said *said = &sim_check_quiet(c, found->migration.s)->said[found->kind];

    if (mono_before(found->begun, said->since))
        return;
    said->passed = said->passed || found->outcome == CHECK_PASSED;
    said->failed = said->failed || found->outcome == CHECK_FAILED;
}

static void ask_anew(struct sim_check *c, const struct sim_decision *d, unsigned kinds)
{
    struct sim_quiet *q = sim_check_quiet(c, d->migration.s);

    for (unsigned i = 0; i < JOB_KINDS; i++)
        if (kinds & 1u << i)
            q->said[i] = (struct sim_said){.since = c->sim->now};
}

void sim_check_needs(struct sim_check *c, const struct sim_decision *was,
                     const struct sim_decision *is)
{
    const struct rollout *a = &was->rollout, *b = &is->rollout;

    if (was->plan != is->plan)
        ask_anew(c, is, ~0u);
    if (b->phase == PHASE_PREPARING && a->phase != PHASE_PREPARING)
        ask_anew(c, is, PREPARING);
    if (a->stage != b->stage)
        ask_anew(c, is, 1u << JOB_GATE | 1u << JOB_TRIGGER | 1u << JOB_AFTER);
    else if (a->wave != b->wave || a->weight_bp != b->weight_bp)
        ask_anew(c, is, 1u << JOB_AFTER);
}

/* ---- what follows ---------------------------------------------------------------------------- */

static void need(struct sim_check *c, const struct sim_decision *is, unsigned kinds,
                 const char *what)
{
    const struct sim_quiet *q = sim_check_quiet(c, is->migration.s);

    for (unsigned i = 0; i < JOB_KINDS; i++)
        if (kinds & 1u << i && !q->said[i].passed)
            sim_fail(c->sim, "%s %s, and the job %s has not passed", is->migration.s, what,
                     job_kind_name((enum core_job_kind)i));
}

/* A stage that is skipped does not take its approvals with it. */
static void check_approvals(struct sim_check *c, const struct sim_decision *was,
                            const struct sim_decision *is)
{
    for (unsigned n = was->rollout.stage + 1; n <= is->rollout.stage; n++) {
        unsigned approved = 0;

        for (unsigned i = 0; i < was->rollout.approval_count; i++)
            approved += was->rollout.approval[i].stage == n;
        if (approved < was->plan->stage[n].approvers)
            sim_fail(c->sim, "%s enters %s with %u of %u approvals", is->migration.s,
                     was->plan->stage[n].name.s, approved, was->plan->stage[n].approvers);
    }
}

static void check_entering(struct sim_check *c, const struct sim_decision *was,
                           const struct sim_decision *is, const struct sm_row *row)
{
    const struct sim_stage *stage = &was->plan->stage[is->rollout.stage];

    check_approvals(c, was, is);
    if (row->effects & FX_SKIP)
        return;
    if (row->event == STAGE_PREPARED)
        need(c, is, stage->work & PREPARING, "enters a stage");
    else if (stage->work & PREPARING)
        sim_fail(c->sim, "%s enters %s, which was not prepared", is->migration.s, stage->name.s);
}

static void check_leaving(struct sim_check *c, const struct sim_decision *was,
                          const struct sm_row *row)
{
    unsigned work = was->plan->stage[was->rollout.stage].work;

    if (row->state != PHASE_BAKING || was->rollout.full)
        return;
    if (row->effects & FX_PROVE)
        need(c, was, work & 1u << JOB_AFTER, "leaves a stage");
    if (row->event == STAGE_REVIEW)
        need(c, was, work & 1u << JOB_GATE, "leaves a stage, or a wave of it");
}

static bool rises(const struct sim_decision *was, const struct sim_decision *is)
{
    const struct rollout *a = &was->rollout, *b = &is->rollout;

    return b->stage > a->stage || (b->stage == a->stage && b->wave > a->wave) ||
           sim_decision_bp(is) > sim_decision_bp(was);
}

/* By the clock of who decided. */
static void check_freeze(struct sim_check *c, const struct sim_decision *was,
                         const struct sim_decision *is)
{
    const struct sim_intent *plan = was->plan;
    wall_t at = is->rollout.decided_at;

    if (wall_is_set(plan->frozen_from) && !wall_before(at, plan->frozen_from) &&
        wall_before(at, plan->frozen_until))
        sim_fail(c->sim, "%s rises in a freeze: %s", is->migration.s, is->rollout.why);
}

void sim_check_work(struct sim_check *c, const struct sim_decision *was,
                    const struct sim_decision *is, const struct sm_row *row)
{
    if (row->effects & FX_ENTER)
        check_entering(c, was, is, row);
    check_leaving(c, was, row);
    if (rises(was, is))
        check_freeze(c, was, is);
}
