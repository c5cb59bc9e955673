/* SPDX-License-Identifier: Apache-2.0 */
/* A plan in motion, as stored under rollouts/NAME, and its history. */
#pragma once

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/model/breaker_knobs.h"
#include "common/model/drill_states.h"
#include "common/model/fleet_breaker_states.h"
#include "common/model/ruleset.h"
#include "common/model/stage_states.h"

#define VIOLATIONS_MAX 4
#define QUARANTINE_MAX 64
#define APPROVALS_MAX  16

/* The latest rollback, and how it went. */
struct rollback_record {
    bool present;
    bool emergency;
    char reason[TEXT_SIZE];
    char operator_name[NAME_SIZE * 2];
    wall_t ordered_at;
    wall_t deadline;    /* laggards after it: ROLLBACK_FAILED */
    double measured_ms; /* order to last acknowledgement; -1 while nodes lag */
    double p50_ms;      /* over the nodes; -1: not known, as the next */
    double p99_ms;
    struct name last_node; /* that acknowledged last; "": not known */
    double detect_ms;      /* triggers: first violating sample to the order; 0 for operators */
    char violation[VIOLATIONS_MAX][TEXT_SIZE];
    unsigned violation_count;
    unsigned from_stage, to_stage;
};

/* Who agreed to a stage. */
struct approval {
    unsigned stage;
    char operator_name[NAME_SIZE * 2];
    char reason[TEXT_SIZE];
    wall_t time;
};

/* A rehearsed rollback of a part of the fleet, or (`shadow`) of its course only. */
struct drill_record {
    bool present;
    bool shadow;
    bool passed;
    struct selector scope;
    char operator_name[NAME_SIZE * 2];
    char reason[TEXT_SIZE];
    wall_t started_at, ended_at; /* ended_at unset: it runs */
    wall_t ordered_at;           /* of the part that runs, or ran last */
    wall_t deadline;             /* of the part that runs */
    dur_t within;                /* the rehearsal fails when it takes longer */
    double measured_ms;          /* order to last acknowledgement; -1: not known */
    double restored_ms;          /* back to what was served before; -1: not known */
    unsigned nodes;              /* in the scope */
    char why[TEXT_SIZE];         /* what went wrong; "" */
};

/* The breaker of the whole fleet, and the latest order to every node's. */
struct fleet_breaker {
    enum fleet_breaker_state state;
    enum breaker_order order;
    uint64_t order_number; /* 0: none ever; only rises */
    wall_t since;          /* of the state, or of the order that came later */
    wall_t deadline;       /* while OPEN: when new is tried again */
    char why[TEXT_SIZE];
    char operator_name[NAME_SIZE * 2]; /* who gave it */
};

struct rollout {
    struct name migration;
    enum rollout_phase phase;
    enum rollout_phase resume_phase; /* while PAUSED: where resume goes back to */
    unsigned stage;                  /* 0: before the first */
    uint32_t weight_bp;              /* in force; the stage's, or set by hand */
    bool weight_by_hand;
    enum system override;
    wall_t since;            /* of the phase */
    wall_t bake_until;       /* while BAKING; deadlines are stored, not durations */
    dur_t bake_left;         /* while PAUSED out of BAKING */
    wall_t deadline;         /* while ROLLING_BACK */
    char why[TEXT_SIZE];     /* the sentence of the last move */
    uint64_t decision_rev;   /* store revision of the latest decision: what nodes must serve; as
                                stored, 0: that of the record itself */
    char decision_store[40]; /* the store's incarnation that decision_rev counts in */
    wall_t decided_at;
    uint64_t history_seq;     /* of the newest history entry */
    uint32_t rollbacks_today; /* counted since `rollbacks_day` */
    int64_t rollbacks_day;    /* days since 1970 in UTC */
    struct rollback_record last_rollback;
    struct name quarantined[QUARANTINE_MAX]; /* nodes that do not count until they serve */
    unsigned quarantined_count;
    unsigned wave;       /* of the stage, from 1: those up to it are reached; 0: the stage has no
                            waves */
    unsigned base_stage; /* what the nodes of later waves serve meanwhile, ... */
    uint32_t base_weight_bp; /* ... and its weight; both as they were before the stage */
    bool full; /* the stage was entered at once for everybody: no bake, no gate, no hooks */
    unsigned entering_stage; /* while PREPARING, or PAUSED out of it; 0: none */
    char entering_operator[NAME_SIZE * 2];
    char entering_reason[TEXT_SIZE];
    bool barred;           /* while READY: the next stage was prepared in vain, or may not be
                              entered; only an operator tries again */
    unsigned proven_stage; /* the highest that has baked with its gate open since the start */
    wall_t proven_until;   /* until then it need not bake again after a rollback */
    wall_t step_at;        /* while RETREATING: of the next step down */
    dur_t step_every;
    wall_t standby_until;                    /* COMPLETED: legacy is kept until then */
    struct approval approval[APPROVALS_MAX]; /* of stages that are not entered yet */
    unsigned approval_count;
    enum drill_state drill_state;
    struct drill_record drill; /* the latest */
    struct fleet_breaker breaker;
    struct breaker_tuning breaker_by_hand; /* over the plan's settings */
    bool mirror_by_hand;                   /* over the stage's share of copies: */
    uint32_t mirror_bp;                    /* this; else 0 */
    struct flags flags_by_hand; /* over those of the stage; only ones that the plan knows count */
    uint64_t event_seq;         /* of the newest event (event_kinds.h) */
    struct json *extra; /* owned, may be NULL: fields of a newer version, kept as they are */
};

struct history_entry {
    uint64_t sequence;
    wall_t time;
    char event[32];
    char operator_name[NAME_SIZE * 2];
    char reason[TEXT_SIZE];
    char from[NAME_SIZE * 2]; /* "canary-10 (10 %), baking" */
    char to[NAME_SIZE * 2];
    uint64_t revision;
    double measured_ms;            /* rollbacks that have converged; else 0 */
    char request[REQUEST_ID_SIZE]; /* of the command; "": not known */
};

/* The columns of stage_states.h, and a phase by its name; false for names it does not hold. */
const char *phase_name(enum rollout_phase p);
const char *phase_help(enum rollout_phase p);
enum phase_coarse phase_coarse(enum rollout_phase p);
bool phase_parse(struct str s, enum rollout_phase *ret) MUST_CHECK;

/* The same of drill_states.h. */
const char *drill_state_name(enum drill_state s);
bool drill_state_parse(struct str s, enum drill_state *ret) MUST_CHECK;

/* The same of fleet_breaker_states.h, and the orders of struct route_breaker: "open", "probe", ...
 */
const char *fleet_breaker_state_name(enum fleet_breaker_state s);
bool fleet_breaker_state_parse(struct str s, enum fleet_breaker_state *ret) MUST_CHECK;
const char *breaker_order_name(enum breaker_order o);
bool breaker_order_parse(struct str s, enum breaker_order *ret) MUST_CHECK;
