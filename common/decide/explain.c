/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decide/explain.h"

#include <inttypes.h>

#include "common/base/units.h"

static const char *const layer_names[EXPLAIN_LAYER_COUNT] = {
    [EXPLAIN_EMERGENCY] = "emergency", [EXPLAIN_ENFORCE] = "enforce",
    [EXPLAIN_OVERRIDE] = "override",   [EXPLAIN_BREAKER] = "breaker",
    [EXPLAIN_DRILL] = "drill",         [EXPLAIN_WAVE] = "wave",
    [EXPLAIN_WEIGHT] = "weight",       [EXPLAIN_MIRROR] = "mirror",
};

const char *explain_layer_name(enum explain_layer l)
{
    return (unsigned)l < EXPLAIN_LAYER_COUNT ? layer_names[l] : "?";
}

/* What the layers' sentences are made of. */
struct facts {
    const struct explain_question *q;
    const struct ruleset_entry *entry; /* of the node */
    struct decision decision;
    bool drilled;
};

static void tell_emergency(const struct facts *f, struct explain_step *ret)
{
    const struct emergency *e = &f->entry->emergency;

    if (!e->active) {
        str_fmt(ret->text, sizeof ret->text, "no emergency order stands");
        return;
    }
    ret->says = SYSTEM_LEGACY;
    str_fmt(ret->text, sizeof ret->text, "%s: \"%.120s\" (%s, epoch %" PRIu64 ")",
            decide_reason_text(DECIDE_EMERGENCY), e->reason, e->operator_name, e->epoch);
}

static void tell_enforce(const struct facts *f, struct explain_step *ret)
{
    unsigned layers = decide_layers(f->entry, f->q->breaker);

    if (layers & 1u << DECIDE_NOBODY) {
        str_fmt(ret->text, sizeof ret->text, "%s: requests are refused with 503",
                decide_reason_text(DECIDE_NOBODY));
    } else if (layers & 1u << DECIDE_LEGACY_FORBIDDEN) {
        ret->says = SYSTEM_NEW;
        str_fmt(ret->text, sizeof ret->text, "%s", decide_reason_text(DECIDE_LEGACY_FORBIDDEN));
    } else {
        str_fmt(ret->text, sizeof ret->text, "legacy is allowed");
    }
}

static void tell_override(const struct facts *f, struct explain_step *ret)
{
    const struct route *r = &f->entry->route;

    ret->says = r->override;
    if (r->override == SYSTEM_NONE)
        str_fmt(ret->text, sizeof ret->text, "no override is set");
    else if (r->override == SYSTEM_LEGACY && r->forbid_legacy)
        str_fmt(ret->text, sizeof ret->text,
                "an override to legacy has no effect where legacy is forbidden");
    else
        str_fmt(ret->text, sizeof ret->text, "%s",
                decide_reason_text(r->override == SYSTEM_LEGACY ? DECIDE_OVERRIDE_LEGACY
                                                                : DECIDE_OVERRIDE_NEW));
}

static void tell_breaker(const struct facts *f, struct explain_step *ret)
{
    static const char *const texts[BREAKER_STATE_COUNT] = {
        [BREAKER_DISABLED] = "the plan asks for no breaker",
        [BREAKER_CLOSED] = "the breaker of new is closed",
        [BREAKER_HALF_OPEN] =
            "the breaker of new is half open: a few requests try new, the others do not",
        [BREAKER_OPEN] = "the breaker of new is open",
    };

    if (decide_layers(f->entry, f->q->breaker) & 1u << DECIDE_BREAKER)
        ret->says = SYSTEM_LEGACY;
    str_fmt(ret->text, sizeof ret->text, "%s",
            f->q->breaker_unknown ? "each node has its own breaker: taken as closed here"
                                  : texts[f->q->breaker]);
}

static void tell_drill(const struct facts *f, struct explain_step *ret)
{
    const char *drill = f->q->route->drill.text;

    if (!drill[0]) {
        str_fmt(ret->text, sizeof ret->text, "no drill is on");
    } else if (f->drilled) {
        ret->says = SYSTEM_LEGACY;
        str_fmt(ret->text, sizeof ret->text, "this node rehearses a rollback (%s): weight 0",
                drill);
    } else {
        str_fmt(ret->text, sizeof ret->text, "the drill is for others (%s)", drill);
    }
}

static void tell_wave(const struct facts *f, struct explain_step *ret)
{
    const struct explain_question *q = f->q;
    const struct selector *by = route_ahead_by(q->route, q->node, q->labels);

    if (q->route->ahead.selector_count == 0)
        str_fmt(ret->text, sizeof ret->text, "no wave is under way: all nodes are on stage \"%s\"",
                f->entry->route.stage);
    else if (by)
        str_fmt(ret->text, sizeof ret->text, "a wave has reached this node (%s): stage \"%s\"",
                by->text, f->entry->route.stage);
    else
        str_fmt(ret->text, sizeof ret->text, "no wave has reached this node yet: stage \"%s\"",
                f->entry->route.stage);
}

