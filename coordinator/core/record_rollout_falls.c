/* SPDX-License-Identifier: Apache-2.0 */
/* Rollbacks in the record of a rollout: the last one, and the last drill of one. */
#include "coordinator/core/record_rollout_parts.h"

#include "coordinator/core/fields.h"

const char *const record_rollback_fields[] = {
    "emergency", "reason",  "operator", "time",  "measuredMs", "detectMs", "violations",
    "fromStage", "toStage", "p50Ms",    "p99Ms", "lastNode",   "deadline", NULL,
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

void record_set_rollback(struct json *j, const struct rollout *r)
{
    struct json *rollback;

    if (!r->last_rollback.present)
        return;
    rollback = rollback_json(&r->last_rollback);
    fields_add_unknown(rollback, json_get(r->extra, "lastRollback"));
    json_set(j, "lastRollback", rollback);
}

int record_get_rollback(const struct json *j, struct rollout *ret, struct err *err)
{
    return read_rollback(json_get(j, "lastRollback"), &ret->last_rollback, err);
}

const char *const record_drill_fields[] = {
    "state",   "scope",    "shadow",   "passed",     "operator",   "reason", "started", "ended",
    "ordered", "deadline", "withinMs", "measuredMs", "restoredMs", "nodes",  "why",     NULL,
};

void record_set_drill(struct json *j, const struct rollout *r)
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

int record_get_drill(const struct json *j, struct rollout *ret, struct err *err)
{
    const struct json *drill = json_get(j, "drill");
    const char *state = json_get_string(drill, "state", "");

    if (!drill)
        return 0;
    if (!drill_state_parse(str_of(state), &ret->drill_state))
        return err_set(err, ERR_CORRUPT, "drill: \"%s\" is not a state of drills", state);
    return read_drill(drill, &ret->drill, err) < 0 ? err_ctx(err, "drill") : 0;
}
