/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/moves.h"

#include <stdio.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/approvals.h"
#include "coordinator/core/convergence.h"
#include "coordinator/core/days.h"
#include "coordinator/core/drill.h"
#include "coordinator/core/facts.h"
#include "coordinator/core/fleet_breaker.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/mirror.h"
#include "coordinator/core/retire.h"
#include "coordinator/core/waves.h"
#include "coordinator/core/words.h"

/* One move while it is carried out. */
struct moving {
    struct core *c;
    struct staged *s;
    const struct move *move;
    enum rollout_phase from;
};

static void take_stage(struct durable *d, unsigned stage)
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

    take_stage(d, stage);
    if (d->rollout.weight_bp <= most)
        return;
    d->rollout.weight_bp = most;
    d->rollout.weight_by_hand = true;
}

static bool is_proven(const struct rollout *r, unsigned stage, wall_t now)
{
    return stage <= r->proven_stage && wall_is_set(r->proven_until) &&
           wall_before(now, r->proven_until);
}

/* A stage that has baked as the plan has it, with its gate open. */
static void fx_prove(const struct moving *v)
{
    struct rollout *r = &v->s->next.rollout;

    if (!r->weight_by_hand && !r->full && r->stage > r->proven_stage)
        r->proven_stage = r->stage;
}

static void fx_prepare(const struct moving *v)
{
    struct rollout *r = &v->s->next.rollout;

    r->entering_stage = v->move->to_stage;
    str_fmt(r->entering_operator, sizeof r->entering_operator, "%s", v->move->operator_name);
    str_fmt(r->entering_reason, sizeof r->entering_reason, "%s", v->move->reason);
}

static void fx_bar(const struct moving *v)
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

    take_stage(d, stage);
    if (d->plan->stage[stage - 1].wave_count == 0)
        return;
    d->rollout.wave = 1;
    d->rollout.base_stage = base;
    d->rollout.base_weight_bp = base_weight_bp;
}

static void fx_enter(const struct moving *v)
{
    struct durable *d = &v->s->next;

    if (d->rollout.stage == 0 && !is_proven(&d->rollout, 1, v->c->clock))
        d->rollout.proven_stage = 0;
    moves_enter(d, v->move->to_stage);
    approvals_drop(&d->rollout, v->move->to_stage);
    forget_gone(&v->c->nodes, &d->rollout);
    d->rollout.since = v->c->clock;
}

/* For everybody, and nothing is asked of the stage. */
static void fx_skip(const struct moving *v)
{
    waves_end(&v->s->next.rollout);
    v->s->next.rollout.full = true;
}

