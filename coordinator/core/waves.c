/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/waves.h"

static const struct plan_stage *current(const struct durable *d)
{
    unsigned n = d->rollout.stage;

    return n >= 1 && n <= d->plan->stage_count ? &d->plan->stage[n - 1] : NULL;
}

bool waves_remain(const struct durable *d)
{
    const struct plan_stage *stage = current(d);

    if (!stage || d->rollout.wave == 0)
        return false;
    for (unsigned i = 0; i < d->rollout.wave && i < stage->wave_count; i++)
        if (selector_is_all(&stage->wave[i].select))
            return false;
    return d->rollout.wave < stage->wave_count;
}

const struct plan_wave *waves_next(const struct durable *d)
{
    return waves_remain(d) ? &current(d)->wave[d->rollout.wave] : NULL;
}

unsigned waves_of(const struct plan_stage *stage, const struct node *node)
{
    for (unsigned i = 0; i < stage->wave_count; i++)
        if (selector_matches(&stage->wave[i].select, node_name(node), node_labels(node)))
            return i + 1;
    return 0;
}

bool waves_reach(const struct durable *d, const struct node *node)
{
    unsigned wave;

    if (!waves_remain(d))
        return true;
    wave = waves_of(current(d), node);
    return wave > 0 && wave <= d->rollout.wave;
}

void waves_end(struct rollout *r)
{
    r->wave = 0;
    r->base_stage = 0;
    r->base_weight_bp = 0;
}

struct samples *waves_samples(const struct migration *m, const struct node *node)
{
    return waves_reach(&m->is, node) ? m->judged : m->beyond;
}

dur_t waves_bake(const struct durable *d)
{
    const struct plan_stage *stage = current(d);

    if (!stage)
        return dur_ns(0);
    return waves_remain(d) ? stage->wave[d->rollout.wave - 1].bake : stage->bake;
}

/* A weight that was lowered by hand is lowered for everybody. */
uint32_t waves_base_weight(const struct durable *d)
{
    const struct rollout *r = &d->rollout;

    return r->base_weight_bp < r->weight_bp ? r->base_weight_bp : r->weight_bp;
}

static bool is_excused(const struct rollout *r, const struct node *node)
{
    for (unsigned i = 0; i < r->quarantined_count; i++)
        if (name_eq(&r->quarantined[i], node_name(node)))
            return true;
    return false;
}

bool waves_converged(const struct core *c, const struct migration *m)
{
    bool any = false;

    for (const struct node *n = NULL; (n = nodes_next(&c->nodes, n));) {
        bool lags = node_lags(n, m->takeover.rev);

        if (!lags && (any || !node_serves(n, m->takeover.rev)))
            continue;
        if (!waves_reach(&m->is, n))
            continue;
        if (lags && !is_excused(&m->is.rollout, n))
            return false;
        any = any || !lags;
    }
    return any;
}

const char *waves_text(const struct durable *d, unsigned wave, char *dst)
{
    const struct plan_stage *stage = current(d);

    dst[0] = '\0';
    if (stage && wave >= 1 && wave <= stage->wave_count)
        str_fmt(dst, TEXT_SIZE, "wave %u of %u, %s", wave, stage->wave_count,
                stage->wave[wave - 1].select.text);
    return dst;
}
