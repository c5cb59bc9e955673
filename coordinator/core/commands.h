/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' commands: each checks, stages and says what changes. Pure. */
#pragma once

#include "coordinator/core/core_update.h"
#include "coordinator/core/state.h"

/* Stage the command and list the changes in `u`. On failure nothing may be kept of either. */
int commands_run(struct core *c, const struct core_command *cmd, struct core_update *u,
                 struct err *err) MUST_CHECK;