static void fx_wave(const struct moving *v)
{
    struct rollout *r = &v->s->next.rollout;

    r->wave++;
    r->bake_until = (wall_t){0};
    forget_gone(&v->c->nodes, r);
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

static void fx_fall(const struct moving *v)
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

static void fx_end(const struct moving *v)
{
    take_stage(&v->s->next, 0);
    give_up_raises(&v->s->next.rollout);
    v->s->next.rollout.proven_stage = 0;
}

unsigned moves_step_target(const struct durable *d)
{
    const struct rollout *r = &d->rollout;

    return moves_down_from(d, waves_remain(d) ? r->base_stage : r->stage - (r->stage > 0));
}

static void fx_retreat(const struct moving *v)
{
    v->s->next.rollout.step_every = v->move->step_every;
    give_up_raises(&v->s->next.rollout);
}

static void fx_step(const struct moving *v)
{
    struct durable *d = &v->s->next;

    take_stage(d, moves_step_target(d));
    d->rollout.step_at = wall_add(v->c->clock, d->rollout.step_every);
}

static void fx_weigh(const struct moving *v)
{
    struct durable *d = &v->s->next;

    d->rollout.weight_bp = v->move->weight_bp;
    d->rollout.weight_by_hand =
        v->move->weight_bp != plan_stage_weight_bp(d->plan, d->rollout.stage);
}

static void fx_override(const struct moving *v)
{
    v->s->next.rollout.override = v->move->system;
}

static bool bakes_again(const struct moving *v)
{
    const struct rollout *r = &v->s->next.rollout;

    return !r->full && !is_proven(r, r->stage, v->c->clock);
}

static void fx_bake(const struct moving *v)
{
    struct durable *d = &v->s->next;

    d->rollout.bake_until = wall_add(v->c->clock, bakes_again(v) ? waves_bake(d) : dur_ns(0));
    v->s->baking = true;
}

/* What is measured from here on differs: the stage has to converge and bake once more. */
static void fx_again(const struct moving *v)
{
    struct rollout *r = &v->s->next.rollout;

    r->bake_until = (wall_t){0};
    r->bake_left = dur_ns(0);
    r->full = false;
    if (v->from == PHASE_PAUSED)
        r->resume_phase = PHASE_CONVERGING;
}

static void fx_hold(const struct moving *v)
{
    struct rollout *r = &v->s->next.rollout;
    dur_t left = wall_sub(r->bake_until, v->c->clock);

    r->resume_phase = v->from;
    r->bake_left = v->from == PHASE_BAKING && left.ns > 0 ? left : dur_ns(0);
    r->bake_until = (wall_t){0};
}

static void fx_release(const struct moving *v)
{
    struct rollout *r = &v->s->next.rollout;

    if (r->resume_phase == PHASE_BAKING)
        r->bake_until = wall_add(v->c->clock, r->bake_left);
    r->bake_left = dur_ns(0);
}

static void fx_standby(const struct moving *v)
{
    v->s->next.rollout.standby_until = retire_standby(&v->s->next, v->c->clock);
}

static void fx_measure(const struct moving *v)
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
static void fx_retry(const struct moving *v)
{
    set_deadline(v);
    v->s->again = true;
}

static void (*const effects[STAGE_FX_COUNT])(const struct moving *v) = {
    [STAGE_FX_BIT_PROVE] = fx_prove,     [STAGE_FX_BIT_PREPARE] = fx_prepare,
    [STAGE_FX_BIT_BAR] = fx_bar,         [STAGE_FX_BIT_ENTER] = fx_enter,
    [STAGE_FX_BIT_SKIP] = fx_skip,       [STAGE_FX_BIT_WAVE] = fx_wave,
    [STAGE_FX_BIT_FALL] = fx_fall,       [STAGE_FX_BIT_RETREAT] = fx_retreat,
    [STAGE_FX_BIT_STEP] = fx_step,       [STAGE_FX_BIT_END] = fx_end,
    [STAGE_FX_BIT_WEIGH] = fx_weigh,     [STAGE_FX_BIT_OVERRIDE] = fx_override,
    [STAGE_FX_BIT_BAKE] = fx_bake,       [STAGE_FX_BIT_AGAIN] = fx_again,
    [STAGE_FX_BIT_HOLD] = fx_hold,       [STAGE_FX_BIT_RELEASE] = fx_release,
    [STAGE_FX_BIT_STANDBY] = fx_standby, [STAGE_FX_BIT_MEASURE] = fx_measure,
    [STAGE_FX_BIT_RETRY] = fx_retry,
};

/* RECORD has no function here: it comes last, when `to` is known. */
static void carry_out(const struct moving *v, uint32_t bits)
{
    for (unsigned i = 0; i < STAGE_FX_COUNT; i++)
        if (effects[i] && (bits & (1u << i)))
            effects[i](v);
}

/* What belongs to a phase goes with it. */
static void tidy(struct rollout *r)
{
    enum rollout_phase phase = r->phase == PHASE_PAUSED ? r->resume_phase : r->phase;

    if (phase != PHASE_PREPARING) {
        r->entering_stage = 0;
        r->entering_operator[0] = r->entering_reason[0] = '\0';
    }
    if (phase != PHASE_READY)
        r->barred = false;
    if (phase == PHASE_COMPLETED)
        r->full = false;
    if (phase != PHASE_RETREATING) {
        r->step_at = (wall_t){0};
        r->step_every = dur_ns(0);
    }
    if (r->proven_stage == 0)
        r->proven_until = (wall_t){0};
}

/* ---- why ------------------------------------------------------------------------------------- */

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
    if (d->rollout.phase == PHASE_BAKING && is_proven(&d->rollout, d->rollout.stage, v->c->clock))
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

/* What the sentence of the row cannot know. */
static void detail(const struct moving *v, enum rollout_phase to, char *dst)
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

static void tell_move(struct core_update *u, const struct moving *v, const char *from,
                      const char *to, const char *why)
{
    bool trigger = v->move->event == STAGE_TRIGGER;
    bool failed =
        v->s->next.rollout.phase == PHASE_ROLLBACK_FAILED || v->move->event == STAGE_UNPREPARED;

    update_tell(u, trigger || failed ? LOG_WARN : LOG_INFO, trigger ? LOG_TRIGGER : LOG_STAGE_MOVED,
                update_fmt(u, "migration=%s from=%s to=%s why=%s", v->s->m->name.s, LOGQ(from),
                           LOGQ(to), LOGQ(why)));
}

void moves_record(struct core *c, struct staged *s, const struct move *move)
{
    struct history_item *item = xnew(struct history_item);
    struct history_entry *e = &item->entry;

    CHECK(!s->entry);
    e->sequence = ++s->next.rollout.history_seq;
    e->time = c->now;
    str_fmt(e->event, sizeof e->event, "%s", move->recorded_as);
    str_fmt(e->operator_name, sizeof e->operator_name, "%s", move->operator_name);
    str_fmt(e->reason, sizeof e->reason, "%s", move->reason);
    str_fmt(e->request, sizeof e->request, "%s", move->request ? move->request : "");
    if (s->m->is.plan)
        words_place(s->m->is.plan, &s->m->is.rollout, e->from);
    if (s->next.plan)
        words_place(s->next.plan, &s->next.rollout, e->to);
    s->entry = item;
}

int moves_run(struct core *c, struct staged *s, const struct move *move, struct core_update *u,
              struct stage_facts *ret_facts)
{
    struct rollout *r = &s->next.rollout;
    struct moving v = {.c = c, .s = s, .move = move, .from = r->phase};
    char from[WORDS_PLACE_MAX], to[WORDS_PLACE_MAX], more[TEXT_SIZE];
    struct stage_facts after;
    const struct sm_row *row;

    facts_collect(c, s->m, &s->next, move, ret_facts);
    row = sm_find_row(&stage_machine, r->phase, move->event, ret_facts, NULL);
    if (!row)
        return MOVES_NONE;

    words_place(s->next.plan, r, from);
    carry_out(&v, row->effects);
    if (row->to != SM_STAY) {
        r->phase = (enum rollout_phase)row->to;
        r->since = c->clock;
    }
    tidy(r);
    if (r->stage == 0 || phase_coarse(r->phase) == COARSE_FALLING)
        drill_fall(c, s, u);
    fleet_breaker_follow(c, s, u);
    detail(&v, r->phase, more);
    str_fmt(r->why, sizeof r->why, "%s%s%s", row->why, more[0] ? ": " : "", more);

    facts_collect(c, s->m, &s->next, move, &after);
    sm_move(&s->next.machine, row, &after, c->now);
    if (row->effects & FX_RECORD)
        moves_record(c, s, move);
    tell_move(u, &v, from, words_place(s->next.plan, r, to), r->why);
    return 0;
}
