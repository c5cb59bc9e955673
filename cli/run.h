/* SPDX-License-Identifier: Apache-2.0 */
/* The commands' functions; see struct command.run. */
#pragma once

#include "cli/commands.h"

#define COMMAND(name) \
    int run_##name(struct cli *cli, const struct args *a, int *ret_status, struct err *err)

COMMAND(dev); /* dev.c */

COMMAND(apply); /* cmd_change.c */
COMMAND(start);
COMMAND(promote);
COMMAND(pause);
COMMAND(resume);
COMMAND(abort);
COMMAND(rollback);
COMMAND(recover);
COMMAND(set_weight);
COMMAND(set_override);
COMMAND(delete);

COMMAND(direct); /* cmd_direct.c: a part of rollback */

COMMAND(get_coordinators); /* cmd_coordinators.c */

COMMAND(get_plans); /* cmd_show.c */
COMMAND(get_nodes);
COMMAND(health);
COMMAND(history);
COMMAND(stats);

COMMAND(status); /* cmd_status.c */

COMMAND(backup_create); /* cmd_backup.c */
COMMAND(backup_verify);
COMMAND(backup_restore);

COMMAND(completion_bash); /* help.c */
COMMAND(reference);
