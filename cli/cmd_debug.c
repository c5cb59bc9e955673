/* SPDX-License-Identifier: Apache-2.0 */
/* `debug`: the requests and connections of a migration, or of one key, on one node. */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/node_call.h"
#include "cli/run.h"
#include "common/base/units.h"
#include "sidecar.pb-c.h"

#define FOR_DEFAULT dur_s(30)
#define FOR_MAX     dur_s(600)
#define ASK_EVERY   dur_ms(500)

static int read_duration(const char *text, dur_t *ret, struct err *err)
{
    int r = 0;

    *ret = FOR_DEFAULT;
    if (text)
        r = unit_parse_duration(str_of(text), ret, err);
    if (r == 0 && (ret->ns <= 0 || ret->ns > FOR_MAX.ns))
        r = err_set(err, ERR_INVALID, "--for: at most 10m, and more than nothing");
    return r;
}

static int show(struct cli *cli, const struct fleet_entry *node,
                const Switchyard__V1__DebugRequest *q, uint64_t *lost, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    int r = node_call(cli, node, "Debug", &q->base, dur_ms(0), &reply, err);
    const Switchyard__V1__DebugLines *m = (const Switchyard__V1__DebugLines *)reply;

    if (r < 0)
        return r;
    *lost += m->lost;
    cli_say("%s", m->lines);
    return 0;
}

int run_debug(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    const char *name = a->option[OPT_NODE], *key = a->option[OPT_KEY];
    Switchyard__V1__DebugRequest q = SWITCHYARD__V1__DEBUG_REQUEST__INIT;
    struct fleet_entry node;
    uint64_t lost = 0;
    mono_t until;
    dur_t length;
    int r = read_duration(a->option[OPT_FOR], &length, err);

    if (r == 0)
        r = name ? node_find(cli, name, &node, err) : node_find_any(cli, &node, err);
    if (r < 0)
        return r;
    q.migration = rpc_lend(a->name[0]);
    q.key = rpc_lend(key ? key : "");
    until = mono_add(loop_now(cli->loop), length);
    for (;;) {
        r = show(cli, &node, &q, &lost, err);
        if (r < 0 || mono_sub(until, loop_now(cli->loop)).ns <= 0)
            break;
        cli_pause(cli, ASK_EVERY);
    }
    if (lost > 0 && cli->output == OUTPUT_TABLE)
        cli_say("%" PRIu64 " more came faster than they are shown\n", lost);
    return r;
}
