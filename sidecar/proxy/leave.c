/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/leave.h"

#include "common/decide/decide.h"

/* In an emergency users are to be on legacy now; the spread only blunts the edge. */
#define EMERGENCY_WINDOW dur_s(5)

/* Legacy's may stay as long as legacy may answer anybody: users that move to new lose nothing for
 * it. New's follow what its user's requests do. */
bool leave_may_stay(const struct ruleset_entry *e, enum system system, uint32_t bucket)
{
    if (!e)
        return false;
    if (system == SYSTEM_LEGACY && !e->route.forbid_legacy)
        return true;
    return decide(e, bucket, BREAKER_CLOSED).system == system;
}

enum ending leave_reason(const struct ruleset_entry *e)
{
    return e && e->emergency.active ? ENDING_EMERGENCY : ENDING_RULES;
}

dur_t leave_window(const struct ruleset_entry *e, dur_t drain)
{
    bool hurries = leave_reason(e) == ENDING_EMERGENCY && EMERGENCY_WINDOW.ns < drain.ns;

    return hurries ? EMERGENCY_WINDOW : drain;
}

dur_t leave_pick(struct rng *rng, dur_t window)
{
    return (dur_t){(int64_t)rng_below(rng, (uint64_t)window.ns + 1)};
}

dur_t leave_pick_after(struct rng *rng, dur_t rest, dur_t window, dur_t left)
{
    if (window.ns > left.ns)
        window = left;
    if (rest.ns > left.ns - window.ns)
        rest.ns = left.ns - window.ns;
    return (dur_t){rest.ns + leave_pick(rng, window).ns};
}
