/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/breaker_knobs.h"

#include "common/base/units.h"

enum knob_form { KNOB_COUNT, KNOB_MILLIS, KNOB_SHARE, KNOB_MODE };

#define HOUR_MS 3600000u
#define DAY_MS  (24 * HOUR_MS)
#define MANY    1000000000u

#define AT(member) offsetof(struct route_breaker, member)
static const struct {
    const char *name;
    enum knob_form form;
    size_t offset;
    uint32_t min, max; /* as in the plan */
} knobs[BREAKER_KNOB_COUNT] = {
    [BREAKER_KNOB_ERRORS] = {"errors", KNOB_COUNT, AT(errors), 0, MANY},
    [BREAKER_KNOB_WINDOW] = {"window", KNOB_MILLIS, AT(window_ms), 1000, HOUR_MS},
    [BREAKER_KNOB_OPEN_FOR] = {"openFor", KNOB_MILLIS, AT(open_for_ms), 1000, DAY_MS},
    [BREAKER_KNOB_HALF_OPEN_REQUESTS] = {"halfOpenRequests", KNOB_COUNT, AT(half_open_requests), 1,
                                         MANY},
    [BREAKER_KNOB_ERROR_RATE] = {"errorRate", KNOB_SHARE, AT(error_rate_bp), 0, WEIGHT_BP_MAX},
    [BREAKER_KNOB_SLOW] = {"slow", KNOB_MILLIS, AT(slow_ms), 0, HOUR_MS},
    [BREAKER_KNOB_SLOW_RATE] = {"slowRate", KNOB_SHARE, AT(slow_rate_bp), 0, WEIGHT_BP_MAX},
    [BREAKER_KNOB_MIN_REQUESTS] = {"minRequests", KNOB_COUNT, AT(min_requests), 1, MANY},
    [BREAKER_KNOB_RE_RAMP] = {"reRamp", KNOB_MILLIS, AT(re_ramp_ms), 0, DAY_MS},
    [BREAKER_KNOB_MODE] = {"mode", KNOB_MODE, AT(mode), 0, BREAKER_MODE_COUNT - 1},
};
#undef AT

static const char *const modes[BREAKER_MODE_COUNT] = {
    [BREAKER_MODE_ENFORCE] = "enforce",
    [BREAKER_MODE_WATCH] = "watch",
    [BREAKER_MODE_OFF] = "off",
};

const char *breaker_knob_name(enum breaker_knob k)
{
    return knobs[k].name;
}

bool breaker_knob_find(struct str name, enum breaker_knob *ret)
{
    for (unsigned i = 0; i < BREAKER_KNOB_COUNT; i++) {
        if (str_eq(name, str_of(knobs[i].name))) {
            *ret = (enum breaker_knob)i;
            return true;
        }
    }
    return false;
}

/* ---- values ---------------------------------------------------------------------------------- */

static uint32_t get(const struct route_breaker *b, enum breaker_knob k)
{
    if (knobs[k].form == KNOB_MODE)
        return (uint32_t)b->mode;
    return *(const uint32_t *)(const void *)((const char *)b + knobs[k].offset);
}

static void put(struct route_breaker *b, enum breaker_knob k, uint32_t value)
{
    if (knobs[k].form == KNOB_MODE)
        b->mode = (enum breaker_mode)value;
    else
        *(uint32_t *)(void *)((char *)b + knobs[k].offset) = value;
}

static const char *value_text(enum breaker_knob k, uint32_t value, char *dst)
{
    char number[UNIT_TEXT_MAX];

    switch (knobs[k].form) {
    case KNOB_COUNT:
        str_fmt(dst, BREAKER_KNOB_TEXT, "%u", value);
        break;
    case KNOB_MILLIS:
        unit_duration_text(dur_ms(value), dst);
        break;
    case KNOB_SHARE:
        str_fmt(dst, BREAKER_KNOB_TEXT, "%s%%", unit_weight_text(value, number));
        break;
    case KNOB_MODE:
        str_fmt(dst, BREAKER_KNOB_TEXT, "%s", modes[value]);
        break;
    }
    return dst;
}

static int parse_mode(struct str text, uint64_t *ret, struct err *err)
{
    for (unsigned i = 0; i < BREAKER_MODE_COUNT; i++) {
        if (str_eq(text, str_of(modes[i]))) {
            *ret = i;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "use enforce, watch or off");
}

static int parse(enum knob_form form, struct str text, uint64_t *ret, struct err *err)
{
    uint32_t bp = 0;
    dur_t d = {0};
    int r = 0;

    switch (form) {
    case KNOB_COUNT:
        if (!str_to_u64(text, UINT32_MAX, ret))
            return err_set(err, ERR_INVALID, "a whole number is wanted");
        return 0;
    case KNOB_MILLIS:
        r = unit_parse_duration(text, &d, err);
        *ret = (uint64_t)dur_to_ms(d);
        return r;
    case KNOB_SHARE:
        if (unit_parse_weight(text, &bp, NULL) < 0)
            return err_set(err, ERR_INVALID, "use a percentage from 0%% to 100%%, as in 20%%");
        *ret = bp;
        return 0;
    case KNOB_MODE:
        break;
    }
    return parse_mode(text, ret, err);
}

int breaker_tune(struct breaker_tuning *t, enum breaker_knob k, struct str text, struct err *err)
{
    char least[BREAKER_KNOB_TEXT], most[BREAKER_KNOB_TEXT];
    uint64_t value = 0;
    int r = parse(knobs[k].form, text, &value, err);

    if (r < 0)
        return err_ctx(err, "%s", knobs[k].name);
    if (value < knobs[k].min || value > knobs[k].max)
        return err_set(err, ERR_INVALID, "%s: from %s to %s", knobs[k].name,
                       value_text(k, knobs[k].min, least), value_text(k, knobs[k].max, most));
    t->set |= 1u << k;
    t->value[k] = (uint32_t)value;
    return 0;
}

void breaker_untune(struct breaker_tuning *t, enum breaker_knob k)
{
    t->set &= ~(1u << k);
    t->value[k] = 0;
}

void breaker_apply(const struct breaker_tuning *t, struct route_breaker *b)
{
    for (unsigned i = 0; i < BREAKER_KNOB_COUNT; i++)
        if (t->set & (1u << i))
            put(b, (enum breaker_knob)i, t->value[i]);
}

const char *breaker_knob_text(const struct route_breaker *b, enum breaker_knob k, char *dst)
{
    return value_text(k, get(b, k), dst);
}

/* ---- stored ---------------------------------------------------------------------------------- */

struct json *breaker_tuning_json(const struct breaker_tuning *t)
{
    char text[BREAKER_KNOB_TEXT];
    struct json *j;

    if (t->set == 0)
        return NULL;
    j = json_object();
    for (unsigned i = 0; i < BREAKER_KNOB_COUNT; i++)
        if (t->set & (1u << i))
            json_set_string(j, knobs[i].name, value_text((enum breaker_knob)i, t->value[i], text));
    return j;
}

int breaker_tuning_read(const struct json *j, struct breaker_tuning *ret, struct err *err)
{
    int r = 0;

    JSON_FOREACH (item, j) {
        const char *text = json_get_string(j, json_key(item), "");
        enum breaker_knob k;

        if (r == 0 && breaker_knob_find(str_of(json_key(item)), &k))
            r = breaker_tune(ret, k, str_of(text), err);
    }
    return r;
}
