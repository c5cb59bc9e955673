/* SPDX-License-Identifier: Apache-2.0 */
/* What is ordered beside the stages, in the record of a rollout: breaker, mirror, flags. */
#include "coordinator/core/record_rollout_parts.h"

#include "common/base/units.h"
#include "coordinator/core/fields.h"

const char *const record_breaker_fields[] = {
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

const char *const record_tuning_fields[] = {
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

void record_set_orders(struct json *j, const struct rollout *r)
{
    set_breaker(j, r);
    set_tuning(j, r);
    set_mirror(j, r);
    set_flags(j, r);
}

int record_get_orders(const struct json *j, struct rollout *ret, struct err *err)
{
    int r;

    if ((r = get_breaker(j, ret, err)) < 0 || (r = get_tuning(j, ret, err)) < 0 ||
        (r = get_mirror(j, ret, err)) < 0)
        return r;
    return get_flags(j, ret, err);
}
