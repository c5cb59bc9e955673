/* SPDX-License-Identifier: Apache-2.0 */
/* When a row of the stage machine holds, by struct stage_facts alone. For stage_fsm.c. Pure. */
#pragma once

#include <stdbool.h>

/* `facts` is a struct stage_facts. */
#define STAGE_GUARD(name) bool stage_guard_##name(const void *facts)

STAGE_GUARD(starts_at_once);
STAGE_GUARD(starts_with_checks);
STAGE_GUARD(wave_is_earned);
STAGE_GUARD(wave_is_open);
STAGE_GUARD(stage_is_earned);
STAGE_GUARD(checks_are_earned);
STAGE_GUARD(stage_is_open);
STAGE_GUARD(checks_are_open);
STAGE_GUARD(may_skip);
STAGE_GUARD(may_skip_ahead);
STAGE_GUARD(may_enter);
STAGE_GUARD(barred_on_stage);
STAGE_GUARD(barred_at_zero);
STAGE_GUARD(fails_on_stage);
STAGE_GUARD(fails_at_zero);
STAGE_GUARD(steps_down);
STAGE_GUARD(steps_out);
STAGE_GUARD(step_is_due);
STAGE_GUARD(last_step_is_due);
STAGE_GUARD(share_may_change);
STAGE_GUARD(stage_share_may_change);
STAGE_GUARD(zero_share_may_change);
STAGE_GUARD(share_falls);
STAGE_GUARD(goes_down);
STAGE_GUARD(violating);
STAGE_GUARD(may_retire);
STAGE_GUARD(all_serve);
STAGE_GUARD(too_late);
STAGE_GUARD(resumes_preparing);
STAGE_GUARD(resumes_converging);
STAGE_GUARD(resumes_baking);
STAGE_GUARD(resumes_ready);
STAGE_GUARD(wave_by_itself);
STAGE_GUARD(wave_is_held);
STAGE_GUARD(wave_by_operator);
STAGE_GUARD(next_by_itself);
STAGE_GUARD(next_with_checks);
STAGE_GUARD(next_is_held);
STAGE_GUARD(next_by_operator);
STAGE_GUARD(at_the_end);
