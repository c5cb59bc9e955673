/* SPDX-License-Identifier: Apache-2.0 */
/* The plans of random operators, as text. Plain ones have weights, bakes, gates and triggers. Those
 * of a rich simulation may have all that a plan can ask for: waves, checks and hooks, backups,
 * flags, freezes, approvals, enforcement, a standby.
 *
 * What a stage means for nodes that have reached it is the same in nearly all plans of a migration
 * that a simulation ever sees, else a plan could hardly be edited on the way; the rest is by
 * chance. */
#pragma once

#include "tests/sim/sim.h"

#define SIM_PLAN_STAGES 5

/* The first `count` stages; 0: some. */
void sim_plans_write(struct sim *s, const char *migration, unsigned count, struct buf *b);
