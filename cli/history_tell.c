/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/history_tell.h"

#include <inttypes.h>

bool history_is_rollback(const Switchyard__V1__HistoryEntry *e)
{
    static const char *const events[] = {"rollback", "trigger", "emergency_rollback", "abort"};

    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (strcmp(e->event, events[i]) == 0)
            return true;
    return false;
}

static const char *or_dash(const char *text)
{
    return text[0] ? text : "-";
}

static void add_entry(struct buf *b, const Switchyard__V1__HistoryEntry *e)
{
    buf_addf(b, "%" PRIu64 "\t%s\t%s\t%s\t%s -> %s\t", e->sequence, e->time, e->event, e->operator_,
             or_dash(e->from), or_dash(e->to));
    if (e->measured_ms > 0)
        buf_addf(b, "%.1f ms", e->measured_ms);
    else
        buf_addf(b, "-");
    buf_addf(b, "\t%s\n", or_dash(e->reason));
}

void history_table(struct buf *b, Switchyard__V1__HistoryEntry *const *entry, size_t count)
{
    buf_addf(b, "SEQ\tTIME\tEVENT\tOPERATOR\tMOVE\tMEASURED\tREASON\n");
    for (size_t i = 0; i < count; i++)
        add_entry(b, entry[i]);
}
