/* SPDX-License-Identifier: Apache-2.0 */
/* `rollback` in its forms, and `recover`. */
#include "cli/change.h"
#include "cli/run.h"
#include "common/base/mem.h"

static int unknown_stage(const Switchyard__V1__Status *status, const char *name, struct err *err)
{
    const char **names = xcalloc(status->n_plan + 1, sizeof *names);
    const char *near;

    for (size_t i = 0; i < status->n_plan; i++)
        names[i] = status->plan[i]->name;
    near = str_nearest(str_of(name), names);
    err_set(err, ERR_INVALID, "%s has no stage \"%s\"", status->migration, name);
    if (near)
        err_hint(err, "did you mean %s?", near);
    else
        err_hint(err, "`switchyard status %s` lists the stages; 0 is before the first",
                 status->migration);
    xfreep(&names);
    return -ERR_INVALID;
}

/* The number of a stage that is given by name. */
static int find_stage(struct cli *cli, const struct args *a, const char *name, uint32_t *ret,
                      struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__StatusRequest request = SWITCHYARD__V1__STATUS_REQUEST__INIT;
    const Switchyard__V1__Status *status;
    int r;

    request.migration = rpc_lend(a->name[0]);
    r = cli_call(cli, "GetStatus", &request.base, dur_ms(0), &reply, err);
    if (r < 0)
        return r;
    status = (const Switchyard__V1__Status *)reply;
    for (size_t i = 0; i < status->n_plan; i++)
        if (strcmp(status->plan[i]->name, name) == 0) {
            *ret = (uint32_t)i + 1;
            return 0;
        }
    return unknown_stage(status, name, err);
}

static int roll_to(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__Rollback action = SWITCHYARD__V1__ROLLBACK__INIT;
    const char *to = a->option[OPT_TO];
    struct change ch;
    uint64_t stage;
    int r = 0;

    if (str_to_u64(str_of(to), UINT32_MAX, &stage))
        action.to_stage = (uint32_t)stage;
    else
        r = find_stage(cli, a, to, &action.to_stage, err);
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

/* ---- recover --------------------------------------------------------------------------------- */

/* "a, b" in pieces, cut in place; `ret` has room for as many as the list has bytes. */
static unsigned cut_names(char *list, char **ret)
{
    unsigned n = 0;

    for (char *next; list; list = next) {
        next = strchr(list, ',');
        if (next)
            *next++ = '\0';
        list += strspn(list, " ");
        list[strcspn(list, " ")] = '\0';
        if (list[0])
            ret[n++] = list;
    }
    return n;
}

int run_recover(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__Recover action = SWITCHYARD__V1__RECOVER__INIT;
    const char *who = a->option[OPT_QUARANTINE];
    CLEANUP(xfreep) char *list = xstrdup(who ? who : "");
    CLEANUP(xfreep) char **names = xcalloc(strlen(list) + 1, sizeof *names);
    struct change ch;

    if (who && !args_has(a, OPT_REASON)) {
        err_set(err, ERR_INVALID, "--quarantine needs a reason");
        return err_hint(err, "add --reason TEXT; it is recorded in the history");
    }
    if (who && strcmp(who, "laggards") == 0)
        action.quarantine_laggards = true;
    else
        action.n_quarantine = cut_names(list, names);
    action.quarantine = names;
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_RECOVER;
    ch.request.recover = &action;
    return change_run(cli, a, &ch, ret_status, err);
}
