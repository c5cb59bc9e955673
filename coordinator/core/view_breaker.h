/* SPDX-License-Identifier: Apache-2.0 */
/* What operators see of the breakers of one migration. Pure. */
#pragma once

#include "coordinator/core/state.h"

/* The part of a status that tells of breakers. */
void view_breakers_of(const struct core *c, const struct migration *m, struct view_status *ret);
