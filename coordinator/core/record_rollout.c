/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts as records. A group of fields that belongs together has a pair of functions, and what is
 * not there is not written: most rollouts are short. */
#include "coordinator/core/record.h"

#include "common/base/units.h"
#include "coordinator/core/fields.h"

static const char *const rollback_fields[] = {
    "emergency", "reason",  "operator", "time",  "measuredMs", "detectMs", "violations",
    "fromStage", "toStage", "p50Ms",    "p99Ms", "lastNode",   "deadline", NULL,
};

static const char *const rollout_fields[] = {
    "version",      "phase",      "resumePhase",    "stage",        "stageName",    "weight",
    "weightByHand", "override",   "since",          "bakeUntil",    "bakeLeftMs",   "deadline",
    "why",          "historySeq", "rollbacksToday", "rollbacksDay", "lastRollback", "decision",
    "quarantined",  "approvals",  "drill",          "flagsByHand",  "standbyUntil", "eventSeq",
    "wave",         "base",       "full",           "entering",     "barred",       "proven",
    "retreat",      "breaker",    "breakerByHand",  "mirrorByHand", NULL,
};

static struct json *rollback_json(const struct rollback_record *r)
{
    struct json *j = json_object();
    struct json *violations = json_array();

    json_set_bool(j, "emergency", r->emergency);
    json_set_string(j, "reason", r->reason);
    json_set_string(j, "operator", r->operator_name);
    fields_set_time(j, "time", r->ordered_at);
    json_set_number(j, "measuredMs", r->measured_ms);
    if (r->p50_ms >= 0.0)
        json_set_number(j, "p50Ms", r->p50_ms);
    if (r->p99_ms >= 0.0)
        json_set_number(j, "p99Ms", r->p99_ms);
    fields_set_text(j, "lastNode", r->last_node.s);
    fields_set_time(j, "deadline", r->deadline);
    json_set_number(j, "detectMs", r->detect_ms);
    for (unsigned i = 0; i < r->violation_count; i++)
        json_append(violations, json_from_string(r->violation[i]));
    json_set(j, "violations", violations);
    json_set_u64(j, "fromStage", r->from_stage);
    json_set_u64(j, "toStage", r->to_stage);
    return j;
}

static int read_rollback(const struct json *j, struct rollback_record *ret, struct err *err)
{
    int r;

    if (!j)
        return 0;
    ret->present = true;
    ret->emergency = json_get_bool(j, "emergency", false);
    fields_get_text(j, "reason", ret->reason, sizeof ret->reason);
    fields_get_text(j, "operator", ret->operator_name, sizeof ret->operator_name);
    ret->measured_ms = json_get_number(j, "measuredMs", -1.0);
    ret->p50_ms = json_get_number(j, "p50Ms", -1.0);
    ret->p99_ms = json_get_number(j, "p99Ms", -1.0);
    fields_get_text(j, "lastNode", ret->last_node.s, sizeof ret->last_node.s);
    ret->detect_ms = json_get_number(j, "detectMs", 0.0);
    JSON_FOREACH (v, json_get(j, "violations")) {
        if (ret->violation_count < VIOLATIONS_MAX)
            str_fmt(ret->violation[ret->violation_count++], TEXT_SIZE, "%s", json_string(v, ""));
    }
    if ((r = fields_get_time(j, "time", &ret->ordered_at, err)) < 0 ||
        (r = fields_get_time(j, "deadline", &ret->deadline, err)) < 0 ||
        (r = fields_get_count(j, "fromStage", &ret->from_stage, err)) < 0 ||
        (r = fields_get_count(j, "toStage", &ret->to_stage, err)) < 0)
        return err_ctx(err, "lastRollback");
    return 0;
}

