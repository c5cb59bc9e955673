/* SPDX-License-Identifier: Apache-2.0 */
/* Limits held against measurements: pass, fail or hold, with the sentence that says why.
 *
 * No traffic, too few requests and a division by zero are hold, never pass. Pure. */
#pragma once

#include "coordinator/core/core_view.h"
#include "coordinator/core/samples.h"

/* Triggers: what the last `limits->window` of `samples` says. Any check that fails fires. */
void gates_trigger(const struct plan_limits *limits, const struct samples *samples, mono_t now,
                   struct view_gate *ret);

/* A stage's gate, which has been watched for `watched`; it holds until that is `limits->window`. */
void gates_gate(const struct plan_limits *limits, const struct samples *samples, mono_t now,
                dur_t watched, struct view_gate *ret);

/* Arrival of the earliest report among the last two minutes that breaks a limit by itself; false:
 * none does. */
bool gates_first_violation(const struct plan_limits *limits, const struct samples *samples,
                           mono_t now, mono_t *ret) MUST_CHECK;
