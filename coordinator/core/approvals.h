/* SPDX-License-Identifier: Apache-2.0 */
/* Who agreed to the stages of a rollout that are not entered yet. Pure. */
#pragma once

#include "common/model/rollout.h"

/* Different operators who approved the stage. */
unsigned approvals_count(const struct rollout *r, unsigned stage);
/* "ann, bob"; `dst` has TEXT_SIZE bytes. */
const char *approvals_text(const struct rollout *r, unsigned stage, char *dst);
/* NULL: the operator has not approved it. */
const struct approval *approvals_find(const struct rollout *r, unsigned stage,
                                      const char *operator_name);
/* False when there is no room for one more. The operator has not approved it before. */
bool approvals_add(struct rollout *r, const struct approval *a) MUST_CHECK;
/* Of all stages up to this one. */
void approvals_drop(struct rollout *r, unsigned up_to);
