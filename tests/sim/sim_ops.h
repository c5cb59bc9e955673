/* SPDX-License-Identifier: Apache-2.0 */
/* Operators: each command travels to a coordinator and gets its answer, or never hears of it. As
 * the CLI does, they go on to the next coordinator where nothing was done, and with an emergency
 * also where nobody knows; then all over again, until their patience is over. */
#pragma once

#include "coordinator/core/core_event.h"
#include "coordinator/core/core_update.h"
#include "tests/sim/sim_net.h"

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
    char scope[SELECTOR_SIZE];
    char flag[NAME_SIZE];
    char flag_value[FLAG_VALUE];
    struct plan *plan; /* owned; APPLY */
    enum sim_op_state state;
    struct err refused;
    bool changed;            /* something was stored for it */
    uint64_t unstored_epoch; /* it was pushed as this, and not stored yet */
    unsigned coord;          /* the one that is asked */
    unsigned asked;          /* how often somebody was */
    bool taken;              /* the one that is asked has it */
    mono_t until;            /* of the operator's patience */
    uint64_t given_at;       /* the store's revision then */
    struct sim_op *next;
};

struct sim_ops *sim_ops_new(struct sim *s);
struct sim_ops *sim_ops_free(struct sim_ops *o); /* tolerates NULL; returns NULL */

/* Give a command; strings and plan text are copied. Borrowed from the simulation. */
const struct sim_op *sim_order(struct sim *s, const struct core_command *command);
const struct sim_op *sim_apply(struct sim *s, const char *plan_text);

/* To coordinator `coord` first. */
const struct sim_op *sim_order_at(struct sim *s, unsigned coord,
                                  const struct core_command *command);
const struct sim_op *sim_apply_at(struct sim *s, unsigned coord, const char *plan_text);

/* From a coordinator: an answer, or its death. */
void sim_ops_answer(struct sim_ops *o, const struct sim_coord *c, struct sim_op *op,
                    const struct sim_answer *a);
void sim_ops_coord_died(struct sim_ops *o, const struct sim_coord *c);
