/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/core_view.h"
#include "coordinator/core/state.h"

static const struct {
    enum core_job_kind kind;
    const char *doing;
} works[] = {
    {JOB_READY, "checks"},
    {JOB_BACKUP, "backup"},
    {JOB_BEFORE, "hooks"},
    {JOB_AFTER, "hooks after"},
};

/* Of the stage that is prepared, or was and could not be entered; of the hooks after the current
 * one. */
static bool is_shown(const struct rollout *r, const struct job *j, enum core_job_kind kind)
{
    if (j->id == 0)
        return false;
    if (kind == JOB_AFTER)
        return r->phase == PHASE_BAKING && j->about.stage == r->stage;
    return r->phase == PHASE_PREPARING ? j->about.stage == r->entering_stage
                                       : j->about.stage > r->stage;
}

void view_work(const struct core *c, const char *migration, struct view_work *ret)
{
    const struct migration *m = state_find(c, migration);

    *ret = (struct view_work){.doing = ""};
    for (unsigned i = 0; m && i < ARRAY_LEN(works); i++) {
        const struct job *j = &m->jobs.job[works[i].kind];

        if (!is_shown(&m->is.rollout, j, works[i].kind))
            continue;
        if (j->running)
            ret->doing = works[i].doing;
        for (unsigned k = 0; k < j->count && ret->result_count < VIEW_RESULTS_MAX; k++)
            ret->result[ret->result_count++] = &j->result[k];
        if (j->told && !j->ok)
            jobs_failed_text(j, ret->failed);
    }
}
