/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_coord_state.h"
#include "tests/sim/sim_peers.h"

static struct sim_taken *find_taken(struct sim_taken *list, size_t count, const struct sim_op *op)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].op == op)
            return &list[i];
    return NULL;
}

bool sim_coord_has(const struct sim_coord *c, const struct sim_op *op)
{
    for (size_t i = 0; i < ARRAY_LEN(c->taken); i++)
        if (c->taken[i].op == op || c->forwarded[i].op == op)
            return true;
    return false;
}

/* The coordinator that leads as far as is known; false when it is this one, or nobody. */
static bool find_leader(const struct sim_coord *c, unsigned *ret)
{
    for (unsigned i = 0; i < c->sim->config.coordinators; i++)
        if (i != c->index && name_eq(sim_coord_name(c->sim->coord[i]), &c->leader.leader.id)) {
            *ret = i;
            return true;
        }
    return false;
}

static void refuse(struct sim_coord *c, struct sim_op *op, struct sim_stream *st,
                   const struct err *why)
{
    struct sim_answer a = {.refused = *why};

    if (st)
        sim_peers_answer(st, &a);
    else
        sim_ops_answer(c->sim->ops, c, op, &a);
}

void sim_coord_take(struct sim_coord *c, struct sim_op *op, struct sim_stream *st)
{
    struct sim_taken *place = find_taken(c->taken, ARRAY_LEN(c->taken), NULL);
    struct sim_taken *handed = find_taken(c->forwarded, ARRAY_LEN(c->forwarded), NULL);
    struct err err;
    unsigned leader;
    int r;

    if (!place || !handed || sim_coord_has(c, op))
        return;
    r = driver_command(c->driver, &op->command, &err);
    if (r == 0) {
        *place = (struct sim_taken){op, st, loop_now(c->loop)};
    } else if (r == -ERR_UNAVAILABLE && !st && op->command.kind != CMD_EMERGENCY &&
               find_leader(c, &leader)) {
        *handed = (struct sim_taken){op, NULL, loop_now(c->loop)};
        sim_peers_forward(c->peers, leader, op);
    } else {
        refuse(c, op, st, &err);
    }
}

void sim_coord_on_forward(struct sim_coord *c, struct sim_stream *st, struct sim_op *op)
{
    sim_coord_take(c, op, st);
}

void sim_coord_on_forwarded(struct sim_coord *c, struct sim_op *op, const struct sim_answer *a)
{
    struct sim_taken *t = find_taken(c->forwarded, ARRAY_LEN(c->forwarded), op);

    if (!t)
        return;
    t->op = NULL;
    if (a->refused.code == ERR_NONE && a->changed)
        driver_ordered(c->driver, a->revision, t->since);
    sim_ops_answer(c->sim->ops, c, op, a);
}

void sim_coord_answered(struct sim_coord *c, struct sim_op *op, const struct sim_answer *a)
{
    struct sim_taken *t = find_taken(c->taken, ARRAY_LEN(c->taken), op);
    struct sim_stream *st = t->stream;

    t->op = NULL;
    if (st)
        sim_peers_answer(st, a);
    else
        sim_ops_answer(c->sim->ops, c, op, a);
}
