/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that change something; what they share is in change.c. */
#include "cli/change.h"
#include "cli/run.h"
#include "common/base/mem.h"
#include "common/base/units.h"
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

SIMPLE_COMMAND(start, START, start, Start, START, true)
SIMPLE_COMMAND(pause, PAUSE, pause, Pause, PAUSE, false)
SIMPLE_COMMAND(resume, RESUME, resume, Resume, RESUME, false)
SIMPLE_COMMAND(abort, ABORT, abort, Abort, ABORT, true)
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
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_APPLY;
    ch.request.apply = &action;
    ch.moves_nodes = false;
    return change_run(cli, a, &ch, ret_status, err);
}

/* ---- moves ----------------------------------------------------------------------------------- */

int run_promote(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__Promote action = SWITCHYARD__V1__PROMOTE__INIT;
    const char *to = a->option[OPT_TO];
    struct change ch;
    uint64_t stage;

    if (to && str_to_u64(str_of(to), UINT32_MAX, &stage)) {
        action.target_case = SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE;
        action.to_stage = (uint32_t)stage;
    } else if (to) {
        action.target_case = SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE_NAME;
        action.to_stage_name = rpc_lend(to);
    }
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_PROMOTE;
    ch.request.promote = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

/* ---- set ------------------------------------------------------------------------------------- */

int run_set_weight(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__SetWeight action = SWITCHYARD__V1__SET_WEIGHT__INIT;
    struct change ch;
    uint32_t bp;
    int r;

    r = unit_parse_weight(str_of(a->name[1]), &bp, err);
    if (r < 0)
        return err_ctx(err, "weight");
    action.weight = weight_percent(bp);
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_SET_WEIGHT;
    ch.request.set_weight = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

int run_set_override(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    static const Switchyard__V1__System wire[] = {
        [SYSTEM_NONE] = SWITCHYARD__V1__SYSTEM__SYSTEM_UNSPECIFIED,
        [SYSTEM_LEGACY] = SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY,
        [SYSTEM_NEW] = SWITCHYARD__V1__SYSTEM__SYSTEM_NEW,
    };
    Switchyard__V1__SetOverride action = SWITCHYARD__V1__SET_OVERRIDE__INIT;
    enum system system;
    struct change ch;

    if (!system_parse(str_of(a->name[1]), &system))
        return err_set(err, ERR_INVALID, "override \"%s\": use legacy, new or none", a->name[1]);
    action.system = wire[system];
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_SET_OVERRIDE;
    ch.request.set_override = &action;
    return change_run(cli, a, &ch, ret_status, err);
}
