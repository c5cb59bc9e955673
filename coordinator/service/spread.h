/* SPDX-License-Identifier: Apache-2.0 */
/* Where the nodes of a migration are: by cluster, and by the wave that reaches them first. Counts
 * connected nodes. Pure. */
#pragma once

#include "common/base/arena.h"
#include "coordinator/core/core_view.h"
#include "coordinator/service/registry.h"

struct spread_cluster {
    char cluster[NAME_SIZE]; /* "": nodes without the label */
    char stage[NAME_SIZE];   /* of those with the highest weight */
    unsigned nodes, serving;
    uint64_t weight_sum_bp; /* over its nodes */
    uint32_t weight_most_bp;
};

struct spread_wave {
    unsigned nodes, serving;
};

struct spread {
    struct spread_cluster *cluster; /* by name */
    unsigned clusters;
    struct spread_wave wave[PLAN_WAVES_MAX]; /* of the current stage */
};

/* `route` is what `s` compiles to; the lists are in `a`. */
void spread_count(struct registry *r, const struct view_status *s, const struct route *route,
                  struct arena *a, struct spread *ret);
