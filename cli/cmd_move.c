/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that move a rollout on, or end it: start, promote, abort, approve, decommission. */
#include "cli/change_tell.h"
#include "cli/check_tell.h"
#include "cli/migration.h"
#include "cli/run.h"
#include "common/base/units.h"

#define STEP_MIN dur_s(1)
#define STEP_MAX dur_s(24 * 3600)

static int needs_reason(const struct args *a, const char *what, struct err *err)
{
    if (args_has(a, OPT_REASON) && a->option[OPT_REASON][0])
        return 0;
    err_set(err, ERR_INVALID, "%s needs a reason", what);
    return err_hint(err, "add --reason TEXT; it is recorded in the history");
}

/* ---- into a stage ---------------------------------------------------------------------------- */

static int tell_rehearsal(struct cli *cli, const struct change_done *done,
                          const Switchyard__V1__CheckReport *check, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;

    if (cli->output == OUTPUT_TABLE) {
        change_say(cli, done);
        if (check)
            check_tell(check);
        return 0;
    }
    j = change_json((const Switchyard__V1__CommandResult *)done->result, NULL);
    json_set(j, "check", check ? cli_message_json(&check->base) : json_null());
    return cli_print_json(cli, j, err);
}

/* A dry run that tells the truth: whether the stage's checks would let it in, too. Those of a stage
 * that is not the next one are not run before it is. */
static int rehearse(struct cli *cli, const struct args *a, const struct change *ch, int *ret_status,
                    struct err *err)
{
    CLEANUP(change_done_deinit) struct change_done done = {.result = NULL};
    CLEANUP(cli_reply_freep) ProtobufCMessage *check = NULL;
    const char *stage = args_has(a, OPT_TO) ? a->option[OPT_TO] : "";
    int r = change_carry_out(cli, a, ch, &done, err);

    if (r < 0)
        return r;
    r = check_ask(cli, a->name[0], stage, args_has(a, OPT_TIMEOUT), &check, err);
    if (r < 0 && r != -ERR_REFUSED)
        return r;
    if (check)
        *ret_status = check_status((const Switchyard__V1__CheckReport *)check);
    return tell_rehearsal(cli, &done, (const Switchyard__V1__CheckReport *)check, err);
}

int run_start(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__Start action = SWITCHYARD__V1__START__INIT;
    struct change ch;

    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_START;
    ch.request.start = &action;
    ch.prepares = true;
    return args_has(a, OPT_DRY_RUN) ? rehearse(cli, a, &ch, ret_status, err)
                                    : change_run(cli, a, &ch, ret_status, err);
}

/* ---- promote --------------------------------------------------------------------------------- */

static int take_target(const struct args *a, Switchyard__V1__Promote *action, struct err *err)
{
    const char *to = a->option[OPT_TO];
    uint64_t stage;

    action->full = args_has(a, OPT_FULL);
    if (to && action->full)
        return err_set(err, ERR_INVALID, "--full goes to the last stage; it takes no --to");
    if (action->full)
        return needs_reason(a, "--full", err);
    if (to && str_to_u64(str_of(to), UINT32_MAX, &stage)) {
        action->target_case = SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE;
        action->to_stage = (uint32_t)stage;
    } else if (to) {
        action->target_case = SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE_NAME;
        action->to_stage_name = rpc_lend(to);
    }
    return 0;
}

/* Two operators who promote at once see the same place, and the second one is refused. */
static int look_where(struct cli *cli, const char *name, Switchyard__V1__Place *ret,
                      struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__Status *status;
    int r = migration_status(cli, name, &reply, err);

    if (r < 0)
        return r;
    status = (const Switchyard__V1__Status *)reply;
    ret->stage = status->stage_index;
    ret->wave = status->wave ? status->wave->wave : 0;
    return 0;
}

int run_promote(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__Promote action = SWITCHYARD__V1__PROMOTE__INIT;
    Switchyard__V1__Place seen = SWITCHYARD__V1__PLACE__INIT;
    struct change ch;
    int r;

    r = take_target(a, &action, err);
    if (r == 0)
        r = look_where(cli, a->name[0], &seen, err);
    if (r < 0)
        return r;
    action.seen = &seen;
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_PROMOTE;
    ch.request.promote = &action;
    ch.prepares = true;
    return args_has(a, OPT_DRY_RUN) && !action.full ? rehearse(cli, a, &ch, ret_status, err)
                                                    : change_run(cli, a, &ch, ret_status, err);
}

/* ---- abort ----------------------------------------------------------------------------------- */

static int take_step(const struct args *a, uint32_t *ret_s, struct err *err)
{
    const char *text = a->option[OPT_STEP];
    dur_t step = {0};
    int r = text ? unit_parse_duration(str_of(text), &step, err) : 0;

    if (r < 0)
        return err_ctx(err, "--step");
    if (text && !args_has(a, OPT_GRADUAL))
        return err_set(err, ERR_INVALID, "--step goes with --gradual");
    if (text && (step.ns < STEP_MIN.ns || step.ns > STEP_MAX.ns))
        return err_set(err, ERR_INVALID, "--step %s is not within 1s and 24h", text);
    *ret_s = (uint32_t)(dur_to_ms(step) / 1000);
    return 0;
}

int run_abort(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__Abort action = SWITCHYARD__V1__ABORT__INIT;
    struct change ch;
    int r = take_step(a, &action.step_s, err);

    if (r < 0)
        return r;
    action.gradual = args_has(a, OPT_GRADUAL);
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_ABORT;
    ch.request.abort = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

/* ---- what operators agree to ----------------------------------------------------------------- */

int run_approve(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__Approve action = SWITCHYARD__V1__APPROVE__INIT;
    struct change ch;

    change_init(&ch, cli, a);
    action.stage = rpc_lend(args_has(a, OPT_STAGE) ? a->option[OPT_STAGE] : "");
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_APPROVE;
    ch.request.approve = &action;
    ch.moves_nodes = false;
    return change_run(cli, a, &ch, ret_status, err);
}

int run_decommission(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__Decommission action = SWITCHYARD__V1__DECOMMISSION__INIT;
    struct change ch;

    change_init(&ch, cli, a);
    action.checklist_done = args_has(a, OPT_CHECKLIST_DONE);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_DECOMMISSION;
    ch.request.decommission = &action;
    ch.moves_nodes = false;
    return change_run(cli, a, &ch, ret_status, err);
}
