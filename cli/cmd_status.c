/* SPDX-License-Identifier: Apache-2.0 */
/* `status`: where a rollout stands, why, and what to type next. */
#include "cli/cli.h"
#include "cli/migration.h"
#include "cli/only.h"
#include "cli/run.h"
#include "cli/status_tell.h"

static void tell_status(const Switchyard__V1__Status *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STATUS_TABLE_MAX);

    if (s->emergency->active)
        cli_say("EMERGENCY: everything is on legacy since %s, by %s: %s\n", s->emergency->time,
                s->emergency->operator_, s->emergency->reason);
    status_table(&b, s);
    cli_print_table(buf_text(&b));
    if (s->suggested_command[0])
        cli_say("next: %s\n", s->suggested_command);
}

static int show_status(struct cli *cli, void *ctx, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    int r = migration_status(cli, ctx, &reply, err);

    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    tell_status((const Switchyard__V1__Status *)reply);
    return 0;
}

int run_status(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    char name[NAME_SIZE];
    int r = only_migration(cli, a, name, err);

    if (r < 0)
        return r;
    return cli_watch(cli, args_has(a, OPT_WATCH), show_status, name, err);
}
