/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/service/health.h"

#include "common/base/check.h"
#include "common/base/units.h"

const char *health_level_name(enum health_level l)
{
    static const char *const names[] = {
        [HEALTH_HEALTHY] = "healthy",
        [HEALTH_DEGRADED] = "degraded",
        [HEALTH_UNHEALTHY] = "unhealthy",
    };

    return names[l];
}

/* ---- one migration --------------------------------------------------------------------------- */

static const char *failing_check(const struct view_gate *g)
{
    for (unsigned i = 0; i < g->check_count; i++) {
        if (g->check[i].verdict == VERDICT_FAIL)
            return g->check[i].text;
    }
    return "";
}

static bool rollback_failed(const struct view_status *s, char *text)
{
    str_fmt(text, TEXT_SIZE, "%s", s->rollout->why);
    return s->rollout->phase == PHASE_ROLLBACK_FAILED;
}

static bool trigger_violated(const struct view_status *s, char *text)
{
    str_fmt(text, TEXT_SIZE, "a trigger's limit is passed: %s", failing_check(&s->trigger));
    return s->trigger.verdict == VERDICT_FAIL;
}

static bool emergency_in_force(const struct view_status *s, char *text)
{
    if (!s->emergency || !s->emergency->active)
        return false;
    str_fmt(text, TEXT_SIZE, "everything is on legacy by emergency order: %s",
            s->emergency->reason);
    return true;
}

static bool breaker_open(const struct view_status *s, char *text)
{
    str_fmt(text, TEXT_SIZE, "the breaker of new is open on %u node%s", s->breaker_open_nodes,
            s->breaker_open_nodes == 1 ? "" : "s");
    return s->breaker == BREAKER_OPEN;
}

static bool rolling_back(const struct view_status *s, char *text)
{
    str_fmt(text, TEXT_SIZE, "%s", s->rollout->why);
    return s->rollout->phase == PHASE_ROLLING_BACK;
}

static bool gate_failed(const struct view_status *s, char *text)
{
    str_fmt(text, TEXT_SIZE, "the stage's gate does not hold: %s", failing_check(&s->gate));
    return s->gate.verdict == VERDICT_FAIL;
}

static bool nodes_lag(const struct view_status *s, char *text)
{
    const struct view_convergence *c = &s->convergence;

    str_fmt(text, TEXT_SIZE, "%u of %u nodes do not serve the latest decision: %s%s", c->lagging,
            c->nodes, c->laggard_count > 0 ? c->laggard[0] : "", c->lagging > 1 ? ", ..." : "");
    return c->lagging > 0;
}

/* The first that holds is what the operator reads. `text` has TEXT_SIZE bytes. */
static const struct {
    bool (*holds)(const struct view_status *s, char *text);
    enum health_level level;
} migration_rules[] = {
    {rollback_failed, HEALTH_UNHEALTHY},   {trigger_violated, HEALTH_UNHEALTHY},
    {emergency_in_force, HEALTH_DEGRADED}, {breaker_open, HEALTH_DEGRADED},
    {rolling_back, HEALTH_DEGRADED},       {gate_failed, HEALTH_DEGRADED},
    {nodes_lag, HEALTH_DEGRADED},
};

