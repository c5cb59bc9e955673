/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/change.h"

#include <inttypes.h>

#include "cli/change_tell.h"
#include "cli/migration.h"
#include "common/base/rng.h"

#define LOOK_EACH dur_ms(200)

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

/* Until the stage's checks and hooks are over, at most as long as the nodes are waited for. What is
 * left in ret->status is why it is not entered. */
static int wait_for_checks(struct cli *cli, const struct change *ch, struct change_done *ret,
                           struct err *err)
{
    mono_t until = mono_add(clock_system->mono(clock_system), cli->node_wait);
    const Switchyard__V1__Status *s;
    int r;

    while ((r = migration_status(cli, ch->request.migration, &ret->status, err)) == 0) {
        s = (const Switchyard__V1__Status *)ret->status;
        if (!s->entering || strcmp(s->phase, "baking") == 0) /* it is: this is about the next one */
            cli_reply_free(steal(ret->status));
        if (!ret->status || !s->entering->operator_[0] ||
            !mono_before(clock_system->mono(clock_system), until))
            return 0;
        cli_reply_free(steal(ret->status));
        cli_pause(cli, LOOK_EACH);
    }
    return err_ctx(err, "the command is stored, waiting for the stage's checks failed");
}

static bool waits(const struct change *ch, const struct args *a)
{
    return ch->moves_nodes && !ch->request.dry_run && !args_has(a, OPT_NO_WAIT);
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
    if (waits(ch, a) && ch->prepares)
        r = wait_for_checks(cli, ch, ret, err);
    if (r == 0 && waits(ch, a) && !ret->status)
        r = wait_for_nodes(cli, ch, result, &ret->nodes, err);
    ret->took = mono_sub(clock_system->mono(clock_system), start);
    return r;
}

void change_done_deinit(struct change_done *d)
{
    cli_reply_free(steal(d->result));
    cli_reply_free(steal(d->nodes));
    cli_reply_free(steal(d->status));
}

bool change_lags(const struct change_done *d)
{
    const Switchyard__V1__AwaitResult *nodes = (const Switchyard__V1__AwaitResult *)d->nodes;

    return d->status || (nodes && !nodes->converged && nodes->convergence->nodes > 0);
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
