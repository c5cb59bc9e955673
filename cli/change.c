/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/change.h"

#include <inttypes.h>

#include "cli/change_tell.h"
#include "common/base/rng.h"

void change_init(struct change *ch, const struct cli *cli, const struct args *a)
{
    const char *reason = a->option[OPT_REASON];
    struct rng rng;

    *ch = (struct change){.moves_nodes = true};
    rng_seed_system(&rng);
    str_fmt(ch->id, sizeof ch->id, "%016" PRIx64, rng_u64(&rng));
    switchyard__v1__command__init(&ch->request);
    ch->request.request_id = ch->id;
    ch->request.migration = rpc_lend(a->name_count > 0 ? a->name[0] : "");
    ch->request.operator_ = rpc_lend(cli->operator_name);
    ch->request.reason = rpc_lend(reason ? reason : "");
    ch->request.dry_run = args_has(a, OPT_DRY_RUN);
}

static int wait_for_nodes(struct cli *cli, const struct change *ch,
                          const Switchyard__V1__CommandResult *done, ProtobufCMessage **ret,
                          struct err *err)
{
    Switchyard__V1__AwaitRequest request = SWITCHYARD__V1__AWAIT_REQUEST__INIT;
    int r;

    request.migration = ch->request.migration;
    request.revision = done->revision;
    request.unstored_epoch = done->unstored_epoch;
    request.timeout_ms = (uint32_t)dur_to_ms(cli->node_wait);
    r = cli_call(cli, "Await", &request.base, cli->node_wait, ret, err);
    if (r < 0)
        return err_ctx(err, "the command is %s, waiting for the nodes failed",
                       done->unstored_epoch ? "on its way to the nodes" : "stored");
    if (!((const Switchyard__V1__AwaitResult *)*ret)->convergence)
        return err_set(err, ERR_CORRUPT, "the coordinator's answer lacks the nodes");
    return 0;
}

int change_carry_out(struct cli *cli, const struct args *a, const struct change *ch,
                     struct change_done *ret, struct err *err)
{
    mono_t start = clock_system->mono(clock_system);
    const Switchyard__V1__CommandResult *result;
    int r;

    *ret = (struct change_done){.result = NULL};
    r = cli_call(cli, "Execute", &ch->request.base, dur_ms(0), &ret->result, err);
    if (r < 0)
        return r;
    result = (const Switchyard__V1__CommandResult *)ret->result;
    if (ch->moves_nodes && !result->dry_run && !args_has(a, OPT_NO_WAIT))
        r = wait_for_nodes(cli, ch, result, &ret->nodes, err);
    ret->took = mono_sub(clock_system->mono(clock_system), start);
    return r;
}

void change_done_deinit(struct change_done *d)
{
    cli_reply_free(steal(d->result));
    cli_reply_free(steal(d->nodes));
}

bool change_lags(const struct change_done *d)
{
    const Switchyard__V1__AwaitResult *nodes = (const Switchyard__V1__AwaitResult *)d->nodes;

    return nodes && !nodes->converged && nodes->convergence->nodes > 0;
}

int change_run(struct cli *cli, const struct args *a, const struct change *ch, int *ret_status,
               struct err *err)
{
    CLEANUP(change_done_deinit) struct change_done done = {.result = NULL};
    int r = change_carry_out(cli, a, ch, &done, err);

    if (r < 0)
        return r;
    if (change_lags(&done))
        *ret_status = 1;
    return change_tell(cli, &done, err);
}
