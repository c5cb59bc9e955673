/* SPDX-License-Identifier: Apache-2.0 */
/* Where a rollout stands, as operators read it. */
#include "common/base/units.h"
#include "coordinator/service/convert_blocks.h"

/* ---- status ---------------------------------------------------------------------------------- */

static Switchyard__V1__BreakerStatus *breaker(struct arena *a, const struct view_status *s)
{
    Switchyard__V1__BreakerStatus *m = NEW(a, BreakerStatus, breaker_status);

    m->state = block_text(a, breaker_state_name(s->breaker));
    m->open_nodes = s->breaker_open_nodes;
    m->half_open_nodes = s->breaker_half_open_nodes;
    m->nodes = NEW_LIST(a, s->sick_count, NodeBreaker);
    for (unsigned i = 0; i < s->sick_count; i++)
        m->nodes[m->n_nodes++] = block_node_breaker(a, &s->breakers, &s->sick[i]);
    if (s->breakers.fleet->order_number > 0)
        m->fleet = block_fleet_breaker(a, &s->breakers);
    m->watching = s->breakers.in_force.mode == BREAKER_MODE_WATCH &&
                  route_breaker_is_on(&s->breakers.in_force);
    m->settings_by_hand = (uint32_t)__builtin_popcount(s->breakers.by_hand);
    return m;
}

static const char *rollback_state(const struct rollout *r)
{
    if (r->last_rollback.measured_ms >= 0 || r->phase == PHASE_ROLLED_BACK)
        return "rolled_back";
    return r->phase == PHASE_ROLLBACK_FAILED ? "rollback_failed" : "converging";
}

static Switchyard__V1__RollbackRecord *last_rollback(struct arena *a, const struct view_status *s)
{
    const struct rollback_record *r = &s->rollout->last_rollback;
    Switchyard__V1__RollbackRecord *m;

    if (!r->present)
        return NULL;
    m = NEW(a, RollbackRecord, rollback_record);
    m->reason = block_text(a, r->reason);
    m->operator_ = block_text(a, r->operator_name);
    m->time = block_time(a, r->ordered_at);
    m->measured_ms = r->measured_ms;
    m->p50_ms = r->p50_ms;
    m->p99_ms = r->p99_ms;
    m->last_node = block_text(a, r->last_node.s);
    m->deadline = block_time(a, r->deadline);
    m->detect_ms = r->detect_ms;
    m->emergency = r->emergency;
    m->state = block_text(a, rollback_state(s->rollout));
    m->from_stage = block_text(a, plan_stage_name(s->plan, r->from_stage));
    m->to_stage = block_text(a, plan_stage_name(s->plan, r->to_stage));
    m->violations = block_alloc(a, VIOLATIONS_MAX * sizeof(char *));
    for (unsigned i = 0; i < r->violation_count; i++)
        m->violations[m->n_violations++] = block_text(a, r->violation[i]);
    return m;
}

static Switchyard__V1__EmergencyStatus *emergency(struct arena *a, const struct emergency *e)
{
    Switchyard__V1__EmergencyStatus *m = NEW(a, EmergencyStatus, emergency_status);

    if (!e)
        return m;
    m->active = e->active;
    m->epoch = e->epoch;
    m->reason = block_text(a, e->reason);
    m->operator_ = block_text(a, e->operator_name);
    m->time = block_time(a, e->ordered_at);
    return m;
}

static Switchyard__V1__GateStatus *gate(struct arena *a, const struct view_gate *g)
{
    Switchyard__V1__GateStatus *m = NEW(a, GateStatus, gate_status);

    m->verdict = block_text(a, verdict_name(g->verdict));
    m->checks = NEW_LIST(a, g->check_count, Check);
    for (unsigned i = 0; i < g->check_count; i++)
        m->checks[m->n_checks++] = block_check(a, &g->check[i]);
    return m;
}

static const char *stage_state(unsigned number, unsigned current)
{
    if (number < current)
        return "done";
    if (number == current)
        return "current";
    return number == current + 1 ? "next" : "later";
}

static Switchyard__V1__StageStatus **stages(struct arena *a, const struct view_status *s)
{
    Switchyard__V1__StageStatus **list = NEW_LIST(a, s->plan->stage_count, StageStatus);

    for (unsigned i = 0; i < s->plan->stage_count; i++) {
        list[i] = NEW(a, StageStatus, stage_status);
        list[i]->name = block_text(a, s->plan->stage[i].name.s);
        list[i]->weight = weight_percent(s->plan->stage[i].weight_bp);
        list[i]->state = block_text(a, stage_state(i + 1, s->rollout->stage));
    }
    return list;
}

