/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/moves_parts.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/drill.h"
#include "coordinator/core/facts.h"
#include "coordinator/core/fleet_breaker.h"
#include "coordinator/core/words.h"

static void (*const effects[STAGE_FX_COUNT])(const struct moving *v) = {
    [STAGE_FX_BIT_PROVE] = moves_fx_prove,     [STAGE_FX_BIT_PREPARE] = moves_fx_prepare,
    [STAGE_FX_BIT_BAR] = moves_fx_bar,         [STAGE_FX_BIT_ENTER] = moves_fx_enter,
    [STAGE_FX_BIT_SKIP] = moves_fx_skip,       [STAGE_FX_BIT_WAVE] = moves_fx_wave,
    [STAGE_FX_BIT_FALL] = moves_fx_fall,       [STAGE_FX_BIT_RETREAT] = moves_fx_retreat,
    [STAGE_FX_BIT_STEP] = moves_fx_step,       [STAGE_FX_BIT_END] = moves_fx_end,
    [STAGE_FX_BIT_WEIGH] = moves_fx_weigh,     [STAGE_FX_BIT_OVERRIDE] = moves_fx_override,
    [STAGE_FX_BIT_BAKE] = moves_fx_bake,       [STAGE_FX_BIT_AGAIN] = moves_fx_again,
    [STAGE_FX_BIT_HOLD] = moves_fx_hold,       [STAGE_FX_BIT_RELEASE] = moves_fx_release,
    [STAGE_FX_BIT_STANDBY] = moves_fx_standby, [STAGE_FX_BIT_MEASURE] = moves_fx_measure,
    [STAGE_FX_BIT_RETRY] = moves_fx_retry,
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
    moves_detail(&v, r->phase, more);
    str_fmt(r->why, sizeof r->why, "%s%s%s", row->why, more[0] ? ": " : "", more);

    facts_collect(c, s->m, &s->next, move, &after);
    sm_move(&s->next.machine, row, &after, c->now);
    if (row->effects & FX_RECORD)
        moves_record(c, s, move);
    tell_move(u, &v, from, words_place(s->next.plan, r, to), r->why);
    return 0;
}
