/* SPDX-License-Identifier: Apache-2.0 */
/* A Status in which every field, and every field of what is in it, has a value of its own: for the
 * promises about its names and about how it is told. */
#pragma once

#include "tests/lib/unit.h"

#include "common/rpc/rpc.h"
#include "operator.pb-c.h"

struct sample_status {
    Switchyard__V1__Status s;
    Switchyard__V1__BreakerStatus breaker;
    Switchyard__V1__NodeBreaker node_breaker, *node_breakers[1];
    Switchyard__V1__FleetBreaker fleet_breaker;
    Switchyard__V1__Convergence convergence;
    Switchyard__V1__RollbackRecord rollback;
    Switchyard__V1__EmergencyStatus emergency;
    Switchyard__V1__GateStatus gate, trigger;
    Switchyard__V1__Check gate_check, trigger_check, *gate_checks[1], *trigger_checks[1];
    Switchyard__V1__Check hold, *holds[1];
    Switchyard__V1__StageStatus stage[2], *stages[2];
    Switchyard__V1__WaveStatus waves;
    Switchyard__V1__Wave wave[2], *wave_list[2];
    Switchyard__V1__EnteringStatus entering;
    Switchyard__V1__CheckResult result, *results[1];
    Switchyard__V1__Approval approval, *approvals[1];
    Switchyard__V1__DrillStatus drill;
    Switchyard__V1__MirrorStatus mirror;
    Switchyard__V1__ClusterStatus cluster[2], *clusters[2];
    char *laggards[1], *violations[1], *quarantined[1], *objectives[1];
};

static inline void sample_checks(struct sample_status *m)
{
    switchyard__v1__gate_status__init(&m->gate);
    switchyard__v1__gate_status__init(&m->trigger);
    switchyard__v1__check__init(&m->gate_check);
    switchyard__v1__check__init(&m->trigger_check);
    m->gate_check.name = rpc_lend("minRequests");
    m->gate_check.verdict = rpc_lend("hold");
    m->gate_check.value = 12;
    m->gate_check.limit = 20;
    m->gate_check.unit = rpc_lend("requests");
    m->gate_check.text = rpc_lend("12 of 20 requests on new");
    m->gate_checks[0] = &m->gate_check;
    m->gate.verdict = rpc_lend("hold");
    m->gate.checks = m->gate_checks;
    m->gate.n_checks = 1;
    m->gate.bake_until = rpc_lend("2026-11-21T12:00:00.000Z");
    m->trigger_check.name = rpc_lend("errorRate");
    m->trigger_check.verdict = rpc_lend("pass");
    m->trigger_check.value = 0.02;
    m->trigger_check.limit = 1;
    m->trigger_check.unit = rpc_lend("%");
    m->trigger_check.text = rpc_lend("error rate of new 0.02 %, at most 1 %");
    m->trigger_checks[0] = &m->trigger_check;
    m->trigger.verdict = rpc_lend("pass");
    m->trigger.checks = m->trigger_checks;
    m->trigger.n_checks = 1;
    m->s.gate = &m->gate;
    m->s.trigger = &m->trigger;
}

static inline void sample_rollback(struct sample_status *m)
{
    switchyard__v1__rollback_record__init(&m->rollback);
    m->violations[0] = rpc_lend("errorRate 4.2 % > 1 %");
    m->rollback.reason = rpc_lend("INC-1234");
    m->rollback.operator_ = rpc_lend("anna");
    m->rollback.time = rpc_lend("2026-11-21T10:07:04.123Z");
    m->rollback.measured_ms = 41.25;
    m->rollback.emergency = true;
    m->rollback.violations = m->violations;
    m->rollback.n_violations = 1;
    m->rollback.state = rpc_lend("rolled_back");
    m->rollback.from_stage = rpc_lend("half");
    m->rollback.to_stage = rpc_lend("legacy");
    m->rollback.detect_ms = 1500;
    m->rollback.p50_ms = 12.5;
    m->rollback.p99_ms = 40.75;
    m->rollback.last_node = rpc_lend("eu-1-node-9");
    m->rollback.deadline = rpc_lend("2026-11-21T10:07:34.123Z");
    switchyard__v1__emergency_status__init(&m->emergency);
    m->emergency.active = true;
    m->emergency.epoch = 9007199254740993; /* past 2^53: a string, to stay exact */
    m->emergency.reason = rpc_lend("INC-1234");
    m->emergency.operator_ = rpc_lend("anna");
    m->emergency.time = rpc_lend("2026-11-21T10:07:04.082Z");
    m->s.last_rollback = &m->rollback;
    m->s.emergency = &m->emergency;
    m->s.rollbacks_today = 2;
}

