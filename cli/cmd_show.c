/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that show lists: plans, nodes, health, history, statistics. */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/fleet_list.h"
#include "cli/only.h"
#include "cli/run.h"
#include "common/base/units.h"

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

static void add_node(struct buf *b, const Switchyard__V1__NodeSummary *n)
{
    buf_addf(b, "%s\t%s\t%" PRIu64 "\t%u\t%s\t%s\t%s\t", n->name, n->state, n->revision,
             n->client_connections, or_dash(n->address), or_dash(n->connected_since),
             or_dash(n->coordinator));
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
             "NODE\tSTATE\tREVISION\tCLIENTS\tADDRESS\tSINCE\tCOORDINATOR\tLABELS\tLAST REFUSAL\n");
    for (size_t i = 0; i < nodes->n_nodes; i++)
        add_node(&b, nodes->nodes[i]);
    cli_print_table(buf_text(&b));
    return 0;
}

/* ---- health ---------------------------------------------------------------------------------- */

int run_health(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__HealthRequest request = SWITCHYARD__V1__HEALTH_REQUEST__INIT;
    const Switchyard__V1__Health *health;
    int r;

    (void)a;
    r = cli_call(cli, "GetHealth", &request.base, dur_ms(0), &reply, err);
    if (r < 0)
        return r;
    health = (const Switchyard__V1__Health *)reply;
    *ret_status = strcmp(health->overall, "healthy") == 0 ? 0 : 1;
    if (cli_print_message(cli, reply, &r, err))
        return r;
    cli_say("%s\n", health->overall);
    for (size_t i = 0; i < health->n_components; i++)
        buf_addf(&b, "  %s\t%s\t%s\n", health->components[i]->name, health->components[i]->state,
                 health->components[i]->text);
    cli_print_table(buf_text(&b));
    return 0;
}

/* ---- history --------------------------------------------------------------------------------- */

static void add_entry(struct buf *b, const Switchyard__V1__HistoryEntry *e)
{
    buf_addf(b, "%" PRIu64 "\t%s\t%s\t%s\t%s -> %s\t", e->sequence, e->time, e->event, e->operator_,
             or_dash(e->from), or_dash(e->to));
    if (e->measured_ms > 0)
        buf_addf(b, "%.1f ms", e->measured_ms);
    else
        buf_addf(b, "-");
    buf_addf(b, "\t%s\n", or_dash(e->reason));
}

static int take_limit(const struct args *a, uint32_t *ret, struct err *err)
{
    const char *text = a->option[OPT_LIMIT];
    uint64_t limit = 20;

    if (text && (!str_to_u64(str_of(text), 10000, &limit) || limit == 0))
        return err_set(err, ERR_INVALID, "--limit %s is not a number from 1 to 10000", text);
    *ret = (uint32_t)limit;
    return 0;
}

int run_history(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__HistoryRequest request = SWITCHYARD__V1__HISTORY_REQUEST__INIT;
    const Switchyard__V1__History *history;
    char name[NAME_SIZE];
    int r;

    (void)ret_status;
    r = take_limit(a, &request.limit, err);
    if (r == 0)
        r = only_migration(cli, a, name, err);
    if (r < 0)
        return r;
    request.migration = name;
    r = cli_call(cli, "GetHistory", &request.base, dur_ms(0), &reply, err);
    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    history = (const Switchyard__V1__History *)reply;
    buf_addf(&b, "SEQ\tTIME\tEVENT\tOPERATOR\tMOVE\tMEASURED\tREASON\n");
    for (size_t i = 0; i < history->n_entries; i++)
        add_entry(&b, history->entries[i]);
    cli_print_table(buf_text(&b));
    return 0;
}

/* ---- statistics ------------------------------------------------------------------------------ */

static void add_system(struct buf *b, const char *name, const Switchyard__V1__SystemStats *s)
{
    const Switchyard__V1__Latency *l = s->latency_ms;

    buf_addf(b, "%s\t%" PRIu64 "\t%" PRIu64 "\t%.3f %%\t%" PRIu64 "\t%.2f\t%.2f\t%.2f\n", name,
             s->requests, s->errors, s->error_rate, s->fallbacks, l->mean, l->p50, l->p99);
}

/* "delta   errors +0.100 points, mean latency +12.0 %": new against legacy. */
static void tell_delta(const Switchyard__V1__Stats *s)
{
    double mean_legacy = s->legacy->latency_ms->mean, mean_new = s->new_->latency_ms->mean;

    if (s->legacy->requests == 0 || s->new_->requests == 0 || mean_legacy <= 0)
        return;
    cli_say("delta   errors %+.3f points, mean latency %+.1f %%\n",
            s->new_->error_rate - s->legacy->error_rate,
            (mean_new - mean_legacy) * 100.0 / mean_legacy);
}

static void tell_stats(const Switchyard__V1__Stats *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);

    buf_addf(&b, "SYSTEM\tREQUESTS\tERRORS\tRATE\tFALLBACKS\tMEAN MS\tP50 MS\tP99 MS\n");
    add_system(&b, "legacy", s->legacy);
    add_system(&b, "new", s->new_);
    cli_print_table(buf_text(&b));
    cli_say("%s: %.2f %% of requests on new over %.0f s\n", s->migration, s->share_new,
            s->window_s);
    tell_delta(s);
}

static int take_window(const struct args *a, uint32_t *ret_s, struct err *err)
{
    const char *text = a->option[OPT_WINDOW];
    dur_t window = {0};
    int r = text ? unit_parse_duration(str_of(text), &window, err) : 0;

    if (r < 0)
        return err_ctx(err, "--window %s", text);
    if (text && (window.ns < 1000000000 || window.ns > 24 * 3600 * INT64_C(1000000000)))
        return err_set(err, ERR_INVALID, "--window %s is not within 1s and 24h", text);
    *ret_s = (uint32_t)(window.ns / 1000000000);
    return 0;
}

static int show_stats(struct cli *cli, void *ctx, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__StatsRequest *request = ctx;
    const Switchyard__V1__Stats *stats;
    int r = cli_call(cli, "GetStats", &request->base, dur_ms(0), &reply, err);

    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    stats = (const Switchyard__V1__Stats *)reply;
    if (!stats->legacy || !stats->legacy->latency_ms || !stats->new_ || !stats->new_->latency_ms)
        return err_set(err, ERR_CORRUPT, "the coordinator's answer lacks a system's counters");
    tell_stats(stats);
    return 0;
}

int run_stats(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__StatsRequest request = SWITCHYARD__V1__STATS_REQUEST__INIT;
    char name[NAME_SIZE];
    int r;

    (void)ret_status;
    r = take_window(a, &request.window_s, err);
    if (r == 0)
        r = only_migration(cli, a, name, err);
    if (r < 0)
        return r;
    request.migration = name;
    return cli_watch(cli, args_has(a, OPT_WATCH), show_stats, &request, err);
}
