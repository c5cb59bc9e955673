/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator would do next. Pure. */
#pragma once

#include "coordinator/core/core_view.h"

/* The next stage's weight; five points more when the weight was set by hand. */
uint32_t suggest_weight_bp(const struct plan *plan, const struct rollout *r);
/* The command to type, "" when there is nothing to do but wait; `dst` has TEXT_SIZE bytes. */
const char *suggest_command(const struct view_status *s, char *dst);
