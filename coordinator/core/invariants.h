/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of the whole core between steps. Tests and the simulator ask after every step; it
 * recounts everything, so production code does not. Pure. */
#pragma once

#include "coordinator/core/core.h"

/* INTERNAL naming the migration and the first promise that is broken. */
int invariants_check(const struct core *c, struct err *err) MUST_CHECK;
