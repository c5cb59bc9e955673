/* SPDX-License-Identifier: Apache-2.0 */
/* Every size here is bounded by what the coordinator holds, so the arena does not run out. */
#include "common/base/check.h"
#include "common/base/units.h"
#include "coordinator/service/convert.h"
#include "operator.pb-c.h"

/* ---- building blocks ------------------------------------------------------------------------- */

static void *need(struct arena *a, size_t size)
{
    void *p = arena_alloc(a, size);

    CHECK(p);
    return p;
}

/* A message of type Switchyard__V1__<Type>, initialised. */
#define NEW(a, Type, type)                                                               \
    ({                                                                                   \
        Switchyard__V1__##Type *new_message = need((a), sizeof(Switchyard__V1__##Type)); \
        switchyard__v1__##type##__init(new_message);                                     \
        new_message;                                                                     \
    })

#define NEW_LIST(a, n, Type) ((Switchyard__V1__##Type **)need((a), ((n) + 1) * sizeof(void *)))

static char *text(struct arena *a, const char *s)
{
    char *copy = arena_strdup(a, str_of(s));

    CHECK(copy);
    return copy;
}

static char *time_text(struct arena *a, wall_t t)
{
    char dst[WALL_TEXT_MAX];

    return text(a, wall_text(t, dst));
}

