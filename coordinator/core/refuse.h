/* SPDX-License-Identifier: Apache-2.0 */
/* Why a command is not carried out, in words, with the command to type instead. Pure. */
#pragma once

#include "coordinator/core/moves.h"

/* The stage machine has no row for `move`: find the first fact that stands in the way. Returns
 * -ERR_REFUSED. */
int refuse_move(const struct core *c, const struct migration *m, const struct move *move,
                const struct stage_facts *facts, struct err *err);
