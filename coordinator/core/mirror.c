/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/mirror.h"

#include "coordinator/core/compile.h"
#include "coordinator/core/waves.h"
#include "coordinator/core/words.h"

uint32_t mirror_share_bp(const struct durable *d, unsigned stage)
{
    const struct rollout *r = &d->rollout;

    return r->mirror_by_hand ? r->mirror_bp : plan_stage_mirror_bp(d->plan, stage);
}

void mirror_follow(struct durable *d)
{
    struct rollout *r = &d->rollout;

    if (r->mirror_bp <= plan_stage_mirror_bp(d->plan, r->stage))
        return;
    r->mirror_by_hand = false;
    r->mirror_bp = 0;
}

/* Of the nodes that have the least. */
static uint32_t least_weight(const struct durable *d)
{
    return waves_remain(d) ? waves_base_weight(d) : d->rollout.weight_bp;
}

static bool is_open(const struct fleet_breaker *b)
{
    return b->state == FLEET_BREAKER_OPEN || b->state == FLEET_BREAKER_FORCED_OPEN;
}

bool mirror_is_held(const struct durable *d, char *ret_why)
{
    const struct rollout *r = &d->rollout;
    const uint32_t off_above = d->plan->route.mirror.off_above_bp, least = least_weight(d);
    char weight[WORDS_RATIO_MAX], limit[WORDS_RATIO_MAX];

    ret_why[0] = '\0';
    if (d->order.active)
        str_fmt(ret_why, TEXT_SIZE, "an emergency order stands");
    else if (r->override != SYSTEM_NONE)
        str_fmt(ret_why, TEXT_SIZE, "an override sends everything to %s", system_name(r->override));
    else if (is_open(&r->breaker))
        str_fmt(ret_why, TEXT_SIZE, "the breaker of new is open on every node");
    else if (compile_forbids_legacy(d) || least == WEIGHT_BP_MAX)
        str_fmt(ret_why, TEXT_SIZE, "no request goes to legacy");
    else if (least > off_above)
        str_fmt(ret_why, TEXT_SIZE,
                "new has %s of keys, and above %s (spec.mirror.offAbove) nothing is copied",
                words_weight(least, weight), words_weight(off_above, limit));
    return ret_why[0];
}

/* "stage shadow says 100 %" */
static void say_stage(const struct durable *d, char dst[TEXT_SIZE])
{
    const unsigned stage = d->rollout.stage;
    char share[WORDS_RATIO_MAX];

    if (stage == 0)
        str_fmt(dst, TEXT_SIZE, "no stage is entered");
    else
        str_fmt(dst, TEXT_SIZE, "stage %s says %s", plan_stage_name(d->plan, stage),
                words_weight(plan_stage_mirror_bp(d->plan, stage), share));
}

void mirror_look(const struct durable *d, struct view_mirror *ret)
{
    char stage[TEXT_SIZE];

    ret->share_bp = mirror_share_bp(d, d->rollout.stage);
    if (ret->share_bp > 0 && mirror_is_held(d, ret->why)) {
        ret->share_bp = 0;
        return;
    }
    say_stage(d, stage);
    str_fmt(ret->why, sizeof ret->why, "%s%s", d->rollout.mirror_by_hand ? "by hand; " : "", stage);
}
