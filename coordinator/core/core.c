/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/core.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/adopt.h"
#include "coordinator/core/advance.h"
#include "coordinator/core/clock_jumps.h"
#include "coordinator/core/commands.h"
#include "coordinator/core/convergence.h"
#include "coordinator/core/drafts.h"
#include "coordinator/core/drill_watch.h"
#include "coordinator/core/events_watch.h"
#include "coordinator/core/fleet_breaker_watch.h"
#include "coordinator/core/past.h"
#include "coordinator/core/staging.h"
#include "coordinator/core/waves.h"

/* With a thousand nodes, triggers need not be looked at on each of a thousand reports a second. */
#define JUDGE_EVERY dur_ms(100)

struct core *core_new(const struct core_config *config, wall_t now, mono_t mono)
{
    struct core *c = xnew(struct core);

    c->config = *config;
    if (c->config.node_grace.ns == 0)
        c->config.node_grace = dur_s(30);
    if (c->config.startup_grace.ns == 0)
        c->config.startup_grace = dur_s(5);
    c->mono = c->started = c->awake = mono;
    clock_start(c, now);
    return c;
}

struct core *core_free(struct core *c)
{
    struct migration *m, *next;

    if (!c)
        return NULL;
    staging_drop(c);
    drafts_free(c->loading);
    HASH_ITER (hh, c->by_name, m, next) {
        HASH_DEL(c->by_name, m);
        migration_free(m);
    }
    nodes_deinit(&c->nodes);
    job_orphans_deinit(&c->orphans);
    free(c);
    return NULL;
}

