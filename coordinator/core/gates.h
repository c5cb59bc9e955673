/* SPDX-License-Identifier: Apache-2.0 */
/* Limits held against measurements: pass, fail or hold, with the sentence that says why (judge.h).
 *
 * No traffic, too few requests, a division by zero and what nobody has found out are hold, never
 * pass. What follows when a stage sees too little traffic for too long is the plan's to say
 * (plan_limits.quiet): hold on, let the rollout go and say so, or roll back. Pure. */
#pragma once

#include "coordinator/core/compared.h"
#include "coordinator/core/core_view.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/samples.h"

struct measured;

/* What is judged by. */
struct gates_grounds {
    const struct samples *samples;   /* of the nodes that are judged */
    const struct samples *beside;    /* of the others, who serve legacy meanwhile; NULL: none */
    const struct measured *measured; /* by others; MEASURE_COUNT */
    const struct compared *compared; /* by the nodes; NULL: the plan does not ask them to */
    const struct job *found;         /* by the limits' own checks; NULL: nothing yet */
    mono_t now;
    dur_t watched; /* so long what is judged has been measured */
    dur_t baking;  /* so long the stage has been served by all while it bakes; else 0 */
};

/* Triggers: what the last `limits->window` says. Any check that fails fires. */
void gates_trigger(const struct plan_limits *limits, const struct gates_grounds *g,
                   struct view_gate *ret);

/* A stage's gate; it holds until it has been watched for `limits->window`. */
void gates_gate(const struct plan_limits *limits, const struct gates_grounds *g,
                struct view_gate *ret);
/* A trigger's answer about nodes that the stage has not reached yet says so. */
void gates_say_beyond(struct view_gate *trigger);
/* Of a gate that fails since its stage is quiet: the check that says so is added to the triggers,
 * which fire. */
void gates_add_quiet(const struct view_gate *gate, struct view_gate *trigger);

/* Arrival of the earliest report among the last two minutes that breaks a limit by itself; false:
 * none does. */
bool gates_first_violation(const struct plan_limits *limits, const struct samples *samples,
                           mono_t now, mono_t *ret) MUST_CHECK;
