/* SPDX-License-Identifier: Apache-2.0 */
/* One move of one rollout: find the row, carry out its effects on the staged copy, record it.
 * Pure. */
#pragma once

#include "coordinator/core/core_update.h"
#include "coordinator/core/staging.h"

/* The operator of what happens by itself. */
#define MOVES_MYSELF "switchyard"
/* The history's event for an order that nodes reported first. */
#define MOVES_ADOPTED "emergency_adopted"

struct move {
    enum stage_event event;
    unsigned to_stage;   /* START, PROMOTE, FULL, PREPARED, REVIEW, ROLLBACK, EMERGENCY, TRIGGER */
    dur_t step_every;    /* RETREAT */
    uint32_t weight_bp;  /* WEIGHT */
    enum system system;  /* OVERRIDE */
    bool checklist_done; /* DECOMMISSION */
    const char *operator_name;
    const char *reason;                 /* may be "" */
    const char *request;                /* of the command; NULL: not known */
    const char *recorded_as;            /* the history's event */
    const struct view_gate *violations; /* TRIGGER */
    double detect_ms;                   /* TRIGGER */
};

enum moves_outcome { MOVES_NONE = 1 }; /* nothing applies: no row, or no guard holds */

/* 0 when the rollout moved (or stayed with effects); MOVES_NONE when the table has nothing to do,
 * with the facts that were looked at. */
int moves_run(struct core *c, struct staged *s, const struct move *move, struct core_update *u,
              struct stage_facts *ret_facts) MUST_CHECK;
/* Append to the staged history. For what the machine does not record by itself. */
void moves_record(struct core *c, struct staged *s, const struct move *move);
/* What nodes are to serve when a stage is entered: its weight, for its first wave if it has waves.
 */
void moves_enter(struct durable *d, unsigned stage);
/* `stage`, or the highest below it that is no raise for any node. */
unsigned moves_down_from(const struct durable *d, unsigned stage);
/* The stage that a retreat goes to next. */
unsigned moves_step_target(const struct durable *d);
/* How many rollbacks the day of `now` (UTC) has seen. */
uint32_t moves_rollbacks_on(const struct rollout *r, wall_t now);
