/* SPDX-License-Identifier: Apache-2.0 */
/* The core's memory. Private to coordinator/core. owner: the core's loop. */
#pragma once

#include <uthash.h>

#include "coordinator/core/compared.h"
#include "coordinator/core/core_view.h"
#include "coordinator/core/days.h"
#include "coordinator/core/drill_fsm.h"
#include "coordinator/core/event_log.h"
#include "coordinator/core/fleet_breaker_fsm.h"
#include "coordinator/core/history.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/nodes.h"
#include "coordinator/core/samples.h"
#include "coordinator/core/stage_fsm.h"

/* What is stored of one migration, with the machine that runs on it. Replaced as a whole by a
 * commit. */
struct durable {
    struct plan *plan;        /* owned; NULL: only an old emergency order is remembered */
    struct rollout rollout;   /* decision_rev is kept up by the core, not stored */
    struct emergency order;   /* epoch 0: never ordered */
    struct json *order_extra; /* owned, may be NULL */
    struct sm machine;        /* in rollout.phase */
    struct sm drill;          /* in rollout.drill_state */
    struct sm breaker;        /* in rollout.breaker.state */
};

/* How the fleet takes over the latest decision. In memory only: after a start it is found out
 * anew. */
struct takeover {
    uint64_t rev;        /* store revision of the decision */
    mono_t ordered;      /* when it was made, or when the core learned of it */
    bool ordered_here;   /* its command was given here, so `ordered` can be measured from */
    unsigned serving;    /* connected nodes that serve `rev` or later */
    bool all_serve;      /* now: every node that counts, and there is one */
    bool all_served;     /* once since the decision, with the fleet complete */
    mono_t served;       /* when that was first so */
    uint64_t fall_rev;   /* the decision that began the rollback under way; 0: not known */
    mono_t fall_ordered; /* as `ordered`, of that one */
    bool fall_ordered_here;
    mono_t watched_since; /* the current stage's gate */
    dur_t watched_before; /* and before this process began */
};

/* What others measured last. In memory only. */
struct measured {
    bool present;
    double value;
    mono_t at;
};

/* What of a migration's nodes was not told of yet (events_watch.h). In memory only. */
struct event_watch {
    bool breakers_due;    /* some differ from what was told */
    mono_t breakers_at;   /* when that will be told */
    mono_t breakers_next; /* not before */
};

/* How the scope of a drill takes over the part that runs. In memory only, as `takeover`. */
struct drill_watch {
    uint64_t rev;   /* of the decision that orders it */
    mono_t ordered; /* when it was made, if that was here */
    bool ordered_here;
    unsigned counted, serving; /* nodes of the scope */
};

struct migration {
    struct name name;
    int slot; /* place in core.slot; -1: only an emergency order is remembered */
    struct durable is;
    uint64_t plan_rev, rollout_rev, order_rev; /* of the keys; 0: not stored */
    uint64_t saved_rev; /* of our own latest change: a key that is gone since came before it */
    struct history history;
    struct event_log events; /* outlive the plan */
    struct event_watch watch;
    struct takeover takeover;
    struct drill_watch scope; /* while a drill runs */
    struct days days;
    struct samples *stats; /* owned: every report */
    /* What was measured under the latest decision only, owned: by the nodes that the stage has
     * reached, and by those that serve the stage before until their wave comes. */
    struct samples *judged, *beyond;
    struct compared compared;
    struct mirror_stats mirrored; /* since this coordinator began */
    struct sums mirrored_lately;
    uint64_t over_budget; /* second tries not made, since this coordinator began */
    struct sums over_budget_lately;
    mono_t judged_at; /* when reports last made triggers be looked at */
    struct measured measured[MEASURE_COUNT];
    struct jobs jobs;
    UT_hash_handle hh;
};

struct staged;
struct drafts;

#define CORE_ORDERED_KEPT 16
#define CORE_GONE_KEPT    64
#define CORE_DAYS_AT_ONCE 8

/* A day that the step stores. */
struct day_due {
    struct migration *m;
    int64_t day;
};

/* A command that was given here and decided by another coordinator. */
struct ordered {
    uint64_t rev;
    mono_t at;
};

/* A migration of which nothing is left: what the store tells of it from before is old news. */
struct gone {
    struct name name;
    uint64_t rev;
};

struct core {
    struct core_config config;
    char incarnation[40];
    wall_t now;     /* of the step; whole milliseconds, as stored */
    wall_t clock;   /* the same, by which waits are set and judged; see clock_jumps.h */
    int64_t offset; /* of the wall clock to the monotonic one, as seen last */
    dur_t jumped;   /* of the wall clock, since what is stored was last moved after it */
    bool shifting;  /* the step that is staged does that */
    mono_t mono;    /* of the step */
    mono_t started; /* the first instant it was given */
    mono_t awake;   /* nothing moves on by itself before */
    bool leads;
    uint64_t known;            /* what the store held up to here has been seen */
    uint64_t revision;         /* highest of any decision */
    struct migration *by_name; /* hash; owned */
    struct migration *slot[CORE_MIGRATIONS_MAX];
    unsigned migrations;                /* with a plan */
    uint64_t events_rev;                /* of the newest event */
    const struct core_command *command; /* that the step carries out; NULL: it is no command's */
    struct nodes nodes;
    struct staged *staged; /* owned; what the step decided and the shell has not stored yet */
    struct day_due due[CORE_DAYS_AT_ONCE];
    unsigned due_count;                        /* in a step that decides nothing */
    struct drafts *loading;                    /* owned; from core_load() to core_loaded() */
    struct ordered ordered[CORE_ORDERED_KEPT]; /* ring */
    unsigned ordered_count;                    /* ever */
    struct gone gone[CORE_GONE_KEPT];          /* ring */
    unsigned gone_count;                       /* ever */
    uint64_t last_job;
    struct job_orphans orphans;
};

struct migration *migration_new(const struct name *name);
struct migration *migration_free(struct migration *m); /* tolerates NULL; returns NULL */

/* NULL: unknown, or without a plan. */
struct migration *state_find(const struct core *c, const char *name);
/* With or without a plan. */
struct migration *state_find_any(const struct core *c, const char *name);
/* The same with NOT_FOUND and the nearest name. */
int state_get(const struct core *c, const char *name, struct migration **ret,
              struct err *err) MUST_CHECK;

void state_add(struct core *c, struct migration *m);
/* The last key of a migration without a slot went with `rev`. */
void state_remove(struct core *c, struct migration *m, uint64_t rev);
/* Revision with which the last key of an unknown migration went; 0: not known to have been. */
uint64_t state_gone_rev(const struct core *c, const char *name);
/* Give the migration a slot, or take it away with all that was measured; it has a plan exactly
 * while it has one. */
void state_take_slot(struct core *c, struct migration *m);
void state_leave_slot(struct core *c, struct migration *m);

/* Every migration with a plan, in no particular order. */
#define STATE_FOREACH(c, m)                                         \
    for (int state_i = 0; state_i < CORE_MIGRATIONS_MAX; state_i++) \
        for (struct migration *m = (c)->slot[state_i]; m; m = NULL)
