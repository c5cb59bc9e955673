/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_ops.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_store.h"

#define PATIENCE dur_s(10)
#define URGENCY  dur_ms(500) /* with one coordinator, in an emergency */
#define PAUSE    dur_ms(250)

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

static bool is_urgent(const struct sim_op *op)
{
    return op->command.kind == CMD_EMERGENCY;
}

/* ---- from one to the next -------------------------------------------------------------------- */

static void ask(struct sim *s, struct sim_op *op, dur_t wait);

/* `why`: what the last one said. */
static void go_on(struct sim *s, struct sim_op *op, const struct err *why)
{
    unsigned coordinators = s->config.coordinators;

    op->coord = (op->coord + 1) % coordinators;
    op->taken = false;
    if (mono_before(s->now, op->until)) {
        ask(s, op, op->asked % coordinators == 0 ? PAUSE : dur_ms(0));
    } else if (why) {
        op->state = SIM_OP_REFUSED;
        op->refused = *why;
        sim_say(s, who(op), "is refused: %s", why->msg);
    } else {
        lose(s->ops, op);
    }
}

static void give_up(struct sim *s, void *p, uint64_t asked)
{
    struct sim_op *op = p;

    if (op->state != SIM_OP_SENT || op->asked != asked)
        return;
    if (is_urgent(op))
        go_on(s, op, NULL);
    else
        lose(s->ops, op);
}

static void arrive(struct sim *s, void *p, uint64_t asked)
{
    struct sim_op *op = p;
    struct sim_coord *c = s->coord[op->coord];

    if (op->state != SIM_OP_SENT || op->asked != asked)
        return;
    if (!sim_coord_accepts(c)) {
        go_on(s, op, NULL);
        return;
    }
    op->taken = true;
    sim_coord_command(c, op);
    sim_after(s, is_urgent(op) ? URGENCY : PATIENCE, give_up, op, asked);
}

static void ask(struct sim *s, struct sim_op *op, dur_t wait)
{
    dur_t way = sim_delay(s, s->config.net);

    op->asked++;
    sim_after(s, dur_ns(wait.ns + way.ns), arrive, op, op->asked);
}

/* ---- commands -------------------------------------------------------------------------------- */

static const char *keep(char *dst, size_t size, const char *text)
{
    if (!text)
        return NULL;
    str_fmt(dst, size, "%s", text);
    return dst;
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
    op->command.request = op->operator_name;
    op->command.reason = op->reason;
    op->command.token = op;
    op->command.to_stage_name = keep(op->stage_name, sizeof op->stage_name, from->to_stage_name);
    op->command.scope = keep(op->scope, sizeof op->scope, from->scope);
    op->command.flag = keep(op->flag, sizeof op->flag, from->flag);
    op->command.flag_value = keep(op->flag_value, sizeof op->flag_value, from->flag_value);
    op->next = s->ops->newest;
    s->ops->newest = op;
    return op;
}

static void begin(struct sim *s, struct sim_op *op)
{
    op->until = mono_add(s->now, PATIENCE);
    op->given_at = sim_store_rev(s->store);
    ask(s, op, dur_ms(0));
}

const struct sim_op *sim_order_at(struct sim *s, unsigned coord, const struct core_command *command)
{
    struct sim_op *op = new_op(s, command);

    op->coord = coord;
    sim_say(s, who(op), "%s %s%s", core_command_name(op->command.kind), op->migration,
            command->full      ? " --full"
            : command->gradual ? " --gradual"
                               : "");
    begin(s, op);
    return op;
}

static unsigned some_coord(struct sim *s)
{
    return s->config.coordinators > 1 ? (unsigned)sim_below(s, s->config.coordinators) : 0;
}

const struct sim_op *sim_order(struct sim *s, const struct core_command *command)
{
    return sim_order_at(s, some_coord(s), command);
}

const struct sim_op *sim_apply(struct sim *s, const char *plan_text)
{
    return sim_apply_at(s, some_coord(s), plan_text);
}

const struct sim_op *sim_apply_at(struct sim *s, unsigned coord, const char *plan_text)
{
    struct core_command apply = {.kind = CMD_APPLY};
    struct sim_op *op = new_op(s, &apply);
    struct err err;

    if (plan_parse(str_of(plan_text), "plan", &op->plan, &err) < 0)
        check_die("%s", err.msg);
    op->command.plan = op->plan;
    memcpy(op->migration, op->plan->name.s, sizeof op->migration);
    op->coord = coord;
    sim_say(s, who(op), "apply %s", op->migration);
    begin(s, op);
    return op;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void accept(struct sim *s, struct sim_op *op, const struct sim_answer *a)
{
    op->state = a->refused.code == ERR_NONE ? SIM_OP_DONE : SIM_OP_REFUSED;
    op->refused = a->refused;
    op->changed = a->changed;
    op->unstored_epoch = a->unstored_epoch;
    if (op->state == SIM_OP_REFUSED)
        sim_say(s, who(op), "is refused: %s", a->refused.msg);
    else
        sim_say(s, who(op), "is told: %s", a->summary[0] ? a->summary : "done");
}

void sim_ops_answer(struct sim_ops *o, const struct sim_coord *c, struct sim_op *op,
                    const struct sim_answer *a)
{
    struct sim *s = o->sim;

    if (op->state != SIM_OP_SENT || !op->taken || op->coord != sim_coord_index(c))
        return; /* asks somebody else by now */
    sim_check_answered(s->check, op, a);
    if (a->refused.code == ERR_UNAVAILABLE)
        go_on(s, op, &a->refused);
    else
        accept(s, op, a);
}

void sim_ops_coord_died(struct sim_ops *o, const struct sim_coord *c)
{
    for (struct sim_op *op = o->newest; op; op = op->next) {
        if (op->state != SIM_OP_SENT || !op->taken || op->coord != sim_coord_index(c))
            continue;
        if (is_urgent(op))
            go_on(o->sim, op, NULL);
        else
            lose(o, op);
    }
}
