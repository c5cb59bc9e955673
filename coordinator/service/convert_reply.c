/* SPDX-License-Identifier: Apache-2.0 */
/* Every size here is bounded by what the coordinator holds, so the arena does not run out. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/units.h"
#include "coordinator/core/days.h"
#include "coordinator/service/convert_blocks.h"

/* ---- commands -------------------------------------------------------------------------------- */

static void fill_clusters(struct arena *a, const struct core_change *c, Switchyard__V1__Change *m)
{
    size_t n = 0;

    for (const struct core_reach *r = c->clusters; r; r = r->next)
        n++;
    m->clusters = NEW_LIST(a, n, ClusterChange);
    for (const struct core_reach *r = c->clusters; r; r = r->next) {
        Switchyard__V1__ClusterChange *one = NEW(a, ClusterChange, cluster_change);

        one->cluster = block_text(a, r->cluster);
        one->nodes = r->nodes;
        one->share_affected = r->share;
        m->clusters[m->n_clusters++] = one;
    }
}

static Switchyard__V1__Change *change(struct arena *a, const struct core_change *c)
{
    Switchyard__V1__Change *m = NEW(a, Change, change);

    fill_clusters(a, c, m);
    m->migration = block_text(a, c->migration.s);
    m->summary = block_text(a, c->summary);
    m->from = block_text(a, c->from);
    m->to = block_text(a, c->to);
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

const ProtobufCMessage *convert_await(struct arena *a, bool converged,
                                      const struct view_convergence *c,
                                      const struct view_measured *measured)
{
    Switchyard__V1__AwaitResult *m = NEW(a, AwaitResult, await_result);

    m->converged = converged;
    m->convergence = block_convergence(a, c);
    m->measured_ms = measured->all;
    m->p50_ms = measured->p50;
    m->p99_ms = measured->p99;
    m->last_node = block_text(a, measured->last_node);
    return &m->base;
}

/* ---- stats, history -------------------------------------------------------------------------- */

/* No data is not success: without requests both rates are 0. */
static Switchyard__V1__SystemStats *system_stats(struct arena *a, const struct system_stats *s)
{
    Switchyard__V1__SystemStats *m = NEW(a, SystemStats, system_stats);
    uint64_t good = s->requests > s->errors ? s->requests - s->errors : 0;

#define X(name) m->name = s->name;
    SYSTEM_COUNTS(X)
#undef X
    m->error_rate = block_percent(s->errors, s->requests);
    m->success_rate = block_percent(good, s->requests);
    m->latency_ms = NEW(a, Latency, latency);
    m->latency_ms->mean = hist_mean_ms(&s->latency);
    m->latency_ms->p50 = hist_quantile_ms(&s->latency, 0.50);
    m->latency_ms->p99 = hist_quantile_ms(&s->latency, 0.99);
    return m;
}

static Switchyard__V1__MirrorStats *mirror_stats(struct arena *a, const struct mirror_stats *s)
{
    Switchyard__V1__MirrorStats *m;

    if (mirror_stats_is_empty(s))
        return NULL;
    m = NEW(a, MirrorStats, mirror_stats);
#define X(name) m->name = s->name;
    MIRROR_COUNTS(X)
#undef X
    return m;
}

const ProtobufCMessage *convert_stats(struct arena *a, const char *migration,
                                      const struct view_stats *s)
{
    Switchyard__V1__Stats *m = NEW(a, Stats, stats);
    uint64_t on_new = s->system[SYSTEM_NEW].requests;

    m->migration = block_text(a, migration);
    m->legacy = system_stats(a, &s->system[SYSTEM_LEGACY]);
    m->new_ = system_stats(a, &s->system[SYSTEM_NEW]);
    m->window_s = (double)dur_to_ms(s->window) / 1000.0;
    m->over_budget = s->over_budget;
    m->share_new = block_percent(on_new, on_new + s->system[SYSTEM_LEGACY].requests);
    m->mirror = mirror_stats(a, &s->mirror);
    return &m->base;
}

static Switchyard__V1__ComparisonStats *comparison(struct arena *a, const struct compare_stats *s)
{
    Switchyard__V1__ComparisonStats *m = NEW(a, ComparisonStats, comparison_stats);

    m->compared = s->compared;
    m->equal = s->equal;
    m->cosmetic = s->cosmetic;
    m->critical = s->critical;
    m->noise_compared = s->noise_compared;
    m->noise_differed = s->noise_differed;
    m->skipped = s->skipped;
    m->overhead_ms = (double)s->overhead_us / 1000.0;
    return m;
}

static Switchyard__V1__DiscrepancyExample *discrepancy(struct arena *a,
                                                       const struct compared_example *e)
{
    Switchyard__V1__DiscrepancyExample *m = NEW(a, DiscrepancyExample, discrepancy_example);

    m->time = block_time(a, e->what.at);
    m->node = block_text(a, e->node.s);
    m->class_ = block_text(a, e->what.critical ? "critical" : "cosmetic");
    m->request = block_text(a, e->what.request);
    m->where = block_text(a, e->what.where);
    m->legacy = block_text(a, e->what.legacy);
    m->new_ = block_text(a, e->what.new_value);
    return m;
}

const ProtobufCMessage *convert_discrepancies(struct arena *a, const char *migration,
                                              const struct view_compared *v,
                                              const struct compared_example *const *example,
                                              unsigned count)
{
    Switchyard__V1__Discrepancies *m = NEW(a, Discrepancies, discrepancies);

    m->migration = block_text(a, migration);
    m->sample = weight_percent(v->how->sample_bp);
    m->off = v->off;
    m->off_above = weight_percent(v->how->off_above_bp);
    m->window_s = (double)dur_to_ms(v->window) / 1000.0;
    m->recent = comparison(a, &v->recent);
    m->total = comparison(a, &v->total);
    m->examples = NEW_LIST(a, count, DiscrepancyExample);
    for (unsigned i = 0; i < count; i++)
        m->examples[m->n_examples++] = discrepancy(a, example[i]);
    return &m->base;
}

static Switchyard__V1__HistoryEntry *history_entry(struct arena *a, const struct history_entry *e)
{
    Switchyard__V1__HistoryEntry *m = NEW(a, HistoryEntry, history_entry);

    m->sequence = e->sequence;
    m->time = block_time(a, e->time);
    m->event = block_text(a, e->event);
    m->operator_ = block_text(a, e->operator_name);
    m->reason = block_text(a, e->reason);
    m->from = block_text(a, e->from);
    m->to = block_text(a, e->to);
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

/* ---- reviews --------------------------------------------------------------------------------- */

/* A message of the same arena; packing does not write to it. */
static void *part_of(const ProtobufCMessage *m)
{
    return (void *)(uintptr_t)m;
}

static Switchyard__V1__DayReview *day_review(struct arena *a, const struct view_day *d)
{
    Switchyard__V1__DayReview *m = NEW(a, DayReview, day_review);
    char text[DAY_TEXT_MAX];

    m->day = block_text(a, day_text(d->day, text));
    m->legacy = system_stats(a, &d->total.system[SYSTEM_LEGACY]);
    m->new_ = system_stats(a, &d->total.system[SYSTEM_NEW]);
    m->mirror = mirror_stats(a, &d->total.mirror);
    return m;
}

static void add_days(struct arena *a, const struct convert_review *r, wall_t from, wall_t until,
                     Switchyard__V1__MigrationReview *m)
{
    struct view_stats *all = block_alloc(a, sizeof *all);

    *all = (struct view_stats){.window = wall_sub(until, from)};
    m->days = NEW_LIST(a, r->days, DayReview);
    for (unsigned i = 0; i < r->days; i++) {
        m->days[m->n_days++] = day_review(a, &r->day[i]);
        for (int n = 0; n < SYSTEM_COUNT; n++)
            system_stats_merge(&all->system[n], &r->day[i].total.system[n]);
        mirror_stats_merge(&all->mirror, &r->day[i].total.mirror);
    }
    m->stats = part_of(convert_stats(a, r->migration, all));
}

static void add_entries(struct arena *a, const struct convert_review *r, wall_t from,
                        Switchyard__V1__MigrationReview *m)
{
    m->rollbacks = NEW_LIST(a, r->entries, HistoryEntry);
    m->changes = NEW_LIST(a, r->entries, HistoryEntry);
    for (unsigned i = 0; i < r->entries; i++) {
        if (wall_before(r->entry[i]->time, from))
            continue;
        if (view_is_fall(r->entry[i]))
            m->rollbacks[m->n_rollbacks++] = history_entry(a, r->entry[i]);
        else
            m->changes[m->n_changes++] = history_entry(a, r->entry[i]);
    }
}

const ProtobufCMessage *convert_reviews(struct arena *a, const struct convert_review *r,
                                        unsigned count, const ProtobufCMessage *health, wall_t from,
                                        wall_t until)
{
    Switchyard__V1__Review *m = NEW(a, Review, review);

    m->from = block_time(a, from);
    m->until = block_time(a, until);
    m->health = part_of(health);
    m->migrations = NEW_LIST(a, count, MigrationReview);
    for (unsigned i = 0; i < count; i++) {
        Switchyard__V1__MigrationReview *one = NEW(a, MigrationReview, migration_review);

        one->status = part_of(r[i].status);
        add_days(a, &r[i], from, until, one);
        add_entries(a, &r[i], from, one);
        m->migrations[m->n_migrations++] = one;
    }
    return &m->base;
}

/* ---- a plan ---------------------------------------------------------------------------------- */

static Switchyard__V1__ByHand *by_hand_of(struct arena *a, const struct view_by_hand *v)
{
    Switchyard__V1__ByHand *m = NEW(a, ByHand, by_hand);

    m->setting = block_text(a, v->setting);
    m->value = block_text(a, v->value);
    m->plan = block_text(a, v->plan);
    m->command = block_text(a, v->end);
    if (!v->order)
        return m;
    m->operator_ = block_text(a, v->order->operator_name);
    m->time = block_time(a, v->order->time);
    m->reason = block_text(a, v->order->reason);
    return m;
}

const ProtobufCMessage *convert_plan(struct arena *a, const struct view_status *s,
                                     const struct view_by_hand *by_hand, unsigned count)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(CONVERT_REPLY_MAX / 2);
    Switchyard__V1__PlanDocument *m = NEW(a, PlanDocument, plan_document);

    CHECK(json_print(s->plan->document, true, &text));
    m->migration = block_text(a, s->plan->name.s);
    m->document.data = block_alloc(a, text.len);
    m->document.len = text.len;
    memcpy(m->document.data, text.data, text.len);
    m->revision = s->rollout->decision_rev;
    m->environment = block_text(a, s->plan->environment);
    m->by_hand = NEW_LIST(a, count, ByHand);
    for (unsigned i = 0; i < count; i++)
        m->by_hand[m->n_by_hand++] = by_hand_of(a, &by_hand[i]);
    return &m->base;
}

/* ---- the whole ------------------------------------------------------------------------------- */

const ProtobufCMessage *convert_health(struct arena *a, const struct health *h)
{
    Switchyard__V1__Health *m = NEW(a, Health, health);

    m->overall = block_text(a, health_level_name(h->overall));
    m->components = NEW_LIST(a, h->count, Component);
    for (unsigned i = 0; i < h->count; i++) {
        Switchyard__V1__Component *c = NEW(a, Component, component);

        c->name = block_text(a, h->component[i].name);
        c->state = block_text(a, health_level_name(h->component[i].level));
        c->text = block_text(a, h->component[i].text);
        m->components[m->n_components++] = c;
    }
    return &m->base;
}

static Switchyard__V1__PlanSummary *plan_summary(struct arena *a, const struct view_status *s)
{
    Switchyard__V1__PlanSummary *m = NEW(a, PlanSummary, plan_summary);

    m->name = block_text(a, s->plan->name.s);
    m->phase = block_text(a, phase_name(s->rollout->phase));
    m->stage = block_text(a, plan_stage_name(s->plan, s->rollout->stage));
    m->stage_index = s->rollout->stage;
    m->stages = s->plan->stage_count;
    m->weight = weight_percent(s->effective_weight_bp);
    m->emergency = s->emergency && s->emergency->active;
    m->override = block_text(a, system_name(s->rollout->override));
    m->labels = block_labels(a, &s->plan->labels);
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

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->s, ((const struct name *)b)->s);
}

