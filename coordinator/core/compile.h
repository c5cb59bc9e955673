/* SPDX-License-Identifier: Apache-2.0 */
/* State to decision. Pure functions of what is stored: every replica compiles the same bytes. */
#pragma once

#include "coordinator/core/state.h"

/* The route that nodes must serve; `d` has a plan. Unused bytes are as in the plan's route. */
void compile_route(const struct durable *d, struct route *ret);
/* Would nodes do anything else with `b` than with `a`? */
bool compile_differs(const struct durable *a, const struct durable *b);
/* No request goes to legacy, but by an emergency order: the stage enforces it. Who sends everything
 * there by hand lifts that as well. */
bool compile_forbids_legacy(const struct durable *d);
/* Of that, the breaker. */
void compile_breaker(const struct durable *d, struct route_breaker *ret);
/* The share of new after emergency and override. */
uint32_t compile_effective_bp(const struct durable *d);
