/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/change_tell.h"

#include <inttypes.h>

#include "cli/laggards.h"
#include "cli/verdict.h"

struct json *change_json(const Switchyard__V1__CommandResult *done,
                         const Switchyard__V1__AwaitResult *await)
{
    struct json *j = cli_message_json(&done->base);
    CLEANUP(json_freep) struct json *nodes = await ? cli_message_json(&await->base) : NULL;

    JSON_FOREACH (field, nodes)
        json_add(j, json_key(field), json_dup(field));
    return j;
}

/* ---- what changes ---------------------------------------------------------------------------- */

/* One cluster is the same as all nodes. */
static void tell_clusters(const Switchyard__V1__Change *c)
{
    for (size_t i = 0; c->n_clusters > 1 && i < c->n_clusters; i++)
        cli_say("    %s: %.4g %% of keys on %u node%s\n",
                c->clusters[i]->cluster[0] ? c->clusters[i]->cluster : "(no cluster)",
                c->clusters[i]->share_affected, c->clusters[i]->nodes,
                c->clusters[i]->nodes == 1 ? "" : "s");
}

static void tell_changes(const Switchyard__V1__CommandResult *done)
{
    for (size_t i = 0; i < done->n_changes; i++) {
        const Switchyard__V1__Change *c = done->changes[i];

        cli_say("%s%s\n", done->dry_run ? "would be: " : "", c->summary);
        if (c->from[0] && strcmp(c->from, c->to) != 0)
            cli_say("  from  %s\n  to    %s\n", c->from, c->to);
        if (!done->dry_run)
            continue;
        cli_say("  affects %.4g %% of keys on %u node%s\n", c->share_affected, c->nodes,
                c->nodes == 1 ? "" : "s");
        tell_clusters(c);
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

/* ---- the nodes ------------------------------------------------------------------------------- */

static void tell_laggards(struct cli *cli, const Switchyard__V1__Convergence *c)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(LAGGARDS_TEXT_MAX);
    struct str rest, line;

    laggards_describe(cli, c, &text);
    rest = buf_view(&text);
    while (rest.n > 0) {
        str_cut(rest, '\n', &line, &rest);
        cli_say("  lagging: %.*s\n", (int)line.n, line.p);
    }
    cli_say("  next: `switchyard get nodes` tells what each serves and why it refused\n");
}

/* Nothing was measured when a later decision has overtaken it, or the store does not have it. */
static void tell_measured(const Switchyard__V1__AwaitResult *await, dur_t took)
{
    unsigned nodes = await->convergence->nodes;

    if (await->measured_ms < 0) {
        cli_say("  all nodes (%u) serve it, known %.1f ms after the call\n", nodes,
                dur_in_ms(took));
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

/* ---- the stage's checks ---------------------------------------------------------------------- */

static void tell_entering(const Switchyard__V1__Status *s)
{
    const Switchyard__V1__EnteringStatus *e = s->entering;

    if (e->operator_[0])
        cli_say("  %s is not entered yet: %s\n", e->stage, e->doing[0] ? e->doing : "it begins");
    else
        cli_say("  NOT ENTERED: %s\n", e->doing);
    for (size_t i = 0; i < e->n_checks; i++)
        cli_say("  %s %s: %s\n", verdict_mark(e->checks[i]->verdict), e->checks[i]->name,
                e->checks[i]->text);
    cli_say("  next: switchyard status %s%s\n", s->migration, e->operator_[0] ? " --watch" : "");
}

/* ---- the whole ------------------------------------------------------------------------------- */

void change_say(struct cli *cli, const struct change_done *d)
{
    const Switchyard__V1__CommandResult *result = (const Switchyard__V1__CommandResult *)d->result;

    tell_changes(result);
    if (result->unstored_epoch)
        tell_unstored(cli, result->unstored_epoch);
    if (d->status)
        tell_entering((const Switchyard__V1__Status *)d->status);
    if (d->nodes)
        tell_nodes(cli, (const Switchyard__V1__AwaitResult *)d->nodes, d->took);
}

int change_tell(struct cli *cli, const struct change_done *d, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;

    if (cli->output == OUTPUT_TABLE) {
        change_say(cli, d);
        return 0;
    }
    j = change_json((const Switchyard__V1__CommandResult *)d->result,
                    (const Switchyard__V1__AwaitResult *)d->nodes);
    if (d->status)
        json_set(j, "entering",
                 cli_message_json(&((const Switchyard__V1__Status *)d->status)->entering->base));
    return cli_print_json(cli, j, err);
}
