/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts as records. A group of fields that belongs together has a pair of functions, and what is
 * not there is not written: most rollouts are short. */
#include "coordinator/core/record_rollout_parts.h"

#include "common/base/units.h"
#include "coordinator/core/fields.h"

static const char *const rollout_fields[] = {
    "version",      "phase",      "resumePhase",    "stage",        "stageName",    "weight",
    "weightByHand", "override",   "since",          "bakeUntil",    "bakeLeftMs",   "deadline",
    "why",          "historySeq", "rollbacksToday", "rollbacksDay", "lastRollback", "decision",
    "quarantined",  "approvals",  "drill",          "flagsByHand",  "standbyUntil", "eventSeq",
    "wave",         "base",       "full",           "entering",     "barred",       "proven",
    "retreat",      "breaker",    "breakerByHand",  "mirrorByHand", NULL,
};

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
    record_set_rollback(j, r);
    set_quarantined(j, r);
    set_approvals(j, r);
    record_set_drill(j, r);
    record_set_orders(j, r);
    fields_set_time(j, "standbyUntil", r->standby_until);
    record_set_stage(j, r);
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
        (r = get_approvals(j, ret, err)) < 0 || (r = record_get_drill(j, ret, err)) < 0 ||
        (r = record_get_orders(j, ret, err)) < 0 ||
        (r = fields_get_time(j, "standbyUntil", &ret->standby_until, err)) < 0 ||
        (r = record_get_stage(j, ret, err)) < 0)
        return r;
    ret->weight_by_hand = json_get_bool(j, "weightByHand", false);
    ret->bake_left = dur_ms(json_get_i64(j, "bakeLeftMs", 0));
    fields_get_text(j, "why", ret->why, sizeof ret->why);
    ret->history_seq = json_get_u64(j, "historySeq", 0);
    ret->event_seq = json_get_u64(j, "eventSeq", 0);
    return record_get_rollback(j, ret, err);
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
    keep_unknown_inside(j, "lastRollback", record_rollback_fields, ret);
    keep_unknown_inside(j, "drill", record_drill_fields, ret);
    keep_unknown_inside(j, "breaker", record_breaker_fields, ret);
    keep_unknown_inside(j, "breakerByHand", record_tuning_fields, ret);
    return 0;
}