static double percent_of(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static Switchyard__V1__Label **labels(struct arena *a, const struct labels *l)
{
    Switchyard__V1__Label **list = NEW_LIST(a, l->count, Label);
    struct label next = {.key = NULL};

    for (unsigned i = 0; labels_next(l, &next); i++) {
        list[i] = NEW(a, Label, label);
        list[i]->key = text(a, next.key);
        list[i]->value = text(a, next.value);
    }
    return list;
}

/* ---- commands -------------------------------------------------------------------------------- */

static Switchyard__V1__Change *change(struct arena *a, const struct core_change *c)
{
    Switchyard__V1__Change *m = NEW(a, Change, change);

    m->migration = text(a, c->migration.s);
    m->summary = text(a, c->summary);
    m->from = text(a, c->from);
    m->to = text(a, c->to);
    m->nodes = c->nodes;
    m->share_affected = c->share_affected;
    return m;
}

const ProtobufCMessage *convert_result(struct arena *a, const struct core_update *u,
                                       uint64_t revision, uint64_t unstored_epoch)
{
    Switchyard__V1__CommandResult *m = NEW(a, CommandResult, command_result);
    size_t n = 0;

    for (const struct core_change *c = u->change; c; c = c->next)
        n++;
    m->revision = revision;
    m->unstored_epoch = unstored_epoch;
    m->dry_run = u->dry_run;
    m->changes = NEW_LIST(a, n, Change);
    for (const struct core_change *c = u->change; c; c = c->next)
        m->changes[m->n_changes++] = change(a, c);
    return &m->base;
}

static Switchyard__V1__Convergence *convergence(struct arena *a, const struct view_convergence *c)
{
    Switchyard__V1__Convergence *m = NEW(a, Convergence, convergence);

    m->nodes = c->nodes;
    m->serving = c->serving;
    m->lagging = c->lagging;
    m->laggards = need(a, (c->laggard_count + 1) * sizeof(char *));
    for (unsigned i = 0; i < c->laggard_count; i++)
        m->laggards[m->n_laggards++] = text(a, c->laggard[i]);
    return m;
}

const ProtobufCMessage *convert_await(struct arena *a, bool converged,
                                      const struct view_convergence *c,
                                      const struct view_measured *measured)
{
    Switchyard__V1__AwaitResult *m = NEW(a, AwaitResult, await_result);

    m->converged = converged;
    m->convergence = convergence(a, c);
    m->measured_ms = measured->all;
    m->p50_ms = measured->p50;
    m->p99_ms = measured->p99;
    m->last_node = text(a, measured->last_node);
    return &m->base;
}

/* ---- status ---------------------------------------------------------------------------------- */

static Switchyard__V1__BreakerStatus *breaker(struct arena *a, const struct view_status *s)
{
    Switchyard__V1__BreakerStatus *m = NEW(a, BreakerStatus, breaker_status);

    m->state = text(a, breaker_state_name(s->breaker));
    m->open_nodes = s->breaker_open_nodes;
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
    m->reason = text(a, r->reason);
    m->operator_ = text(a, r->operator_name);
    m->time = time_text(a, r->ordered_at);
    m->measured_ms = r->measured_ms;
    m->p50_ms = r->p50_ms;
    m->p99_ms = r->p99_ms;
    m->last_node = text(a, r->last_node.s);
    m->deadline = time_text(a, r->deadline);
    m->detect_ms = r->detect_ms;
    m->emergency = r->emergency;
    m->state = text(a, rollback_state(s->rollout));
    m->from_stage = text(a, plan_stage_name(s->plan, r->from_stage));
    m->to_stage = text(a, plan_stage_name(s->plan, r->to_stage));
    m->violations = need(a, VIOLATIONS_MAX * sizeof(char *));
    for (unsigned i = 0; i < r->violation_count; i++)
        m->violations[m->n_violations++] = text(a, r->violation[i]);
    return m;
}

static Switchyard__V1__EmergencyStatus *emergency(struct arena *a, const struct emergency *e)
{
    Switchyard__V1__EmergencyStatus *m = NEW(a, EmergencyStatus, emergency_status);

    if (!e)
        return m;
    m->active = e->active;
    m->epoch = e->epoch;
    m->reason = text(a, e->reason);
    m->operator_ = text(a, e->operator_name);
    m->time = time_text(a, e->ordered_at);
    return m;
}

static Switchyard__V1__Check *check(struct arena *a, const struct view_check *c)
{
    Switchyard__V1__Check *m = NEW(a, Check, check);

    m->name = text(a, c->name);
    m->verdict = text(a, verdict_name(c->verdict));
    m->value = c->value;
    m->limit = c->limit;
    m->unit = text(a, c->unit);
    m->text = text(a, c->text);
    return m;
}

static Switchyard__V1__GateStatus *gate(struct arena *a, const struct view_status *s)
{
    Switchyard__V1__GateStatus *m = NEW(a, GateStatus, gate_status);

    m->verdict = text(a, verdict_name(s->gate.verdict));
    m->checks = NEW_LIST(a, s->gate.check_count, Check);
    for (unsigned i = 0; i < s->gate.check_count; i++)
        m->checks[m->n_checks++] = check(a, &s->gate.check[i]);
    if (s->rollout->phase == PHASE_BAKING)
        m->bake_until = time_text(a, s->rollout->bake_until);
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
        list[i]->name = text(a, s->plan->stage[i].name.s);
        list[i]->weight = weight_percent(s->plan->stage[i].weight_bp);
        list[i]->state = text(a, stage_state(i + 1, s->rollout->stage));
    }
    return list;
}

static void fill_rollout(struct arena *a, const struct view_status *s, Switchyard__V1__Status *m)
{
    const struct rollout *r = s->rollout;

    m->migration = text(a, s->plan->name.s);
    m->stage = text(a, plan_stage_name(s->plan, r->stage));
    m->stage_index = r->stage;
    m->stages = s->plan->stage_count;
    m->phase = text(a, phase_name(r->phase));
    m->weight = weight_percent(s->effective_weight_bp);
    m->override = text(a, system_name(r->override));
    m->why = text(a, r->why);
    m->since = time_text(a, r->since);
    m->revision = r->decision_rev;
    m->rollbacks_today = s->rollbacks_today;
}

