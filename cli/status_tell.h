/* SPDX-License-Identifier: Apache-2.0 */
/* A rollout's status for people; `status` and `report stage` show it. */
#pragma once

#include "cli/cli.h"

#define STATUS_TABLE_MAX (1u << 20)

/* A row of tab-separated cells per fact, as cli_print_table() takes them. */
void status_table(struct buf *b, const Switchyard__V1__Status *s);