static Switchyard__V1__NodeSummary *node_summary(struct arena *a, const struct registry_node *n,
                                                 uint64_t target)
{
    Switchyard__V1__NodeSummary *m = NEW(a, NodeSummary, node_summary);

    m->name = block_text(a, n->node.name.s);
    m->labels = block_labels(a, &n->node.labels);
    m->n_labels = n->node.labels.count;
    m->state = block_text(a, node_state_name(registry_state(n, target)));
    m->revision = n->node.serving_rev;
    m->address = block_text(a, n->node.address);
    m->version = block_text(a, n->node.version);
    m->connected_since = block_time(a, n->node.connected_at);
    m->client_connections = n->now.client_connections;
    m->endpoints = n->now.endpoints;
    m->endpoints_healthy = n->now.endpoints_healthy;
    m->last_refusal = block_text(a, n->node.last_refusal);
    m->control_address = block_text(a, n->node.control_address);
    m->coordinator = block_text(a, n->coordinator.s);
    return m;
}

const ProtobufCMessage *convert_nodes(struct arena *a, struct registry *r, uint64_t target,
                                      const struct name *quarantined, unsigned count)
{
    Switchyard__V1__Nodes *m = NEW(a, Nodes, nodes);

    m->revision = target;
    m->nodes = NEW_LIST(a, registry_count(r), NodeSummary);
    for (const struct registry_node *n = NULL; (n = registry_next(r, n));) {
        Switchyard__V1__NodeSummary *node = node_summary(a, n, target);

        if (count > 0 && bsearch(&n->node.name, quarantined, count, sizeof(*quarantined), by_name))
            node->state = block_text(a, "quarantined");
        m->nodes[m->n_nodes++] = node;
    }
    return &m->base;
}

