/* SPDX-License-Identifier: Apache-2.0 */
/* `history`: who did what, when and why. */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/history_tell.h"
#include "cli/only.h"
#include "cli/run.h"
#include "cli/values.h"

#define TABLE_MAX     (16u << 20)
#define LIMIT_MAX     10000
#define LIMIT_DEFAULT 20

/* What is kept is asked for whole, so that the limit counts rollbacks. The others go. */
static void keep_rollbacks(Switchyard__V1__History *h, uint64_t limit)
{
    size_t kept = 0;

    for (size_t i = 0; i < h->n_entries; i++) {
        Switchyard__V1__HistoryEntry *e = h->entries[i];

        if (kept < limit && history_is_rollback(e))
            h->entries[kept++] = e;
        else
            protobuf_c_message_free_unpacked(&e->base, NULL);
    }
    h->n_entries = kept;
}

int run_history(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__HistoryRequest request = SWITCHYARD__V1__HISTORY_REQUEST__INIT;
    Switchyard__V1__History *history;
    char name[NAME_SIZE];
    uint64_t limit = LIMIT_DEFAULT;
    int r;

    r = value_count(a, OPT_LIMIT, LIMIT_MAX, &limit, err);
    if (r == 0)
        r = only_migration(cli, a, name, err);
    if (r < 0)
        return r;
    request.migration = name;
    request.limit = args_has(a, OPT_ROLLBACKS) ? 0 : (uint32_t)limit;
    r = cli_call(cli, "GetHistory", &request.base, dur_ms(0), &reply, err);
    if (r < 0)
        return r;
    history = (Switchyard__V1__History *)reply;
    if (args_has(a, OPT_ROLLBACKS))
        keep_rollbacks(history, limit);
    if (cli_print_message(cli, reply, &r, err))
        return r;
    if (history->n_entries == 0) {
        cli_say("%s: nothing of the kind is recorded\n", name);
        return 0;
    }
    history_table(&b, history->entries, history->n_entries);
    cli_print_table(buf_text(&b));
    return 0;
}
