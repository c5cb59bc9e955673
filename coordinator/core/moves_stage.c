/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of a move at a stage: it is prepared, entered, baked, held, and its share set by hand. */
#include "coordinator/core/moves_parts.h"

#include "coordinator/core/approvals.h"
#include "coordinator/core/mirror.h"
#include "coordinator/core/retire.h"
#include "coordinator/core/waves.h"

void moves_take_stage(struct durable *d, unsigned stage)
{
    d->rollout.stage = stage;
    d->rollout.weight_bp = plan_stage_weight_bp(d->plan, stage);
    d->rollout.weight_by_hand = false;
    d->rollout.bake_until = (wall_t){0};
    d->rollout.bake_left = dur_ns(0);
    d->rollout.deadline = (wall_t){0};
    d->rollout.standby_until = (wall_t){0};
    d->rollout.full = false;
    waves_end(&d->rollout);
    mirror_follow(d);
}

bool moves_is_proven(const struct rollout *r, unsigned stage, wall_t now)
{
    return stage <= r->proven_stage && wall_is_set(r->proven_until) &&
           wall_before(now, r->proven_until);
}

/* A stage that has baked as the plan has it, with its gate open. */
MOVES_FX(prove)
{
    struct rollout *r = &v->s->next.rollout;

    if (!r->weight_by_hand && !r->full && r->stage > r->proven_stage)
        r->proven_stage = r->stage;
}

MOVES_FX(prepare)
{
    struct rollout *r = &v->s->next.rollout;

    r->entering_stage = v->move->to_stage;
    str_fmt(r->entering_operator, sizeof r->entering_operator, "%s", v->move->operator_name);
    str_fmt(r->entering_reason, sizeof r->entering_reason, "%s", v->move->reason);
}

MOVES_FX(bar)
{
    v->s->next.rollout.barred = true;
}

/* Whoever is gone for good is not waited for by the next stage either. */
static void forget_gone(const struct nodes *nodes, struct rollout *r)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < r->quarantined_count; i++) {
        const struct node *node = nodes_find(nodes, r->quarantined[i].s);

        if (node && node_lags(node, UINT64_MAX))
            r->quarantined[kept++] = r->quarantined[i];
    }
    r->quarantined_count = kept;
}

void moves_enter(struct durable *d, unsigned stage)
{
    unsigned base = d->rollout.stage;
    uint32_t base_weight_bp = d->rollout.weight_bp;

    moves_take_stage(d, stage);
    if (d->plan->stage[stage - 1].wave_count == 0)
        return;
    d->rollout.wave = 1;
    d->rollout.base_stage = base;
    d->rollout.base_weight_bp = base_weight_bp;
}

MOVES_FX(enter)
{
    struct durable *d = &v->s->next;

    if (d->rollout.stage == 0 && !moves_is_proven(&d->rollout, 1, v->c->clock))
        d->rollout.proven_stage = 0;
    moves_enter(d, v->move->to_stage);
    approvals_drop(&d->rollout, v->move->to_stage);
    forget_gone(&v->c->nodes, &d->rollout);
    d->rollout.since = v->c->clock;
}

/* For everybody, and nothing is asked of the stage. */
MOVES_FX(skip)
{
    waves_end(&v->s->next.rollout);
    v->s->next.rollout.full = true;
}

MOVES_FX(wave)
{
    struct rollout *r = &v->s->next.rollout;

    r->wave++;
    r->bake_until = (wall_t){0};
    forget_gone(&v->c->nodes, r);
}

MOVES_FX(weigh)
{
    struct durable *d = &v->s->next;

    d->rollout.weight_bp = v->move->weight_bp;
    d->rollout.weight_by_hand =
        v->move->weight_bp != plan_stage_weight_bp(d->plan, d->rollout.stage);
}

MOVES_FX(override)
{
    v->s->next.rollout.override = v->move->system;
}

static bool bakes_again(const struct moving *v)
{
    const struct rollout *r = &v->s->next.rollout;

    return !r->full && !moves_is_proven(r, r->stage, v->c->clock);
}

MOVES_FX(bake)
{
    struct durable *d = &v->s->next;

    d->rollout.bake_until = wall_add(v->c->clock, bakes_again(v) ? waves_bake(d) : dur_ns(0));
    v->s->baking = true;
}

/* What is measured from here on differs: the stage has to converge and bake once more. */
MOVES_FX(again)
{
    struct rollout *r = &v->s->next.rollout;

    r->bake_until = (wall_t){0};
    r->bake_left = dur_ns(0);
    r->full = false;
    if (v->from == PHASE_PAUSED)
        r->resume_phase = PHASE_CONVERGING;
}

MOVES_FX(hold)
{
    struct rollout *r = &v->s->next.rollout;
    dur_t left = wall_sub(r->bake_until, v->c->clock);

    r->resume_phase = v->from;
    r->bake_left = v->from == PHASE_BAKING && left.ns > 0 ? left : dur_ns(0);
    r->bake_until = (wall_t){0};
}

MOVES_FX(release)
{
    struct rollout *r = &v->s->next.rollout;

    if (r->resume_phase == PHASE_BAKING)
        r->bake_until = wall_add(v->c->clock, r->bake_left);
    r->bake_left = dur_ns(0);
}

MOVES_FX(standby)
{
    v->s->next.rollout.standby_until = retire_standby(&v->s->next, v->c->clock);
}
