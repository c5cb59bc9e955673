/* SPDX-License-Identifier: Apache-2.0 */
/* Whether new fails on the fleet or on a node: what nodes tell of their breakers, counted, and what
 * they measured, added up. Nothing of it is stored. Pure. */
#pragma once

#include "coordinator/core/state.h"

/* Connected nodes that have a breaker. What one told before it took the latest decision over tells
 * nothing of the latest order. */
struct fleet_breaker_tally {
    unsigned nodes;
    unsigned open; /* have opened since */
    unsigned back; /* closed since, or so far that new's share rises again */
    unsigned hurt; /* are open, or see more errors than the plan allows the fleet */
};

/* A node has acknowledged something; a decision came to be known. Who serves a decision obeys the
 * order in it: whoever asks after the acknowledgement is told so, not what was reported before. */
void fleet_breaker_acked(struct core *c, const struct node_change *change);
void fleet_breaker_found(struct core *c, struct migration *m);

/* Recounted each time: a loop over all nodes. */
void fleet_breaker_count(const struct core *c, const struct migration *m,
                         struct fleet_breaker_tally *ret);

/* A quorum is open, or enough nodes fail and their errors prove that new is worse than the plan
 * allows; `why` of TEXT_SIZE bytes says which. Only with a plan that asks for it. */
bool fleet_breaker_is_sick(const struct core *c, const struct migration *m, char *why) MUST_CHECK;
/* Those that have not come back are no quorum any more. */
bool fleet_breaker_is_well(const struct core *c, const struct migration *m) MUST_CHECK;
