/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status_tell.h"

#include <inttypes.h>

#include "cli/breaker_tell.h"
#include "cli/verdict.h"

#define OUTPUT_LINES 5u /* of each check or hook */

/* ---- where it stands ------------------------------------------------------------------------- */

static void add_head(struct buf *b, const Switchyard__V1__Status *s)
{
    buf_addf(b, "migration\t%s\n", s->migration);
    buf_addf(b, "stage\t%s (%u of %u)\n", s->stage, s->stage_index, s->stages);
    buf_addf(b, "phase\t%s since %s\n", s->phase, s->since);
    buf_addf(b, "why\t%s\n", s->why);
    for (size_t i = 0; i < s->n_objectives; i++)
        buf_addf(b, "%s\t- %s\n", i ? "" : "objectives", s->objectives[i]);
}

/* "current  region=eu  4 of 5 nodes serve it" */
static void add_waves(struct buf *b, const Switchyard__V1__WaveStatus *w)
{
    for (size_t i = 0; i < w->n_waves; i++) {
        const Switchyard__V1__Wave *wave = w->waves[i];
        bool reached = i < w->wave;

        buf_addf(b, "%s\t%c %zu %s, %s, ", i ? "" : "waves",
                 strcmp(wave->state, "current") == 0 ? '>' : ' ', i + 1, wave->select, wave->state);
        if (reached)
            buf_addf(b, "%u of %u nodes serve it\n", wave->serving, wave->nodes);
        else
            buf_addf(b, "%u node%s\n", wave->nodes, wave->nodes == 1 ? "" : "s");
    }
}

/* The end of what a command wrote that has not passed. */
static void add_output(struct buf *b, struct str output)
{
    size_t from = output.n;
    struct str line, rest;

    while (output.n > 0 && output.p[output.n - 1] == '\n')
        from = --output.n;
    for (unsigned lines = 0; from > 0; from--)
        if (output.p[from - 1] == '\n' && ++lines == OUTPUT_LINES)
            break;
    rest = (struct str){output.p + from, output.n - from};
    while (rest.n > 0) {
        str_cut(rest, '\n', &line, &rest);
        buf_addf(b, "\t  | %.*s\n", (int)line.n, line.p);
    }
}

static void add_check_result(struct buf *b, const Switchyard__V1__CheckResult *c)
{
    buf_addf(b, "\t%s %s: %s\n", verdict_mark(c->verdict), c->name, c->text);
    if (verdict_of(c->verdict) != VERDICT_IS_PASS)
        add_output(b, str_of(c->output));
}

static void add_entering(struct buf *b, const Switchyard__V1__Status *s)
{
    const Switchyard__V1__EnteringStatus *e = s->entering;

    if (e->operator_[0])
        buf_addf(b, "entering\t%s, by %s%s%s: %s\n", e->stage, e->operator_,
                 e->reason[0] ? ", " : "", e->reason, e->doing[0] ? e->doing : "about to begin");
    else if (strcmp(s->phase, "baking") == 0)
        buf_addf(b, "leaving\t%s: %s\n", s->stage, e->doing);
    else
        buf_addf(b, "not entered\t%s: %s\n", e->stage, e->doing);
    for (size_t i = 0; i < e->n_checks; i++)
        add_check_result(b, e->checks[i]);
}

/* ---- what users get -------------------------------------------------------------------------- */

static void add_mirror(struct buf *b, const Switchyard__V1__MirrorStatus *m)
{
    if (!m)
        return;
    if (m->percent > 0)
        buf_addf(b, "mirror\t%g %% of legacy's requests are copied to new", m->percent);
    else
        buf_addf(b, "mirror\toff");
    if (m->why[0])
        buf_addf(b, " (%s)", m->why);
    if (m->sent || m->dropped)
        buf_addf(b, "; %" PRIu64 " sent, %" PRIu64 " failed, %" PRIu64 " dropped", m->sent,
                 m->failed, m->dropped);
    buf_addf(b, "\n");
}

static void add_traffic(struct buf *b, const Switchyard__V1__Status *s)
{
    buf_addf(b, "weight\t%g %% on new\n", s->weight);
    buf_addf(b, "override\t%s\n", s->override);
    breaker_tell_status(b, s->breaker);
    if (s->legacy_tunnels > 0 || s->new_tunnels > 0)
        buf_addf(b, "tunnels\t%u open on legacy, %u on new\n", s->legacy_tunnels, s->new_tunnels);
    if (s->legacy_lasting > 0 || s->new_lasting > 0)
        buf_addf(b, "lasting answers\t%u under way on legacy, %u on new\n", s->legacy_lasting,
                 s->new_lasting);
    add_mirror(b, s->mirror);
    if (s->canary_percent > 0)
        buf_addf(b, "canary\t%u %% of requests are compared\n", s->canary_percent);
    else
        buf_addf(b, "canary\toff\n");
    buf_addf(b, "flags\t%u", s->flags);
    if (s->flags_by_hand > 0)
        buf_addf(b, ", %u set by hand", s->flags_by_hand);
    buf_addf(b, "\n");
}

