/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a change reaches: which nodes would serve something else, and what share of their keys. For
 * dry runs, which tell the truth: it asks every node what it would serve. Pure. */
#pragma once

#include "coordinator/core/state.h"

/* Sets nodes, share_affected and clusters of `ret`, the latter in `a`. `after` NULL: the migration
 * is gone. Without a node it is what one in no wave would serve. */
void reach_tell(const struct core *c, const struct durable *before, const struct durable *after,
                struct arena *a, struct core_change *ret);