static inline void sample_nodes(struct sample_status *m)
{
    switchyard__v1__breaker_status__init(&m->breaker);
    m->breaker.state = rpc_lend("open");
    m->breaker.open_nodes = 1;
    m->breaker.half_open_nodes = 2;
    m->breaker.settings_by_hand = 1;
    m->breaker.watching = true;
    switchyard__v1__node_breaker__init(&m->node_breaker);
    m->node_breaker.node = rpc_lend("eu-1-node-7");
    m->node_breaker.state = rpc_lend("open");
    m->node_breaker.errors = 5;
    m->node_breaker.requests = 7;
    m->node_breaker.slow = 1;
    m->node_breaker.since = rpc_lend("2026-11-21T10:07:00.000Z");
    m->node_breaker.cause = rpc_lend("errors");
    m->node_breaker.share = 12.5;
    m->node_breaker.obeyed = true;
    m->node_breaker.opened = 3;
    m->node_breaker.held = true;
    m->node_breaker.until = rpc_lend("2026-11-21T10:17:00.000Z");
    m->node_breakers[0] = &m->node_breaker;
    m->breaker.nodes = m->node_breakers;
    m->breaker.n_nodes = 1;
    switchyard__v1__fleet_breaker__init(&m->fleet_breaker);
    m->fleet_breaker.state = rpc_lend("half_open");
    m->fleet_breaker.why = rpc_lend("its time is over, and every node tries new");
    m->fleet_breaker.operator_ = rpc_lend("switchyard");
    m->fleet_breaker.since = rpc_lend("2026-11-21T10:06:00.000Z");
    m->fleet_breaker.until = rpc_lend("2026-11-21T10:16:00.000Z");
    m->fleet_breaker.order = rpc_lend("probe");
    m->fleet_breaker.order_number = 9007199254740993;
    m->fleet_breaker.armed = true;
    m->breaker.fleet = &m->fleet_breaker;
    switchyard__v1__convergence__init(&m->convergence);
    m->laggards[0] = rpc_lend("eu-1-node-7");
    m->convergence.nodes = 3;
    m->convergence.serving = 2;
    m->convergence.lagging = 1;
    m->convergence.laggards = m->laggards;
    m->convergence.n_laggards = 1;
    for (unsigned i = 0; i < 2; i++) {
        switchyard__v1__cluster_status__init(&m->cluster[i]);
        m->cluster[i].cluster = rpc_lend(i ? "us-1" : "eu-1");
        m->cluster[i].nodes = i ? 1 : 2;
        m->cluster[i].serving = 1;
        m->cluster[i].weight = i ? 0 : 12.5;
        m->cluster[i].stage = rpc_lend(i ? "shadow" : "canary-10");
        m->clusters[i] = &m->cluster[i];
    }
    m->quarantined[0] = rpc_lend("eu-1-node-3");
    m->s.breaker = &m->breaker;
    m->s.convergence = &m->convergence;
    m->s.clusters = m->clusters;
    m->s.n_clusters = 2;
    m->s.quarantined = m->quarantined;
    m->s.n_quarantined = 1;
}

static inline void sample_stages(struct sample_status *m)
{
    static const char *const words[] = {"current", "next"};

    switchyard__v1__wave_status__init(&m->waves);
    for (unsigned i = 0; i < 2; i++) {
        switchyard__v1__stage_status__init(&m->stage[i]);
        m->stage[i].name = rpc_lend(i ? "half" : "canary-10");
        m->stage[i].weight = i ? 50 : 10;
        m->stage[i].state = rpc_lend(words[i]);
        m->stages[i] = &m->stage[i];
        switchyard__v1__wave__init(&m->wave[i]);
        m->wave[i].select = rpc_lend(i ? "*" : "cluster=eu-1");
        m->wave[i].state = rpc_lend(words[i]);
        m->wave[i].nodes = i ? 1 : 2;
        m->wave[i].serving = i ? 0 : 1;
        m->wave_list[i] = &m->wave[i];
    }
    m->waves.wave = 1;
    m->waves.waves = m->wave_list;
    m->waves.n_waves = 2;
    m->objectives[0] = rpc_lend("no order is lost");
    m->s.plan = m->stages;
    m->s.n_plan = 2;
    m->s.wave = &m->waves;
    m->s.objectives = m->objectives;
    m->s.n_objectives = 1;
}

