/* SPDX-License-Identifier: Apache-2.0 */
/* `get flags`: what nodes are given, and who says so. */
#include "cli/cli.h"
#include "cli/run.h"

#define TABLE_MAX (4u << 20)

static void add_flag(struct buf *b, const Switchyard__V1__Flag *f)
{
    buf_addf(b, "%s\t%s\t%s\t%s\t%s\t%s\n", f->migration, f->name, f->value,
             f->ahead[0] ? f->ahead : "-", f->default_value, f->set_by);
}

int run_get_flags(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__FlagsRequest request = SWITCHYARD__V1__FLAGS_REQUEST__INIT;
    const Switchyard__V1__Flags *flags;
    int r;

    request.migration = rpc_lend(a->name_count > 0 ? a->name[0] : "");
    r = cli_call(cli, "GetFlags", &request.base, dur_ms(0), &reply, err);
    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    flags = (const Switchyard__V1__Flags *)reply;
    if (flags->n_flags == 0) {
        cli_say("no flags; a plan names them under `spec.flags`\n");
        return 0;
    }
    buf_addf(&b, "MIGRATION\tFLAG\tVALUE\tWAVES AHEAD\tDEFAULT\tSET BY\n");
    for (size_t i = 0; i < flags->n_flags; i++)
        add_flag(&b, flags->flags[i]);
    cli_print_table(buf_text(&b));
    return 0;
}
