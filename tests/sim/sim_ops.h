/* SPDX-License-Identifier: Apache-2.0 */
/* Operators: each command travels to the coordinator and gets its answer, or never hears of it. */
#pragma once

#include "coordinator/core/core_event.h"
#include "coordinator/core/core_update.h"
#include "tests/sim/sim.h"

enum sim_op_state {
    SIM_OP_SENT,
    SIM_OP_DONE,    /* acknowledged */
    SIM_OP_REFUSED, /* and the reason in `refused` */
    SIM_OP_LOST,    /* the connection ended without an answer: it was carried out, or not */
};

struct sim_op {
    unsigned id;
    struct core_command command; /* points to what is below */
    char migration[NAME_SIZE];
    char operator_name[NAME_SIZE]; /* "op-ID": found again in the history */
    char reason[TEXT_SIZE];
    char stage_name[NAME_SIZE];
    struct plan *plan; /* owned; APPLY */
    enum sim_op_state state;
    struct err refused;
    bool changed; /* something was stored for it */
    struct sim_op *next;
};

struct sim_ops *sim_ops_new(struct sim *s);
struct sim_ops *sim_ops_free(struct sim_ops *o); /* tolerates NULL; returns NULL */

/* Give a command; strings and plan text are copied. Borrowed from the simulation. */
const struct sim_op *sim_order(struct sim *s, const struct core_command *command);
const struct sim_op *sim_apply(struct sim *s, const char *plan_text);

/* From the coordinator: an answer, or its death. */
void sim_ops_answer(struct sim_ops *o, struct sim_op *op, const struct core_update *u);
void sim_ops_coord_died(struct sim_ops *o, const struct sim_coord *c);
