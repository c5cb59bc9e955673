/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/mirror_rows.h"

static void rows(struct metrics *m, const char *migration, const char *label,
                 const struct mirror_count *row, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        metrics_count(m, row[i].count, "migration=\"%s\",%s=\"%s\"", migration, label, row[i].name);
}

void mirror_rows_results(struct metrics *m, const char *migration, const struct mirror_stats *s)
{
    struct mirror_count result[MIRROR_RESULTS];

    mirror_results(s, result);
    rows(m, migration, "result", result, MIRROR_RESULTS);
}

void mirror_rows_reasons(struct metrics *m, const char *migration, const struct mirror_stats *s)
{
    struct mirror_count reason[MIRROR_REASONS];

    mirror_reasons(s, reason);
    rows(m, migration, "reason", reason, MIRROR_REASONS);
}
