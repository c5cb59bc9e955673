/* SPDX-License-Identifier: Apache-2.0 */
/* Wall clocks that jump, by an hour or by years.
 *
 * Deadlines, and the instants that durations are counted from, are stored as times of the wall
 * clock, so that they survive restarts and failovers. But while a coordinator leads it sees how
 * much time has really passed, by the monotonic clock. A jump of CLOCK_JUMP or more against that
 * brings nothing closer and puts nothing off: what is waited for is set and judged by
 * `core->clock`, which does not jump, and at the next tick all that is stored is moved by as much,
 * so that it is right again for everybody who has the new time. The records of what happened keep
 * the time that it was, and freezes are the calendar's. What a clock does while no coordinator
 * leads cannot be seen. Pure. */
#pragma once

#include "coordinator/core/core_event.h"
#include "coordinator/core/core_update.h"

struct core;

#define CLOCK_JUMP dur_s(5)

void clock_start(struct core *c, wall_t now);
void clock_step(struct core *c, const struct core_event *ev);
/* What core->clock shows at `mono`. */
wall_t clock_at(const struct core *c, mono_t mono);
/* Stage what a jump asks for; false: nothing. The step does nothing else then. */
bool clock_shift(struct core *c, struct core_update *u);
/* It is stored. */
void clock_shifted(struct core *c);
