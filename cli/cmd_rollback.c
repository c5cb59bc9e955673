/* SPDX-License-Identifier: Apache-2.0 */
/* `rollback` in its forms. */
#include "cli/change.h"
#include "cli/migration.h"
#include "cli/run.h"

static int roll_to(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__Rollback action = SWITCHYARD__V1__ROLLBACK__INIT;
    struct change ch;
    int r = migration_stage(cli, a->name[0], a->option[OPT_TO], &action.to_stage, err);

    if (r < 0)
        return r;
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_ROLLBACK;
    ch.request.rollback = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

static int roll_emergency(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__Emergency action = SWITCHYARD__V1__EMERGENCY__INIT;
    struct change ch;
    int r;

    action.all = args_has(a, OPT_ALL);
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_EMERGENCY;
    ch.request.emergency = &action;
    r = change_run(cli, a, &ch, ret_status, err);
    if (r == 0 || !cli_is_in_the_way(err->code))
        return r;
    return err_hint(err,
                    "the nodes can be told without it: switchyard rollback %s --emergency --direct "
                    "all --reason TEXT",
                    args_has(a, OPT_ALL) ? "--all" : a->name[0]);
}

static int roll_clear(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__ClearEmergency action = SWITCHYARD__V1__CLEAR_EMERGENCY__INIT;
    struct change ch;

    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_CLEAR_EMERGENCY;
    ch.request.clear_emergency = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

int run_rollback(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    bool to = args_has(a, OPT_TO), emergency = args_has(a, OPT_EMERGENCY),
         clear = args_has(a, OPT_CLEAR);

    if (to + emergency + clear != 1)
        return err_set(err, ERR_INVALID, "give exactly one of --to STAGE, --emergency and --clear");
    if (args_has(a, OPT_ALL) && (!emergency || a->name_count > 0))
        return err_set(err, ERR_INVALID, "--all goes with --emergency and without a name");
    if (!args_has(a, OPT_ALL) && a->name_count == 0) {
        err_set(err, ERR_INVALID, "which migration?");
        return err_hint(
            err, "give its name, or --all with --emergency; `switchyard get plans` lists them");
    }
    if (args_has(a, OPT_DIRECT) || args_has(a, OPT_FLEET_FILE)) {
        if (!emergency)
            return err_set(err, ERR_INVALID, "nodes themselves take --emergency orders only");
        return run_direct(cli, a, ret_status, err);
    }
    if (to)
        return roll_to(cli, a, ret_status, err);
    return emergency ? roll_emergency(cli, a, ret_status, err)
                     : roll_clear(cli, a, ret_status, err);
}
