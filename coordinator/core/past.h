/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes measured before this core heard of them: asked for once per node, merged into the
 * samples, so that a new process judges as the one before it. Pure. */
#pragma once

#include "coordinator/core/core_update.h"
#include "coordinator/core/state.h"

/* Nodes keep an hour; gates and triggers look at an hour at most. */
#define PAST_MAX dur_s(3600)
/* A node that has not told by then is taken as it is, and gates watch their whole time anew. */
#define PAST_PATIENCE dur_s(10)

/* A node is heard of for the first time: ask, if any plan judges what was measured. */
void past_ask(struct core *c, struct node *node, struct core_update *u);
/* EV_PAST. What nobody waits for is ignored: it is in the samples already. */
void past_take(struct core *c, const struct core_event *ev);