/* Empty for a record of a version that did not store it. */
static void set_decision(struct json *j, const struct rollout *r)
{
    struct json *decision;

    if (!wall_is_set(r->decided_at))
        return;
    decision = json_object();
    fields_set_time(decision, "time", r->decided_at);
    if (r->decision_rev) {
        json_set_u64(decision, "revision", r->decision_rev);
        json_set_string(decision, "store", r->decision_store);
    }
    json_set(j, "decision", decision);
}

static int get_decision(const struct json *j, struct rollout *ret, struct err *err)
{
    const struct json *decision = json_get(j, "decision");

    if (!decision)
        return 0;
    ret->decision_rev = json_get_u64(decision, "revision", 0);
    fields_get_text(decision, "store", ret->decision_store, sizeof ret->decision_store);
    if (fields_get_time(decision, "time", &ret->decided_at, err) < 0)
        return err_ctx(err, "decision");
    return 0;
}

static void set_quarantined(struct json *j, const struct rollout *r)
{
    struct json *names;

    if (r->quarantined_count == 0)
        return;
    names = json_array();
    for (unsigned i = 0; i < r->quarantined_count; i++)
        json_append(names, json_from_string(r->quarantined[i].s));
    json_set(j, "quarantined", names);
}

static int get_quarantined(const struct json *j, struct rollout *ret, struct err *err)
{
    struct err inner;

    JSON_FOREACH (item, json_get(j, "quarantined")) {
        struct name *name = &ret->quarantined[ret->quarantined_count];

        if (ret->quarantined_count == QUARANTINE_MAX)
            return err_set(err, ERR_CORRUPT, "quarantined has more than %d names", QUARANTINE_MAX);
        if (name_parse_node(str_of(json_string(item, "")), name, &inner) < 0)
            return err_set(err, ERR_CORRUPT, "quarantined: %s", inner.msg);
        ret->quarantined_count++;
    }
    return 0;
}

static void set_approvals(struct json *j, const struct rollout *r)
{
    struct json *list;

    if (r->approval_count == 0)
        return;
    list = json_array();
    for (unsigned i = 0; i < r->approval_count; i++) {
        struct json *one = json_object();

        json_set_u64(one, "stage", r->approval[i].stage);
        json_set_string(one, "operator", r->approval[i].operator_name);
        json_set_string(one, "reason", r->approval[i].reason);
        fields_set_time(one, "time", r->approval[i].time);
        json_append(list, one);
    }
    json_set(j, "approvals", list);
}

static int get_approvals(const struct json *j, struct rollout *ret, struct err *err)
{
    JSON_FOREACH (item, json_get(j, "approvals")) {
        struct approval *a = &ret->approval[ret->approval_count];
        int r;

        if (ret->approval_count == APPROVALS_MAX)
            return err_set(err, ERR_CORRUPT, "approvals has more than %d entries", APPROVALS_MAX);
        if ((r = fields_get_count(item, "stage", &a->stage, err)) < 0 ||
            (r = fields_get_time(item, "time", &a->time, err)) < 0)
            return err_ctx(err, "approvals");
        fields_get_text(item, "operator", a->operator_name, sizeof a->operator_name);
        fields_get_text(item, "reason", a->reason, sizeof a->reason);
        ret->approval_count++;
    }
    return 0;
}

static const char *const drill_fields[] = {
    "state",   "scope",    "shadow",   "passed",     "operator",   "reason", "started", "ended",
    "ordered", "deadline", "withinMs", "measuredMs", "restoredMs", "nodes",  "why",     NULL,
};

