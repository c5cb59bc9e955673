/* SPDX-License-Identifier: Apache-2.0 */
/* Legacy after the last stage: kept in standby for quiet days, then not needed any more. Pure. */
#pragma once

#include "coordinator/core/state.h"

/* When the standby that begins at `now` is over; unset when the plan keeps none, or when not
 * everything is on new. */
wall_t retire_standby(const struct durable *d, wall_t now);
/* May legacy be given up? REFUSED says what is in the way and what to type. `err` may be NULL. */
int retire_check(const struct durable *d, wall_t now, bool checklist_done,
                 struct err *err) MUST_CHECK;
