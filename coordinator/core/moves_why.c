/* SPDX-License-Identifier: Apache-2.0 */
/* Why a rollout moved: what the sentence of the row cannot know. */
#include "coordinator/core/moves_parts.h"

#include "coordinator/core/convergence.h"
#include "coordinator/core/facts.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/waves.h"
#include "coordinator/core/words.h"

static void detail_converged(const struct moving *v, char *dst)
{
    const struct durable *d = &v->s->next;
    char names[TEXT_SIZE], until[WALL_TEXT_MAX];

    waves_text(d, d->rollout.wave, names);
    str_fmt(dst, TEXT_SIZE, "%s%s", names[0] ? "those of " : "", names);
    if (nodes_counted(&v->c->nodes) == 0) {
        str_fmt(dst, TEXT_SIZE, "no node is connected");
    } else if (d->rollout.quarantined_count > 0) {
        str_join(dst, TEXT_SIZE, "; ", "not counting %s, in quarantine",
                 nodes_list_text(d->rollout.quarantined, d->rollout.quarantined_count, names));
    } else {
        nodes_gone_text(&v->c->nodes, v->s->m->takeover.ordered, names);
        if (names[0])
            str_join(dst, TEXT_SIZE, "; ", "not counting %s, gone", names);
    }
    if (d->rollout.phase == PHASE_BAKING &&
        moves_is_proven(&d->rollout, d->rollout.stage, v->c->clock))
        str_join(dst, TEXT_SIZE, "; ", "it has baked before, and need not again until %.16sZ",
                 wall_text(d->rollout.proven_until, until));
}

/* Why a stage that is prepared is not entered. */
static void detail_barred(const struct moving *v, char *dst)
{
    char hint[TEXT_SIZE];
    struct view_gate gate;

    if (facts_held_back(v->c, &v->s->m->is, v->move, dst, hint))
        return;
    facts_gate(v->c, v->s->m, &v->s->m->is, v->c->mono, &gate);
    str_fmt(dst, TEXT_SIZE, "%s", gate.text);
}

static void detail_late(const struct moving *v, char *dst)
{
    struct view_convergence lagging;
    char names[TEXT_SIZE];

    convergence_list(v->c, v->s->m, v->s->m->takeover.rev, v->c->mono, &lagging);
    str_fmt(dst, TEXT_SIZE, "%s", nodes_laggards_text(&lagging, names));
}

void moves_detail(const struct moving *v, enum rollout_phase to, char *dst)
{
    char hint[TEXT_SIZE];

    dst[0] = '\0';
    if (v->move->event == STAGE_DEADLINE && to == PHASE_ROLLBACK_FAILED)
        detail_late(v, dst);
    else if (v->move->event == STAGE_CONVERGED)
        detail_converged(v, dst);
    else if (v->move->event == STAGE_UNPREPARED)
        jobs_failed_text(jobs_unprepared(v->s->m, &v->s->m->is), dst);
    else if (v->move->event == STAGE_PREPARED && to != PHASE_CONVERGING)
        detail_barred(v, dst);
    else if (v->move->event == STAGE_REVIEW && to == PHASE_READY)
        (void)facts_held_back(v->c, &v->s->next, v->move, dst, hint);
    else if (to != PHASE_COMPLETED && v->move->reason[0])
        str_fmt(dst, TEXT_SIZE, "%s", v->move->reason);
}
