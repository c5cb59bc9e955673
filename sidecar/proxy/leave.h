/* SPDX-License-Identifier: Apache-2.0 */
/* What lasts - a tunnel, a stream of events, a gRPC call - leaves when the rules no longer have it
 * where it is; each at an instant of its own within a window, so that their clients do not all come
 * back at once. Pure but for chance. */
#pragma once

#include "common/base/rng.h"
#include "common/model/ruleset.h"
#include "sidecar/proxy/ending.h"

/* What has to leave may wait this long for a place where it ends well. */
#define LEAVE_GRACE dur_s(1)

/* Whether these rules (NULL: the migration has none any more) let what goes on for a user stay on
 * `system`. */
bool leave_may_stay(const struct ruleset_entry *e, enum system system, uint32_t bucket);

/* Why those that may not stay leave: RULES or EMERGENCY. */
enum ending leave_reason(const struct ruleset_entry *e);

/* How long they have; `drain` is the most. */
dur_t leave_window(const struct ruleset_entry *e, dur_t drain);
/* When one of them leaves, counted from the beginning of the window. */
dur_t leave_pick(struct rng *rng, dur_t window);
/* The same where the window begins after `rest`, which is cut short for those that have to be gone
 * within `left`: better they wait less than that all of them leave at its end. */
dur_t leave_pick_after(struct rng *rng, dur_t rest, dur_t window, dur_t left);
