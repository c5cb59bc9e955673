/* SPDX-License-Identifier: Apache-2.0 */
/* What operators see of the core. Strings are borrowed and valid until the next step. */
#pragma once

#include "common/model/event_kinds.h"
#include "coordinator/core/compared.h"
#include "coordinator/core/core.h"
#include "coordinator/core/days.h"

#define LAGGARDS_MAX 20

struct view_convergence {
    unsigned nodes, serving, lagging;
    const char *laggard[LAGGARDS_MAX];
    unsigned laggard_count; /* listed; at most lagging */
};

enum verdict { VERDICT_NONE, VERDICT_PASS, VERDICT_FAIL, VERDICT_HOLD };
const char *verdict_name(enum verdict v);

struct view_check {
    const char *name; /* "errorRate", "p99", ..., or of the plan's own checks; borrowed */
    enum verdict verdict;
    bool measured; /* by the nodes: it lacks nothing but requests to be judged */
    double value, limit;
    const char *unit; /* static */
    char text[TEXT_SIZE];
};

/* Our own and the plan's. */
#define VIEW_CHECKS_MAX (9 + PLAN_CHECKS_MAX)

struct view_gate {
    enum verdict verdict;
    struct view_check check[VIEW_CHECKS_MAX];
    unsigned check_count;
    char text[TEXT_SIZE]; /* why it fails or holds, a sentence; empty while it passes */
    bool quiet;           /* too little traffic for too long; check[0] says what follows */
};

/* What must not stand in the way of a raise. */
#define HOLDBACKS_COUNT 4
struct view_holdback {
    const char *name;     /* static: "freeze", "approvals", "drill", "breaker" */
    enum verdict verdict; /* NONE: the plan does not ask for it; never FAIL */
    bool passes;          /* while HOLD: it ends by itself, there is nothing to do */
    char text[TEXT_SIZE]; /* a sentence; "" for NONE */
    char hint[TEXT_SIZE]; /* what to type; "" unless HOLD */
};

struct view_mirror {
    uint32_t share_bp;   /* in force, where the stage has been reached */
    char why[TEXT_SIZE]; /* "by hand; stage shadow says 100 %", "an emergency order stands" */
};

/* The breakers of one migration. */
struct view_breaker {
    const struct fleet_breaker *fleet; /* borrowed */
    struct route_breaker plan, in_force;
    uint32_t by_hand; /* a bit for each enum breaker_knob that is not the plan's */
    bool armed;       /* the fleet's opens by itself now */
};

/* As a connected node reported it last; borrowed. */
struct view_node_breaker {
    const struct name *node;
    enum breaker_state state;
    const struct breaker_seen *seen;
};
/* Of the nodes whose breaker is not closed these are shown. */
#define VIEW_SICK_MAX 5

struct view_status {
    const struct plan *plan;
    const struct rollout *rollout;
    const struct emergency *emergency; /* NULL: never ordered */
    uint32_t effective_weight_bp;      /* after emergency and override */
    enum breaker_state breaker;        /* the worst node's */
    unsigned breaker_open_nodes, breaker_half_open_nodes;
    struct view_node_breaker sick[VIEW_SICK_MAX]; /* of these: open ones first, the longest so
                                                     before the others */
    unsigned sick_count;
    struct view_breaker breakers;        /* all of them */
    struct underway underway;            /* on connected nodes */
    uint32_t compared_bp;                /* of the requests: both systems' answers are compared */
    struct view_mirror mirror;           /* of legacy's requests to new */
    const struct mirror_stats *mirrored; /* since this coordinator began; borrowed. NULL: no stage
                                            copies anything, nor was it asked for by hand */
    uint32_t rollbacks_today;            /* in UTC */
    struct view_convergence convergence;
    struct view_gate gate;    /* of the current stage */
    struct view_gate trigger; /* none: not armed; hold: too few requests on new; fail: it fires */
    unsigned trigger_to;      /* the stage that it would fall back to */
    const struct name *quarantined; /* nodes that do not count; borrowed */
    unsigned quarantined_count;
    bool may_retire; /* standby is over: legacy can be given up, as the plan means to */
    const struct plan_freeze *freeze; /* that holds now, or NULL */
    wall_t frozen_until;
    struct view_holdback holdback[HOLDBACKS_COUNT]; /* of the next stage */
    bool more_waves;                                /* the stage has not reached everybody */
    uint32_t suggested_next_weight_bp;
    char suggested_command[TEXT_SIZE];
};

/* NOT_FOUND with the nearest name as hint. */
int view_status(const struct core *c, const char *migration, wall_t now, mono_t mono,
                struct view_status *ret, struct err *err) MUST_CHECK;

