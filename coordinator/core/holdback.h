/* SPDX-License-Identifier: Apache-2.0 */
/* What holds a raise back although the rollout is well: a freeze, approvals that are missing, a
 * drill that is missing or runs. Going down is never held back. Pure. */
#pragma once

#include "coordinator/core/state.h"

/* A raise enters `to_stage`, or none that is not entered already: its next wave, a weight or an
 * override by hand. *ret has HOLDBACKS_COUNT places; VERDICT_NONE: the plan does not ask for it. */
void holdback_list(const struct durable *d, unsigned to_stage, wall_t now,
                   struct view_holdback *ret);
/* Does one of them hold? Then the first one's sentence and what to type; TEXT_SIZE bytes each. */
bool holdback(const struct durable *d, unsigned to_stage, wall_t now, char *ret_why,
              char *ret_hint);
