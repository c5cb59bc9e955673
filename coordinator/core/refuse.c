/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/refuse.h"

#include "coordinator/core/convergence.h"
#include "coordinator/core/facts.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/waves.h"
#include "coordinator/core/retire.h"
#include "coordinator/core/words.h"

/* One refusal in the making. */
struct refusal {
    const struct core *c;
    const struct migration *m;
    const struct move *move;
    const struct stage_facts *facts;
    struct err *err;
};

static const char *name_of(const struct refusal *q)
{
    return q->m->name.s;
}

static int refuse_emergency(const struct refusal *q)
{
    err_set(q->err, ERR_REFUSED,
            "an emergency order is active for %s (%s, by %s): nothing may go to new until it is "
            "cleared",
            name_of(q), q->m->is.order.reason, q->m->is.order.operator_name);
    return err_hint(q->err, "switchyard rollback %s --clear --reason TEXT", name_of(q));
}

static int refuse_violating(const struct refusal *q)
{
    struct view_gate trigger;

    facts_trigger(q->c, q->m, &q->m->is, q->c->mono, &trigger);
    err_set(q->err, ERR_REFUSED, "a trigger of %s is violated right now: %s", name_of(q),
            trigger.text);
    return err_hint(q->err, "switchyard stats %s", name_of(q));
}

static int refuse_held_back(const struct refusal *q)
{
    char why[TEXT_SIZE], hint[TEXT_SIZE];

    (void)facts_held_back(q->c, &q->m->is, q->move, why, hint);
    err_set(q->err, ERR_REFUSED, "%s is held back: %s", name_of(q), why);
    return err_hint(q->err, "%s", hint);
}

static int refuse_converging(const struct refusal *q)
{
    struct view_convergence v;
    char names[TEXT_SIZE];
    const struct rollout *r = &q->m->is.rollout;

    convergence_list(q->c, q->m, q->m->takeover.rev, q->c->mono, &v);
    if (mono_before(q->c->mono, q->c->awake))
        err_set(q->err, ERR_REFUSED,
                "the coordinator has just started and gives every node time to come back before %s "
                "counts as served; try again in a few seconds",
                plan_stage_name(q->m->is.plan, r->stage));
    else if (v.nodes == 0)
        err_set(q->err, ERR_REFUSED, "no node is connected, so nobody serves %s of %s yet",
                plan_stage_name(q->m->is.plan, r->stage), name_of(q));
    else
        err_set(q->err, ERR_REFUSED, "%u of %u nodes do not serve %s of %s yet: %s", v.lagging,
                v.nodes, plan_stage_name(q->m->is.plan, r->stage), name_of(q),
                nodes_laggards_text(&v, names));
    return err_hint(q->err, "switchyard status %s --watch", name_of(q));
}

static int refuse_untended(const struct refusal *q)
{
    const char *stage = plan_stage_name(q->m->is.plan, q->m->is.rollout.stage);
    const struct job *job = jobs_found(q->m, JOB_AFTER);
    char why[TEXT_SIZE];

    if (!job)
        err_set(q->err, ERR_REFUSED, "the hooks after %s of %s have not ended yet", stage,
                name_of(q));
    else
        err_set(q->err, ERR_REFUSED, "the hooks after %s of %s failed: %s; they are tried again",
                stage, name_of(q), jobs_failed_text(job, why));
    return err_hint(q->err, "switchyard status %s --watch", name_of(q));
}

/* A raise needs health over the whole of the gate's window. */
static int refuse_unhealthy(const struct refusal *q)
{
    struct view_gate gate;

    facts_gate(q->c, q->m, &q->m->is, q->c->mono, &gate);
    err_set(q->err, ERR_REFUSED, "the gate of %s of %s %s: %s",
            plan_stage_name(q->m->is.plan, q->m->is.rollout.stage), name_of(q),
            gate.verdict == VERDICT_FAIL ? "fails" : "holds", gate.text);
    return err_hint(q->err, "switchyard status %s --watch", name_of(q));
}

static int refuse_baking(const struct refusal *q)
{
    const struct rollout *r = &q->m->is.rollout;
    char left[WORDS_DURATION_MAX], wave[TEXT_SIZE];
    struct view_gate gate;

    if (!q->facts->gate_open && q->facts->baked)
        return refuse_unhealthy(q);
    if (q->facts->baked)
        return refuse_untended(q);
    facts_gate(q->c, q->m, &q->m->is, q->c->mono, &gate);
    waves_text(&q->m->is, r->wave, wave);
    err_set(q->err, ERR_REFUSED, "%s of %s%s%s bakes %s more%s%s",
            plan_stage_name(q->m->is.plan, r->stage), name_of(q), wave[0] ? ", " : "", wave,
            words_duration(wall_sub(r->bake_until, q->c->clock), left),
            q->facts->gate_open ? "" : "; its gate ", q->facts->gate_open ? "" : gate.text);
    return err_hint(q->err, "switchyard status %s --watch", name_of(q));
}

