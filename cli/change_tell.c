/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/change_tell.h"

#include <inttypes.h>

struct json *change_json(const Switchyard__V1__CommandResult *done,
                         const Switchyard__V1__AwaitResult *await)
{
    struct json *j = cli_message_json(&done->base);
    CLEANUP(json_freep) struct json *nodes = await ? cli_message_json(&await->base) : NULL;

    JSON_FOREACH (field, nodes)
        json_add(j, json_key(field), json_dup(field));
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

static void tell_unstored(const struct cli *cli, uint64_t epoch)
{
    cli_say("NOT STORED YET: the store does not answer. Order %" PRIu64
            " was sent to the nodes all the same, and\n"
            "is kept by the coordinator at %s, which stores it as soon as that works\n"
            "again; keep that coordinator running, and its data, until then.\n",
            epoch, cli->answered);
}

/* "  lagging: node-7, gone: serves revision 12 instead of 17; refused: ..." */
static void tell_laggard(const char *name, const Switchyard__V1__Nodes *nodes)
{
    for (size_t i = 0; nodes && i < nodes->n_nodes; i++) {
        const Switchyard__V1__NodeSummary *n = nodes->nodes[i];

        if (strcmp(n->name, name) != 0)
            continue;
        cli_say("  lagging: %s%s%s: serves revision %" PRIu64 " instead of %" PRIu64 "%s%s\n", name,
                strcmp(n->state, "lagging") == 0 ? "" : ", ",
                strcmp(n->state, "lagging") == 0 ? "" : n->state, n->revision, nodes->revision,
                n->last_refusal[0] ? "; refused: " : "", n->last_refusal);
        return;
    }
    cli_say("  lagging: %s\n", name);
}

/* What is wrong with them is told as far as a coordinator answers that, too. */
static void tell_laggards(struct cli *cli, const Switchyard__V1__Convergence *c)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__NodesRequest request = SWITCHYARD__V1__NODES_REQUEST__INIT;
    struct err ignored;

    if (cli_call(cli, "ListNodes", &request.base, dur_ms(0), &reply, &ignored) < 0)
        reply = NULL;
    for (size_t i = 0; i < c->n_laggards; i++)
        tell_laggard(c->laggards[i], (const Switchyard__V1__Nodes *)reply);
    if (c->lagging > c->n_laggards)
        cli_say("  and %zu more\n", c->lagging - c->n_laggards);
    cli_say("  next: `switchyard get nodes` tells what each serves and why it refused\n");
}

/* Nothing was measured when a later decision has overtaken it, or the store does not have it. */
static void tell_measured(const Switchyard__V1__AwaitResult *await, dur_t took)
{
    unsigned nodes = await->convergence->nodes;

    if (await->measured_ms < 0) {
        cli_say("  all nodes (%u) serve it, known %.1f ms after the call\n", nodes,
                (double)took.ns / 1e6);
        return;
    }
    cli_say("  all nodes (%u) serve it, %.1f ms after the order\n", nodes, await->measured_ms);
    if (nodes > 1 && await->p50_ms >= 0 && await->p99_ms >= 0 && await->last_node[0])
        cli_say("  p50 %.1f ms, p99 %.1f ms, the last was %s\n", await->p50_ms, await->p99_ms,
                await->last_node);
}

static void tell_nodes(struct cli *cli, const Switchyard__V1__AwaitResult *await, dur_t took)
{
    const Switchyard__V1__Convergence *c = await->convergence;

    if (c->nodes == 0)
        cli_say("  no node is connected; nodes get the decision when they join\n");
    else if (await->converged)
        tell_measured(await, took);
    else
        cli_say("  %u of %u nodes serve it\n", c->serving, c->nodes);
    if (c->lagging > 0)
        tell_laggards(cli, c);
}

int change_tell(struct cli *cli, const Switchyard__V1__CommandResult *done,
                const Switchyard__V1__AwaitResult *await, dur_t took, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;

    if (cli->output != OUTPUT_TABLE) {
        j = change_json(done, await);
        return cli_print_json(cli, j, err);
    }
    tell_changes(done);
    if (done->unstored_epoch)
        tell_unstored(cli, done->unstored_epoch);
    if (await)
        tell_nodes(cli, await, took);
    return 0;
}