const ProtobufCMessage *convert_status(struct arena *a, const struct view_status *s, uint64_t term)
{
    Switchyard__V1__Status *m = NEW(a, Status, status);

    fill_rollout(a, s, m);
    m->breaker = breaker(a, s);
    m->convergence = convergence(a, &s->convergence);
    m->last_rollback = last_rollback(a, s);
    m->quarantined = need(a, (s->quarantined_count + 1) * sizeof(char *));
    for (unsigned i = 0; i < s->quarantined_count; i++)
        m->quarantined[m->n_quarantined++] = text(a, s->quarantined[i].s);
    m->suggested_next_weight = weight_percent(s->suggested_next_weight_bp);
    m->suggested_command = text(a, s->suggested_command);
    m->emergency = emergency(a, s->emergency);
    m->gate = gate(a, s);
    m->plan = stages(a, s);
    m->n_plan = s->plan->stage_count;
    m->term = term;
    return &m->base;
}

/* ---- stats, history -------------------------------------------------------------------------- */

/* No data is not success: without requests both rates are 0. */
static Switchyard__V1__SystemStats *system_stats(struct arena *a, const struct system_stats *s)
{
    Switchyard__V1__SystemStats *m = NEW(a, SystemStats, system_stats);
    uint64_t good = s->requests > s->errors ? s->requests - s->errors : 0;

    m->requests = s->requests;
    m->errors = s->errors;
    m->fallbacks = s->fallbacks;
    m->timeouts = s->timeouts;
    m->connect_errors = s->connect_errors;
    m->error_rate = percent_of(s->errors, s->requests);
    m->success_rate = percent_of(good, s->requests);
    m->latency_ms = NEW(a, Latency, latency);
    m->latency_ms->mean = hist_mean_ms(&s->latency);
    m->latency_ms->p50 = hist_quantile_ms(&s->latency, 0.50);
    m->latency_ms->p99 = hist_quantile_ms(&s->latency, 0.99);
    return m;
}

const ProtobufCMessage *convert_stats(struct arena *a, const char *migration,
                                      const struct view_stats *s)
{
    Switchyard__V1__Stats *m = NEW(a, Stats, stats);
    uint64_t on_new = s->system[SYSTEM_NEW].requests;

    m->migration = text(a, migration);
    m->legacy = system_stats(a, &s->system[SYSTEM_LEGACY]);
    m->new_ = system_stats(a, &s->system[SYSTEM_NEW]);
    m->window_s = (double)dur_to_ms(s->window) / 1000.0;
    m->share_new = percent_of(on_new, on_new + s->system[SYSTEM_LEGACY].requests);
    return &m->base;
}

static Switchyard__V1__HistoryEntry *history_entry(struct arena *a, const struct history_entry *e)
{
    Switchyard__V1__HistoryEntry *m = NEW(a, HistoryEntry, history_entry);

    m->sequence = e->sequence;
    m->time = time_text(a, e->time);
    m->event = text(a, e->event);
    m->operator_ = text(a, e->operator_name);
    m->reason = text(a, e->reason);
    m->from = text(a, e->from);
    m->to = text(a, e->to);
    m->revision = e->revision;
    m->measured_ms = e->measured_ms;
    return m;
}

const ProtobufCMessage *convert_history(struct arena *a, const struct history_entry *const *entry,
                                        unsigned count)
{
    Switchyard__V1__History *m = NEW(a, History, history);

    m->entries = NEW_LIST(a, count, HistoryEntry);
    for (unsigned i = 0; i < count; i++)
        m->entries[m->n_entries++] = history_entry(a, entry[i]);
    return &m->base;
}

/* ---- the whole ------------------------------------------------------------------------------- */

const ProtobufCMessage *convert_health(struct arena *a, const struct health *h)
{
    Switchyard__V1__Health *m = NEW(a, Health, health);

    m->overall = text(a, health_level_name(h->overall));
    m->components = NEW_LIST(a, h->count, Component);
    for (unsigned i = 0; i < h->count; i++) {
        Switchyard__V1__Component *c = NEW(a, Component, component);

        c->name = text(a, h->component[i].name);
        c->state = text(a, health_level_name(h->component[i].level));
        c->text = text(a, h->component[i].text);
        m->components[m->n_components++] = c;
    }
    return &m->base;
}