static inline void sample_operation(struct sample_status *m)
{
    switchyard__v1__check_result__init(&m->result);
    m->result.name = rpc_lend("http-1");
    m->result.kind = rpc_lend("http");
    m->result.verdict = rpc_lend("fail");
    m->result.has_value = true;
    m->result.value = 503;
    m->result.text = rpc_lend("status 503, 200 is asked for");
    m->result.took_ms = 12.5;
    m->result.output = rpc_lend("not ready");
    m->results[0] = &m->result;
    switchyard__v1__entering_status__init(&m->entering);
    m->entering.stage = rpc_lend("half");
    m->entering.operator_ = rpc_lend("ben");
    m->entering.reason = rpc_lend("CHG-7");
    m->entering.doing = rpc_lend("checks");
    m->entering.checks = m->results;
    m->entering.n_checks = 1;
    switchyard__v1__approval__init(&m->approval);
    m->approval.stage = rpc_lend("half");
    m->approval.operator_ = rpc_lend("carla");
    m->approval.reason = rpc_lend("load test of 11-20");
    m->approval.time = rpc_lend("2026-11-21T09:00:00.000Z");
    m->approvals[0] = &m->approval;
    switchyard__v1__drill_status__init(&m->drill);
    m->drill.state = rpc_lend("idle");
    m->drill.passed = true;
    m->drill.shadow = true;
    m->drill.scope = rpc_lend("cluster=eu-1");
    m->drill.operator_ = rpc_lend("dora");
    m->drill.reason = rpc_lend("monthly");
    m->drill.started = rpc_lend("2026-11-20T08:00:00.000Z");
    m->drill.ended = rpc_lend("2026-11-20T08:00:00.040Z");
    m->drill.measured_ms = 18.5;
    m->drill.restored_ms = 20.25;
    m->drill.nodes = 2;
    m->drill.why = rpc_lend("in shadow");
    m->s.entering = &m->entering;
    m->s.approvals = m->approvals;
    m->s.n_approvals = 1;
    m->s.drill = &m->drill;
    switchyard__v1__check__init(&m->hold);
    m->hold.name = rpc_lend("approvals");
    m->hold.verdict = rpc_lend("hold");
    m->hold.text = rpc_lend("1 of 2 operators have approved half");
    m->holds[0] = &m->hold;
    m->s.holds = m->holds;
    m->s.n_holds = 1;
    m->s.frozen_until = rpc_lend("2026-11-23T06:00:00.000Z");
    m->s.frozen_why = rpc_lend("weekend");
    m->s.standby_until = rpc_lend("2026-12-05T00:00:00.000Z");
    m->s.canary_percent = 5;
    switchyard__v1__mirror_status__init(&m->mirror);
    m->mirror.percent = 25;
    m->mirror.why = rpc_lend("by hand; stage canary-10 says 100 %");
    m->mirror.by_hand = true;
    m->mirror.sent = 1200;
    m->mirror.failed = 3;
    m->mirror.errors = 2;
    m->mirror.dropped = 10;
    m->mirror.unsuited = 40;
    m->s.mirror = &m->mirror;
    m->s.flags = 4;
    m->s.flags_by_hand = 1;
    m->s.trigger_to = 1;
}

/* Borrows what is static only; `m` may not move. */
static inline void sample_status(struct sample_status *m)
{
    switchyard__v1__status__init(&m->s);
    sample_checks(m);
    sample_rollback(m);
    sample_nodes(m);
    sample_stages(m);
    sample_operation(m);
    m->s.migration = rpc_lend("orders");
    m->s.stage = rpc_lend("canary-10");
    m->s.stage_index = 1;
    m->s.stages = 2;
    m->s.phase = rpc_lend("baking");
    m->s.weight = 12.5;
    m->s.override = rpc_lend("none");
    m->s.suggested_next_weight = 10;
    m->s.suggested_command = rpc_lend("switchyard rollback orders --clear --reason TEXT");
    m->s.why = rpc_lend("every node of the wave serves it");
    m->s.since = rpc_lend("2026-11-21T10:07:04.123Z");
    m->s.revision = 812;
    m->s.term = 4;
}
