/* SPDX-License-Identifier: Apache-2.0 */
/* `status`: where a rollout stands, why, and what to type next. */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/only.h"
#include "cli/run.h"

#define TABLE_MAX (1u << 20)

static void add_head(struct buf *b, const Switchyard__V1__Status *s)
{
    buf_addf(b, "migration\t%s\n", s->migration);
    buf_addf(b, "stage\t%s (%u of %u)\n", s->stage, s->stage_index, s->stages);
    buf_addf(b, "phase\t%s since %s\n", s->phase, s->since);
    buf_addf(b, "why\t%s\n", s->why);
    buf_addf(b, "weight\t%g %% on new\n", s->weight);
    buf_addf(b, "override\t%s\n", s->override);
    buf_addf(b, "breaker\t%s", s->breaker->state);
    if (s->breaker->open_nodes > 0)
        buf_addf(b, " on %u nodes", s->breaker->open_nodes);
    buf_addf(b, "\n");
}

static void add_nodes(struct buf *b, const Switchyard__V1__Convergence *c)
{
    if (c->nodes == 0) {
        buf_addf(b, "nodes\tnone connected\n");
        return;
    }
    buf_addf(b, "nodes\t%u of %u serve the latest decision\n", c->serving, c->nodes);
    for (size_t i = 0; i < c->n_laggards; i++)
        buf_addf(b, "\tlagging: %s\n", c->laggards[i]);
}

static void add_quarantine(struct buf *b, const Switchyard__V1__Status *s)
{
    for (size_t i = 0; i < s->n_quarantined; i++)
        buf_addf(b, "%s\t%s\n", i ? "" : "quarantined", s->quarantined[i]);
}

static void add_gate(struct buf *b, const Switchyard__V1__GateStatus *g)
{
    if (g->bake_until[0])
        buf_addf(b, "bakes\tuntil %s\n", g->bake_until);
    if (strcmp(g->verdict, "none") != 0)
        buf_addf(b, "gate\t%s\n", g->verdict);
    for (size_t i = 0; i < g->n_checks; i++)
        buf_addf(b, "\t%s: %s\n", g->checks[i]->verdict, g->checks[i]->text);
}

static void add_rollback(struct buf *b, const Switchyard__V1__RollbackRecord *r)
{
    buf_addf(b, "last rollback\t%s by %s at %s: %s\n", r->emergency ? "emergency" : r->state,
             r->operator_, r->time, r->reason);
    buf_addf(b, "\tfrom %s to %s, ", r->from_stage, r->to_stage);
    if (r->measured_ms >= 0)
        buf_addf(b, "all nodes after %.1f ms", r->measured_ms);
    else
        buf_addf(b, "nodes still lag");
    if (r->measured_ms >= 0 && r->p50_ms >= 0 && r->last_node[0])
        buf_addf(b, " (p50 %.1f ms, p99 %.1f ms, last %s)", r->p50_ms, r->p99_ms, r->last_node);
    else if (r->measured_ms < 0 && r->deadline[0])
        buf_addf(b, "; it fails at %s", r->deadline);
    buf_addf(b, "\n");
    for (size_t i = 0; i < r->n_violations; i++)
        buf_addf(b, "\tviolation: %s\n", r->violations[i]);
}

static void add_stages(struct buf *b, const Switchyard__V1__Status *s)
{
    for (size_t i = 0; i < s->n_plan; i++) {
        const Switchyard__V1__StageStatus *st = s->plan[i];
        bool current = strcmp(st->state, "current") == 0;

        buf_addf(b, "%s\t%c %zu %s, %g %%%s%s\n", i ? "" : "plan", current ? '>' : ' ', i + 1,
                 st->name, st->weight, strcmp(st->state, "later") == 0 ? "" : ", ",
                 strcmp(st->state, "later") == 0 ? "" : st->state);
    }
}

static void tell_status(const Switchyard__V1__Status *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);

    if (s->emergency && s->emergency->active)
        cli_say("EMERGENCY: everything is on legacy since %s, by %s: %s\n", s->emergency->time,
                s->emergency->operator_, s->emergency->reason);
    add_head(&b, s);
    add_nodes(&b, s->convergence);
    add_quarantine(&b, s);
    if (s->gate)
        add_gate(&b, s->gate);
    if (s->last_rollback)
        add_rollback(&b, s->last_rollback);
    add_stages(&b, s);
    cli_print_table(buf_text(&b));
    if (s->suggested_command[0])
        cli_say("next: %s\n", s->suggested_command);
}

static int show_status(struct cli *cli, void *ctx, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__StatusRequest *request = ctx;
    const Switchyard__V1__Status *status;
    int r = cli_call(cli, "GetStatus", &request->base, dur_ms(0), &reply, err);

    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    status = (const Switchyard__V1__Status *)reply;
    if (!status->breaker || !status->convergence)
        return err_set(err, ERR_CORRUPT, "the coordinator's answer lacks breaker or convergence");
    tell_status(status);
    return 0;
}

int run_status(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__StatusRequest request = SWITCHYARD__V1__STATUS_REQUEST__INIT;
    char name[NAME_SIZE];
    int r;

    (void)ret_status;
    r = only_migration(cli, a, name, err);
    if (r < 0)
        return r;
    request.migration = name;
    return cli_watch(cli, args_has(a, OPT_WATCH), show_status, &request, err);
}
