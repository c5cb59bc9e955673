/* SPDX-License-Identifier: Apache-2.0 */
/* A rollback is rehearsed. */
#include <math.h>

#include "common/base/check.h"
#include "coordinator/core/command.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/drill.h"

#define WITHIN_MAX_MS 3600000u

static int refuse_running(struct command_run *q)
{
    const struct drill_record *r = &q->m->is.rollout.drill;

    err_set(q->err, ERR_REFUSED, "%s is in a drill of %s already, ordered by %s", q->m->name.s,
            r->scope.text, r->operator_name);
    return err_hint(q->err, "switchyard status %s --watch", q->m->name.s);
}

static int refuse_off_stage(struct command_run *q)
{
    const struct rollout *r = &q->m->is.rollout;

    if (phase_coarse(r->phase) == COARSE_FALLING) {
        err_set(q->err, ERR_REFUSED, "%s is %s in earnest", q->m->name.s, phase_name(r->phase));
        return err_hint(q->err, "switchyard status %s --watch", q->m->name.s);
    }
    err_set(q->err, ERR_REFUSED, "%s is at no stage: there is nothing to rehearse", q->m->name.s);
    return err_hint(q->err, "switchyard start %s", q->m->name.s);
}

static int refuse(struct command_run *q, const struct drill_record *asked,
                  const struct drill_facts *f)
{
    const struct rollout *r = &q->m->is.rollout;

    if (!f->on_stage)
        return refuse_off_stage(q);
    if (f->overridden) {
        err_set(q->err, ERR_REFUSED,
                "the override of %s sends everything to %s, and a drill would move nobody",
                q->m->name.s, system_name(r->override));
        return err_hint(q->err, "switchyard set override %s none --reason TEXT", q->m->name.s);
    }
    if (f->forbidden) {
        err_set(q->err, ERR_REFUSED, "legacy is forbidden for %s by now: nobody may be moved there",
                q->m->name.s);
        return err_hint(q->err, "switchyard drill %s --scope %s --shadow --reason TEXT",
                        q->m->name.s, asked->scope.text);
    }
    err_set(q->err, ERR_REFUSED, "no connected node is in the scope %s", asked->scope.text);
    return err_hint(q->err, "switchyard get nodes");
}

static int read_scope(struct command_run *q, struct selector *ret)
{
    const char *text = q->cmd->scope ? q->cmd->scope : "";
    int r;

    if (!text[0]) {
        err_set(q->err, ERR_INVALID, "a drill needs a scope: the nodes that rehearse");
        return err_hint(q->err, "add --scope SELECTOR, as in --scope cluster=canary");
    }
    r = selector_parse(str_of(text), ret, q->err);
    return r < 0 ? err_ctx(q->err, "scope") : 0;
}

static int read_order(struct command_run *q, struct drill_record *ret)
{
    dur_t by_plan = q->m->is.plan->drill_within;

    *ret = (struct drill_record){.shadow = q->cmd->shadow};
    if (q->cmd->within_ms > WITHIN_MAX_MS)
        return err_set(q->err, ERR_INVALID, "a drill lasts %u minutes at most",
                       WITHIN_MAX_MS / 60000);
    ret->within = by_plan.ns > 0 ? by_plan : DRILL_WITHIN;
    if (q->cmd->within_ms > 0)
        ret->within = dur_ms(q->cmd->within_ms);
    str_fmt(ret->operator_name, sizeof ret->operator_name, "%s", q->cmd->operator_name);
    str_fmt(ret->reason, sizeof ret->reason, "%s", q->cmd->reason);
    return read_scope(q, &ret->scope);
}

/* The nodes that get the decision, and the keys that leave new meanwhile. */
static void tell_what(struct command_run *q, const struct staged *s)
{
    const struct drill_record *r = &s->next.rollout.drill;
    struct core_change *change;

    command_changed(
        q, s,
        update_fmt(q->u, "%s rehearses a rollback on %u node%s, %s%s", q->m->name.s, r->nodes,
                   r->nodes == 1 ? "" : "s", r->scope.text, r->shadow ? "; nobody is moved" : ""));
    change = q->u->change;
    change->nodes = r->nodes;
    if (!r->shadow)
        change->share_affected = (double)compile_effective_bp(&q->m->is) / 100.0 *
                                 (double)r->nodes / (double)q->c->nodes.connected;
}

int command_drill(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_REVIEW);
    struct drill_record asked;
    struct drill_facts facts;
    struct staged *s;
    int r;

    if (q->m->is.rollout.drill_state != DRILL_IDLE)
        return refuse_running(q);
    r = read_order(q, &asked);
    if (r < 0)
        return r;
    s = staging_begin(q->c, q->m);
    s->next.rollout.drill = asked;
    if (!drill_begin(q->c, s, q->u, &facts))
        return refuse(q, &asked, &facts);
    moves_record(q->c, s, &move);
    tell_what(q, s);
    return 0;
}
