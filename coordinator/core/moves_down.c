/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of a move downwards: rollbacks, and retreats step by step. */
#include "coordinator/core/moves_parts.h"

#include "coordinator/core/approvals.h"
#include "coordinator/core/convergence.h"
#include "coordinator/core/days.h"
#include "coordinator/core/waves.h"

/* Of every node; those that the stage has not reached have the least. */
static uint32_t share_of_all(const struct durable *d)
{
    return waves_remain(d) ? waves_base_weight(d) : d->rollout.weight_bp;
}

unsigned moves_down_from(const struct durable *d, unsigned stage)
{
    while (plan_stage_weight_bp(d->plan, stage) > share_of_all(d))
        stage--;
    return stage;
}

/* A share that was lowered by hand stays as low at the stage that is gone back to. */
static void fall_to_stage(struct durable *d, unsigned stage)
{
    uint32_t most = share_of_all(d);

    moves_take_stage(d, stage);
    if (d->rollout.weight_bp <= most)
        return;
    d->rollout.weight_bp = most;
    d->rollout.weight_by_hand = true;
}

uint32_t moves_rollbacks_on(const struct rollout *r, wall_t now)
{
    return r->rollbacks_day == day_of(now) ? r->rollbacks_today : 0;
}

static void count_rollback(struct rollout *r, wall_t now)
{
    r->rollbacks_today = moves_rollbacks_on(r, now) + 1;
    r->rollbacks_day = day_of(now);
}

static void list_violations(struct rollback_record *r, const struct view_gate *g)
{
    for (unsigned i = 0; g && i < g->check_count && r->violation_count < VIOLATIONS_MAX; i++)
        if (g->check[i].verdict == VERDICT_FAIL)
            str_fmt(r->violation[r->violation_count++], TEXT_SIZE, "%s", g->check[i].text);
}

/* An override to new would keep the traffic where it must not be, who approved a stage did so
 * before the rollout fell, and at legacy the flags are the plan's. */
static void give_up_raises(struct rollout *r)
{
    if (r->override == SYSTEM_NEW)
        r->override = SYSTEM_NONE;
    approvals_drop(r, PLAN_STAGES_MAX);
    if (r->stage == 0)
        memset(&r->flags_by_hand, 0, sizeof r->flags_by_hand);
}

static void set_deadline(const struct moving *v)
{
    struct rollout *r = &v->s->next.rollout;

    r->deadline = wall_add(v->c->clock, v->s->next.plan->rollback_deadline);
    r->last_rollback.deadline = r->deadline;
}

/* Stages that had baked need not bake again for a while, if the plan says so. */
static void keep_proof(const struct moving *v)
{
    struct durable *d = &v->s->next;

    if (d->plan->resume_within.ns > 0)
        d->rollout.proven_until = wall_add(v->c->clock, d->plan->resume_within);
    else
        d->rollout.proven_stage = 0;
}

MOVES_FX(fall)
{
    struct durable *d = &v->s->next;
    struct rollback_record *record = &d->rollout.last_rollback;

    *record = (struct rollback_record){
        .present = true,
        .emergency = v->move->event == STAGE_EMERGENCY,
        .ordered_at = v->c->clock,
        .measured_ms = -1.0,
        .p50_ms = -1.0,
        .p99_ms = -1.0,
        .detect_ms = v->move->detect_ms,
        .from_stage = d->rollout.stage,
        .to_stage = v->move->to_stage,
    };
    str_fmt(record->reason, sizeof record->reason, "%s", v->move->reason);
    str_fmt(record->operator_name, sizeof record->operator_name, "%s", v->move->operator_name);
    list_violations(record, v->move->violations);
    if (d->rollout.extra)
        json_remove(d->rollout.extra, "lastRollback");

    fall_to_stage(d, v->move->to_stage);
    give_up_raises(&d->rollout);
    keep_proof(v);
    set_deadline(v);
    count_rollback(&d->rollout, v->c->now);
    v->s->fell = true;
}

MOVES_FX(end)
{
    moves_take_stage(&v->s->next, 0);
    give_up_raises(&v->s->next.rollout);
    v->s->next.rollout.proven_stage = 0;
}

unsigned moves_step_target(const struct durable *d)
{
    const struct rollout *r = &d->rollout;

    return moves_down_from(d, waves_remain(d) ? r->base_stage : r->stage - (r->stage > 0));
}

MOVES_FX(retreat)
{
    v->s->next.rollout.step_every = v->move->step_every;
    give_up_raises(&v->s->next.rollout);
}

MOVES_FX(step)
{
    struct durable *d = &v->s->next;

    moves_take_stage(d, moves_step_target(d));
    d->rollout.step_at = wall_add(v->c->clock, d->rollout.step_every);
}

MOVES_FX(measure)
{
    struct rollout *r = &v->s->next.rollout;
    const struct history_item *entry = history_newest_fall(&v->s->m->history);
    struct view_measured measured;

    convergence_measure_fall(v->c, v->s->m, &measured);
    r->deadline = (wall_t){0};
    r->last_rollback.measured_ms = measured.all;
    r->last_rollback.p50_ms = measured.p50;
    r->last_rollback.p99_ms = measured.p99;
    str_fmt(r->last_rollback.last_node.s, NAME_SIZE, "%s", measured.last_node);
    if (!entry)
        return;
    v->s->measured_seq = entry->entry.sequence;
    v->s->measured_ms = measured.all;
}

/* Every node is sent the rollback once more, with a revision of its own, and has time anew. */
MOVES_FX(retry)
{
    set_deadline(v);
    v->s->again = true;
}
