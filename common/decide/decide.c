/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decide/decide.h"

static const char *const reason_texts[DECIDE_REASON_COUNT] = {
    [DECIDE_EMERGENCY] = "an emergency order holds everything on legacy",
    [DECIDE_OVERRIDE_LEGACY] = "an operator's override sends everything to legacy",
    [DECIDE_BREAKER] = "the breaker of new is open",
    [DECIDE_OVERRIDE_NEW] = "an operator's override sends everything to new",
    [DECIDE_WEIGHT] = "the key's bucket against the weight",
};

const char *decide_reason_text(enum decide_reason r)
{
    return (unsigned)r < DECIDE_REASON_COUNT ? reason_texts[r] : "?";
}

/* The strongest layer that has something to say. */
static enum decide_reason find_reason(const struct ruleset_entry *e, enum breaker_state breaker)
{
    if (e->emergency.active)
        return DECIDE_EMERGENCY;
    if (e->route.override == SYSTEM_LEGACY)
        return DECIDE_OVERRIDE_LEGACY;
    if (breaker == BREAKER_OPEN || breaker == BREAKER_HALF_OPEN)
        return DECIDE_BREAKER;
    if (e->route.override == SYSTEM_NEW)
        return DECIDE_OVERRIDE_NEW;
    return DECIDE_WEIGHT;
}

struct decision decide(const struct ruleset_entry *e, uint32_t bucket, enum breaker_state breaker)
{
    enum decide_reason reason = find_reason(e, breaker);
    bool on_new = reason == DECIDE_OVERRIDE_NEW ||
                  (reason == DECIDE_WEIGHT && bucket_on_new(bucket, e->route.weight_bp));

    return (struct decision){
        .system = on_new ? SYSTEM_NEW : SYSTEM_LEGACY,
        .reason = reason,
        .bucket = bucket,
    };
}
