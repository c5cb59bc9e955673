/* SPDX-License-Identifier: Apache-2.0 */
/* What holds in each phase of a rollout. For stage_fsm.c. Pure.
 *
 *   every phase                 under an emergency order: stage 0 and weight 0
 *   PENDING, ABORTED            stage 0 and weight 0
 *   PREPARING                   a later stage than the current one is to be entered
 *   CONVERGING, BAKING, READY,
 *   RETREATING                  a stage is entered
 *   PAUSED                      resume leads to CONVERGING, BAKING or READY with a stage that is
 *                               entered, or to PREPARING with one that is to be entered
 *   COMPLETED, DECOMMISSIONED   a stage is entered for everybody, its weight is not set by hand
 *   the three of a rollback     at stage 0, weight 0 */
#pragma once

#include <stdbool.h>

/* Whether what phase `state` promises holds by `facts`, a struct stage_facts; if not, *ret_why says
 * what does not. */
bool stage_invariant(int state, const void *facts, const char **ret_why);
