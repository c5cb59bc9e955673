/* SPDX-License-Identifier: Apache-2.0 */
/* What subscribers hear of: kind, stable name (stored, printed, sent to webhooks), help. Names are
 * append-only. */
#pragma once

#include "common/base/clock.h"
#include "common/model/ids.h"

#define EVENT_KINDS(X)                                                                       \
    X(PLAN_APPLIED, "plan_applied", "a plan was stored, or changed")                         \
    X(PREPARING, "preparing", "the checks and hooks before a stage begin")                   \
    X(CHECK_FAILED, "check_failed", "a stage was not entered: a check or hook did not pass") \
    X(STAGE_ENABLED, "stage_enabled", "a stage was entered")                                 \
    X(WAVE_STARTED, "wave_started", "a wave of a stage was ordered")                         \
    X(CONVERGED, "converged", "every node serves a decision")                                \
    X(GATE_HELD, "gate_held", "a gate has too little to judge by")                           \
    X(GATE_FAILED, "gate_failed", "a gate does not hold")                                    \
    X(GATE_PASSED, "gate_passed", "a gate holds")                                            \
    X(COMPLETED, "completed", "the last stage has baked")                                    \
    X(PAUSED, "paused", "an operator holds the rollout")                                     \
    X(RESUMED, "resumed", "an operator lets a paused rollout go on")                         \
    X(ABORTED, "aborted", "the rollout was ended")                                           \
    X(ROLLBACK, "rollback", "a rollback was ordered, by an operator or by a trigger")        \
    X(ROLLED_BACK, "rolled_back", "every node serves what was rolled back to")               \
    X(ROLLBACK_FAILED, "rollback_failed", "nodes lag after the rollback's deadline")         \
    X(EMERGENCY_ROLLBACK, "emergency_rollback", "an emergency order stands")                 \
    X(EMERGENCY_CLEARED, "emergency_cleared", "an emergency order was lifted")               \
    X(WEIGHT_SET, "weight_set", "the share of new was set by hand")                          \
    X(OVERRIDE_SET, "override_set", "everything goes to one system, or does so no more")     \
    X(FEATURE_FLAG_CHANGED, "feature_flag_changed", "a flag has another value")              \
    X(BREAKER_OPENED, "breaker_opened", "a node's breaker sends all to legacy")              \
    X(BREAKER_CLOSED, "breaker_closed", "a node's breaker lets requests to new again")       \
    X(APPROVED, "approved", "an operator approved a stage")                                  \
    X(DRILL_STARTED, "drill_started", "a rollback is rehearsed")                             \
    X(DRILL_ENDED, "drill_ended", "the rehearsal is over, with what was measured")           \
    X(DECOMMISSIONED, "decommissioned", "legacy is not needed any more")                     \
    X(DELETED, "deleted", "the plan was forgotten")                                          \
    X(FLEET_BREAKER_OPENED, "fleet_breaker_opened", "every node sends all to legacy")        \
    X(FLEET_BREAKER_CLOSED, "fleet_breaker_closed",                                          \
      "nodes decide for themselves again, or are held to new")                               \
    X(BREAKER_TUNED, "breaker_tuned", "settings of the breakers were changed by hand")       \
    X(MIRROR_SET, "mirror_set", "the share of copies to new was set by hand")

enum event_kind {
#define X(id, name, help) EVENT_##id,
    EVENT_KINDS(X)
#undef X
        EVENT_KIND_COUNT
};

/* "stage_enabled", ..., what it tells of; and back, false for a name that is none. */
const char *event_kind_name(enum event_kind k);
const char *event_kind_help(enum event_kind k);
bool event_kind_parse(struct str s, enum event_kind *ret) MUST_CHECK;

/* One event, as stored under events/MIGRATION/SEQUENCE. Texts are borrowed, never NULL. */
struct event {
    const char *kind; /* of EVENT_KINDS, or what a newer version names so */
    wall_t time;
    const char *operator_name; /* "switchyard" for what happens by itself */
    const char *stage;
    const char *node; /* breakers of one node; else "" */
    const char *text; /* a sentence: why, or what */
};

/* Where an event stands among all: by revision (of the transaction that stored it), then migration,
 * then sequence (which rises by one per migration). */
struct event_place {
    uint64_t revision;
    struct name migration;
    uint64_t sequence;
};

/* Less than 0 when `a` comes before `b`; 0: the same place. */
int event_place_cmp(const struct event_place *a, const struct event_place *b);
/* Behind all events of `revision`. */
struct event_place event_place_end(uint64_t revision);
