/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/compile.h"

#include "common/base/check.h"
#include "coordinator/core/mirror.h"
#include "coordinator/core/waves.h"

/* What the stage switches, and over it what was set by hand; only flags that the plan knows. */
static void set_flags(const struct durable *d, unsigned stage, struct flags *ret)
{
    const struct flags *by_hand = &d->rollout.flags_by_hand;

    plan_flags(d->plan, stage, ret);
    for (unsigned i = 0; i < ret->count; i++) {
        const struct flag *set = flags_find(by_hand, ret->flag[i].name);

        if (set)
            ret->flag[i] = *set;
    }
}

/* What everybody serves, or those that the stage has not reached. */
static void set_base(const struct durable *d, unsigned stage, uint32_t weight_bp, struct route *ret)
{
    ret->weight_bp = weight_bp;
    ret->mirror.share_bp = mirror_share_bp(d, stage);
    ret->mirror.by_hand = d->rollout.mirror_by_hand;
    memset(ret->stage, 0, sizeof ret->stage);
    str_fmt(ret->stage, sizeof ret->stage, "%s", plan_stage_name(d->plan, stage));
    set_flags(d, stage, &ret->flags);
}

/* And what those serve that it has reached. */
static void set_ahead(const struct durable *d, struct route_ahead *ret)
{
    const struct rollout *r = &d->rollout;
    const struct plan_stage *stage = &d->plan->stage[r->stage - 1];

    ret->weight_bp = r->weight_bp;
    ret->mirror_bp = mirror_share_bp(d, r->stage);
    str_fmt(ret->stage, sizeof ret->stage, "%s", stage->name.s);
    set_flags(d, r->stage, &ret->flags);
    for (unsigned i = 0; i < r->wave; i++)
        ret->selector[ret->selector_count++] = stage->wave[i].select;
}

/* Where the plan has none, nothing set by hand makes one. */
static bool has_breaker(const struct plan *plan)
{
    return plan->route.breaker.window_ms > 0;
}

void compile_breaker(const struct durable *d, struct route_breaker *ret)
{
    memcpy(ret, &d->plan->route.breaker, sizeof *ret);
    if (has_breaker(d->plan))
        breaker_apply(&d->rollout.breaker_by_hand, ret);
    if (!route_breaker_is_on(ret))
        return;
    ret->order = d->rollout.breaker.order;
    ret->order_number = d->rollout.breaker.order_number;
}

void compile_route(const struct durable *d, struct route *ret)
{
    CHECK(d->plan);
    /* memcpy keeps the padding too: compile_differs() compares bytes. */
    memcpy(ret, &d->plan->route, sizeof *ret);
    ret->override = d->rollout.override;
    compile_breaker(d, &ret->breaker);
    if (waves_remain(d)) {
        set_base(d, d->rollout.base_stage, waves_base_weight(d), ret);
        set_ahead(d, &ret->ahead);
    } else {
        set_base(d, d->rollout.stage, d->rollout.weight_bp, ret);
    }
    if (d->rollout.drill_state == DRILL_REHEARSING && !d->rollout.drill.shadow)
        ret->drill = d->rollout.drill.scope;
    ret->forbid_legacy = compile_forbids_legacy(d);
}

/* Not while some nodes are at a stage that needs it, nor once an operator sends keys there. */
bool compile_forbids_legacy(const struct durable *d)
{
    unsigned stage = d->rollout.stage;

    if (d->rollout.phase == PHASE_DECOMMISSIONED)
        return true;
    return stage > 0 && d->plan->stage[stage - 1].enforce && !waves_remain(d) &&
           d->rollout.weight_bp == WEIGHT_BP_MAX && d->rollout.override != SYSTEM_LEGACY;
}

bool compile_differs(const struct durable *a, const struct durable *b)
{
    struct route before, after;

    if (!a->plan || !b->plan)
        return a->plan != b->plan;
    if (a->order.epoch != b->order.epoch)
        return true;
    /* Bytes that do not matter may differ between two parses of a plan: then nodes get the same
     * once more. */
    compile_route(a, &before);
    compile_route(b, &after);
    return memcmp(&before, &after, sizeof before) != 0;
}

uint32_t compile_effective_bp(const struct durable *d)
{
    if (d->order.active || d->rollout.override == SYSTEM_LEGACY)
        return 0;
    return d->rollout.override == SYSTEM_NEW ? WEIGHT_BP_MAX : d->rollout.weight_bp;
}

bool core_compile(const struct core *c, const char *migration, struct route *ret)
{
    const struct migration *m = state_find(c, migration);

    if (m)
        compile_route(&m->is, ret);
    return m;
}

bool core_emergency(const struct core *c, const char *migration, struct emergency *ret)
{
    const struct migration *m = state_find_any(c, migration);

    if (!m || m->is.order.epoch == 0)
        return false;
    *ret = m->is.order;
    return true;
}
