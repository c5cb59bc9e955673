/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/advance.h"

#include "common/base/check.h"
#include "coordinator/core/convergence.h"
#include "coordinator/core/drill.h"
#include "coordinator/core/events_watch.h"
#include "coordinator/core/facts.h"
#include "coordinator/core/fleet_breaker.h"
#include "coordinator/core/gates.h"
#include "coordinator/core/waves.h"

/* Safety first: a trigger beats every other thing that could happen. */
static const enum stage_event by_itself[] = {
    STAGE_TRIGGER, STAGE_UNPREPARED, STAGE_PREPARED, STAGE_CONVERGED, STAGE_DEADLINE, STAGE_REVIEW,
};

static void join_violations(const struct view_gate *g, char *dst)
{
    dst[0] = '\0';
    for (unsigned i = 0; i < g->check_count; i++)
        if (g->check[i].verdict == VERDICT_FAIL)
            str_join(dst, TEXT_SIZE, "; ", "%s", g->check[i].text);
}

static double detect_ms(const struct core *c, const struct migration *m)
{
    const struct plan_limits *limits = &m->is.plan->triggers;
    mono_t first;

    if (!gates_first_violation(limits, m->judged, c->mono, &first) &&
        !gates_first_violation(limits, m->beyond, c->mono, &first))
        return 0.0;
    return dur_in_ms(mono_sub(c->mono, first));
}

static void run(struct core *c, struct migration *m, const struct move *move, struct core_update *u)
{
    struct staged *s = staging_begin(c, m);
    struct stage_facts facts;

    events_watch_gate(c, s, u);
    CHECK(moves_run(c, s, move, u, &facts) == 0);
}

static void run_trigger(struct core *c, struct migration *m, struct core_update *u)
{
    struct view_gate violations;
    char reason[TEXT_SIZE];

    facts_trigger(c, m, &m->is, c->mono, &violations);
    join_violations(&violations, reason);
    run(c, m,
        &(struct move){.event = STAGE_TRIGGER,
                       .to_stage = facts_trigger_to(&m->is),
                       .operator_name = MOVES_MYSELF,
                       .reason = reason,
                       .recorded_as = "trigger",
                       .violations = &violations,
                       .detect_ms = detect_ms(c, m)},
        u);
}

static void tell_converged(const struct core *c, const struct migration *m, struct core_update *u)
{
    struct view_measured measured;

    convergence_measure(c, m, &measured);
    update_tell(u, LOG_INFO, LOG_CONVERGED,
                update_fmt(u, "migration=%s nodes=%u measured_ms=%.1f", m->name.s,
                           convergence_counted(c, m), measured.all));
}

/* A gate that passes without having judged: the plan wants it so. */
static void tell_quiet(const struct core *c, const struct migration *m, struct core_update *u)
{
    struct view_gate gate;

    facts_gate(c, m, &m->is, c->mono, &gate);
    if (gate.quiet && gate.verdict == VERDICT_PASS)
        update_tell(u, LOG_WARN, LOG_STAGE_MOVED,
                    update_fmt(u, "migration=%s why=%s", m->name.s, LOGQ(gate.check[0].text)));
}

/* The history's words. */
static const char *recorded_as(const struct sm_row *row)
{
    if (row->to == PHASE_COMPLETED)
        return "complete";
    if (row->event == STAGE_PREPARED || row->event == STAGE_UNPREPARED)
        return row->to == PHASE_CONVERGING ? "enter" : "not_entered";
    if (row->event == STAGE_DEADLINE)
        return "retreat";
    return row->effects & FX_WAVE ? "wave" : core_command_name(CMD_PROMOTE);
}

static void run_other(struct core *c, struct migration *m, const struct sm_row *row,
                      struct core_update *u)
{
    const struct rollout *r = &m->is.rollout;
    struct move move = {.event = (enum stage_event)row->event,
                        .to_stage = r->stage + 1,
                        .operator_name = MOVES_MYSELF,
                        .reason = "",
                        .recorded_as = recorded_as(row)};

    if (row->event == STAGE_CONVERGED)
        tell_converged(c, m, u);
    else if (row->event == STAGE_REVIEW)
        tell_quiet(c, m, u);
    if (r->phase == PHASE_PREPARING)
        move.to_stage = r->entering_stage;
    /* It is still the one who asked for the stage who enters it. */
    if (row->event == STAGE_PREPARED && row->to == PHASE_CONVERGING) {
        move.operator_name = r->entering_operator;
        move.reason = r->entering_reason;
    }
    run(c, m, &move, u);
}

/* Nodes in quarantine that serve the decision after all count again. */
static void end_quarantines(struct core *c, struct migration *m, struct core_update *u)
{
    struct rollout left = {.quarantined_count = 0};
    const struct rollout *r = &m->is.rollout;
    struct staged *s;

    for (unsigned i = 0; i < r->quarantined_count; i++) {
        const struct node *node = nodes_find(&c->nodes, r->quarantined[i].s);

        if (node && node_serves(node, m->takeover.rev))
            update_tell(u, LOG_INFO, LOG_NODE_JOINED,
                        update_fmt(u,
                                   "node=%s migration=%s why=\"it serves the decision, and its "
                                   "quarantine ends\"",
                                   node_name(node)->s, m->name.s));
        else
            left.quarantined[left.quarantined_count++] = r->quarantined[i];
    }
    if (left.quarantined_count == r->quarantined_count)
        return;
    s = staging_begin(c, m);
    memcpy(s->next.rollout.quarantined, left.quarantined, sizeof left.quarantined);
    s->next.rollout.quarantined_count = left.quarantined_count;
}

void advance(struct core *c, struct migration *m, struct core_update *u)
{
    bool preparing = m->is.rollout.phase == PHASE_PREPARING;
    const struct move nothing = {.event = preparing ? STAGE_PREPARED : STAGE_REVIEW, .reason = ""};
    struct stage_facts facts;

    if (!c->leads)
        return;
    facts_collect(c, m, &m->is, &nothing, &facts);
    for (unsigned i = 0; i < ARRAY_LEN(by_itself); i++) {
        const struct sm_row *row =
            sm_find_row(&stage_machine, m->is.rollout.phase, (int)by_itself[i], &facts, NULL);

        if (!row)
            continue;
        if (row->event == STAGE_TRIGGER)
            run_trigger(c, m, u);
        else
            run_other(c, m, row, u);
        return;
    }
    if (!fleet_breaker_advance(c, m, u) && !drill_advance(c, m, u))
        end_quarantines(c, m, u);
}
