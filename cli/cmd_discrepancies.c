/* SPDX-License-Identifier: Apache-2.0 */
/* `discrepancies`: what comparing the systems' answers came to. */
#include "cli/cli.h"
#include "cli/compared_tell.h"
#include "cli/only.h"
#include "cli/run.h"
#include "cli/values.h"

#define LIMIT_MAX     1000
#define LIMIT_DEFAULT 20

static int take_options(const struct args *a, Switchyard__V1__DiscrepanciesRequest *ret,
                        struct err *err)
{
    uint64_t limit = LIMIT_DEFAULT;
    int r = value_window(a, 10, &ret->window_s, err);

    if (r == 0)
        r = value_count(a, OPT_LIMIT, LIMIT_MAX, &limit, err);
    ret->limit = (uint32_t)limit;
    ret->critical_only = args_has(a, OPT_CRITICAL);
    return r;
}

static void tell(const Switchyard__V1__Discrepancies *d)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(COMPARED_TEXT_MAX);

    compared_summary(&b, d);
    cli_say("%s", buf_text(&b));
    if (d->n_examples == 0)
        return;
    buf_clear(&b);
    compared_table(&b, d);
    cli_say("\n");
    cli_print_table(buf_text(&b));
}

static int show(struct cli *cli, void *ctx, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__DiscrepanciesRequest *request = ctx;
    int r = cli_call(cli, "GetDiscrepancies", &request->base, dur_ms(0), &reply, err);

    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    if (!compared_whole((const Switchyard__V1__Discrepancies *)reply))
        return err_set(err, ERR_CORRUPT, "the coordinator's answer lacks its counters");
    tell((const Switchyard__V1__Discrepancies *)reply);
    return 0;
}

int run_discrepancies(struct cli *cli, const struct args *a, int *ret_status UNUSED,
                      struct err *err)
{
    Switchyard__V1__DiscrepanciesRequest request = SWITCHYARD__V1__DISCREPANCIES_REQUEST__INIT;
    char name[NAME_SIZE];
    int r = take_options(a, &request, err);

    if (r == 0)
        r = only_migration(cli, a, name, err);
    if (r < 0)
        return r;
    request.migration = name;
    return cli_watch(cli, args_has(a, OPT_WATCH), show, &request, err);
}
