/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/core_event.h"

static const char *const names[MEASURE_COUNT] = {
    [MEASURE_RESTARTS] = "restartsPerMinute",
    [MEASURE_DISCREPANCIES] = "criticalDiscrepancies",
    [MEASURE_SYNC_LAG] = "syncLag",
};

const char *core_measure_name(enum core_measure_kind k)
{
    return (unsigned)k < MEASURE_COUNT ? names[k] : "?";
}

bool core_measure_parse(struct str s, enum core_measure_kind *ret)
{
    for (int k = 0; k < MEASURE_COUNT; k++) {
        if (!str_eq(s, str_of(names[k])))
            continue;
        *ret = (enum core_measure_kind)k;
        return true;
    }
    return false;
}