static Switchyard__V1__PlanSummary *plan_summary(struct arena *a, const struct view_status *s)
{
    Switchyard__V1__PlanSummary *m = NEW(a, PlanSummary, plan_summary);

    m->name = text(a, s->plan->name.s);
    m->phase = text(a, phase_name(s->rollout->phase));
    m->stage = text(a, plan_stage_name(s->plan, s->rollout->stage));
    m->stage_index = s->rollout->stage;
    m->stages = s->plan->stage_count;
    m->weight = weight_percent(s->effective_weight_bp);
    m->emergency = s->emergency && s->emergency->active;
    m->override = text(a, system_name(s->rollout->override));
    m->labels = labels(a, &s->plan->labels);
    m->n_labels = s->plan->labels.count;
    return m;
}

const ProtobufCMessage *convert_plans(struct arena *a, const struct view_status *s, unsigned count)
{
    Switchyard__V1__Plans *m = NEW(a, Plans, plans);

    m->plans = NEW_LIST(a, count, PlanSummary);
    for (unsigned i = 0; i < count; i++)
        m->plans[m->n_plans++] = plan_summary(a, &s[i]);
    return &m->base;
}

static Switchyard__V1__NodeSummary *node_summary(struct arena *a, const struct registry_node *n,
                                                 uint64_t target)
{
    Switchyard__V1__NodeSummary *m = NEW(a, NodeSummary, node_summary);

    m->name = text(a, n->node.name.s);
    m->labels = labels(a, &n->node.labels);
    m->n_labels = n->node.labels.count;
    m->state = text(a, node_state_name(registry_state(n, target)));
    m->revision = n->node.serving_rev;
    m->address = text(a, n->node.address);
    m->version = text(a, n->node.version);
    m->connected_since = time_text(a, n->node.connected_at);
    m->client_connections = n->client_connections;
    m->last_refusal = text(a, n->node.last_refusal);
    m->control_address = text(a, n->node.control_address);
    m->coordinator = text(a, n->coordinator.s);
    return m;
}

const ProtobufCMessage *convert_nodes(struct arena *a, struct registry *r, uint64_t target)
{
    Switchyard__V1__Nodes *m = NEW(a, Nodes, nodes);

    m->revision = target;
    m->nodes = NEW_LIST(a, registry_count(r), NodeSummary);
    for (const struct registry_node *n = NULL; (n = registry_next(r, n));)
        m->nodes[m->n_nodes++] = node_summary(a, n, target);
    return &m->base;
}

static Switchyard__V1__CoordinatorSummary *coordinator(struct arena *a,
                                                       const struct service_coordinator *c,
                                                       const struct registry *r,
                                                       const struct service_facts *f)
{
    Switchyard__V1__CoordinatorSummary *m = NEW(a, CoordinatorSummary, coordinator_summary);
    bool leads = name_eq(&c->id, &f->leader);

    m->name = text(a, c->id.s);
    m->address = text(a, c->address);
    m->role = text(a, leads ? "leader" : "follower");
    m->since = time_text(a, leads ? f->leads_since : c->since);
    m->version = text(a, c->version);
    m->nodes = registry_count_at(r, &c->id);
    m->reachable = c->reachable;
    m->answering = c->here;
    return m;
}

const ProtobufCMessage *convert_coordinators(struct arena *a, const struct service_coordinator *c,
                                             unsigned count, const struct registry *r,
                                             const struct service_facts *f)
{
    Switchyard__V1__Coordinators *m = NEW(a, Coordinators, coordinators);

    m->leader = text(a, f->leader.s);
    m->term = f->term;
    m->coordinators = NEW_LIST(a, count, CoordinatorSummary);
    for (unsigned i = 0; i < count; i++)
        m->coordinators[m->n_coordinators++] = coordinator(a, &c[i], r, f);
    return &m->base;
}