static void add_nodes(struct buf *b, const Switchyard__V1__Status *s)
{
    const Switchyard__V1__Convergence *c = s->convergence;

    if (c->nodes == 0)
        buf_addf(b, "nodes\tnone connected\n");
    else
        buf_addf(b, "nodes\t%u of %u serve the latest decision\n", c->serving, c->nodes);
    for (size_t i = 0; i < c->n_laggards; i++)
        buf_addf(b, "\tlagging: %s\n", c->laggards[i]);
    if (c->lagging > c->n_laggards)
        buf_addf(b, "\tand %zu more\n", c->lagging - c->n_laggards);
    for (size_t i = 0; i < s->n_quarantined; i++)
        buf_addf(b, "%s\t%s\n", i ? "" : "quarantined", s->quarantined[i]);
}

/* One cluster is the same as all nodes. */
static void add_clusters(struct buf *b, const Switchyard__V1__Status *s)
{
    for (size_t i = 0; s->n_clusters > 1 && i < s->n_clusters; i++) {
        const Switchyard__V1__ClusterStatus *c = s->clusters[i];

        buf_addf(b, "%s\t%s: %u of %u serve it, %g %% on new (%s)\n", i ? "" : "clusters",
                 c->cluster[0] ? c->cluster : "(no cluster)", c->serving, c->nodes, c->weight,
                 c->stage);
    }
}

/* ---- what it is judged by -------------------------------------------------------------------- */

static void add_judged(struct buf *b, const char *what, const Switchyard__V1__GateStatus *g)
{
    if (strcmp(g->verdict, "none") != 0)
        buf_addf(b, "%s\t%s\n", what, g->verdict);
    for (size_t i = 0; i < g->n_checks; i++)
        buf_addf(b, "\t%s %s\n", verdict_mark(g->checks[i]->verdict), g->checks[i]->text);
}

static void add_judgement(struct buf *b, const Switchyard__V1__Status *s)
{
    if (s->gate->bake_until[0])
        buf_addf(b, "bakes\tuntil %s\n", s->gate->bake_until);
    add_judged(b, "gate", s->gate);
    add_judged(b, "trigger", s->trigger);
}

/* ---- what holds it --------------------------------------------------------------------------- */

static void add_holds(struct buf *b, const Switchyard__V1__Status *s)
{
    if (s->frozen_until[0])
        buf_addf(b, "frozen\tuntil %s%s%s\n", s->frozen_until, s->frozen_why[0] ? ": " : "",
                 s->frozen_why);
    for (size_t i = 0; i < s->n_holds; i++)
        buf_addf(b, "%s\t%s %s\n", i ? "" : "next stage", verdict_mark(s->holds[i]->verdict),
                 s->holds[i]->text);
    for (size_t i = 0; i < s->n_approvals; i++) {
        const Switchyard__V1__Approval *ap = s->approvals[i];

        buf_addf(b, "%s\t%s by %s at %s: %s\n", i ? "" : "approvals", ap->stage, ap->operator_,
                 ap->time, ap->reason);
    }
    if (s->standby_until[0])
        buf_addf(b, "standby\tlegacy is kept until %s\n", s->standby_until);
}

static void add_drill(struct buf *b, const Switchyard__V1__DrillStatus *d)
{
    buf_addf(b, "drill\t%s: %s, %u node%s, by %s at %s%s",
             !d->ended[0] ? d->state
             : d->passed  ? "passed"
                          : "failed",
             d->scope, d->nodes, d->nodes == 1 ? "" : "s", d->operator_, d->started,
             d->shadow ? ", in shadow" : "");
    if (d->measured_ms >= 0)
        buf_addf(b, "; rolled back after %.1f ms", d->measured_ms);
    if (d->restored_ms >= 0)
        buf_addf(b, ", restored after %.1f ms", d->restored_ms);
    buf_addf(b, "\n");
    if (d->why[0])
        buf_addf(b, "\t%s\n", d->why);
}

/* ---- what was -------------------------------------------------------------------------------- */

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

void status_table(struct buf *b, const Switchyard__V1__Status *s)
{
    add_head(b, s);
    if (s->wave)
        add_waves(b, s->wave);
    if (s->entering)
        add_entering(b, s);
    add_traffic(b, s);
    add_nodes(b, s);
    add_clusters(b, s);
    add_judgement(b, s);
    add_holds(b, s);
    if (s->drill)
        add_drill(b, s->drill);
    if (s->last_rollback)
        add_rollback(b, s->last_rollback);
    if (s->rollbacks_today > 0)
        buf_addf(b, "rollbacks\t%u today\n", s->rollbacks_today);
    add_stages(b, s);
}