static void set_drill(struct json *j, const struct rollout *r)
{
    const struct drill_record *d = &r->drill;
    struct json *drill;

    if (!d->present)
        return;
    drill = json_object();
    json_set_string(drill, "state", drill_state_name(r->drill_state));
    json_set_string(drill, "scope", d->scope.text);
    json_set_bool(drill, "shadow", d->shadow);
    json_set_bool(drill, "passed", d->passed);
    json_set_string(drill, "operator", d->operator_name);
    json_set_string(drill, "reason", d->reason);
    fields_set_time(drill, "started", d->started_at);
    fields_set_time(drill, "ended", d->ended_at);
    fields_set_time(drill, "ordered", d->ordered_at);
    fields_set_time(drill, "deadline", d->deadline);
    json_set_i64(drill, "withinMs", dur_to_ms(d->within));
    json_set_number(drill, "measuredMs", d->measured_ms);
    json_set_number(drill, "restoredMs", d->restored_ms);
    json_set_u64(drill, "nodes", d->nodes);
    fields_set_text(drill, "why", d->why);
    fields_add_unknown(drill, json_get(r->extra, "drill"));
    json_set(j, "drill", drill);
}

static int read_drill(const struct json *j, struct drill_record *ret, struct err *err)
{
    struct err inner;
    int r;

    ret->present = true;
    if (selector_parse(str_of(json_get_string(j, "scope", "")), &ret->scope, &inner) < 0)
        return err_set(err, ERR_CORRUPT, "scope: %s", inner.msg);
    ret->shadow = json_get_bool(j, "shadow", false);
    ret->passed = json_get_bool(j, "passed", false);
    fields_get_text(j, "operator", ret->operator_name, sizeof ret->operator_name);
    fields_get_text(j, "reason", ret->reason, sizeof ret->reason);
    fields_get_text(j, "why", ret->why, sizeof ret->why);
    ret->within = dur_ms(json_get_i64(j, "withinMs", 0));
    ret->measured_ms = json_get_number(j, "measuredMs", -1.0);
    ret->restored_ms = json_get_number(j, "restoredMs", -1.0);
    if ((r = fields_get_time(j, "started", &ret->started_at, err)) < 0 ||
        (r = fields_get_time(j, "ended", &ret->ended_at, err)) < 0 ||
        (r = fields_get_time(j, "ordered", &ret->ordered_at, err)) < 0 ||
        (r = fields_get_time(j, "deadline", &ret->deadline, err)) < 0)
        return r;
    return fields_get_count(j, "nodes", &ret->nodes, err);
}

static int get_drill(const struct json *j, struct rollout *ret, struct err *err)
{
    const struct json *drill = json_get(j, "drill");
    const char *state = json_get_string(drill, "state", "");

    if (!drill)
        return 0;
    if (!drill_state_parse(str_of(state), &ret->drill_state))
        return err_set(err, ERR_CORRUPT, "drill: \"%s\" is not a state of drills", state);
    return read_drill(drill, &ret->drill, err) < 0 ? err_ctx(err, "drill") : 0;
}

static const char *const breaker_fields[] = {
    "state", "order", "number", "since", "until", "why", "operator", NULL,
};

/* Once anything was ordered. */
static void set_breaker(struct json *j, const struct rollout *r)
{
    const struct fleet_breaker *b = &r->breaker;
    struct json *breaker;

    if (b->order_number == 0)
        return;
    breaker = json_object();
    json_set_string(breaker, "state", fleet_breaker_state_name(b->state));
    json_set_string(breaker, "order", breaker_order_name(b->order));
    json_set_u64(breaker, "number", b->order_number);
    fields_set_time(breaker, "since", b->since);
    fields_set_time(breaker, "until", b->deadline);
    fields_set_text(breaker, "why", b->why);
    fields_set_text(breaker, "operator", b->operator_name);
    fields_add_unknown(breaker, json_get(r->extra, "breaker"));
    json_set(j, "breaker", breaker);
}

