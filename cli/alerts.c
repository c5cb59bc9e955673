/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/alerts.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/attrs.h"
#include "common/base/str.h"

#define ERRORS_REQUESTS   20u
#define ERRORS_WARNING    1.0 /* percent */
#define ERRORS_CRITICAL   10.0
#define ERRORS_ROLL_BACK  15.0
#define SLOW_REQUESTS     100u
#define SLOW_RATIO        2.0
#define ROLLBACK_IS_FRESH dur_s(3600)

static const char *const names[] = {
#define X(id, name, help) [ALERT_##id] = name,
    ALERTS(X)
#undef X
};

const char *alert_name(enum alert_kind k)
{
    return names[k];
}

const char *alert_severity(const struct alert *a)
{
    return a->critical ? "critical" : "warning";
}

/* ---- what raises them ------------------------------------------------------------------------ */

struct grounds {
    const Switchyard__V1__Status *status;
    const Switchyard__V1__Stats *stats;
    wall_t now;
};

static void advise(struct alert *a, const struct grounds *g, const char *before, const char *after)
{
    str_fmt(a->advice, sizeof a->advice, "switchyard %s %s%s", before, g->status->migration, after);
}

static bool breaker_open(const struct grounds *g, struct alert *a)
{
    unsigned n = g->status->breaker->open_nodes;

    str_fmt(a->text, sizeof a->text,
            "the breaker of new is open on %u node%s, which send%s all to "
            "legacy",
            n, n == 1 ? "" : "s", n == 1 ? "s" : "");
    advise(a, g, "probe", " --system new --bypass-breaker");
    return n > 0;
}

static bool is_fresh(const struct grounds *g, const char *time)
{
    wall_t at;

    return wall_parse(str_of(time), &at) && wall_sub(g->now, at).ns <= ROLLBACK_IS_FRESH.ns;
}

/* "rolling_back", "rolled_back", "rollback_failed" */
static bool is_back(const char *phase)
{
    return str_starts(str_of(phase), STR("roll"));
}

static bool rollback(const struct grounds *g, struct alert *a)
{
    const Switchyard__V1__RollbackRecord *r = g->status->last_rollback;
    const Switchyard__V1__EmergencyStatus *e = g->status->emergency;
    bool failed = strcmp(g->status->phase, "rollback_failed") == 0;

    advise(a, g, failed ? "recover" : "history", failed ? "" : " --rollbacks");
    if (e && e->active) {
        str_fmt(a->text, sizeof a->text, "an emergency order stands, by %s at %s: %s", e->operator_,
                e->time, e->reason);
        return true;
    }
    if (!r || !(is_back(g->status->phase) || is_fresh(g, r->time)))
        return false;
    str_fmt(a->text, sizeof a->text, "%s from %s to %s, by %s at %s: %s", r->state, r->from_stage,
            r->to_stage, r->operator_, r->time, r->reason);
    return true;
}

static bool error_rate(const struct grounds *g, struct alert *a)
{
    const Switchyard__V1__SystemStats *new_ = g->stats->new_, *legacy = g->stats->legacy;
    bool roll_back = new_->error_rate > ERRORS_ROLL_BACK;

    if (new_->requests < ERRORS_REQUESTS || new_->error_rate <= ERRORS_WARNING)
        return false;
    a->critical = new_->error_rate > ERRORS_CRITICAL;
    a->respond_within = dur_s(a->critical ? 300 : 900);
    str_fmt(a->text, sizeof a->text,
            "%.2f %% of %" PRIu64 " requests to new failed in %d min, %.2f %% of legacy's%s",
            new_->error_rate, new_->requests, ALERT_WINDOW_S / 60, legacy->error_rate,
            roll_back ? "; roll back" : "");
    advise(a, g, roll_back ? "rollback" : "check-health",
           roll_back ? " --emergency --reason TEXT" : "");
    return true;
}

static bool slow(const struct grounds *g, struct alert *a)
{
    const Switchyard__V1__SystemStats *new_ = g->stats->new_, *legacy = g->stats->legacy;

    if (new_->requests < SLOW_REQUESTS || legacy->requests < SLOW_REQUESTS ||
        new_->latency_ms->mean <= SLOW_RATIO * legacy->latency_ms->mean)
        return false;
    str_fmt(a->text, sizeof a->text, "new takes %.1f ms in the mean of %d min, legacy %.1f ms",
            new_->latency_ms->mean, ALERT_WINDOW_S / 60, legacy->latency_ms->mean);
    advise(a, g, "stats", " --window 5m");
    return true;
}

static bool has_discrepancies(const Switchyard__V1__GateStatus *g, struct alert *a)
{
    for (size_t i = 0; i < g->n_checks; i++) {
        const Switchyard__V1__Check *c = g->checks[i];

        if (strcmp(c->name, "criticalDiscrepancies") != 0 || c->value <= 0)
            continue;
        str_fmt(a->text, sizeof a->text, "%s", c->text);
        return true;
    }
    return false;
}

static bool discrepancies(const struct grounds *g, struct alert *a)
{
    advise(a, g, "pause", " --reason TEXT");
    return has_discrepancies(g->status->trigger, a) || has_discrepancies(g->status->gate, a);
}

/* In the order of the kinds. */
static const struct {
    bool (*raised)(const struct grounds *g, struct alert *a);
    bool critical;
    int respond_min;
} rules[ALERT_COUNT] = {
    [ALERT_BREAKER_OPEN] = {breaker_open, true, 5},     [ALERT_ROLLBACK] = {rollback, true, 2},
    [ALERT_ERROR_RATE] = {error_rate, false, 15},       [ALERT_SLOW] = {slow, false, 30},
    [ALERT_DISCREPANCIES] = {discrepancies, false, 60},
};

static int by_urgency(const void *a, const void *b)
{
    const struct alert *x = a, *y = b;

    if (x->critical != y->critical)
        return x->critical ? -1 : 1;
    if (x->respond_within.ns != y->respond_within.ns)
        return x->respond_within.ns < y->respond_within.ns ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

unsigned alerts_raised(const Switchyard__V1__Status *status, const Switchyard__V1__Stats *stats,
                       wall_t now, struct alert ret[ALERT_COUNT])
{
    const struct grounds g = {status, stats, now};
    unsigned n = 0;

    for (unsigned k = 0; k < ALERT_COUNT; k++) {
        ret[n] = (struct alert){.kind = (enum alert_kind)k,
                                .critical = rules[k].critical,
                                .respond_within = dur_s(60 * (int64_t)rules[k].respond_min)};
        n += rules[k].raised(&g, &ret[n]);
    }
    qsort(ret, n, sizeof ret[0], by_urgency);
    return n;
}
