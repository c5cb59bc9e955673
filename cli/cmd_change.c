/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that change something: one Execute, then the wait for the nodes, told as one
 * answer. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/run.h"
#include "common/base/atomic_file.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/units.h"
#include "common/base/yaml.h"

/* A command on its way: the request and what to tell about it. */
struct change {
    Switchyard__V1__Command request;
    char id[17];      /* for the coordinator's log */
    bool moves_nodes; /* wait for the nodes and tell how long they took */
};

static void change_init(struct change *ch, const struct cli *cli, const struct args *a)
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

/* ---- telling --------------------------------------------------------------------------------- */

static struct json *answer_json(const Switchyard__V1__CommandResult *done,
                                const Switchyard__V1__AwaitResult *await)
{
    struct json *j = cli_message_json(&done->base);

    if (await) {
        json_set_bool(j, "converged", await->converged);
        json_set(j, "convergence", cli_message_json(&await->convergence->base));
        json_set_number(j, "measuredMs", await->measured_ms);
    }
    return j;
}

static void tell_changes(const Switchyard__V1__CommandResult *done)
{
    for (size_t i = 0; i < done->n_changes; i++) {
        const Switchyard__V1__Change *c = done->changes[i];

        cli_say("%s%s\n", done->dry_run ? "would be: " : "", c->summary);
        if (c->from[0] && strcmp(c->from, c->to) != 0)
            cli_say("  from  %s\n  to    %s\n", c->from, c->to);
        if (done->dry_run)
            cli_say("  affects %.4g %% of keys on %u nodes\n", c->share_affected, c->nodes);
    }
}

static void tell_laggards(const Switchyard__V1__Convergence *c)
{
    for (size_t i = 0; i < c->n_laggards; i++)
        cli_say("  lagging: %s\n", c->laggards[i]);
    cli_say("  next: `switchyard get nodes` tells what each serves and why it refused\n");
}

static void tell_nodes(const Switchyard__V1__AwaitResult *await)
{
    const Switchyard__V1__Convergence *c = await->convergence;

    if (c->nodes == 0)
        cli_say("  no node is connected; nodes get the decision when they join\n");
    else if (await->converged && await->measured_ms >= 0)
        cli_say("  all nodes (%u) serve it, %.1f ms after the order\n", c->nodes,
                await->measured_ms);
    else if (await->converged) /* a later decision has overtaken it: nothing was measured */
        cli_say("  all nodes (%u) serve it\n", c->nodes);
    else
        cli_say("  %u of %u nodes serve it\n", c->serving, c->nodes);
    if (c->lagging > 0)
        tell_laggards(c);
}

static int answer(const struct cli *cli, const Switchyard__V1__CommandResult *done,
                  const Switchyard__V1__AwaitResult *await, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;

    if (cli->output != OUTPUT_TABLE) {
        j = answer_json(done, await);
        return cli_print_json(cli, j, err);
    }
    tell_changes(done);
    if (await)
        tell_nodes(await);
    return 0;
}

/* ---- doing ----------------------------------------------------------------------------------- */

static int wait_for_nodes(struct cli *cli, const struct change *ch, uint64_t revision,
                          ProtobufCMessage **ret, struct err *err)
{
    Switchyard__V1__AwaitRequest request = SWITCHYARD__V1__AWAIT_REQUEST__INIT;

    request.migration = ch->request.migration;
    request.revision = revision;
    request.timeout_ms = (uint32_t)dur_to_ms(cli->node_wait);
    return cli_call(cli, "Await", &request.base, cli->node_wait, ret, err);
}

/* Nodes that lag are a failure of the command (exit 1): what was ordered is stored, but not true
 * yet. */
static int execute(struct cli *cli, const struct args *a, const struct change *ch, int *ret_status,
                   struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *done = NULL;
    CLEANUP(cli_reply_freep) ProtobufCMessage *await = NULL;
    const Switchyard__V1__CommandResult *result;
    const Switchyard__V1__AwaitResult *nodes;
    int r;

    r = cli_call(cli, "Execute", &ch->request.base, dur_ms(0), &done, err);
    if (r < 0)
        return r;
    result = (const Switchyard__V1__CommandResult *)done;
    if (ch->moves_nodes && !result->dry_run && !args_has(a, OPT_NO_WAIT)) {
        r = wait_for_nodes(cli, ch, result->revision, &await, err);
        if (r < 0)
            return err_ctx(err, "the command is stored, waiting for the nodes failed");
    }
    nodes = (const Switchyard__V1__AwaitResult *)await;
    if (nodes && !nodes->convergence)
        return err_set(err, ERR_CORRUPT, "the coordinator's answer lacks the nodes");
    if (nodes && !nodes->converged && nodes->convergence->nodes > 0)
        *ret_status = 1;
    return answer(cli, result, nodes, err);
}

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
        return execute(cli, a, &ch, ret_status, err);                                           \
    }

SIMPLE_COMMAND(start, START, start, Start, START, true)
SIMPLE_COMMAND(pause, PAUSE, pause, Pause, PAUSE, false)
SIMPLE_COMMAND(resume, RESUME, resume, Resume, RESUME, false)
SIMPLE_COMMAND(abort, ABORT, abort, Abort, ABORT, true)
SIMPLE_COMMAND(delete, DELETE, delete_, Delete, DELETE, false)

/* ---- apply ----------------------------------------------------------------------------------- */

/* One byte more than allowed is read, so that the refusal can say what the limit is. */
static int read_plan(const char *path, struct buf *text, struct err *err)
{
    char chunk[65536];
    size_t n;

    if (strcmp(path, "-") != 0)
        return file_read(path, text, err);
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        if (!buf_add(text, chunk, n))
            return err_set(err, ERR_EXHAUSTED, "standard input holds more than %u bytes",
                           YAML_MAX_BYTES);
    return 0;
}

int run_apply(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(YAML_MAX_BYTES);
    Switchyard__V1__Apply action = SWITCHYARD__V1__APPLY__INIT;
    const char *path = a->option[OPT_FILE];
    struct change ch;
    int r;

    r = read_plan(path, &text, err);
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
    return execute(cli, a, &ch, ret_status, err);
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
    return execute(cli, a, &ch, ret_status, err);
}

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
    return execute(cli, a, &ch, ret_status, err);
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
    r = execute(cli, a, &ch, ret_status, err);
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
    return execute(cli, a, &ch, ret_status, err);
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
    return execute(cli, a, &ch, ret_status, err);
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
    return execute(cli, a, &ch, ret_status, err);
}
