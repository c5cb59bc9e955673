/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/record.h"

#include "coordinator/core/fields.h"

int record_parse(struct str value, struct json **ret, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    struct err inner;
    double version;

    if (json_parse(value, &j, &inner) < 0)
        return err_set(err, ERR_CORRUPT, "%s", inner.msg);
    if (json_kind(j) != JSON_OBJECT)
        return err_set(err, ERR_CORRUPT, "expected a mapping, found %s",
                       json_kind_name(json_kind(j)));
    version = json_get_number(j, "version", 0.0);
    if (version > RECORD_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "version %g is newer than this coordinator's %d",
                       version, RECORD_VERSION);
    if (!(version >= 1.0))
        return err_set(err, ERR_CORRUPT, "version is missing");
    *ret = steal(j);
    return 0;
}

/* ---- plans ----------------------------------------------------------------------------------- */

bool record_write_plan(const struct plan *p, struct buf *b)
{
    return json_print(p->document, false, b);
}

int record_read_plan(struct str value, struct plan **ret, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    struct err inner;

    if (json_parse(value, &j, &inner) < 0 || plan_load(j, ret, &inner) < 0)
        return err_set(err, ERR_CORRUPT, "%s", inner.msg);
    return 0;
}

/* ---- emergency orders ------------------------------------------------------------------------ */

static const char *const emergency_fields[] = {
    "version", "epoch", "active", "reason", "operator", "time", NULL,
};

bool record_write_emergency(const struct emergency *e, const struct json *extra, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();

    json_set_number(j, "version", RECORD_VERSION);
    json_set_u64(j, "epoch", e->epoch);
    json_set_bool(j, "active", e->active);
    json_set_string(j, "reason", e->reason);
    json_set_string(j, "operator", e->operator_name);
    fields_set_time(j, "time", e->ordered_at);
    fields_add_unknown(j, extra);
    return json_print(j, false, b);
}

int record_read_emergency(struct str value, struct emergency *ret, struct json **ret_extra,
                          struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    int r;

    memset(ret, 0, sizeof *ret);
    r = record_parse(value, &j, err);
    if (r < 0)
        return r;
    ret->epoch = json_get_u64(j, "epoch", 0);
    if (ret->epoch == 0 || json_kind(json_get(j, "active")) != JSON_BOOL)
        return err_set(err, ERR_CORRUPT,
                       "an emergency order needs an epoch and whether it is active");
    ret->active = json_get_bool(j, "active", false);
    fields_get_text(j, "reason", ret->reason, sizeof ret->reason);
    fields_get_text(j, "operator", ret->operator_name, sizeof ret->operator_name);
    r = fields_get_time(j, "time", &ret->ordered_at, err);
    if (r < 0)
        return r;
    *ret_extra = fields_unknown(j, emergency_fields);
    return 0;
}

/* ---- history --------------------------------------------------------------------------------- */

static const char *const history_fields[] = {
    "version", "time",     "event",      "operator", "reason", "from",
    "to",      "revision", "measuredMs", "request",  NULL,
};

bool record_write_history(const struct history_entry *e, const struct json *extra, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();

    json_set_number(j, "version", RECORD_VERSION);
    fields_set_time(j, "time", e->time);
    json_set_string(j, "event", e->event);
    json_set_string(j, "operator", e->operator_name);
    json_set_string(j, "reason", e->reason);
    json_set_string(j, "from", e->from);
    json_set_string(j, "to", e->to);
    if (e->revision)
        json_set_u64(j, "revision", e->revision);
    json_set_number(j, "measuredMs", e->measured_ms);
    fields_set_text(j, "request", e->request);
    fields_add_unknown(j, extra);
    return json_print(j, false, b);
}

int record_read_history(struct str value, struct history_entry *ret, struct json **ret_extra,
                        struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    int r;

    memset(ret, 0, sizeof *ret);
    r = record_parse(value, &j, err);
    if (r < 0)
        return r;
    r = fields_get_time(j, "time", &ret->time, err);
    if (r < 0)
        return r;
    fields_get_text(j, "event", ret->event, sizeof ret->event);
    fields_get_text(j, "request", ret->request, sizeof ret->request);
    fields_get_text(j, "operator", ret->operator_name, sizeof ret->operator_name);
    fields_get_text(j, "reason", ret->reason, sizeof ret->reason);
    fields_get_text(j, "from", ret->from, sizeof ret->from);
    fields_get_text(j, "to", ret->to, sizeof ret->to);
    ret->revision = json_get_u64(j, "revision", 0);
    ret->measured_ms = json_get_number(j, "measuredMs", 0.0);
    *ret_extra = fields_unknown(j, history_fields);
    return 0;
}

/* ---- removals -------------------------------------------------------------------------------- */

bool record_write_removed(const struct name *migration, wall_t now, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();

    json_set_number(j, "version", RECORD_VERSION);
    json_set_string(j, "migration", migration->s);
    fields_set_time(j, "time", now);
    return json_print(j, false, b);
}
