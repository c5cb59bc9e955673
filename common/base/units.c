/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/units.h"

#include <math.h>

#define SHOWN_MAX       40 /* bytes of a refused text that are repeated */
#define DURATION_MAX_NS (36500 * INT64_C(86400000000000)) /* 100 years */
#define TEXT_DECIMALS   3

struct unit {
    const char *name;
    int64_t size;
};

/* Largest first. */
static const struct unit durations[] = {
    {"d", INT64_C(86400000000000)},
    {"h", INT64_C(3600000000000)},
    {"m", INT64_C(60000000000)},
    {"s", INT64_C(1000000000)},
    {"ms", 1000000},
    {"us", 1000},
    {"ns", 1},
};

/* The first that divides is the one shown. */
static const struct unit sizes[] = {
    {"GiB", INT64_C(1) << 30}, {"GB", 1000000000}, {"MiB", 1 << 20}, {"MB", 1000000},
    {"KiB", 1 << 10},          {"KB", 1000},       {"", 1},
};

static int refuse(struct err *err, struct str s, const char *what, const char *hint)
{
    int shown = s.n > SHOWN_MAX ? SHOWN_MAX : (int)s.n;
    int r = err_set(err, ERR_INVALID, "\"%.*s\" is no %s", shown, s.n ? s.p : "", what);

    err_hint(err, "%s", hint);
    return r;
}

/* Split "250ms" where the number ends. */
static void split(struct str s, struct str *ret_number, struct str *ret_unit)
{
    size_t n = 0;

    while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '.'))
        n++;
    *ret_number = (struct str){s.p, n};
    *ret_unit = (struct str){s.p ? s.p + n : NULL, s.n - n};
}

static const struct unit *find_unit(const struct unit *units, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(str_of(units[i].name), name))
            return &units[i];
    return NULL;
}

/* `number` x `unit` to the nearest nanosecond. The whole part is multiplied as an integer: as one
 * double the product of a large number with a fraction would be off by a nanosecond. */
static bool multiply(struct str number, int64_t unit, int64_t *ret)
{
    struct str whole, fraction;
    char text[UNIT_TEXT_MAX];
    double part = 0;
    uint64_t value;

    bool dotted = str_cut(number, '.', &whole, &fraction);
    if (!str_to_u64(whole, (uint64_t)(DURATION_MAX_NS / unit), &value))
        return false;
    if (dotted && (!str_fmt(text, sizeof text, "0.%.*s", (int)fraction.n, fraction.p) ||
                   fraction.n == 0 || !str_to_decimal(str_of(text), &part)))
        return false;
    *ret = (int64_t)value * unit + llround(part * (double)unit);
    return true;
}

int unit_parse_duration(struct str s, dur_t *ret, struct err *err)
{
    struct str number, name;

    split(s, &number, &name);
    const struct unit *unit = find_unit(durations, ARRAY_LEN(durations), name);
    if (!unit || !multiply(number, unit->size, &ret->ns))
        return refuse(err, s, "duration",
                      "write a number and a unit: 250ms, 1.5s, 10m, 2h, 7d (at most 36500d)");
    return 0;
}

/* `number` x `scale` as an integer of at most `max`; false when digits would be lost. */
static bool scaled(struct str number, double scale, double max, uint32_t *ret)
{
    double value;

    if (!str_to_decimal(number, &value))
        return false;
    value *= scale;
    double whole = round(value);
    if (whole > max || fabs(value - whole) > 1e-6)
        return false;
    *ret = (uint32_t)whole;
    return true;
}

int unit_parse_ratio(struct str s, uint32_t *ret_ppm, struct err *err)
{
    struct str number, name;

    split(s, &number, &name);
    if (!str_eq(name, STR("%")) || !scaled(number, 1e4, 1e6, ret_ppm))
        return refuse(err, s, "ratio",
                      "write a percentage: 1%, 0.1%, at most 100%, steps of 0.0001%");
    return 0;
}

int unit_parse_weight(struct str s, uint32_t *ret_bp, struct err *err)
{
    struct str number, name;

    split(s, &number, &name);
    if ((name.n > 0 && !str_eq(name, STR("%"))) || !scaled(number, 100, 10000, ret_bp))
        return refuse(err, s, "weight",
                      "write a percentage from 0 to 100: 25 or 12.5, steps of 0.01");
    return 0;
}

int unit_parse_size(struct str s, uint64_t *ret_bytes, struct err *err)
{
    struct str number, name;
    uint64_t value;

    split(s, &number, &name);
    const struct unit *unit = find_unit(sizes, ARRAY_LEN(sizes), name);
    if (!unit || !str_to_u64(number, INT64_MAX, &value) ||
        __builtin_mul_overflow(value, (uint64_t)unit->size, &value) || value > INT64_MAX)
        return refuse(err, s, "size", "write whole bytes or a unit: 512, 64KiB, 10MiB, 1GB");
    *ret_bytes = value;
    return 0;
}

/* value / unit in decimal without trailing zeros; false when `decimals` are not enough. */
static bool exact_text(uint64_t value, uint64_t unit, unsigned decimals, char *dst)
{
    uint64_t rest = value % unit;
    size_t len;

    str_fmt(dst, UNIT_TEXT_MAX, "%llu", (unsigned long long)(value / unit));
    len = strlen(dst);
    if (rest > 0)
        dst[len++] = '.';
    for (unsigned i = 0; rest > 0 && i < decimals; i++) {
        rest *= 10;
        dst[len++] = (char)('0' + rest / unit);
        rest %= unit;
    }
    dst[len] = '\0';
    return rest == 0;
}

const char *unit_duration_text(dur_t d, char *dst)
{
    uint64_t value = d.ns < 0 ? -(uint64_t)d.ns : (uint64_t)d.ns;
    char best[UNIT_TEXT_MAX] = "0s";
    bool found = value == 0;

    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        char number[UNIT_TEXT_MAX], text[UNIT_TEXT_MAX + 4];
        const struct unit *unit = &durations[i];
        if (value < (uint64_t)unit->size ||
            !exact_text(value, (uint64_t)unit->size, TEXT_DECIMALS, number))
            continue;
        str_fmt(text, sizeof text, "%s%s", number, unit->name);
        if (!found || strlen(text) < strlen(best))
            str_fmt(best, sizeof best, "%s", text);
        found = true;
    }
    str_fmt(dst, UNIT_TEXT_MAX, "%s%s", d.ns < 0 ? "-" : "", best);
    return dst;
}

const char *unit_ratio_text(uint32_t ppm, char *dst)
{
    char number[UNIT_TEXT_MAX];

    exact_text(ppm, 10000, 4, number);
    str_fmt(dst, UNIT_TEXT_MAX, "%s%%", number);
    return dst;
}

const char *unit_weight_text(uint32_t bp, char *dst)
{
    exact_text(bp, 100, 2, dst);
    return dst;
}

const char *unit_size_text(uint64_t bytes, char *dst)
{
    size_t i = 0;

    while (bytes == 0 ? sizes[i].size != 1 : bytes % (uint64_t)sizes[i].size != 0)
        i++;
    str_fmt(dst, UNIT_TEXT_MAX, "%llu%s", (unsigned long long)(bytes / (uint64_t)sizes[i].size),
            sizes[i].name);
    return dst;
}
