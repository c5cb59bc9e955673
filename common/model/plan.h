/* SPDX-License-Identifier: Apache-2.0 */
/* A plan: the declared intent of one migration, checked as a whole.
 *
 * A field that nobody enforces is an error, not a comment: unknown fields are refused with source,
 * line and the nearest valid name. The document itself is kept, so that what was applied can be
 * shown and stored unchanged. Immutable after parsing; one owner. */
#pragma once

#include "common/base/clock.h"
#include "common/base/yaml.h"
#include "common/model/plan_check.h"
#include "common/model/ruleset.h"

#define PLAN_STAGES_MAX     32
#define PLAN_WAVES_MAX      ROUTE_SELECTORS_MAX
#define PLAN_HOOKS_MAX      8 /* before a stage, and after it */
#define PLAN_TEXTS_MAX      16
#define PLAN_FREEZES_MAX    16
#define PLAN_APPROVERS_MAX  8
#define PLAN_CONFIDENCE_PPM 999000u

/* What follows when a stage has seen no traffic on new for too long to be judged. */
enum plan_quiet { QUIET_HOLD, QUIET_WARN, QUIET_ROLLBACK };

/* Limits on a system's measured behaviour; 0 means not asked for. */
struct plan_limits {
    uint32_t error_rate_ppm;  /* errors of new per request */
    uint32_t error_ratio_m;   /* error rate of new over that of legacy at the same time, in
                                 thousandths */
    dur_t p50, p99;           /* of new */
    uint32_t latency_ratio_m; /* p99 of new over p99 of legacy at the same time, in thousandths */
    uint32_t restarts_m;      /* restarts of new per minute, in thousandths */
    bool has_discrepancies, has_sync_lag;
    uint32_t discrepancies;  /* critical ones in the window, at most */
    dur_t sync_lag;          /* of the data behind new, at most */
    uint32_t min_requests;   /* on new inside the window before anything is judged */
    uint32_t confidence_ppm; /* how sure a failure must be; PLAN_CONFIDENCE_PPM */
    dur_t window;            /* triggers: `window`, default 60s; gates: `for`, default 30s. At most
                                24 h */
    dur_t quiet_after;       /* too few requests for this long: `quiet`; 0: never */
    enum plan_quiet quiet;
    struct plan_check *check; /* owned by the plan; asked again every `every` */
    unsigned check_count;
    dur_t every; /* default 30 s */
};

enum plan_risk { RISK_NONE, RISK_LOW, RISK_MEDIUM, RISK_HIGH, RISK_CRITICAL };
/* "", "low", ... */
const char *plan_risk_name(enum plan_risk r);
/* 30 min, 2 h, 4 h, 24 h; 0 for RISK_NONE. */
dur_t plan_risk_bake(enum plan_risk r);

/* The nodes that a stage reaches at a time. The last wave of a stage is `*`, if need be one that
 * was added in parsing: when a stage is over, all nodes are on it. */
struct plan_wave {
    struct selector select;
    dur_t bake;    /* before the next wave; the last one's is the stage's */
    bool approval; /* entered by an operator's promote only */
};

/* A program of the operators', run on the leading coordinator. It must bear to be run twice. */
struct plan_hook {
    struct name name;
    bool scale;                            /* `scale`, else `command` */
    const char *argv[PLAN_CHECK_ARGS + 1]; /* ends with NULL; borrowed from the document */
    dur_t timeout;                         /* default 60 s */
    struct plan_check *capacity; /* scale: what must hold after it, asked until then or `timeout`.
                                    Owned by the plan; NULL: nothing */
};

struct plan_stage {
    struct name name;
    uint32_t weight_bp;
    uint32_t mirror_bp; /* of legacy's requests are copied to new */
    enum plan_risk risk;
    bool approval;      /* `approval: manual`: entered by an operator's promote, never by itself */
    unsigned approvers; /* so many different operators must have approved it before; 0: none */
    dur_t bake;         /* at least this long before the next one; default by risk, else 0 */
    bool has_gate;
    struct plan_limits gate; /* min_requests default 20 */
    struct flags flags;      /* that this stage switches; see plan_flags() */
    struct plan_wave wave[PLAN_WAVES_MAX];
    unsigned wave_count;      /* 0: everybody at once */
    struct plan_check *ready; /* owned by the plan: before the stage is entered */
    unsigned ready_count;
    struct plan_hook *before,
        *after; /* owned by the plan: before it is entered; once it has baked */
    unsigned before_count, after_count;
    bool backup;  /* of the control state, before the stage is entered, labelled with its name */
    bool enforce; /* legacy is forbidden; weight 100, the last stages only */
    const char *objective[PLAN_TEXTS_MAX]; /* for people; borrowed from the document */
    unsigned objective_count;
};

/* Nothing rises while it lasts; going down is always allowed. */
struct plan_freeze {
    bool weekly;                        /* else `from` and `until` */
    wall_t from, until;                 /* [from, until) */
    unsigned from_minute, until_minute; /* of the week in UTC, from Monday 00:00; may wrap */
    const char *reason;                 /* borrowed from the document; may be "" */
};

/* When the breakers of all nodes open together; all 0: never. */
struct plan_fleet_breaker {
    uint32_t quorum_bp;     /* of the nodes that have a breaker have opened it; 0: not by them */
    uint32_t error_rate_bp; /* of the fleet's requests to new in the breaker's window fail, proven;
                               0: not by their rate */
    uint32_t min_requests;  /* without which the rate does not count */
    uint32_t min_nodes;     /* that must be sick, either way */
};

