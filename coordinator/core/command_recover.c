/* SPDX-License-Identifier: Apache-2.0 */
/* A rollback that has not reached every node: try again, say what is wrong, and go on without nodes
 * that an operator gives up for now. */
#include "common/base/check.h"
#include "coordinator/core/command.h"
#include "coordinator/core/convergence.h"

#define RECORDED_QUARANTINE "quarantine"
/* Of all migrations together: an emergency for all writes every rollout in one transaction. */
#define QUARANTINED_MAX 1024u
/* Room for LAGGARDS_MAX names, each with why it lags. */
#define SUMMARY_MAX 8192u

/* ---- who no longer counts -------------------------------------------------------------------- */

/* The migration's quarantine in the making. */
struct quarantine {
    struct name name[QUARANTINE_MAX];
    unsigned before; /* in it already */
    unsigned count;
    unsigned room; /* of QUARANTINED_MAX */
};

static void begin(const struct command_run *q, struct quarantine *ret)
{
    const struct rollout *r = &q->m->is.rollout;
    unsigned everywhere = 0;

    STATE_FOREACH(q->c, m)
    everywhere += m->is.rollout.quarantined_count;
    memcpy(ret->name, r->quarantined, sizeof ret->name);
    ret->before = ret->count = r->quarantined_count;
    ret->room = QUARANTINED_MAX - everywhere;
}

static bool has(const struct quarantine *l, const struct name *name)
{
    for (unsigned i = 0; i < l->count; i++)
        if (name_eq(&l->name[i], name))
            return true;
    return false;
}

/* A node that serves the decision has nothing to be excused for. */
static int add(struct command_run *q, struct quarantine *l, const struct node *node)
{
    if (node_serves(node, q->m->takeover.rev) || has(l, node_name(node)))
        return 0;
    if (l->count == QUARANTINE_MAX || l->count - l->before == l->room) {
        err_set(q->err, ERR_EXHAUSTED,
                "no more than %d nodes of %s, and %u in all, can be in "
                "quarantine",
                QUARANTINE_MAX, q->m->name.s, QUARANTINED_MAX);
        return err_hint(q->err, "switchyard get nodes: so many at once have a cause in common");
    }
    l->name[l->count++] = *node_name(node);
    return 0;
}

static int add_named(struct command_run *q, struct quarantine *l, const char *name)
{
    const struct node *node = nodes_find(&q->c->nodes, name);
    const char *nearest;

    if (node)
        return add(q, l, node);
    err_set(q->err, ERR_NOT_FOUND, "there is no node \"%.64s\"", name);
    nearest = nodes_nearest(&q->c->nodes, name);
    return nearest ? err_hint(q->err, "did you mean \"%s\"?", nearest)
                   : err_hint(q->err, "switchyard get nodes");
}

static int add_laggards(struct command_run *q, struct quarantine *l)
{
    int r = 0;

    for (const struct node *n = NULL; r == 0 && (n = nodes_next(&q->c->nodes, n));)
        if (node_lags(n, q->m->takeover.rev))
            r = add(q, l, n);
    return r;
}

static int choose(struct command_run *q, struct quarantine *ret)
{
    const struct core_command *cmd = q->cmd;
    int r = 0;

    begin(q, ret);
    if (cmd->quarantine_count > 0 || cmd->quarantine_laggards)
        r = command_needs_reason(cmd, "a quarantine", q->err);
    for (unsigned i = 0; r == 0 && i < cmd->quarantine_count; i++)
        r = add_named(q, ret, cmd->quarantine[i]);
    if (r == 0 && cmd->quarantine_laggards)
        r = add_laggards(q, ret);
    return r;
}

/* ---- what is still wrong --------------------------------------------------------------------- */

static void list_laggards(const struct command_run *q, const struct view_convergence *v,
                          struct buf *b)
{
    char why[TEXT_SIZE];

    for (unsigned i = 0; i < v->laggard_count; i++) {
        const struct node *node = nodes_find(&q->c->nodes, v->laggard[i]);

        buf_addf(b, "%s%s (%s)", i ? ", " : "", v->laggard[i],
                 node_lag_text(node, q->c->mono, why));
    }
    if (v->lagging > v->laggard_count)
        buf_addf(b, " and %u more", v->lagging - v->laggard_count);
}

/* With what the staged copy waits for. */
static const char *summary(struct command_run *q, const struct staged *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(SUMMARY_MAX);
    const struct rollout *r = &s->next.rollout;
    const struct nodes_except except = {r->quarantined, r->quarantined_count};
    mono_t gone_before = {q->c->mono.ns - q->c->config.node_grace.ns};
    struct view_convergence v;
    char names[TEXT_SIZE];
    char *copy;

    nodes_convergence(&q->c->nodes, q->m->takeover.rev, gone_before, &except, &v);
    buf_addf(&b, "%s is rolled back once more", q->m->name.s);
    if (v.lagging > 0)
        buf_addf(&b, "; %u of %u nodes did not serve it: ", v.lagging, v.nodes);
    list_laggards(q, &v, &b);
    if (r->quarantined_count > 0)
        buf_addf(&b, "; not counting %s, in quarantine",
                 nodes_list_text(r->quarantined, r->quarantined_count, names));
    copy = arena_strdup(&q->u->arena, buf_view(&b));
    CHECK(copy);
    return copy;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* The operator's reason, with whom it is about. */
static const char *reason(struct command_run *q, const struct quarantine *l)
{
    char names[TEXT_SIZE];

    return update_fmt(q->u, "%s (%s)", q->cmd->reason,
                      nodes_list_text(&l->name[l->before], l->count - l->before, names));
}

int command_recover(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_RECOVER);
    enum rollout_phase phase = q->m->is.rollout.phase;
    struct quarantine list;
    struct staged *s = NULL;
    int r;

    if (phase_coarse(phase) != COARSE_FALLING)
        return command_unchanged(q, q->m,
                                 update_fmt(q->u, "there is nothing to recover: %s is %s",
                                            q->m->name.s, phase_name(phase)));
    r = choose(q, &list);
    if (r < 0)
        return r;
    if (list.count > list.before) {
        move.recorded_as = RECORDED_QUARANTINE;
        move.reason = reason(q, &list);
    }
    r = command_move(q, &move, &s);
    if (r < 0)
        return r;
    memcpy(s->next.rollout.quarantined, list.name, sizeof list.name);
    s->next.rollout.quarantined_count = list.count;
    command_changed(q, s, summary(q, s));
    return 0;
}