static void tell_weight(const struct facts *f, struct explain_step *ret)
{
    uint32_t bucket = f->decision.bucket, weight = f->entry->route.weight_bp;
    bool on_new = bucket_on_new(bucket, weight);
    char percent[UNIT_TEXT_MAX];

    ret->says = on_new ? SYSTEM_NEW : SYSTEM_LEGACY;
    str_fmt(ret->text, sizeof ret->text,
            "bucket %" PRIu32 " of %u is %s %" PRIu32 ", the weight of %s %%: %s", bucket, BUCKETS,
            on_new ? "below" : "not below", weight, unit_weight_text(weight, percent),
            system_name(ret->says));
}

/* Whoever must not reach new with a request does not with a copy. */
static bool copies_are_held(const struct facts *f)
{
    const enum breaker_state breaker = f->q->breaker;

    return f->entry->emergency.active || f->entry->route.override != SYSTEM_NONE ||
           (breaker != BREAKER_DISABLED && breaker != BREAKER_CLOSED);
}

static void tell_mirror(const struct facts *f, struct explain_step *ret)
{
    const struct route_mirror *m = &f->entry->route.mirror;
    const char *by = m->by_hand ? ", by hand" : "";
    char percent[UNIT_TEXT_MAX];

    if (m->share_bp == 0)
        str_fmt(ret->text, sizeof ret->text, "nothing is copied to new%s", by);
    else if (f->decision.system != SYSTEM_LEGACY)
        str_fmt(ret->text, sizeof ret->text, "nothing is copied: legacy does not answer");
    else if (copies_are_held(f))
        str_fmt(ret->text, sizeof ret->text, "nothing is copied while new is to be left alone");
    else if (f->entry->route.weight_bp > m->off_above_bp)
        str_fmt(ret->text, sizeof ret->text, "nothing is copied above a weight of %s %%",
                unit_weight_text(m->off_above_bp, percent));
    else
        str_fmt(ret->text, sizeof ret->text,
                "%s %% of what legacy answers, and may be copied, is copied to new%s",
                unit_weight_text(m->share_bp, percent), by);
}

static void (*const tellers[EXPLAIN_LAYER_COUNT])(const struct facts *f,
                                                  struct explain_step *ret) = {
    [EXPLAIN_EMERGENCY] = tell_emergency, [EXPLAIN_ENFORCE] = tell_enforce,
    [EXPLAIN_OVERRIDE] = tell_override,   [EXPLAIN_BREAKER] = tell_breaker,
    [EXPLAIN_DRILL] = tell_drill,         [EXPLAIN_WAVE] = tell_wave,
    [EXPLAIN_WEIGHT] = tell_weight,       [EXPLAIN_MIRROR] = tell_mirror,
};

static enum explain_layer deciding_layer(const struct facts *f)
{
    static const enum explain_layer layers[DECIDE_REASON_COUNT] = {
        [DECIDE_EMERGENCY] = EXPLAIN_EMERGENCY,
        [DECIDE_NOBODY] = EXPLAIN_ENFORCE,
        [DECIDE_LEGACY_FORBIDDEN] = EXPLAIN_ENFORCE,
        [DECIDE_OVERRIDE_LEGACY] = EXPLAIN_OVERRIDE,
        [DECIDE_BREAKER] = EXPLAIN_BREAKER,
        [DECIDE_OVERRIDE_NEW] = EXPLAIN_OVERRIDE,
        [DECIDE_WEIGHT] = EXPLAIN_WEIGHT,
    };

    if (f->decision.reason == DECIDE_WEIGHT && f->drilled)
        return EXPLAIN_DRILL;
    return layers[f->decision.reason];
}

/* An override to new is weaker than the breaker, one to legacy is stronger. */
static enum explain_layer nth_layer(unsigned n, enum system override)
{
    if (override == SYSTEM_NEW && n == EXPLAIN_OVERRIDE)
        return EXPLAIN_BREAKER;
    if (override == SYSTEM_NEW && n == EXPLAIN_BREAKER)
        return EXPLAIN_OVERRIDE;
    return (enum explain_layer)n;
}

void explain(const struct explain_question *q, struct explanation *ret)
{
    struct ruleset_entry entry = {.emergency = *q->emergency};
    struct facts f = {.q = q, .entry = &entry};

    route_for_node(q->route, q->node, q->labels, &entry.route);
    f.drilled = selector_matches(&q->route->drill, q->node, q->labels);
    f.decision = decide(&entry, bucket_of(str_of(entry.route.salt), q->key), q->breaker);
    *ret = (struct explanation){.decision = f.decision, .route = entry.route};
    for (unsigned i = 0; i < EXPLAIN_LAYER_COUNT; i++) {
        struct explain_step *step = &ret->step[i];

        step->layer = nth_layer(i, entry.route.override);
        step->decides = step->layer == deciding_layer(&f);
        tellers[step->layer](&f, step);
    }
}