struct plan {
    struct name name;
    struct labels labels;
    struct route route; /* with weight 0: keys, systems, fallback, match, breaker, expose */
    bool has_triggers;
    struct plan_limits triggers;
    uint32_t rollback_to;    /* `triggers.rollbackTo`: stage a trigger falls back to; default 0 */
    dur_t rollback_deadline; /* `rollback.deadline`: laggards after it are rollback_failed; default
                                30s */
    dur_t resume_within;     /* `rollback.resumeWithin`: so long after a rollback, stages that had
                                baked before are not baked again; 0: they are */
    char environment[NAME_SIZE]; /* whose overlay was laid over; "": none */
    struct flags flags;          /* with their defaults; stages switch no others */
    struct plan_freeze freeze[PLAN_FREEZES_MAX];
    unsigned freeze_count;
    dur_t drill_max_age; /* a raise needs a drill younger than this; 0: it does not */
    dur_t drill_within;  /* and measured to be faster than this; 0: of any speed */
    dur_t standby;       /* legacy stays in standby so long after the last stage; 0: not kept */
    const char *checklist[PLAN_TEXTS_MAX]; /* for who takes legacy down; borrowed */
    unsigned checklist_count;
    struct plan_fleet_breaker fleet_breaker;
    struct plan_stage stage[PLAN_STAGES_MAX]; /* stage[i] is stage number i + 1 */
    unsigned stage_count;
    struct json *document; /* owned; the tree as applied */
};

static inline bool plan_has_fleet_breaker(const struct plan_fleet_breaker *p)
{
    return p->quorum_bp > 0 || p->error_rate_bp > 0;
}

/* Parse and validate YAML or JSON text; `source` is for messages. INVALID names source, line,
 * field, what is wrong and, for unknown fields, the nearest valid name. */
int plan_parse(struct str text, const char *source, struct plan **ret, struct err *err) MUST_CHECK;
/* The same with the overlay `spec.environments.NAME` laid over `spec` first, as RFC 7396 merges;
 * lists are replaced. What is kept as the document is the result, with the name. "": none, which is
 * an error when the plan says `environment: required`. */
int plan_parse_for(struct str text, const char *source, const char *environment, struct plan **ret,
                   struct err *err) MUST_CHECK;

/* The same from a stored document, which a newer version may have written: unknown fields are kept
 * in `document` and otherwise ignored. */
int plan_load(const struct json *document, struct plan **ret, struct err *err) MUST_CHECK;

struct plan *plan_free(struct plan *p); /* returns NULL */
static inline void plan_freep(struct plan **p)
{
    *p = plan_free(*p);
}

/* Stage number 1..stage_count by name; 0 when there is none. */
unsigned plan_stage_by_name(const struct plan *p, const char *name);
/* "legacy" for 0. */
const char *plan_stage_name(const struct plan *p, unsigned index);
/* 0 for stage 0. */
uint32_t plan_stage_weight_bp(const struct plan *p, unsigned index);
uint32_t plan_stage_mirror_bp(const struct plan *p, unsigned index);
/* Does any of its stages copy requests? */
bool plan_mirrors(const struct plan *p);

/* The flags as stage `index` (0: none entered) leaves them: defaults, then what each stage up to it
 * switches. */
void plan_flags(const struct plan *p, unsigned index, struct flags *ret);
/* The freeze that holds at `now`, or NULL; `*ret_until` is when it is over. */
const struct plan_freeze *plan_frozen(const struct plan *p, wall_t now, wall_t *ret_until);

/* What is allowed and yet looks like a mistake: a stage without a gate, a raise by more than half,
 * no triggers, a bake shorter than its risk asks for. A sentence each, with the field's path. */
typedef void (*plan_lint_fn)(void *ctx, const char *path, const char *text);
void plan_lint(const struct plan *p, plan_lint_fn fn, void *ctx);
/* What differs, field by field of the documents: "spec.stages[1].weight", "10", "15"; "" where one
 * has none. Returns how many. */
typedef void (*plan_diff_fn)(void *ctx, const char *path, const char *before, const char *after);
unsigned plan_diff(const struct plan *before, const struct plan *after, plan_diff_fn fn, void *ctx);
/* The plan in sentences: what happens, stage by stage, with every default that counts. */
bool plan_explain(const struct plan *p, struct buf *b) MUST_CHECK;

/* May a rollout that runs on `old` and has reached `stage`, and in it `wave` (0: it has none), go
 * on with `new_plan`? REFUSED, with what to do as the hint, when an endpoint changed sides, a key
 * or the salt changed, a stage at or before `stage` has another name or weight, or `stage` itself
 * has other flags, another answer about enforcement, or other waves up to `wave`. Instances, gates,
 * checks, hooks, bake times, freezes and what lies ahead may change. */
int plan_check_change(const struct plan *old, const struct plan *new_plan, unsigned stage,
                      unsigned wave, struct err *err) MUST_CHECK;
/* Do two plans claim the same requests (a host in common, or none at both, and the same path
 * prefix) or connections (the same port, and addresses that may be the same)? Nested prefixes and
 * wildcards do not overlap: the more specific route wins. */
bool plan_overlaps(const struct plan *a, const struct plan *b);

/* The path where the endpoints of `new` tell since when they run; NULL: they are not asked.
 * Borrowed. */
const char *plan_start_page(const struct plan *p);

/* Does it have a hook, or a check that is a command? `ret_where` of TEXT_SIZE names the first:
 * "hook warm-up before stage canary-10". */
bool plan_runs_programs(const struct plan *p, char *ret_where);

/* The plan that `switchyard dev` makes: stages shadow, canary-10, quarter, half, all, all by hand,
 * keyed by header X-User-Id, random without it. As YAML text into `b`. */
int plan_default(const char *name, const char *legacy_url, const char *new_url, struct buf *b,
                 struct err *err) MUST_CHECK;