static Switchyard__V1__CoordinatorSummary *coordinator(struct arena *a,
                                                       const struct service_coordinator *c,
                                                       const struct registry *r,
                                                       const struct service_facts *f)
{
    Switchyard__V1__CoordinatorSummary *m = NEW(a, CoordinatorSummary, coordinator_summary);
    bool leads = name_eq(&c->id, &f->leader) && service_knows_leader(f);

    m->name = block_text(a, c->id.s);
    m->address = block_text(a, c->address);
    m->role = block_text(a, leads ? "leader" : "follower");
    m->since = block_time(a, leads ? f->leads_since : c->since);
    m->version = block_text(a, c->version);
    m->nodes = registry_count_at(r, &c->id);
    m->reachable = c->reachable;
    m->answering = c->here;
    return m;
}

static char *leader_unknown(struct arena *a, const struct service_facts *f)
{
    char words[TEXT_SIZE];

    if (service_knows_leader(f))
        return block_text(a, "");
    str_fmt(words, sizeof(words), "this coordinator cannot reach its store; %s%s it knew",
            f->leader.s[0] ? f->leader.s : "nobody",
            f->leader.s[0] ? " was the last leader that" : " led as far as");
    return block_text(a, words);
}

const ProtobufCMessage *convert_coordinators(struct arena *a, const struct service_coordinator *c,
                                             unsigned count, const struct registry *r,
                                             const struct service_facts *f)
{
    Switchyard__V1__Coordinators *m = NEW(a, Coordinators, coordinators);

    m->leader = block_text(a, service_knows_leader(f) ? f->leader.s : "");
    m->leader_unknown = leader_unknown(a, f);
    m->term = f->term;
    m->coordinators = NEW_LIST(a, count, CoordinatorSummary);
    for (unsigned i = 0; i < count; i++)
        m->coordinators[m->n_coordinators++] = coordinator(a, &c[i], r, f);
    return &m->base;
}
