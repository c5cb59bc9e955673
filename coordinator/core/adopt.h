/* SPDX-License-Identifier: Apache-2.0 */
/* Emergency orders that entered at a node, not here, become the migration's own. Pure. */
#pragma once

#include "coordinator/core/core_update.h"
#include "coordinator/core/state.h"

/* Take over what `node` reported, if it beats what is stored: everything falls to legacy as by an
 * operator's emergency, with the reason and operator that the node was given. Lifted orders are
 * never adopted: lifting is an operator's business, through a coordinator. */
void adopt_order(struct core *c, const struct name *node, const struct emergency *told,
                 struct core_update *u);
