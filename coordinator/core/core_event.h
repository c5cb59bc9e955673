/* SPDX-License-Identifier: Apache-2.0 */
/* What can happen to the core. The memory of an event belongs to the caller and is valid during the
 * step. */
#pragma once

#include "common/model/plan.h"
#include "common/model/stats.h"

/*   X(NAME, name, what) */
#define CORE_COMMANDS(X)                                                                         \
    X(APPLY, "apply", "store a new plan, or a change to one")                                    \
    X(START, "start", "enter the first stage")                                                   \
    X(PROMOTE, "promote", "enter the next stage, or a given later one")                          \
    X(PAUSE, "pause", "stop moving on; keep the weight")                                         \
    X(RESUME, "resume", "go on where pause stopped")                                             \
    X(ABORT, "abort", "end the rollout; everything to legacy")                                   \
    X(ROLLBACK, "rollback", "go back to an earlier stage")                                       \
    X(EMERGENCY, "emergency_rollback", "legacy, now; beats everything until it is cleared")      \
    X(CLEAR, "emergency_cleared", "lift an emergency order; the weight stays 0")                 \
    X(SET_WEIGHT, "set_weight", "set the share of new by hand")                                  \
    X(SET_OVERRIDE, "set_override", "send everything to one system, or stop doing so")           \
    X(DELETE, "delete", "forget a plan that has no traffic on new")                              \
    X(RECOVER, "recover", "try a rollback again that has not reached every node")                \
    X(APPROVE, "approved", "agree to a stage that asks for several operators")                   \
    X(DRILL, "drill_started", "rehearse a rollback on a part of the fleet, and end it")          \
    X(DECOMMISSION, "decommissioned", "give up legacy for good")                                 \
    X(SET_FLAG, "feature_flag_changed", "give flags a value by hand, or take that back")         \
    X(BREAKER_OPEN, "breaker_open", "open the breaker of every node until it is told otherwise") \
    X(BREAKER_CLOSE, "breaker_close", "hold the breaker of every node closed")                   \
    X(BREAKER_RESET, "breaker_reset", "close the breaker of every node, with nothing counted")   \
    X(BREAKER_TUNE, "breaker_tune", "change settings of the breakers while they count")          \
    X(SET_MIRROR, "set_mirror", "set the share of copies by hand, or take that back")

enum core_command_kind {
#define X(id, name, help) CMD_##id,
    CORE_COMMANDS(X)
#undef X
        CMD_COUNT
};

const char *core_command_name(enum core_command_kind k);

/* A setting by its name, as in a plan. */
struct core_setting {
    const char *name;
    const char *value;
};

struct core_command {
    enum core_command_kind kind;
    const char *migration; /* ignored by APPLY; may be "" for EMERGENCY with `all` */
    const char *operator_name;
    const char *reason;
    const char
        *request; /* the caller's name for it, shorter than REQUEST_ID_SIZE; NULL or "": none */
    bool dry_run;
    bool all;                  /* EMERGENCY; SET_FLAG: every flag of the value's kind */
    const struct plan *plan;   /* APPLY: parsed and valid; borrowed, the core keeps its own copy */
    unsigned to_stage;         /* ROLLBACK; PROMOTE, APPROVE: 0 means the next one */
    const char *to_stage_name; /* PROMOTE, APPROVE: NULL, or the stage's name instead of its number;
                                  for APPROVE also the number as text */
    bool seen;                 /* PROMOTE: the operator saw the rollout at the next two */
    unsigned seen_stage, seen_wave;
    bool full;                     /* PROMOTE: to the last stage at once */
    bool gradual;                  /* ABORT: a stage at a time, ... */
    dur_t step_every;              /* ... so far apart; 0: a minute */
    uint32_t weight_bp;            /* SET_WEIGHT */
    enum system system;            /* SET_OVERRIDE */
    const char *const *quarantine; /* RECOVER: nodes that no longer count, as in operator.proto */
    unsigned quarantine_count;
    bool quarantine_laggards;           /* RECOVER */
    const char *scope;                  /* DRILL: a selector */
    bool shadow;                        /* DRILL: nobody is moved */
    uint32_t within_ms;                 /* DRILL: 0: as the plan says, or DRILL_WITHIN */
    bool checklist_done;                /* DECOMMISSION */
    const char *flag;                   /* SET_FLAG */
    const char *flag_value;             /* SET_FLAG: a JSON scalar; "": what the stage says */
    const struct core_setting *setting; /* BREAKER_TUNE */
    unsigned settings;
    uint32_t mirror_bp; /* SET_MIRROR */
    bool by_plan;       /* SET_MIRROR; BREAKER_TUNE: those, or all when none is named, are the
                           plan's again */
    void *token;        /* given back in the answer; the shell's */
};

/* A node as the fleet knows it. */
struct core_node {
    struct name name;
    struct labels labels; /* while connected */
    bool connected;
    uint64_t serving_rev;       /* of this store's incarnation; 0: none */
    uint64_t newest_epoch_seen; /* highest epoch of an emergency order that the node reported */
};

enum core_event_kind {
    EV_COMMAND, /* an operator's command */
    EV_NODE,    /* a node joined, serves another revision, or left */
    EV_ORDER,   /* a node reported an emergency order that the coordinator may not know */
    EV_REPORT,  /* a node's counters of one interval */
    EV_PAST,    /* what a node measured before it was heard here; asked for by core_update.ask */
    EV_JOB,     /* how a job of core_update.job went */
    EV_MEASURE, /* what was measured outside of the fleet */
    EV_TICK,    /* time has passed; at least each second */
};

/* Counters of one stretch of the past, which may be as old as an hour. */
struct core_bucket {
    dur_t age; /* from its end to now */
    dur_t interval;
    uint64_t revision; /* served during all of it; 0: of another store's history, or unknown */
    const struct route_stats *route;
    unsigned count;
};

/* How a job of core_update.job ended, or (JOB_GATE, JOB_TRIGGER) what its checks found this time.
 */
struct core_job_done {
    uint64_t id;
    bool ok;                           /* everything passed; of hooks: ended with 0 */
    const struct check_result *result; /* one per check or hook that was begun */
    unsigned count;
    const char *text; /* why not ok, a sentence; "" */
};

/* What is measured outside of the fleet. */
enum core_measure_kind { MEASURE_RESTARTS, MEASURE_DISCREPANCIES, MEASURE_SYNC_LAG, MEASURE_COUNT };
const char *core_measure_name(enum core_measure_kind k); /* "restartsPerMinute", ... */
bool core_measure_parse(struct str s, enum core_measure_kind *ret) MUST_CHECK;

struct core_measure {
    const char *migration;
    enum core_measure_kind kind;
    double value; /* finite, not negative: per minute, a count, seconds */
};

struct core_event {
    enum core_event_kind kind;
    wall_t now;
    mono_t mono;
    union {
        const struct core_command *command;
        const struct core_node *node;
        struct {
            const struct name *node;
            const struct emergency *told;
        } order;
        struct {
            const struct name *node;
            const struct route_stats *route;
            unsigned count;
            bool late; /* sent before the node's latest news, which the core has already */
        } report;
        struct {
            const struct name *node;
            const struct core_bucket *bucket;
            unsigned count;
            bool more; /* another part follows */
        } past;
        const struct core_job_done *job;
        const struct core_measure *measure;
    };
};
