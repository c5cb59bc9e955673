/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of the history, as `history` and `report` show them. */
#pragma once

#include "cli/cli.h"

/* Did it take traffic away from new because something was wrong? */
bool history_is_rollback(const Switchyard__V1__HistoryEntry *e);
/* A header, then a row of tab-separated cells per entry. */
void history_table(struct buf *b, Switchyard__V1__HistoryEntry *const *entry, size_t count);
