/* SPDX-License-Identifier: Apache-2.0 */
/* What the stage machine's guards look at, collected in one place from one consistent state.
 * Pure. */
#pragma once

#include "coordinator/core/moves.h"
#include "coordinator/core/state.h"

/* `d` is m->is, or what is about to replace it. */
void facts_collect(const struct core *c, const struct migration *m, const struct durable *d,
                   const struct move *move, struct stage_facts *ret);

/* Does something hold back what the move raises? Then why, and what to type; TEXT_SIZE bytes each.
 */
bool facts_held_back(const struct core *c, const struct durable *d, const struct move *move,
                     char *ret_why, char *ret_hint);

/* Of these, what is stored says alone; the rest is left unset. */
void facts_stored(const struct durable *d, struct stage_facts *ret);

/* The triggers as they stand; VERDICT_NONE when there are none, or no request goes to new. */
void facts_trigger(const struct core *c, const struct migration *m, const struct durable *d,
                   mono_t now, struct view_gate *ret);
/* The stage that a violated trigger falls back to. */
unsigned facts_trigger_to(const struct durable *d);
/* The current stage's gate; VERDICT_NONE when it has none. */
void facts_gate(const struct core *c, const struct migration *m, const struct durable *d,
                mono_t now, struct view_gate *ret);
