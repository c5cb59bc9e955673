/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_ops.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_coord.h"

struct sim_ops {
    struct sim *sim;
    struct sim_op *newest; /* owned list */
    unsigned count;
};

struct sim_ops *sim_ops_new(struct sim *s)
{
    struct sim_ops *o = xnew(struct sim_ops);

    o->sim = s;
    return o;
}

struct sim_ops *sim_ops_free(struct sim_ops *o)
{
    if (!o)
        return NULL;
    while (o->newest) {
        struct sim_op *op = o->newest;

        o->newest = op->next;
        plan_free(op->plan);
        free(op);
    }
    free(o);
    return NULL;
}

static const char *who(const struct sim_op *op)
{
    return op->operator_name;
}

static void lose(struct sim_ops *o, struct sim_op *op)
{
    op->state = SIM_OP_LOST;
    sim_say(o->sim, who(op), "hears nothing");
}

static void arrive(struct sim *s, void *p, uint64_t arg UNUSED)
{
    struct sim_op *op = p;

    if (!sim_coord_command(s->coord[0], op))
        lose(s->ops, op);
}

static struct sim_op *new_op(struct sim *s, const struct core_command *from)
{
    struct sim_op *op = xnew(struct sim_op);

    op->id = ++s->ops->count;
    op->command = *from;
    str_fmt(op->operator_name, sizeof op->operator_name, "op-%u", op->id);
    str_fmt(op->migration, sizeof op->migration, "%s", from->migration ? from->migration : "");
    str_fmt(op->reason, sizeof op->reason, "%s", from->reason ? from->reason : "a test");
    op->command.migration = op->migration;
    op->command.operator_name = op->operator_name;
    op->command.reason = op->reason;
    op->command.token = op;
    if (from->to_stage_name) {
        str_fmt(op->stage_name, sizeof op->stage_name, "%s", from->to_stage_name);
        op->command.to_stage_name = op->stage_name;
    }
    op->next = s->ops->newest;
    s->ops->newest = op;
    return op;
}

const struct sim_op *sim_order(struct sim *s, const struct core_command *command)
{
    struct sim_op *op = new_op(s, command);

    sim_say(s, who(op), "%s %s", core_command_name(op->command.kind), op->migration);
    sim_after(s, sim_delay(s, s->config.net), arrive, op, 0);
    return op;
}

const struct sim_op *sim_apply(struct sim *s, const char *plan_text)
{
    struct core_command apply = {.kind = CMD_APPLY};
    struct sim_op *op = new_op(s, &apply);
    struct err err;

    if (plan_parse(str_of(plan_text), "plan", &op->plan, &err) < 0)
        check_die("%s", err.msg);
    op->command.plan = op->plan;
    memcpy(op->migration, op->plan->name.s, sizeof op->migration);
    sim_say(s, who(op), "apply %s", op->migration);
    sim_after(s, sim_delay(s, s->config.net), arrive, op, 0);
    return op;
}

void sim_ops_answer(struct sim_ops *o, struct sim_op *op, const struct core_update *u)
{
    op->state = u->refused.code == ERR_NONE ? SIM_OP_DONE : SIM_OP_REFUSED;
    op->refused = u->refused;
    if (op->state == SIM_OP_REFUSED)
        sim_say(o->sim, who(op), "is refused: %s", u->refused.msg);
    else
        sim_say(o->sim, who(op), "is told: %s", u->change ? u->change->summary : "done");
    sim_check_answered(o->sim->check, op);
}

void sim_ops_coord_died(struct sim_ops *o, const struct sim_coord *c)
{
    for (struct sim_op *op = o->newest; op; op = op->next)
        if (op->state == SIM_OP_SENT && sim_coord_has(c, op))
            lose(o, op);
}
