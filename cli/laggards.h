/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that do not serve a decision, and what is wrong with each. */
#pragma once

#include "cli/cli.h"

#define LAGGARDS_TEXT_MAX (64u << 10)

/* "serves revision 12 instead of 17; refused: ..." for a node when everybody should serve
 * `target`. */
void laggards_node(struct buf *b, const Switchyard__V1__NodeSummary *n, uint64_t target);
/* A line for each, "node-7: ..."; what is wrong with them as far as a coordinator answers that,
 * too. */
void laggards_describe(struct cli *c, const Switchyard__V1__Convergence *lagging, struct buf *b);