static void fill_rollout(struct arena *a, const struct view_status *s, Switchyard__V1__Status *m)
{
    const struct rollout *r = s->rollout;

    m->migration = block_text(a, s->plan->name.s);
    m->stage = block_text(a, plan_stage_name(s->plan, r->stage));
    m->stage_index = r->stage;
    m->stages = s->plan->stage_count;
    m->phase = block_text(a, phase_name(r->phase));
    m->weight = weight_percent(s->effective_weight_bp);
    m->override = block_text(a, system_name(r->override));
    m->why = block_text(a, r->why);
    m->since = block_time(a, r->since);
    m->revision = r->decision_rev;
    m->rollbacks_today = s->rollbacks_today;
}

/* ---- what is asked of operators -------------------------------------------------------------- */

static void fill_approvals(struct arena *a, const struct view_status *s, Switchyard__V1__Status *m)
{
    m->approvals = NEW_LIST(a, s->rollout->approval_count, Approval);
    for (unsigned i = 0; i < s->rollout->approval_count; i++) {
        const struct approval *from = &s->rollout->approval[i];
        Switchyard__V1__Approval *to = NEW(a, Approval, approval);

        to->stage = block_text(a, plan_stage_name(s->plan, from->stage));
        to->operator_ = block_text(a, from->operator_name);
        to->reason = block_text(a, from->reason);
        to->time = block_time(a, from->time);
        m->approvals[m->n_approvals++] = to;
    }
}

static void fill_objectives(struct arena *a, const struct view_status *s, Switchyard__V1__Status *m)
{
    const struct plan_stage *stage;

    if (s->rollout->stage == 0)
        return;
    stage = &s->plan->stage[s->rollout->stage - 1];
    m->objectives = block_alloc(a, (stage->objective_count + 1) * sizeof(char *));
    for (unsigned i = 0; i < stage->objective_count; i++)
        m->objectives[m->n_objectives++] = block_text(a, stage->objective[i]);
}

static Switchyard__V1__EnteringStatus *entering(struct arena *a, const struct view_status *s,
                                                const struct view_work *work)
{
    const struct rollout *r = s->rollout;
    unsigned stage = r->entering_stage;
    Switchyard__V1__EnteringStatus *m;

    /* One that could not be entered is shown until it is tried again, and the one that the hooks
     * after the current stage keep waiting. */
    if (stage == 0 && (work->failed[0] || work->doing[0]) && r->stage < s->plan->stage_count)
        stage = r->stage + 1;
    if (stage == 0)
        return NULL;
    m = NEW(a, EnteringStatus, entering_status);
    m->stage = block_text(a, plan_stage_name(s->plan, stage));
    m->operator_ = block_text(a, r->entering_operator);
    m->reason = block_text(a, r->entering_reason);
    m->doing = block_text(a, work->doing[0] ? work->doing : work->failed);
    m->checks = NEW_LIST(a, work->result_count, CheckResult);
    for (unsigned i = 0; i < work->result_count; i++)
        m->checks[m->n_checks++] = block_check_result(a, work->result[i]);
    return m;
}

static Switchyard__V1__DrillStatus *drill(struct arena *a, const struct rollout *r)
{
    const struct drill_record *d = &r->drill;
    Switchyard__V1__DrillStatus *m;

    if (!d->present)
        return NULL;
    m = NEW(a, DrillStatus, drill_status);
    m->state = block_text(a, drill_state_name(r->drill_state));
    m->passed = d->passed;
    m->shadow = d->shadow;
    m->scope = block_text(a, d->scope.text);
    m->operator_ = block_text(a, d->operator_name);
    m->reason = block_text(a, d->reason);
    m->started = block_time(a, d->started_at);
    m->ended = block_time(a, d->ended_at);
    m->measured_ms = d->measured_ms;
    m->restored_ms = d->restored_ms;
    m->nodes = d->nodes;
    m->why = block_text(a, d->why);
    return m;
}

static void fill_operation(struct arena *a, const struct view_status *s,
                           const struct view_work *work, Switchyard__V1__Status *m)
{
    fill_approvals(a, s, m);
    fill_objectives(a, s, m);
    m->entering = entering(a, s, work);
    m->drill = drill(a, s->rollout);
    m->standby_until = block_time(a, s->rollout->standby_until);
    m->trigger_to = s->trigger_to;
    m->canary_percent = (s->compared_bp + 99) / 100;
    m->flags = s->plan->flags.count;
    m->flags_by_hand = s->rollout->flags_by_hand.count;
}

/* ---- where it is ----------------------------------------------------------------------------- */