static void judge_migration(const struct view_status *s, struct health_component *ret)
{
    char weight[UNIT_TEXT_MAX];

    str_fmt(ret->name, sizeof(ret->name), "migration/%s", s->plan->name.s);
    for (size_t i = 0; i < ARRAY_LEN(migration_rules); i++) {
        if (migration_rules[i].holds(s, ret->text)) {
            ret->level = migration_rules[i].level;
            return;
        }
    }
    str_fmt(ret->text, sizeof(ret->text), "%s, %s, %s %% on new",
            plan_stage_name(s->plan, s->rollout->stage), phase_name(s->rollout->phase),
            unit_weight_text(s->effective_weight_bp, weight));
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void judge_coordinator(const struct service_facts *f, wall_t now,
                              struct health_component *ret)
{
    char uptime[UNIT_TEXT_MAX];
    dur_t up = wall_sub(now, f->started_at);

    str_fmt(ret->name, sizeof(ret->name), "coordinator");
    up.ns -= up.ns % dur_s(1).ns;
    str_fmt(ret->text, sizeof(ret->text), "version %s, up %s, revision %llu", SWITCHYARD_VERSION,
            unit_duration_text(up, uptime), (unsigned long long)f->revision);
    if (f->reports_dropped == 0)
        return;
    ret->level = HEALTH_DEGRADED;
    str_fmt(ret->text, sizeof(ret->text),
            "%llu reports of nodes were dropped: the coordinator does not keep up",
            (unsigned long long)f->reports_dropped);
}

static void judge_store(const struct service_facts *f, struct health_component *ret)
{
    str_fmt(ret->name, sizeof(ret->name), "store");
    if (f->store.code == ERR_NONE) {
        str_fmt(ret->text, sizeof(ret->text), "working");
        return;
    }
    ret->level = HEALTH_UNHEALTHY;
    str_fmt(ret->text, sizeof(ret->text), "changes are refused: %s%s%s", f->store.msg,
            f->store.hint[0] ? "; " : "", f->store.hint);
}

static void judge_nodes(const struct registry *r, uint64_t target, bool needed,
                        struct health_component *ret)
{
    unsigned n[NODE_STATE_COUNT];
    unsigned all = registry_count(r);

    registry_count_states(r, target, n);
    str_fmt(ret->name, sizeof(ret->name), "nodes");
    if (all == 0) {
        str_fmt(ret->text, sizeof(ret->text), "no node has connected yet");
        ret->level = needed ? HEALTH_DEGRADED : HEALTH_HEALTHY;
        return;
    }
    str_fmt(ret->text, sizeof(ret->text), "%u of %u serving, %u lagging, %u stale, %u gone",
            n[NODE_SERVING], all, n[NODE_LAGGING], n[NODE_STALE], n[NODE_GONE]);
    if (n[NODE_SERVING] < all)
        ret->level = HEALTH_DEGRADED;
}

/* One component per coordinator but the one that answers, which is there already. */
static void judge_other(const struct service_coordinator *c, struct health_component *ret)
{
    str_fmt(ret->name, sizeof(ret->name), "coordinator/%s", c->id.s);
    if (c->reachable) {
        str_fmt(ret->text, sizeof(ret->text), "reachable at %s, version %s", c->address,
                c->version);
        return;
    }
    ret->level = HEALTH_DEGRADED;
    str_fmt(ret->text, sizeof(ret->text), "cannot be reached at %s%s%s", c->address,
            c->why_not[0] ? ": " : "", c->why_not);
}

static void judge_leader(const struct service_facts *f, struct health_component *ret)
{
    char since[WALL_TEXT_MAX];

    str_fmt(ret->name, sizeof(ret->name), "leader");
    if (!service_knows_leader(f)) {
        ret->level = HEALTH_DEGRADED;
        str_fmt(ret->text, sizeof(ret->text),
                "who leads is not known here: this coordinator cannot reach its store; the last "
                "one it knew is %s",
                f->leader.s[0] ? f->leader.s : "nobody");
        return;
    }
    if (f->leader.s[0]) {
        str_fmt(ret->text, sizeof(ret->text), "%s leads since %s, in term %llu", f->leader.s,
                wall_text(f->leads_since, since), (unsigned long long)f->term);
        return;
    }
    ret->level = HEALTH_DEGRADED;
    str_fmt(ret->text, sizeof(ret->text),
            "no coordinator leads: nothing moves on by itself and commands are refused, but for "
            "emergency rollbacks");
}

static bool judge_unstored(const struct service_facts *f, struct health_component *ret)
{
    if (f->unstored == 0)
        return false;
    ret->level = HEALTH_DEGRADED;
    str_fmt(ret->name, sizeof(ret->name), "journal");
    str_fmt(ret->text, sizeof(ret->text),
            "the nodes have %u emergency order%s that the store does not; it is told as soon as it "
            "works again",
            f->unstored, f->unstored == 1 ? "" : "s");
    return true;
}

static void judge_coordinators(const struct health_grounds *g, struct health *h)
{
    judge_leader(g->facts, &h->component[h->count++]);
    for (unsigned i = 0; i < g->coordinators; i++) {
        if (!g->coordinator[i].here)
            judge_other(&g->coordinator[i], &h->component[h->count++]);
    }
    h->count += judge_unstored(g->facts, &h->component[h->count]);
}

/* Posts in time, or says since when it does not. */
static void judge_webhook(const struct service_webhook *w, unsigned i, struct health_component *ret)
{
    char since[WALL_TEXT_MAX];

    str_fmt(ret->name, sizeof(ret->name), "webhook/%u", i + 1);
    if (wall_is_set(w->failing)) {
        ret->level = HEALTH_DEGRADED;
        str_fmt(ret->text, sizeof(ret->text), "%s has taken no event since %s, %u wait: %s",
                w->shown, wall_text(w->failing, since), w->behind, w->why);
        return;
    }
    str_fmt(ret->text, sizeof(ret->text), w->known ? "%s is told of events" : "%s was not told yet",
            w->shown);
}

void health_judge(const struct health_grounds *g, wall_t now, struct arena *a, struct health *ret)
{
    ret->count = 0;
    ret->overall = HEALTH_HEALTHY;
    ret->component = arena_alloc(
        a, (5 + g->coordinators + g->webhooks + g->statuses) * sizeof(ret->component[0]));
    CHECK(ret->component);
    judge_coordinator(g->facts, now, &ret->component[ret->count++]);
    judge_coordinators(g, ret);
    judge_store(g->facts, &ret->component[ret->count++]);
    judge_nodes(g->registry, core_revision(g->core), g->statuses > 0,
                &ret->component[ret->count++]);
    for (unsigned i = 0; i < g->webhooks; i++)
        judge_webhook(&g->webhook[i], i, &ret->component[ret->count++]);
    for (unsigned i = 0; i < g->statuses; i++)
        judge_migration(&g->status[i], &ret->component[ret->count++]);
    for (unsigned i = 0; i < ret->count; i++) {
        if (ret->component[i].level > ret->overall)
            ret->overall = ret->component[i].level;
    }
}