void core_lead(struct core *c, bool leads)
{
    c->leads = leads;
    if (leads)
        return;
    STATE_FOREACH(c, m)
    {
        jobs_orphan(c, m);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_command(struct core *c, const struct core_command *cmd, struct core_update *u)
{
    struct err err = {.code = ERR_NONE};

    u->has_answer = true;
    u->token = cmd->token;
    u->dry_run = cmd->dry_run;
    if (commands_run(c, cmd, u, &err) < 0) {
        u->refused = err;
        u->change = NULL;
    }
    if (u->refused.code != ERR_NONE || cmd->dry_run) {
        u->tell = NULL;
        staging_drop(c);
    }
}

static bool waits_for_nodes(enum rollout_phase phase)
{
    return phase == PHASE_CONVERGING || phase == PHASE_ROLLING_BACK ||
           phase == PHASE_ROLLBACK_FAILED;
}

static void on_node(struct core *c, const struct core_node *seen, struct core_update *u)
{
    struct node_change change;

    if (!nodes_update(&c->nodes, seen, c->mono, &change)) {
        update_tell(u, LOG_WARN, LOG_NODE_JOINED,
                    update_fmt(u, "node=%s why=\"not counted: the fleet has %d nodes already\"",
                               seen->name.s, CORE_NODES_MAX));
        return;
    }
    if (!change.node)
        return;
    if (change.first)
        past_ask(c, change.node, u);
    convergence_node_changed(c, &change);
    drill_watch_node_changed(c, &change);
    fleet_breaker_acked(c, &change);
    STATE_FOREACH(c, m)
    {
        if ((m->takeover.all_serve && waits_for_nodes(m->is.rollout.phase)) ||
            drill_watch_reached(c, m))
            advance(c, m, u);
    }
}

/* What was sent before the latest acknowledgement may come after it, and then knows of no order
 * that came with that. */
static bool is_overtaken(const struct node *node, int slot, const struct route_stats *route,
                         bool late)
{
    return late && route->breaker_seen.order_number < node_breaker_seen(node, slot)->order_number;
}

static void take_breaker(struct core *c, struct migration *m, struct node *node,
                         const struct route_stats *route, bool late)
{
    if (is_overtaken(node, m->slot, route, late))
        return;
    node_set_breaker(node, m->slot, route->breaker);
    if (route->breaker != BREAKER_DISABLED)
        node_set_breaker_seen(node, m->slot, &route->breaker_seen);
    events_watch_breaker(c, m, node);
}

/* No node's past tells of it. */
static void take_over_budget(const struct core *c, struct migration *m,
                             const struct route_stats *route)
{
    m->over_budget += route->over_budget;
    if (route->over_budget > 0)
        sums_add(&m->over_budget_lately, c->mono, &route->over_budget, 1);
}

/* Only what was measured under the latest decision is judged: the first report after a node took it
 * over still covers a time before. */
static void take_report(struct core *c, struct node *node, const struct route_stats *route,
                        bool late)
{
    struct migration *m = state_find(c, route->migration.s);
    bool judged;

    if (!m)
        return;
    if (node) {
        take_breaker(c, m, node, route, late);
        node_set_underway(node, m->slot, &route->underway);
    }
    take_over_budget(c, m, route);
    /* It will come once more, in the node's past: so, too, from one that left before it was heard
     * of. */
    if (!node || node_is_asked(node))
        return;
    judged = node_reported_rev(node) >= m->takeover.rev;
    samples_add(m->stats, c->mono, route->system);
    days_add(&m->days, c->now, c->mono, route);
    if (judged)
        samples_add(waves_samples(m, node), c->mono, route->system);
    mirror_stats_merge(&m->mirrored, &route->mirror);
    if (!mirror_stats_is_empty(&route->mirror))
        sums_add(&m->mirrored_lately, c->mono, &route->mirror, MIRROR_COUNTERS);
    compared_add(&m->compared, c->mono, &route->compare, judged);
    for (unsigned i = 0; i < route->discrepancy_count; i++)
        compared_add_example(&m->compared, node_name(node), &route->discrepancy[i]);
}

static void on_report(struct core *c, const struct core_event *ev, struct core_update *u)
{
    struct node *node = nodes_find(&c->nodes, ev->report.node->s);

    for (unsigned i = 0; i < ev->report.count; i++)
        take_report(c, node, &ev->report.route[i], ev->report.late);
    if (node && !ev->report.late)
        node_reported(node);

    for (unsigned i = 0; i < ev->report.count; i++) {
        struct migration *m = state_find(c, ev->report.route[i].migration.s);

        if (!m || mono_sub(c->mono, m->judged_at).ns < JUDGE_EVERY.ns)
            continue;
        m->judged_at = c->mono;
        advance(c, m, u);
    }
}

static void on_job(struct core *c, const struct core_job_done *done, struct core_update *u)
{
    struct migration *m = jobs_told(c, done);

    if (m)
        advance(c, m, u);
}

static void on_measure(struct core *c, const struct core_measure *seen, struct core_update *u)
{
    struct migration *m = state_find(c, seen->migration);

    if (!m)
        return;
    m->measured[seen->kind] =
        (struct measured){.present = true, .value = seen->value, .at = c->mono};
    advance(c, m, u);
}

static void on_tick(struct core *c, struct core_update *u)
{
    unsigned gone = nodes_expire(&c->nodes, c->config.node_grace, c->mono);

    if (gone > 0)
        drill_watch_nodes_gone(c);
    nodes_stop_waiting(&c->nodes, PAST_PATIENCE, c->mono);
    if (gone > 0)
        update_tell(
            u, LOG_WARN, LOG_NODE_GONE,
            update_fmt(u, "nodes=%u why=\"away for too long, not counted any more\"", gone));
    STATE_FOREACH(c, m)
    {
        if (gone > 0)
            convergence_look(c, m);
    }
    if (clock_shift(c, u))
        return;
    STATE_FOREACH(c, m)
    {
        advance(c, m, u);
        events_watch(c, m, staging_find(c, m), u);
    }
    staging_days(c);
}

void core_step(struct core *c, const struct core_event *ev, struct core_update *ret_update)
{
    struct core_update *u = ret_update;

    CHECK(!c->staged && !mono_before(ev->mono, c->mono));
    core_update_reset(u);
    clock_step(c, ev);
    switch (ev->kind) {
    case EV_COMMAND:
        c->command = ev->command;
        on_command(c, ev->command, u);
        break;
    case EV_NODE:
        on_node(c, ev->node, u);
        break;
    case EV_ORDER:
        adopt_order(c, ev->order.node, ev->order.told, u);
        break;
    case EV_REPORT:
        on_report(c, ev, u);
        break;
    case EV_PAST:
        past_take(c, ev);
        break;
    case EV_JOB:
        on_job(c, ev->job, u);
        break;
    case EV_MEASURE:
        on_measure(c, ev->measure, u);
        break;
    case EV_TICK:
        on_tick(c, u);
        break;
    }
    staging_finish(c, u);
    c->command = NULL;
    if (!c->staged && (ev->kind == EV_TICK || ev->kind == EV_JOB))
        jobs_look(c, u);
}

void core_commit(struct core *c, uint64_t rev, struct core_update *u)
{
    CHECK(u->save && (c->staged || c->due_count));
    staging_commit(c, rev);
    jobs_look(c, u);
}

void core_abandon(struct core *c, const struct err *why, struct core_update *u)
{
    staging_drop(c);
    u->publish = NULL;
    u->change = NULL;
    u->tell = NULL;
    if (u->has_answer)
        u->refused = *why;
}

/* ---- reading --------------------------------------------------------------------------------- */

uint64_t core_decision_rev(const struct core *c, const char *migration)
{
    const struct migration *m = state_find(c, migration);

    return m ? m->takeover.rev : 0;
}

const struct plan *core_plan(const struct core *c, const char *migration)
{
    const struct migration *m = state_find(c, migration);

    return m ? m->is.plan : NULL;
}

uint64_t core_revision(const struct core *c)
{
    return c->revision;
}

unsigned core_migrations(const struct core *c)
{
    return c->migrations;
}

const char *core_next_migration(const struct core *c, const char *after)
{
    const char *next = NULL;

    STATE_FOREACH(c, m)
    {
        if (strcmp(m->name.s, after) > 0 && (!next || strcmp(m->name.s, next) < 0))
            next = m->name.s;
    }
    return next;
}
