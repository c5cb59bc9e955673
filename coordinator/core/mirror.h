/* SPDX-License-Identifier: Apache-2.0 */
/* The share of legacy's requests that is copied to new: what the stage says, and over it what an
 * operator has set by hand.
 *
 * What is set by hand holds for every node, reached by the stage or not, until the plan's share is
 * asked for again. Another stage, entered or fallen back to, ends a share that is larger than its
 * own: nobody meant so many copies there. A smaller one, and none at all, stays. Pure. */
#pragma once

#include "coordinator/core/state.h"

/* What nodes at `stage` are told. */
uint32_t mirror_share_bp(const struct durable *d, unsigned stage);

/* The rollout has come to another stage. */
void mirror_follow(struct durable *d);

/* For operators: what of that is done, and why. */
void mirror_look(const struct durable *d, struct view_mirror *ret);

/* Why nothing is copied, whatever was asked for; false: it is. *ret_why has TEXT_SIZE bytes. */
bool mirror_is_held(const struct durable *d, char *ret_why);
