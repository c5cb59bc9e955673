/* SPDX-License-Identifier: Apache-2.0 */
/* A plan: the declared intent of one migration, checked as a whole.
 *
 * A field that nobody enforces is an error, not a comment: unknown fields are refused with source,
 * line and the nearest valid name. The document itself is kept, so that what was applied can be
 * shown and stored unchanged. Immutable after parsing; one owner. */
#pragma once

#include "common/base/clock.h"
#include "common/base/yaml.h"
#include "common/model/ids.h"
#include "common/model/ruleset.h"

#define PLAN_STAGES_MAX 32

/* Limits on a system's measured behaviour; 0 means not asked for. */
struct plan_limits {
    uint32_t error_rate_ppm;  /* errors of new per request */
    dur_t p99;                /* of new */
    uint32_t latency_ratio_m; /* p99 of new over p99 of legacy at the same time, in thousandths */
    uint32_t min_requests;    /* on new inside the window before anything is judged */
    dur_t window;             /* triggers: `window`, default 10s; gates: `for`, default 30s */
};

struct plan_stage {
    struct name name;
    uint32_t weight_bp;
    bool approval; /* `approval: manual`: entered by an operator's promote, never by itself */
    dur_t bake;    /* at least this long before the next one; default 0 */
    bool has_gate;
    struct plan_limits gate; /* min_requests default 20 */
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
    struct plan_stage stage[PLAN_STAGES_MAX]; /* stage[i] is stage number i + 1 */
    unsigned stage_count;
    struct json *document; /* owned; the tree as applied */
};

/* Parse and validate YAML or JSON text; `source` is for messages. INVALID names source, line,
 * field, what is wrong and, for unknown fields, the nearest valid name. */
int plan_parse(struct str text, const char *source, struct plan **ret, struct err *err) MUST_CHECK;

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

/* May a rollout that runs on `old` and has reached `stage` go on with `new_plan`? REFUSED, with
 * what to do as the hint, when an endpoint changed sides, a key or the salt changed, or a stage at
 * or before `stage` has another name or weight. Instances, gates, bake times and what lies ahead
 * may change. */
int plan_check_change(const struct plan *old, const struct plan *new_plan, unsigned stage,
                      struct err *err) MUST_CHECK;
/* Do two plans claim the same requests (a host in common, or none at both, and the same path
 * prefix)? Nested prefixes and wildcards do not overlap: the more specific route wins. */
bool plan_overlaps(const struct plan *a, const struct plan *b);

/* The plan that `switchyard dev` makes: stages shadow, canary-10, quarter, half, all, all by hand,
 * keyed by header X-User-Id, random without it. As YAML text into `b`. */
int plan_default(const char *name, const char *legacy_url, const char *new_url, struct buf *b,
                 struct err *err) MUST_CHECK;
