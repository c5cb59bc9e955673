/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/only.h"

static int choose(const Switchyard__V1__Plans *plans, char *ret_name, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf names = BUF_INIT(200);

    if (plans->n_plans == 0) {
        err_set(err, ERR_NOT_FOUND, "there is no migration yet");
        return err_hint(err, "`switchyard apply -f PLAN.yaml` stores one");
    }
    if (plans->n_plans > 1) {
        for (size_t i = 0; i < plans->n_plans; i++)
            if (!buf_addf(&names, "%s%s", i ? ", " : "", plans->plans[i]->name))
                break;
        err_set(err, ERR_INVALID, "which migration? There are %zu", plans->n_plans);
        return err_hint(err, "one of: %s", buf_text(&names));
    }
    if (!str_copy(str_of(plans->plans[0]->name), ret_name, NAME_SIZE))
        return err_set(err, ERR_CORRUPT, "the coordinator's answer has a name that is too long");
    return 0;
}

int only_migration(struct cli *cli, const struct args *a, char ret_name[NAME_SIZE], struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__PlansRequest request = SWITCHYARD__V1__PLANS_REQUEST__INIT;
    int r;

    if (a->name_count > 0) {
        if (!str_copy(str_of(a->name[0]), ret_name, NAME_SIZE))
            return err_set(err, ERR_INVALID, "the name is longer than %d bytes", NAME_SIZE - 1);
        return 0;
    }
    r = cli_call(cli, "ListPlans", &request.base, dur_ms(0), &reply, err);
    if (r < 0)
        return r;
    return choose((const Switchyard__V1__Plans *)reply, ret_name, err);
}
