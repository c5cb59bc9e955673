/* SPDX-License-Identifier: Apache-2.0 */
/* Which events a change of a migration is, by comparing what was with what will be. Private to
 * events.c. Pure. */
#pragma once

#include "coordinator/core/events.h"

/* One staged change. */
struct event_change {
    const struct core *c;
    struct core_update *u;
    struct staged *s;
    const struct rollout *was, *is;
    bool each_flag;
};

/* events_say() for each. */
void events_rules_apply(const struct event_change *d);
/* The same for flags whose value for nodes changes. */
void events_flags_apply(const struct event_change *d);
