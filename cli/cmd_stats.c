/* SPDX-License-Identifier: Apache-2.0 */
/* `stats`: both systems side by side, and how new differs. */
#include "cli/cli.h"
#include "cli/only.h"
#include "cli/run.h"
#include "cli/stats_tell.h"
#include "cli/values.h"

static void tell_stats(const Switchyard__V1__Stats *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STATS_TABLE_MAX);

    stats_table(&b, s);
    cli_print_table(buf_text(&b));
    if (s->mirror) {
        buf_clear(&b);
        buf_addf(&b, "COPIES TO NEW\t\n");
        stats_mirror_table(&b, s->mirror);
        cli_print_table(buf_text(&b));
    }
    cli_say("%s: %.2f %% of requests on new over %.0f s\n", s->migration, s->share_new,
            s->window_s);
}

static int show_stats(struct cli *cli, void *ctx, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__StatsRequest *request = ctx;
    int r = cli_call(cli, "GetStats", &request->base, dur_ms(0), &reply, err);

    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    if (!stats_whole((const Switchyard__V1__Stats *)reply))
        return err_set(err, ERR_CORRUPT, "the coordinator's answer lacks a system's counters");
    tell_stats((const Switchyard__V1__Stats *)reply);
    return 0;
}

int run_stats(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    Switchyard__V1__StatsRequest request = SWITCHYARD__V1__STATS_REQUEST__INIT;
    char name[NAME_SIZE];
    int r;

    r = value_window(a, 1, &request.window_s, err);
    if (r == 0)
        r = only_migration(cli, a, name, err);
    if (r < 0)
        return r;
    request.migration = name;
    return cli_watch(cli, args_has(a, OPT_WATCH), show_stats, &request, err);
}
