/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/fields.h"

#include <math.h>

#include "coordinator/core/days.h"

void fields_set_time(struct json *j, const char *key, wall_t t)
{
    char text[WALL_TEXT_MAX];

    if (wall_is_set(t))
        json_set_string(j, key, wall_text(t, text));
}

void fields_set_text(struct json *j, const char *key, const char *text)
{
    if (text[0])
        json_set_string(j, key, text);
}

int fields_get_time(const struct json *j, const char *key, wall_t *ret, struct err *err)
{
    const char *text = json_get_string(j, key, NULL);

    *ret = (wall_t){0};
    if (!json_get(j, key))
        return 0;
    if (!text || !wall_parse(str_of(text), ret))
        return err_set(err, ERR_CORRUPT, "%s is not a time", key);
    return 0;
}

void fields_get_text(const struct json *j, const char *key, char *ret, size_t size)
{
    str_fmt(ret, size, "%s", json_get_string(j, key, ""));
}

int fields_get_phase(const struct json *j, const char *key, enum rollout_phase *ret,
                     struct err *err)
{
    const char *text = json_get_string(j, key, "");

    if (!phase_parse(str_of(text), ret))
        return err_set(err, ERR_CORRUPT, "%s \"%s\" is not a phase", key, text);
    return 0;
}

int fields_get_system(const struct json *j, const char *key, enum system *ret, struct err *err)
{
    const char *text = json_get_string(j, key, system_name(SYSTEM_NONE));

    if (!system_parse(str_of(text), ret))
        return err_set(err, ERR_CORRUPT, "%s \"%s\" is not a system", key, text);
    return 0;
}

int fields_get_weight(const struct json *j, const char *key, uint32_t *ret, struct err *err)
{
    double percent = json_get_number(j, key, -1.0);

    if (!(percent >= 0.0 && percent <= 100.0))
        return err_set(err, ERR_CORRUPT, "%s is not a percentage", key);
    *ret = (uint32_t)lround(percent * 100.0);
    return 0;
}

int fields_get_count(const struct json *j, const char *key, unsigned *ret, struct err *err)
{
    uint64_t n = json_get_u64(j, key, json_get(j, key) ? UINT64_MAX : 0);

    if (n > UINT32_MAX)
        return err_set(err, ERR_CORRUPT, "%s is not a small whole number", key);
    *ret = (unsigned)n;
    return 0;
}

void fields_set_day(struct json *j, const char *key, int64_t day)
{
    char text[DAY_TEXT_MAX];

    if (day > 0)
        json_set_string(j, key, day_text(day, text));
}

int fields_get_day(const struct json *j, const char *key, int64_t *ret, struct err *err)
{
    *ret = 0;
    if (json_get(j, key) && !day_parse(str_of(json_get_string(j, key, "")), ret))
        return err_set(err, ERR_CORRUPT, "%s is not a date", key);
    return 0;
}

struct json *fields_unknown(const struct json *doc, const char *const *known)
{
    struct json *rest = json_dup(doc);

    for (; *known; known++)
        json_remove(rest, *known);
    if (json_count(rest) > 0)
        return rest;
    json_free(rest);
    return NULL;
}

void fields_add_unknown(struct json *to, const struct json *extra)
{
    JSON_FOREACH (field, extra) {
        if (!json_get(to, json_key(field)))
            json_add(to, json_key(field), json_dup(field));
    }
}
