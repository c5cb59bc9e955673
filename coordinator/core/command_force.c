/* SPDX-License-Identifier: Apache-2.0 */
/* What overrules the plan: emergency orders, weights and overrides by hand. */
#include <inttypes.h>

#include "common/base/check.h"
#include "coordinator/core/command.h"
#include "coordinator/core/words.h"

/* ---- emergency orders ------------------------------------------------------------------------ */

/* Above every epoch that is stored or that a node has seen: a node obeys higher epochs only. */
static void next_order(struct command_run *q, struct staged *s, bool active)
{
    struct emergency *e = &s->next.order;
    uint64_t seen = q->c->nodes.newest_epoch;

    e->epoch = (e->epoch > seen ? e->epoch : seen) + 1;
    e->active = active;
    e->ordered_at = q->c->now;
    str_fmt(e->reason, sizeof e->reason, "%s", q->cmd->reason);
    str_fmt(e->operator_name, sizeof e->operator_name, "%s", q->cmd->operator_name);
    s->new_order = true;
}

/* Whoever waits for an answer gives the same order to another coordinator as well, where it may be
 * late, with other orders between. */
static void order_stands(struct command_run *q, const struct migration *m)
{
    char text[WORDS_GIVEN_MAX];

    command_unchanged(q, m, update_fmt(q->u, "%s", words_given(m->name.s, &m->is.order, text)));
}

static void order_one(struct command_run *q, struct migration *m)
{
    struct move move = command_move_of(q, STAGE_EMERGENCY);
    struct stage_facts facts;
    struct staged *s;

    if (history_has_request(&m->history, q->cmd->request)) {
        order_stands(q, m);
        return;
    }
    s = staging_begin(q->c, m);
    move.to_stage = 0;
    next_order(q, s, true);
    CHECK(moves_run(q->c, s, &move, q->u, &facts) == 0);
    command_changed(q, s,
                    update_fmt(q->u, "%s goes to legacy now, by emergency order %" PRIu64 "%s",
                               m->name.s, s->next.order.epoch, command_lifted(s)));
}

int command_emergency(struct command_run *q)
{
    const char *name = "";

    if (!q->cmd->all) {
        order_one(q, q->m);
        return 0;
    }
    if (q->c->migrations == 0)
        return err_set(q->err, ERR_NOT_FOUND, "there are no migrations");
    while ((name = core_next_migration(q->c, name)))
        order_one(q, state_find(q->c, name));
    return 0;
}

int command_clear(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_EMERGENCY);
    struct staged *s = NULL;

    if (!q->m->is.order.active) {
        err_set(q->err, ERR_REFUSED, "no emergency order is active for %s", q->m->name.s);
        return err_hint(q->err, "there is nothing to clear; switchyard status %s", q->m->name.s);
    }
    s = staging_begin(q->c, q->m);
    next_order(q, s, false);
    str_fmt(s->next.rollout.why, TEXT_SIZE, "the emergency order was cleared: %s", q->cmd->reason);
    moves_record(q->c, s, &move);
    command_changed(
        q, s,
        update_fmt(q->u, "the emergency order of %s is lifted; its weight stays 0", q->m->name.s));
    return 0;
}

/* ---- by hand --------------------------------------------------------------------------------- */

int command_set_weight(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_WEIGHT);
    const struct rollout *is = &q->m->is.rollout;
    char weight[WORDS_RATIO_MAX];
    struct staged *s = NULL;
    int r;

    if (q->cmd->weight_bp > WEIGHT_BP_MAX)
        return err_set(q->err, ERR_INVALID, "a weight is 0 to 100 percent");
    words_weight(q->cmd->weight_bp, weight);
    if (is->stage > 0 && is->weight_bp == q->cmd->weight_bp)
        return command_unchanged(
            q, q->m, update_fmt(q->u, "the weight of %s is %s already", q->m->name.s, weight));
    move.weight_bp = q->cmd->weight_bp;
    r = command_move(q, &move, &s);
    if (r < 0)
        return r;
    command_changed(q, s,
                    update_fmt(q->u, "%s sends %s of keys to new%s", q->m->name.s, weight,
                               is->override ? ", once its override is lifted" : ""));
    return 0;
}

int command_set_override(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_OVERRIDE);
    const char *to = system_name(q->cmd->system);
    struct staged *s = NULL;
    int r;

    if ((unsigned)q->cmd->system >= SYSTEM_COUNT)
        return err_set(q->err, ERR_INVALID, "an override is legacy, new or none");
    if (q->m->is.rollout.override == q->cmd->system)
        return command_unchanged(
            q, q->m, update_fmt(q->u, "the override of %s is %s already", q->m->name.s, to));
    move.system = q->cmd->system;
    r = command_move(q, &move, &s);
    if (r < 0)
        return r;
    if (q->cmd->system == SYSTEM_NONE)
        command_changed(
            q, s,
            update_fmt(q->u, "%s has no override any more; its weight counts again", q->m->name.s));
    else
        command_changed(
            q, s,
            update_fmt(q->u, "%s sends everything to %s%s", q->m->name.s, to,
                       q->cmd->system == SYSTEM_NEW ? ", unless its breaker opens" : ""));
    return 0;
}
