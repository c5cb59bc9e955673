/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decide/decide.h"

static const char *const reason_texts[DECIDE_REASON_COUNT] = {
    [DECIDE_EMERGENCY] = "an emergency order holds everything on legacy",
    [DECIDE_NOBODY] = "the breaker of new is open, and legacy is forbidden",
    [DECIDE_LEGACY_FORBIDDEN] = "legacy is forbidden at this stage",
    [DECIDE_OVERRIDE_LEGACY] = "an operator's override sends everything to legacy",
    [DECIDE_BREAKER] = "the breaker of new is open",
    [DECIDE_OVERRIDE_NEW] = "an operator's override sends everything to new",
    [DECIDE_WEIGHT] = "the key's bucket against the weight",
};

const char *decide_reason_name(enum decide_reason r)
{
    static const char *const names[DECIDE_REASON_COUNT] = {
        [DECIDE_EMERGENCY] = "emergency",
        [DECIDE_NOBODY] = "nobody",
        [DECIDE_LEGACY_FORBIDDEN] = "legacy_forbidden",
        [DECIDE_OVERRIDE_LEGACY] = "override_legacy",
        [DECIDE_BREAKER] = "breaker",
        [DECIDE_OVERRIDE_NEW] = "override_new",
        [DECIDE_WEIGHT] = "weight",
    };

    return (unsigned)r < DECIDE_REASON_COUNT ? names[r] : "?";
}

const char *decide_reason_text(enum decide_reason r)
{
    return (unsigned)r < DECIDE_REASON_COUNT ? reason_texts[r] : "?";
}

unsigned decide_layers(const struct ruleset_entry *e, enum breaker_state breaker)
{
    const struct route *r = &e->route;
    unsigned emergency = e->emergency.active, forbidden = r->forbid_legacy;
    unsigned open = breaker == BREAKER_OPEN || breaker == BREAKER_HALF_OPEN;

    return emergency << DECIDE_EMERGENCY | (forbidden & open) << DECIDE_NOBODY |
           forbidden << DECIDE_LEGACY_FORBIDDEN |
           (unsigned)(r->override == SYSTEM_LEGACY) << DECIDE_OVERRIDE_LEGACY |
           open << DECIDE_BREAKER | (unsigned)(r->override == SYSTEM_NEW) << DECIDE_OVERRIDE_NEW |
           1u << DECIDE_WEIGHT;
}

struct decision decide(const struct ruleset_entry *e, uint32_t bucket, enum breaker_state breaker)
{
    static const enum system systems[DECIDE_REASON_COUNT] = {
        [DECIDE_EMERGENCY] = SYSTEM_LEGACY,     [DECIDE_NOBODY] = SYSTEM_NONE,
        [DECIDE_LEGACY_FORBIDDEN] = SYSTEM_NEW, [DECIDE_OVERRIDE_LEGACY] = SYSTEM_LEGACY,
        [DECIDE_BREAKER] = SYSTEM_LEGACY,       [DECIDE_OVERRIDE_NEW] = SYSTEM_NEW,
        [DECIDE_WEIGHT] = SYSTEM_LEGACY,
    };
    enum decide_reason reason = (enum decide_reason)__builtin_ctz(decide_layers(e, breaker));
    bool by_weight = reason == DECIDE_WEIGHT && bucket_on_new(bucket, e->route.weight_bp);

    return (struct decision){
        .system = by_weight ? SYSTEM_NEW : systems[reason],
        .reason = reason,
        .bucket = bucket,
    };
}