static int get_breaker(const struct json *j, struct rollout *ret, struct err *err)
{
    const struct json *breaker = json_get(j, "breaker");
    struct fleet_breaker *b = &ret->breaker;
    const char *state = json_get_string(breaker, "state", "");
    const char *order = json_get_string(breaker, "order", "");

    if (!breaker)
        return 0;
    if (!fleet_breaker_state_parse(str_of(state), &b->state))
        return err_set(err, ERR_CORRUPT, "breaker: \"%s\" is not a state of the fleet's breaker",
                       state);
    if (!breaker_order_parse(str_of(order), &b->order))
        return err_set(err, ERR_CORRUPT, "breaker: \"%s\" is not an order", order);
    b->order_number = json_get_u64(breaker, "number", 0);
    fields_get_text(breaker, "why", b->why, sizeof b->why);
    fields_get_text(breaker, "operator", b->operator_name, sizeof b->operator_name);
    if (fields_get_time(breaker, "since", &b->since, err) < 0 ||
        fields_get_time(breaker, "until", &b->deadline, err) < 0)
        return err_ctx(err, "breaker");
    return 0;
}

static const char *const tuning_fields[] = {
#define X(id, name) name,
    BREAKER_KNOBS(X)
#undef X
        NULL,
};

static void set_tuning(struct json *j, const struct rollout *r)
{
    const struct json *newer = json_get(r->extra, "breakerByHand");
    struct json *tuning = breaker_tuning_json(&r->breaker_by_hand);

    if (!tuning && newer)
        tuning = json_object();
    if (!tuning)
        return;
    fields_add_unknown(tuning, newer);
    json_set(j, "breakerByHand", tuning);
}

static int get_tuning(const struct json *j, struct rollout *ret, struct err *err)
{
    struct err inner;

    if (breaker_tuning_read(json_get(j, "breakerByHand"), &ret->breaker_by_hand, &inner) < 0)
        return err_set(err, ERR_CORRUPT, "breakerByHand: %s", inner.msg);
    return 0;
}

static void set_mirror(struct json *j, const struct rollout *r)
{
    if (r->mirror_by_hand)
        json_set_number(j, "mirrorByHand", weight_percent(r->mirror_bp));
}

static int get_mirror(const struct json *j, struct rollout *ret, struct err *err)
{
    ret->mirror_by_hand = json_get(j, "mirrorByHand");
    return ret->mirror_by_hand ? fields_get_weight(j, "mirrorByHand", &ret->mirror_bp, err) : 0;
}

static void set_flags(struct json *j, const struct rollout *r)
{
    if (r->flags_by_hand.count > 0)
        json_set(j, "flagsByHand", flags_json(&r->flags_by_hand));
}

static int get_flags(const struct json *j, struct rollout *ret, struct err *err)
{
    struct err inner;

    JSON_FOREACH (value, json_get(j, "flagsByHand")) {
        if (flags_set(&ret->flags_by_hand, str_of(json_key(value)), value, &inner) < 0)
            return err_set(err, ERR_CORRUPT, "flagsByHand: %s", inner.msg);
    }
    return 0;
}

/* What a newer version added inside of `key` goes with the other unknown fields. */
static void keep_unknown_inside(const struct json *j, const char *key, const char *const *known,
                                struct rollout *ret)
{
    struct json *inside = json_get(j, key) ? fields_unknown(json_get(j, key), known) : NULL;

    if (!inside)
        return;
    if (!ret->extra)
        ret->extra = json_object();
    json_set(ret->extra, key, inside);
}

/* While a stage has not reached everybody, and how it was entered. */
static void set_wave(struct json *j, const struct rollout *r)
{
    struct json *base;

    if (r->full)
        json_set_bool(j, "full", true);
    if (r->wave == 0)
        return;
    json_set_u64(j, "wave", r->wave);
    base = json_object();
    json_set_u64(base, "stage", r->base_stage);
    json_set_number(base, "weight", weight_percent(r->base_weight_bp));
    json_set(j, "base", base);
}

static int get_wave(const struct json *j, struct rollout *ret, struct err *err)
{
    const struct json *base = json_get(j, "base");
    int r;

    ret->full = json_get_bool(j, "full", false);
    if ((r = fields_get_count(j, "wave", &ret->wave, err)) < 0 || !base)
        return r;
    if ((r = fields_get_count(base, "stage", &ret->base_stage, err)) < 0 ||
        (r = fields_get_weight(base, "weight", &ret->base_weight_bp, err)) < 0)
        return err_ctx(err, "base");
    return 0;
}

