/* SPDX-License-Identifier: Apache-2.0 */
/* What is allowed and yet looks like a mistake. */
#include <stdarg.h>
#include <stdio.h>

#include "common/base/units.h"
#include "common/model/plan.h"

#define RAISE_MAX_BP 5000u

struct lint {
    const struct plan *plan;
    plan_lint_fn fn;
    void *ctx;
    unsigned stage; /* that is looked at, from 0 */
};

/* Of a field of the stage; "" is the stage itself. */
static void warn(const struct lint *l, const char *field, const char *fmt, ...) PRINTF(3, 4);

static void warn(const struct lint *l, const char *field, const char *fmt, ...)
{
    char path[64], text[TEXT_SIZE];
    va_list ap;

    str_fmt(path, sizeof path, "spec.stages[%u]%s%s", l->stage, field[0] ? "." : "", field);
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->fn(l->ctx, path, text);
}

static bool asks_about_traffic(const struct plan_limits *g)
{
    return g->error_rate_ppm || g->error_ratio_m || g->p50.ns || g->p99.ns || g->latency_ratio_m;
}

static void lint_raise(const struct lint *l, const struct plan_stage *s)
{
    uint32_t before = plan_stage_weight_bp(l->plan, l->stage);

    if (s->weight_bp > before + RAISE_MAX_BP)
        warn(l, "weight",
             "raises new from %g to %g %% in one step; a stage between them would show trouble "
             "with fewer users",
             weight_percent(before), weight_percent(s->weight_bp));
}

static void lint_bake(const struct lint *l, const struct plan_stage *s)
{
    char bake[UNIT_TEXT_MAX], asked[UNIT_TEXT_MAX];
    bool last = l->stage + 1 == l->plan->stage_count;

    if (s->bake.ns < plan_risk_bake(s->risk).ns)
        warn(l, "bake", "is %s, and a stage of %s risk is asked to bake %s",
             unit_duration_text(s->bake, bake), plan_risk_name(s->risk),
             unit_duration_text(plan_risk_bake(s->risk), asked));
    else if (s->bake.ns == 0 && s->weight_bp > 0 && !last && !s[1].approval && !s[1].approvers)
        warn(l, "",
             "has neither bake nor risk, and the next stage asks nobody: it is entered as "
             "soon as the gate lets it");
}

static void lint_gate(const struct lint *l, const struct plan_stage *s)
{
    const struct plan_limits *g = &s->gate, *t = &l->plan->triggers;
    const struct route_compare *compare = &l->plan->route.compare;

    if (!s->has_gate && s->weight_bp > 0)
        warn(l, "", "has no gate: time alone lets the rollout go on");
    if (!s->has_gate)
        return;
    if (s->weight_bp == 0 && asks_about_traffic(g))
        warn(l, "gate",
             "judges answers of new, which gets no requests at weight 0: it would hold "
             "for ever");
    if (s->weight_bp == WEIGHT_BP_MAX && (g->error_ratio_m || g->latency_ratio_m))
        warn(l, "gate",
             "compares with legacy, which gets no requests at weight 100: it would hold "
             "for ever");
    if (g->has_discrepancies && compare->sample_bp && s->weight_bp > compare->off_above_bp)
        warn(l, "gate.criticalDiscrepancies",
             "asks about comparisons, of which there are none above spec.compare.offAbove");
    if (t->error_rate_ppm && g->error_rate_ppm > t->error_rate_ppm)
        warn(l, "gate.errorRate", "is looser than that of the triggers, which roll back before");
    if (t->p99.ns && g->p99.ns > t->p99.ns)
        warn(l, "gate.p99", "is looser than that of the triggers, which roll back before");
}

static void lint_people(const struct lint *l, const struct plan_stage *s)
{
    if (s->risk == RISK_CRITICAL && !s->approval && !s->approvers)
        warn(l, "risk",
             "is critical, and nobody has to agree; add `approval: manual` or "
             "`approvers`");
}

static void lint_stage(const struct lint *l)
{
    const struct plan_stage *s = &l->plan->stage[l->stage];

    lint_raise(l, s);
    lint_bake(l, s);
    lint_gate(l, s);
    lint_people(l, s);
}

static void lint_system(const struct lint *l, enum system s)
{
    const struct route_tls *t = &l->plan->route.upstream[s].tls;
    char path[64];

    if (!t->on || t->verify)
        return;
    str_fmt(path, sizeof path, "spec.systems.%s.tls.verify", system_name(s));
    l->fn(l->ctx, path, "is false: whoever answers at its address is trusted");
}

/* Copies that act. */
static void lint_mirror(const struct lint *l)
{
    static const char *const safe[] = {"GET", "HEAD", "OPTIONS", "TRACE"};
    const struct route_mirror *m = &l->plan->route.mirror;
    char text[TEXT_SIZE];

    for (unsigned i = 0; i < m->method_count; i++) {
        bool is_safe = false;

        for (size_t k = 0; k < ARRAY_LEN(safe); k++)
            is_safe |= strcmp(m->method[i], safe[k]) == 0;
        if (is_safe)
            continue;
        str_fmt(text, sizeof text, "copies %s: what it does, new does as well, on its own data%s",
                m->method[i],
                l->plan->route.compare.sample_bp > 0
                    ? "; and legacy twice, since spec.compare asks it again"
                    : "");
        l->fn(l->ctx, "spec.mirror.methods", text);
    }
}

static bool is_switched(const struct plan *p, const char *flag)
{
    for (unsigned i = 0; i < p->stage_count; i++) {
        if (flags_find(&p->stage[i].flags, flag))
            return true;
    }
    return false;
}

static void lint_flags(const struct lint *l)
{
    for (unsigned i = 0; i < l->plan->flags.count; i++) {
        const char *name = l->plan->flags.flag[i].name;
        char path[32 + NAME_SIZE];

        if (is_switched(l->plan, name))
            continue;
        str_fmt(path, sizeof path, "spec.flags.%s", name);
        l->fn(l->ctx, path, "no stage switches it");
    }
}

void plan_lint(const struct plan *p, plan_lint_fn fn, void *ctx)
{
    struct lint l = {.plan = p, .fn = fn, .ctx = ctx};
    char path[64];

    if (!p->has_triggers)
        fn(ctx, "spec.triggers", "there are none: nothing rolls back by itself");
    lint_system(&l, SYSTEM_LEGACY);
    lint_system(&l, SYSTEM_NEW);
    lint_mirror(&l);
    lint_flags(&l);
    for (l.stage = 0; l.stage < p->stage_count; l.stage++)
        lint_stage(&l);
    if (plan_stage_weight_bp(p, p->stage_count) == WEIGHT_BP_MAX)
        return;
    str_fmt(path, sizeof path, "spec.stages[%u].weight", p->stage_count - 1);
    fn(ctx, path, "is under 100 in the last stage: the migration never ends");
}