static int refuse_last_stage(const struct refusal *q)
{
    const struct rollout *r = &q->m->is.rollout;
    char weight[WORDS_RATIO_MAX];

    err_set(q->err, ERR_REFUSED, "%s is at its last stage, %s", name_of(q),
            plan_stage_name(q->m->is.plan, r->stage));
    if (!r->weight_by_hand)
        return -ERR_REFUSED;
    err_ctx(q->err, "the weight of %s was set by hand to %s", name_of(q),
            words_weight(r->weight_bp, weight));
    return err_hint(q->err, "switchyard set weight %s %g --reason TEXT", name_of(q),
                    (double)plan_stage_weight_bp(q->m->is.plan, r->stage) / 100.0);
}

static int refuse_promote(const struct refusal *q)
{
    const struct stage_facts *f = q->facts;

    if (!f->on_stage) {
        err_set(q->err, ERR_REFUSED, "%s is at no stage; start it first", name_of(q));
        return err_hint(q->err, "switchyard start %s", name_of(q));
    }
    if (!f->has_next && !f->more_waves)
        return refuse_last_stage(q);
    return f->held_back ? refuse_held_back(q) : refuse_baking(q);
}

/* promote --full, which skips what can be skipped. */
static int refuse_full(const struct refusal *q)
{
    const struct stage_facts *f = q->facts;

    if (f->held_back)
        return refuse_held_back(q);
    if (f->on_stage)
        return refuse_last_stage(q);
    err_set(q->err, ERR_REFUSED, "%s is at no stage; start it first", name_of(q));
    return err_hint(q->err, "switchyard start %s", name_of(q));
}

static int refuse_start(const struct refusal *q)
{
    if (!q->facts->on_stage && q->facts->held_back)
        return refuse_held_back(q);
    err_set(q->err, ERR_REFUSED, "%s is at %s already; promote it instead", name_of(q),
            plan_stage_name(q->m->is.plan, q->m->is.rollout.stage));
    return err_hint(q->err, "switchyard promote %s", name_of(q));
}

static int refuse_rollback(const struct refusal *q)
{
    const struct rollout *r = &q->m->is.rollout;
    const struct plan *plan = q->m->is.plan;

    err_set(q->err, ERR_REFUSED,
            "%s is at stage %u, %s: a rollback goes to an earlier one, not to %u, %s", name_of(q),
            r->stage, plan_stage_name(plan, r->stage), q->move->to_stage,
            plan_stage_name(plan, q->move->to_stage));
    if (waves_remain(&q->m->is) && q->move->to_stage < r->stage)
        err_ctx(q->err, "nodes of later waves still serve stage %u, %s", r->base_stage,
                plan_stage_name(plan, r->base_stage));
    if (q->move->to_stage > r->stage)
        return err_hint(q->err, "switchyard promote %s --to %u", name_of(q), q->move->to_stage);
    if (r->stage == 0)
        return err_hint(q->err, "switchyard rollback %s --emergency --reason TEXT", name_of(q));
    return err_hint(q->err, "switchyard rollback %s --to %u --reason TEXT", name_of(q),
                    waves_remain(&q->m->is) ? r->base_stage : r->stage - 1);
}

/* A weight or an override by hand that raises the share of new. */
static int refuse_raise(const struct refusal *q)
{
    return q->facts->held_back ? refuse_held_back(q) : refuse_unhealthy(q);
}

static int refuse_weight(const struct refusal *q)
{
    if (q->facts->on_stage)
        return refuse_raise(q);
    err_set(q->err, ERR_REFUSED, "%s is at no stage; start it before its weight is set",
            name_of(q));
    return err_hint(q->err, "switchyard start %s", name_of(q));
}

static int refuse_override(const struct refusal *q)
{
    if (q->m->is.rollout.phase != PHASE_RETREATING)
        return refuse_raise(q);
    err_set(q->err, ERR_REFUSED, "%s is retreating: nothing may go to new any more", name_of(q));
    return err_hint(q->err, "switchyard override %s legacy --reason TEXT", name_of(q));
}