static void set_entering(struct json *j, const struct rollout *r)
{
    struct json *entering;

    if (r->barred)
        json_set_bool(j, "barred", true);
    if (r->entering_stage == 0)
        return;
    entering = json_object();
    json_set_u64(entering, "stage", r->entering_stage);
    json_set_string(entering, "operator", r->entering_operator);
    fields_set_text(entering, "reason", r->entering_reason);
    json_set(j, "entering", entering);
}

static int get_entering(const struct json *j, struct rollout *ret, struct err *err)
{
    const struct json *entering = json_get(j, "entering");

    ret->barred = json_get_bool(j, "barred", false);
    if (!entering)
        return 0;
    fields_get_text(entering, "operator", ret->entering_operator, sizeof ret->entering_operator);
    fields_get_text(entering, "reason", ret->entering_reason, sizeof ret->entering_reason);
    if (fields_get_count(entering, "stage", &ret->entering_stage, err) < 0)
        return err_ctx(err, "entering");
    return 0;
}

static void set_proven(struct json *j, const struct rollout *r)
{
    struct json *proven;

    if (r->proven_stage == 0)
        return;
    proven = json_object();
    json_set_u64(proven, "stage", r->proven_stage);
    fields_set_time(proven, "until", r->proven_until);
    json_set(j, "proven", proven);
}

static int get_proven(const struct json *j, struct rollout *ret, struct err *err)
{
    const struct json *proven = json_get(j, "proven");

    if (!proven)
        return 0;
    if (fields_get_count(proven, "stage", &ret->proven_stage, err) < 0 ||
        fields_get_time(proven, "until", &ret->proven_until, err) < 0)
        return err_ctx(err, "proven");
    return 0;
}

static void set_retreat(struct json *j, const struct rollout *r)
{
    struct json *retreat;

    if (!wall_is_set(r->step_at))
        return;
    retreat = json_object();
    fields_set_time(retreat, "stepAt", r->step_at);
    json_set_i64(retreat, "stepEveryMs", dur_to_ms(r->step_every));
    json_set(j, "retreat", retreat);
}

static int get_retreat(const struct json *j, struct rollout *ret, struct err *err)
{
    const struct json *retreat = json_get(j, "retreat");

    if (!retreat)
        return 0;
    ret->step_every = dur_ms(json_get_i64(retreat, "stepEveryMs", 0));
    if (fields_get_time(retreat, "stepAt", &ret->step_at, err) < 0)
        return err_ctx(err, "retreat");
    return 0;
}

bool record_write_rollout(const struct rollout *r, const struct plan *plan, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();

    json_set_number(j, "version", RECORD_VERSION);
    json_set_string(j, "phase", phase_name(r->phase));
    if (r->phase == PHASE_PAUSED)
        json_set_string(j, "resumePhase", phase_name(r->resume_phase));
    json_set_u64(j, "stage", r->stage);
    json_set_string(j, "stageName", plan_stage_name(plan, r->stage));
    json_set_number(j, "weight", weight_percent(r->weight_bp));
    json_set_bool(j, "weightByHand", r->weight_by_hand);
    json_set_string(j, "override", system_name(r->override));
    fields_set_time(j, "since", r->since);
    fields_set_time(j, "bakeUntil", r->bake_until);
    if (r->phase == PHASE_PAUSED)
        json_set_i64(j, "bakeLeftMs", dur_to_ms(r->bake_left));
    fields_set_time(j, "deadline", r->deadline);
    fields_set_text(j, "why", r->why);
    set_decision(j, r);
    json_set_u64(j, "historySeq", r->history_seq);
    if (r->event_seq > 0)
        json_set_u64(j, "eventSeq", r->event_seq);
    json_set_u64(j, "rollbacksToday", r->rollbacks_today);
    fields_set_day(j, "rollbacksDay", r->rollbacks_day);
    if (r->last_rollback.present) {
        struct json *rollback = rollback_json(&r->last_rollback);

        fields_add_unknown(rollback, json_get(r->extra, "lastRollback"));
        json_set(j, "lastRollback", rollback);
    }
    set_quarantined(j, r);
    set_approvals(j, r);
    set_drill(j, r);
    set_breaker(j, r);
    set_tuning(j, r);
    set_mirror(j, r);
    set_flags(j, r);
    fields_set_time(j, "standbyUntil", r->standby_until);
    set_wave(j, r);
    set_entering(j, r);
    set_proven(j, r);
    set_retreat(j, r);
    fields_add_unknown(j, r->extra);
    return json_print(j, false, b);
}

