/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker of a migration's whole fleet: its machine run on the staged rollout. What it decides
 * is an order to every node's breaker (struct route_breaker), stored with the rollout and part of
 * its decision, so that it is persisted, acknowledged and handed on like one. Pure. */
#pragma once

#include "coordinator/core/core_update.h"
#include "coordinator/core/fleet_breaker_fsm.h"
#include "coordinator/core/staging.h"

/* Of what the machine's guards look at, what is stored says alone; the rest is left unset. `d` is
 * m->is, or what is about to replace it. */
void fleet_breaker_stored(const struct durable *d, struct fleet_breaker_facts *ret);

/* An operator opens, closes or resets it; recorded by the caller. NULL when the table has nothing
 * to do, with the facts that were looked at. */
const struct sm_row *fleet_breaker_order(struct core *c, struct staged *s,
                                         enum fleet_breaker_event event, struct core_update *u,
                                         struct fleet_breaker_facts *ret_facts);
/* The staged rollout has moved: it may have fallen, or come to where the breaker may not be open.
 */
void fleet_breaker_follow(struct core *c, struct staged *s, struct core_update *u);
/* What the breaker does by itself; false when there is nothing to do. */
bool fleet_breaker_advance(struct core *c, struct migration *m, struct core_update *u);
