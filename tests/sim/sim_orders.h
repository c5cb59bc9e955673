/* SPDX-License-Identifier: Apache-2.0 */
/* What random operators order. They look at the status first: mostly they order what a row of the
 * stage table waits for, at times something beside the table, rarely what makes no sense at all. */
#pragma once

#include "tests/sim/sim.h"

/* A plan of the first `count` stages is applied; 0: of some. */
void sim_orders_apply(struct sim *s, const char *migration, unsigned count);
/* One of them orders something, or decides not to. */
void sim_orders_give(struct sim *s, const char *migration);