static int read_rollout_fields(const struct json *j, struct rollout *ret, struct err *err)
{
    int r;

    if ((r = fields_get_phase(j, "phase", &ret->phase, err)) < 0)
        return r;
    if (ret->phase == PHASE_PAUSED &&
        (r = fields_get_phase(j, "resumePhase", &ret->resume_phase, err)) < 0)
        return r;
    if ((r = fields_get_count(j, "stage", &ret->stage, err)) < 0 ||
        (r = fields_get_weight(j, "weight", &ret->weight_bp, err)) < 0 ||
        (r = fields_get_system(j, "override", &ret->override, err)) < 0 ||
        (r = fields_get_time(j, "since", &ret->since, err)) < 0 ||
        (r = fields_get_time(j, "bakeUntil", &ret->bake_until, err)) < 0 ||
        (r = fields_get_time(j, "deadline", &ret->deadline, err)) < 0 ||
        (r = fields_get_count(j, "rollbacksToday", &ret->rollbacks_today, err)) < 0 ||
        (r = fields_get_day(j, "rollbacksDay", &ret->rollbacks_day, err)) < 0 ||
        (r = get_decision(j, ret, err)) < 0 || (r = get_quarantined(j, ret, err)) < 0 ||
        (r = get_approvals(j, ret, err)) < 0 || (r = get_drill(j, ret, err)) < 0 ||
        (r = get_breaker(j, ret, err)) < 0 || (r = get_tuning(j, ret, err)) < 0 ||
        (r = get_mirror(j, ret, err)) < 0 || (r = get_flags(j, ret, err)) < 0 ||
        (r = fields_get_time(j, "standbyUntil", &ret->standby_until, err)) < 0 ||
        (r = get_wave(j, ret, err)) < 0 || (r = get_entering(j, ret, err)) < 0 ||
        (r = get_proven(j, ret, err)) < 0 || (r = get_retreat(j, ret, err)) < 0)
        return r;
    ret->weight_by_hand = json_get_bool(j, "weightByHand", false);
    ret->bake_left = dur_ms(json_get_i64(j, "bakeLeftMs", 0));
    fields_get_text(j, "why", ret->why, sizeof ret->why);
    ret->history_seq = json_get_u64(j, "historySeq", 0);
    ret->event_seq = json_get_u64(j, "eventSeq", 0);
    return read_rollback(json_get(j, "lastRollback"), &ret->last_rollback, err);
}

int record_read_rollout(struct str value, struct rollout *ret, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    int r;

    memset(ret, 0, sizeof *ret);
    r = record_parse(value, &j, err);
    if (r < 0)
        return r;
    r = read_rollout_fields(j, ret, err);
    if (r < 0)
        return r;

    ret->extra = fields_unknown(j, rollout_fields);
    keep_unknown_inside(j, "lastRollback", rollback_fields, ret);
    keep_unknown_inside(j, "drill", drill_fields, ret);
    keep_unknown_inside(j, "breaker", breaker_fields, ret);
    keep_unknown_inside(j, "breakerByHand", tuning_fields, ret);
    return 0;
}
