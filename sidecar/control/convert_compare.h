/* SPDX-License-Identifier: Apache-2.0 */
/* What the fleet protocol says of the comparison of answers, to model and back. */
#pragma once

#include "common/model/ruleset.h"
#include "common/model/stats.h"
#include "fleet.pb-c.h"

/* NULL: nothing is compared. A rule that this version does not know or cannot read is left out: a
 * node must not refuse its routes for it. */
void convert_take_compare(const Switchyard__V1__Compare *m, struct route_compare *ret);

/* What was compared, into a report that owns it. Free with convert_drop_compared(). */
void convert_give_compared(const struct route_stats *stats, Switchyard__V1__RouteReport *m);
void convert_drop_compared(Switchyard__V1__RouteReport *m);
