/* SPDX-License-Identifier: Apache-2.0 */
/* How a rollout stands to its stages, in its record. */
#include "coordinator/core/record_rollout_parts.h"

#include "common/base/units.h"
#include "coordinator/core/fields.h"

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

void record_set_stage(struct json *j, const struct rollout *r)
{
    set_wave(j, r);
    set_entering(j, r);
    set_proven(j, r);
    set_retreat(j, r);
}

int record_get_stage(const struct json *j, struct rollout *ret, struct err *err)
{
    int r;

    if ((r = get_wave(j, ret, err)) < 0 || (r = get_entering(j, ret, err)) < 0 ||
        (r = get_proven(j, ret, err)) < 0)
        return r;
    return get_retreat(j, ret, err);
}
