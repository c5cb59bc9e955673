/* SPDX-License-Identifier: Apache-2.0 */
/* `check`: is the next stage ready to be entered? */
#include "cli/check_tell.h"
#include "cli/run.h"

int run_check(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const char *stage = args_has(a, OPT_STAGE) ? a->option[OPT_STAGE] : "";
    const Switchyard__V1__CheckReport *m;
    int r = check_ask(cli, a->name[0], stage, args_has(a, OPT_TIMEOUT), &reply, err);

    if (r < 0)
        return r;
    m = (const Switchyard__V1__CheckReport *)reply;
    *ret_status = check_status(m);
    if (!cli_print_message(cli, reply, &r, err))
        check_tell(m);
    return r;
}
