/* SPDX-License-Identifier: Apache-2.0 */
/* Two systems side by side, as `stats` and `report` show them. */
#pragma once

#include "cli/cli.h"

#define STATS_TABLE_MAX (64u << 10)

/* Does the answer have all that the table shows? */
bool stats_whole(const Switchyard__V1__Stats *s);
/* A header and a row of tab-separated cells per fact: legacy, new, and how new differs in percent;
 * "-" where there was nothing to measure. */
void stats_table(struct buf *b, const Switchyard__V1__Stats *s);
/* What became of the copies to new, a row per count. */
void stats_mirror_table(struct buf *b, const Switchyard__V1__MirrorStats *m);