/* What operators have set over what the plan says. */
struct view_by_hand {
    const char *setting;               /* static: "weight", "breaker", ... */
    char value[TEXT_SIZE];             /* "25 %", "errors=7 window=60s" */
    char plan[TEXT_SIZE];              /* what the plan says at this stage */
    char end[TEXT_SIZE];               /* the command that ends it, but for its reason */
    const struct history_entry *order; /* the latest of its kind; borrowed. NULL: not kept */
};
#define VIEW_BY_HAND_MAX 5
/* Returns how many. */
unsigned view_by_hand(const struct core *c, const char *migration,
                      struct view_by_hand ret[VIEW_BY_HAND_MAX]);

/* What stands in the way of entering `to_stage`; *ret has HOLDBACKS_COUNT places. */
int view_holdbacks(const struct core *c, const char *migration, unsigned to_stage, wall_t now,
                   struct view_holdback *ret, struct err *err) MUST_CHECK;

/* Nodes of a migration that do not count; borrowed. Returns how many. */
unsigned view_quarantined(const struct core *c, const char *migration, const struct name **ret);

#define VIEW_RESULTS_MAX (PLAN_CHECKS_MAX + 1 + 2 * PLAN_HOOKS_MAX)

/* The work before or after a stage: what runs, and what was found so far. Where a preparation
 * failed, what it found until then. */
struct view_work {
    const char *doing; /* static: "checks", "backup", "hooks", "hooks after"; "": nothing runs */
    const struct check_result *result[VIEW_RESULTS_MAX]; /* borrowed */
    unsigned result_count;
    char failed[TEXT_SIZE]; /* what did not pass; "" */
};
void view_work(const struct core *c, const char *migration, struct view_work *ret);

struct view_stats {
    struct system_stats system[SYSTEM_COUNT];
    struct mirror_stats mirror; /* its latency: since start */
    uint64_t over_budget;       /* requests that new failed and legacy was not asked for */
    dur_t window;               /* that the sums are over */
};
/* Over the last `window` (0: since start). */
int view_stats(const struct core *c, const char *migration, dur_t window, mono_t mono,
               struct view_stats *ret, struct err *err) MUST_CHECK;

/* What comparing the systems' answers came to. */
struct view_compared {
    const struct route_compare *how; /* the plan's; borrowed */
    bool off;                        /* since new's weight is above how->off_above_bp */
    struct compare_stats total;      /* since start */
    struct compare_stats recent;     /* over `window`, under the latest decision */
    dur_t window;
};
int view_compared(const struct core *c, const char *migration, dur_t window, mono_t mono,
                  struct view_compared *ret, struct err *err) MUST_CHECK;
/* The newest differences first, at most `max`; borrowed. Returns how many. */
unsigned view_discrepancies(const struct core *c, const char *migration,
                            const struct compared_example **ret, unsigned max);

/* Newest first, at most `max` of CORE_HISTORY_KEPT; returns how many. */
unsigned view_history(const struct core *c, const char *migration, const struct history_entry **ret,
                      unsigned max);
/* Is the command with this id in it? NULL and "" are nobody's. */
bool view_has_request(const struct core *c, const char *migration, const char *request);
/* Did it send traffic back to legacy? */
bool view_is_fall(const struct history_entry *e);

/* NOT_FOUND, as view_status(). */
int view_breaker(const struct core *c, const char *migration, struct view_breaker *ret,
                 struct err *err) MUST_CHECK;

/* In no order, at most `max`; returns how many. */
unsigned view_node_breakers(const struct core *c, const char *migration,
                            struct view_node_breaker *ret, unsigned max);

/* What a day in UTC came to. */
struct view_day {
    int64_t day; /* since 1970 */
    struct day_total total;
};
/* Those from `from` on that are known, oldest first, at most `max`; returns how many. */
unsigned view_days(const struct core *c, const char *migration, int64_t from, struct view_day *ret,
                   unsigned max);

/* What subscribers hear of; of deleted migrations, too. */
struct view_event {
    struct event_place at;
    const struct event *event; /* borrowed */
    uint64_t oldest;           /* sequence of the oldest that is kept of its migration */
};
/* The first event after `after` (all zero: the first of all) that was stored with `until` or
 * before, of `migration` ("": of any); false: there is none. */
bool view_next_event(const struct core *c, const struct event_place *after, uint64_t until,
                     const char *migration, struct view_event *ret) MUST_CHECK;
/* Revision of the newest one; 0: there never was one. */
uint64_t view_events_rev(const struct core *c);

/* Nodes of the fleet that serve `rev` of `migration` or later ("": of every migration's latest
 * decision). */
void view_convergence(const struct core *c, const char *migration, uint64_t rev, mono_t now,
                      struct view_convergence *ret);
/* From the command of this migration's latest decision to the nodes' acknowledgements, in
 * milliseconds; -1 while nodes lag. */
struct view_measured {
    double all; /* to the last one */
    double p50, p99;
    const char *last_node; /* "" while nodes lag; borrowed */
};
void view_measured(const struct core *c, const char *migration, struct view_measured *ret);
/* A command that another coordinator carried out was given here at `mono`: measure its decision,
 * that of `rev`, from then on. Before or after core_observe() has shown it. */
void core_ordered(struct core *c, uint64_t rev, mono_t mono);
