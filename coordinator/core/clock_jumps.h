/* SPDX-License-Identifier: Apache-2.0 */
/* Wall clocks that jump, by an hour or by years.
 *
 * Deadlines are stored as times of the wall clock, so that they survive restarts and failovers. But
 * while a coordinator leads it sees how much time has really passed, by the monotonic clock. A jump
 * of CLOCK_JUMP or more against that moves no bake and no step of a retreat closer or further away:
 * deadlines are judged by `core->clock`, which does not jump, and at the next tick all that are
 * stored are moved by as much, so that they are right again for everybody who has the new time.
 * What a clock does while no coordinator leads cannot be seen. Pure. */
#pragma once

#include "coordinator/core/core_event.h"
#include "coordinator/core/core_update.h"

struct core;

#define CLOCK_JUMP dur_s(5)

void clock_start(struct core *c, wall_t now);
void clock_step(struct core *c, const struct core_event *ev);
/* Stage what a jump asks for; false: nothing. The step does nothing else then. */
bool clock_shift(struct core *c, struct core_update *u);
