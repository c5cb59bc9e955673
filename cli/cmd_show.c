/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that show lists: plans, nodes, health. */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/fleet_list.h"
#include "cli/health_tell.h"
#include "cli/run.h"

#define TABLE_MAX (16u << 20)

/* "cluster=eu-1,zone=a" */
static void add_labels(struct buf *b, Switchyard__V1__Label *const *labels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_addf(b, "%s%s=%s", i ? "," : "", labels[i]->key, labels[i]->value);
    if (count == 0)
        buf_addf(b, "-");
}

static const char *or_dash(const char *text)
{
    return text[0] ? text : "-";
}

/* ---- plans ----------------------------------------------------------------------------------- */

static void add_plan(struct buf *b, const Switchyard__V1__PlanSummary *p)
{
    buf_addf(b, "%s\t%s (%u of %u)\t%s\t%g %%\t%s\t", p->name, p->stage, p->stage_index, p->stages,
             p->phase, p->weight, p->emergency ? "EMERGENCY: legacy" : p->override);
    add_labels(b, p->labels, p->n_labels);
    buf_addf(b, "\n");
}

int run_get_plans(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__PlansRequest request = SWITCHYARD__V1__PLANS_REQUEST__INIT;
    const Switchyard__V1__Plans *plans;
    int r;

    (void)a;
    (void)ret_status;
    r = cli_call(cli, "ListPlans", &request.base, dur_ms(0), &reply, err);
    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    plans = (const Switchyard__V1__Plans *)reply;
    if (plans->n_plans == 0) {
        cli_say("no migrations; `switchyard apply -f PLAN.yaml` stores one\n");
        return 0;
    }
    buf_addf(&b, "NAME\tSTAGE\tPHASE\tWEIGHT\tOVERRIDE\tLABELS\n");
    for (size_t i = 0; i < plans->n_plans; i++)
        add_plan(&b, plans->plans[i]);
    cli_print_table(buf_text(&b));
    return 0;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static const char *endpoints_of(const Switchyard__V1__NodeSummary *n, char *dst, size_t size)
{
    if (n->endpoints == 0)
        return "-";
    str_fmt(dst, size, "%" PRIu32 "/%" PRIu32, n->endpoints_healthy, n->endpoints);
    return dst;
}

static void add_node(struct buf *b, const Switchyard__V1__NodeSummary *n)
{
    char endpoints[32];

    /* A revision counts in the store that it is of. */
    buf_addf(b, "%s\t%s\t%" PRIu64 "%s\t%u\t%s\t%s\t%s\t%s\t", n->name, n->state, n->revision,
             strcmp(n->state, "stale") == 0 && n->revision > 0 ? " of another store" : "",
             n->client_connections, endpoints_of(n, endpoints, sizeof endpoints),
             or_dash(n->address), or_dash(n->connected_since), or_dash(n->coordinator));
    add_labels(b, n->labels, n->n_labels);
    buf_addf(b, "\t%s\n", or_dash(n->last_refusal));
}

int run_get_nodes(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__NodesRequest request = SWITCHYARD__V1__NODES_REQUEST__INIT;
    const Switchyard__V1__Nodes *nodes;
    int r;

    (void)a;
    (void)ret_status;
    r = cli_call(cli, "ListNodes", &request.base, dur_ms(0), &reply, err);
    if (r < 0)
        return r;
    nodes = (const Switchyard__V1__Nodes *)reply;
    fleet_list_keep(cli, nodes);
    if (cli_print_message(cli, reply, &r, err))
        return r;
    if (nodes->n_nodes == 0) {
        cli_say("no nodes; start switchyard-sidecar --coordinator %s on each\n", cli->endpoints);
        return 0;
    }
    buf_addf(&b,
             "NODE\tSTATE\tREVISION\tCLIENTS\tENDPOINTS\tADDRESS\tSINCE\tCOORDINATOR\tLABELS\tLAST "
             "REFUSAL\n");
    for (size_t i = 0; i < nodes->n_nodes; i++)
        add_node(&b, nodes->nodes[i]);
    cli_print_table(buf_text(&b));
    return 0;
}

/* ---- health ---------------------------------------------------------------------------------- */

int run_health(struct cli *cli, const struct args *a UNUSED, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__Health *health;
    int r = health_ask(cli, &reply, err);

    if (r < 0)
        return r;
    health = (const Switchyard__V1__Health *)reply;
    *ret_status = health_is_good(health) ? 0 : 1;
    if (cli_print_message(cli, reply, &r, err))
        return r;
    cli_say("%s\n", health->overall);
    health_table(&b, health);
    cli_print_table(buf_text(&b));
    return 0;
}