static void fill_clusters(struct arena *a, const struct spread *s, Switchyard__V1__Status *m)
{
    m->clusters = NEW_LIST(a, s->clusters, ClusterStatus);
    for (unsigned i = 0; i < s->clusters; i++) {
        const struct spread_cluster *from = &s->cluster[i];
        Switchyard__V1__ClusterStatus *to = NEW(a, ClusterStatus, cluster_status);

        to->cluster = block_text(a, from->cluster);
        to->nodes = from->nodes;
        to->serving = from->serving;
        to->weight = (double)from->weight_sum_bp / from->nodes / 100.0;
        to->stage = block_text(a, from->stage);
        m->clusters[m->n_clusters++] = to;
    }
}

static Switchyard__V1__WaveStatus *waves(struct arena *a, const struct view_status *s,
                                         const struct spread *spread)
{
    const struct plan_stage *stage =
        s->rollout->stage ? &s->plan->stage[s->rollout->stage - 1] : NULL;
    Switchyard__V1__WaveStatus *m;

    if (!stage || stage->wave_count == 0)
        return NULL;
    m = NEW(a, WaveStatus, wave_status);
    m->wave = s->rollout->wave;
    m->waves = NEW_LIST(a, stage->wave_count, Wave);
    for (unsigned i = 0; i < stage->wave_count; i++) {
        Switchyard__V1__Wave *one = NEW(a, Wave, wave);

        one->select = block_text(a, stage->wave[i].select.text);
        one->state = block_text(a, stage_state(i + 1, s->rollout->wave));
        one->nodes = spread->wave[i].nodes;
        one->serving = spread->wave[i].serving;
        m->waves[m->n_waves++] = one;
    }
    return m;
}

/* ---- what holds it --------------------------------------------------------------------------- */

static void fill_holds(struct arena *a, const struct view_status *s, Switchyard__V1__Status *m)
{
    if (s->freeze) {
        m->frozen_until = block_time(a, s->frozen_until);
        m->frozen_why = block_text(a, s->freeze->reason);
    }
    m->holds = NEW_LIST(a, HOLDBACKS_COUNT, Check);
    for (unsigned i = 0; i < HOLDBACKS_COUNT; i++) {
        const struct view_holdback *h = &s->holdback[i];
        Switchyard__V1__Check *one;

        if (h->verdict == VERDICT_NONE)
            continue;
        one = NEW(a, Check, check);
        one->name = block_text(a, h->name);
        one->verdict = block_text(a, verdict_name(h->verdict));
        one->text = block_text(a, h->text);
        m->holds[m->n_holds++] = one;
    }
}

static Switchyard__V1__MirrorStatus *mirror(struct arena *a, const struct view_status *s)
{
    Switchyard__V1__MirrorStatus *m;

    if (!s->mirrored)
        return NULL;
    m = NEW(a, MirrorStatus, mirror_status);
    m->percent = weight_percent(s->mirror.share_bp);
    m->why = block_text(a, s->mirror.why);
    m->by_hand = s->rollout->mirror_by_hand;
    m->sent = s->mirrored->sent;
    m->failed = s->mirrored->failed;
    m->errors = s->mirrored->errors;
    m->dropped = s->mirrored->dropped;
    m->unsuited = s->mirrored->unsuited;
    return m;
}

/* ---- the whole ------------------------------------------------------------------------------- */

const ProtobufCMessage *convert_status(struct arena *a, const struct view_status *s,
                                       const struct spread *spread, const struct view_work *work,
                                       uint64_t term)
{
    Switchyard__V1__Status *m = NEW(a, Status, status);

    fill_rollout(a, s, m);
    m->breaker = breaker(a, s);
    m->legacy_tunnels = s->underway.tunnels[SYSTEM_LEGACY];
    m->new_tunnels = s->underway.tunnels[SYSTEM_NEW];
    m->legacy_lasting = s->underway.lasting[SYSTEM_LEGACY];
    m->new_lasting = s->underway.lasting[SYSTEM_NEW];
    m->mirror = mirror(a, s);
    m->convergence = block_convergence(a, &s->convergence);
    m->last_rollback = last_rollback(a, s);
    m->quarantined = block_alloc(a, (s->quarantined_count + 1) * sizeof(char *));
    for (unsigned i = 0; i < s->quarantined_count; i++)
        m->quarantined[m->n_quarantined++] = block_text(a, s->quarantined[i].s);
    m->suggested_next_weight = weight_percent(s->suggested_next_weight_bp);
    m->suggested_command = block_text(a, s->suggested_command);
    m->emergency = emergency(a, s->emergency);
    m->gate = gate(a, &s->gate);
    if (s->rollout->phase == PHASE_BAKING)
        m->gate->bake_until = block_time(a, s->rollout->bake_until);
    m->trigger = gate(a, &s->trigger);
    m->plan = stages(a, s);
    m->n_plan = s->plan->stage_count;
    m->term = term;
    fill_operation(a, s, work, m);
    fill_clusters(a, spread, m);
    m->wave = waves(a, s, spread);
    fill_holds(a, s, m);
    return &m->base;
}
