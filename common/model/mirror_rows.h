/* SPDX-License-Identifier: Apache-2.0 */
/* Copies on pages of metrics: a row per result, and per reason why none was sent. Both programs
 * show them alike, each in families of its own. Pure. */
#pragma once

#include "common/base/metrics.h"
#include "common/model/stats.h"

/* Samples of the family that was begun, labelled migration and result, or migration and reason. */
void mirror_rows_results(struct metrics *m, const char *migration, const struct mirror_stats *s);
void mirror_rows_reasons(struct metrics *m, const char *migration, const struct mirror_stats *s);
