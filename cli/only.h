/* SPDX-License-Identifier: Apache-2.0 */
/* The migration a command is about when it need not be named. */
#pragma once

#include "cli/cli.h"

/* The name given, or that of the only migration there is. INVALID with the names to choose from. */
int only_migration(struct cli *cli, const struct args *a, char ret_name[NAME_SIZE],
                   struct err *err) MUST_CHECK;
