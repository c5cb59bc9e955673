/* SPDX-License-Identifier: Apache-2.0 */
/* A drill of one migration: its machine run on the staged rollout. Pure. */
#pragma once

#include "coordinator/core/core_update.h"
#include "coordinator/core/drill_fsm.h"
#include "coordinator/core/staging.h"

/* So long it may take when neither the operator nor the plan says. */
#define DRILL_WITHIN dur_s(30)
/* The history's event for its end; its beginning is the command's. */
#define DRILL_ENDED "drill_ended"

/* What the machine's guards look at; `d` is m->is, or what is about to replace it. */
void drill_collect(const struct core *c, const struct migration *m, const struct durable *d,
                   struct drill_facts *ret);
/* Of these, what is stored says alone; the rest is left unset. */
void drill_stored(const struct durable *d, struct drill_facts *ret);

/* Begin the drill whose scope, manner, bound, operator and reason the staged record holds; it is
 * recorded by the caller. False when the table has nothing to do, with the facts that were looked
 * at. */
bool drill_begin(struct core *c, struct staged *s, struct core_update *u,
                 struct drill_facts *ret_facts) MUST_CHECK;
/* The staged rollout falls, or has left its stages: a drill that runs is over. */
void drill_fall(struct core *c, struct staged *s, struct core_update *u);
/* What a drill does by itself; false when there is nothing to do. */
bool drill_advance(struct core *c, struct migration *m, struct core_update *u);
