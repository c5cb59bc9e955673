/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that change something and take nothing but a name, and `apply`; what they share is
 * in change.c. */
#include "cli/change.h"
#include "cli/run.h"
#include "common/base/yaml.h"

#define SIMPLE_COMMAND(function, KIND, field, Type, INIT, moves)                                \
    int run_##function(struct cli *cli, const struct args *a, int *ret_status, struct err *err) \
    {                                                                                           \
        Switchyard__V1__##Type action = SWITCHYARD__V1__##INIT##__INIT;                         \
        struct change ch;                                                                       \
                                                                                                \
        change_init(&ch, cli, a);                                                               \
        ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_##KIND;                        \
        ch.request.field = &action;                                                             \
        ch.moves_nodes = moves;                                                                 \
        return change_run(cli, a, &ch, ret_status, err);                                        \
    }

SIMPLE_COMMAND(pause, PAUSE, pause, Pause, PAUSE, false)
SIMPLE_COMMAND(resume, RESUME, resume, Resume, RESUME, false)
SIMPLE_COMMAND(delete, DELETE, delete_, Delete, DELETE, false)

/* ---- apply ----------------------------------------------------------------------------------- */

int run_apply(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(YAML_MAX_BYTES);
    Switchyard__V1__Apply action = SWITCHYARD__V1__APPLY__INIT;
    const char *path = a->option[OPT_FILE];
    struct change ch;
    int r;

    r = cli_read(path, &text, err);
    if (r == -ERR_EXHAUSTED)
        return err_hint(err, "a plan is at most 1 MiB; is %s a plan?", path);
    if (r < 0)
        return r;
    change_init(&ch, cli, a);
    action.document = (ProtobufCBinaryData){text.len, (uint8_t *)text.data};
    action.source = rpc_lend(strcmp(path, "-") == 0 ? "standard input" : path);
    if (a->option[OPT_ENV])
        action.environment = rpc_lend(a->option[OPT_ENV]);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_APPLY;
    ch.request.apply = &action;
    ch.moves_nodes = false;
    return change_run(cli, a, &ch, ret_status, err);
}