/* What to type instead, by the phase that ignores the command. */
static int hint_for_phase(const struct refusal *q)
{
    switch (q->m->is.rollout.phase) {
    case PHASE_PENDING:
    case PHASE_ABORTED:
        if (q->move->event == STAGE_PROMOTE || q->move->event == STAGE_FULL ||
            q->move->event == STAGE_WEIGHT)
            return err_hint(q->err, "switchyard start %s", name_of(q));
        return -ERR_REFUSED;
    case PHASE_PAUSED:
        if (q->move->event != STAGE_PAUSE)
            return err_hint(q->err, "switchyard resume %s", name_of(q));
        return -ERR_REFUSED;
    case PHASE_ROLLBACK_FAILED:
        return err_hint(q->err, "switchyard recover %s", name_of(q));
    case PHASE_RETREATING:
        return err_hint(q->err, "switchyard abort %s --reason TEXT", name_of(q));
    case PHASE_PREPARING:
    case PHASE_ROLLING_BACK:
        return err_hint(q->err, "switchyard status %s --watch", name_of(q));
    case PHASE_CONVERGING:
    case PHASE_BAKING:
    case PHASE_READY:
        if (q->move->event == STAGE_START)
            return err_hint(q->err, "switchyard promote %s", name_of(q));
        return -ERR_REFUSED;
    case PHASE_DECOMMISSIONED:
        return err_hint(q->err,
                        "switchyard rollback %s --to STAGE --reason TEXT, or switchyard delete",
                        name_of(q));
    case PHASE_COMPLETED:
    case PHASE_ROLLED_BACK:
    case PHASE_COUNT:
        break;
    }
    return -ERR_REFUSED;
}

/* Whom a rollback waits for: a coordinator that has just taken over knows few nodes at first. */
static const char *awaited(const struct refusal *q, char *dst)
{
    struct view_convergence v;
    char names[TEXT_SIZE];

    convergence_list(q->c, q->m, q->m->takeover.rev, q->c->mono, &v);
    if (v.lagging > 0)
        str_fmt(dst, TEXT_SIZE, "; %u of %u nodes have not: %s", v.lagging, v.nodes,
                nodes_laggards_text(&v, names));
    else if (mono_before(q->c->mono, q->c->awake))
        str_fmt(dst, TEXT_SIZE,
                "; the coordinator that leads has just started and still waits for nodes to come "
                "back");
    else if (v.nodes == 0)
        str_fmt(dst, TEXT_SIZE, "; no node is connected to the coordinators yet");
    else
        dst[0] = '\0';
    return dst;
}

static int refuse_ignored(const struct refusal *q, const struct sm_ignore *ignored)
{
    char whom[TEXT_SIZE] = "";

    if (q->m->is.rollout.phase == PHASE_ROLLING_BACK)
        awaited(q, whom);
    if (q->move->event == STAGE_PROMOTE && q->m->is.rollout.phase == PHASE_CONVERGING)
        return refuse_converging(q);
    err_set(q->err, ERR_REFUSED, "%s %s%s", name_of(q), ignored->why, whom);
    return hint_for_phase(q);
}

int refuse_move(const struct core *c, const struct migration *m, const struct move *move,
                const struct stage_facts *facts, struct err *err)
{
    struct refusal q = {.c = c, .m = m, .move = move, .facts = facts, .err = err};
    const struct sm_ignore *ignored =
        sm_find_ignore(&stage_machine, m->is.rollout.phase, (int)move->event);
    bool upward = move->event == STAGE_START || move->event == STAGE_PROMOTE ||
                  move->event == STAGE_FULL || move->event == STAGE_WEIGHT ||
                  move->event == STAGE_OVERRIDE;

    if (upward && facts->emergency)
        return refuse_emergency(&q);
    if (ignored)
        return refuse_ignored(&q, ignored);
    if (upward && facts->violating)
        return refuse_violating(&q);
    switch (move->event) {
    case STAGE_START:
        return refuse_start(&q);
    case STAGE_PROMOTE:
        return refuse_promote(&q);
    case STAGE_FULL:
        return refuse_full(&q);
    case STAGE_ROLLBACK:
        return refuse_rollback(&q);
    case STAGE_WEIGHT:
        return refuse_weight(&q);
    case STAGE_OVERRIDE:
        return refuse_override(&q);
    case STAGE_DECOMMISSION:
        return retire_check(&m->is, c->clock, move->checklist_done, err);
    case STAGE_PAUSE:
    case STAGE_RESUME:
    case STAGE_ABORT:
    case STAGE_RETREAT:
    case STAGE_EMERGENCY:
    case STAGE_RECOVER:
    case STAGE_TRIGGER:
    case STAGE_PREPARED:
    case STAGE_UNPREPARED:
    case STAGE_CONVERGED:
    case STAGE_DEADLINE:
    case STAGE_REVIEW:
    case STAGE_EVENT_COUNT:
        break;
    }
    return err_set(err, ERR_INTERNAL, "the stage machine refuses %s of %s in %s",
                   sm_event_name(&stage_machine, (int)move->event), m->name.s,
                   phase_name(m->is.rollout.phase));
}
