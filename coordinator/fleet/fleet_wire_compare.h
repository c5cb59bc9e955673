/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet protocol's messages about the comparison of answers, to and from the model. */
#pragma once

#include "common/model/ruleset.h"
#include "common/model/stats.h"
#include "fleet.pb-c.h"

struct compare_message {
    Switchyard__V1__Compare m;
    Switchyard__V1__CompareRule rule[COMPARE_RULES_MAX];
    Switchyard__V1__CompareRule *at[COMPARE_RULES_MAX];
};

/* `ret` borrows from `c`. NULL: nothing is compared. */
Switchyard__V1__Compare *fleet_wire_compare(struct route_compare *c, struct compare_message *ret);

/* What a node compared. Examples are for people: cut, and made harmless. */
void fleet_wire_compared(const Switchyard__V1__RouteReport *m, struct route_stats *ret);
