/* SPDX-License-Identifier: Apache-2.0 */
/* The waves of the current stage: whom it has reached and whom it reaches next. A stage without
 * waves, one that was entered at once, and one that was fallen back to has reached everybody.
 * Pure. */
#pragma once

#include "coordinator/core/state.h"

/* There is a later wave: nodes which it reaches first still serve what they did before. */
bool waves_remain(const struct durable *d);
/* The wave that follows, or NULL. */
const struct plan_wave *waves_next(const struct durable *d);
/* Does the stage reach this node by now? */
bool waves_reach(const struct durable *d, const struct node *node);
/* The first wave of this name and labels' node; 0: none, or the stage has none. */
unsigned waves_of(const struct plan_stage *stage, const struct node *node);
/* Everybody is reached: no wave is left to come. */
void waves_end(struct rollout *r);
/* Where that is counted which the node measured under the latest decision. Borrowed. */
struct samples *waves_samples(const struct migration *m, const struct node *node);
/* How long the current wave, or the stage, bakes. */
dur_t waves_bake(const struct durable *d);
/* Of the nodes that are not reached. */
uint32_t waves_base_weight(const struct durable *d);
/* Does every node that is reached serve the latest decision, and is there one? */
bool waves_converged(const struct core *c, const struct migration *m);

/* "wave 2 of 3, region=eu"; "" for a stage without waves. `dst` has TEXT_SIZE bytes. */
const char *waves_text(const struct durable *d, unsigned wave, char *dst);
