/* SPDX-License-Identifier: Apache-2.0 */
/* What a node measured, as a message: nodes report it to a coordinator, and coordinators hand it on
 * to each other. */
#pragma once

#include "common/base/arena.h"
#include "common/model/stats.h"
#include "fleet.pb-c.h"

/* Of one migration. Everything is in the arena; parts in which nothing happened are absent. NULL
 * when the arena is full. */
Switchyard__V1__RouteReport *report_wire_route(struct arena *a,
                                               const struct route_stats *s) MUST_CHECK;
/* Of `count` of them; a list also when there is none. */
Switchyard__V1__RouteReport **report_wire_routes(struct arena *a, const struct route_stats *s,
                                                 size_t count) MUST_CHECK;
