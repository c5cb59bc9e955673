/* SPDX-License-Identifier: Apache-2.0 */
/* What happens by itself: triggers, convergence, deadlines, and moving on. Pure. */
#pragma once

#include "coordinator/core/core_update.h"
#include "coordinator/core/state.h"

/* Stage what one migration does by itself now, at most one move; nothing unless the
 * core leads. */
void advance(struct core *c, struct migration *m, struct core_update *u);
