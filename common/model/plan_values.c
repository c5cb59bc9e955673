/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/plan_values.h"

#include "common/base/units.h"

#define DURATION_FORMS "a number with its unit, as in 250ms, 1.5s, 10m, 2h or 7d"
#define RATIO_FORMS    "a percentage with its sign, as in 0.1% or 5%"
#define WEIGHT_FORMS   "a percentage from 0 to 100, as in 25 or 12.5%"
#define SIZE_FORMS     "a number of bytes or with a unit, as in 512, 64KiB or 1MiB"
#define FACTOR_FORMS   "a number over 1, at most 1000, as in 2.0"

/* A scalar as written, for parsing and for messages. */
struct scalar {
    char number[32];
    struct str text;
    char shown[SHOW_SIZE];
};

/* Strings and numbers are quantities; false after reporting anything else. */
static bool read_scalar(struct plan_reader *r, const struct json *v, const char *forms,
                        struct scalar *ret)
{
    switch (json_kind(v)) {
    case JSON_STRING:
        ret->text = str_of(json_string(v, ""));
        ids_show(ret->text, ret->shown);
        return true;
    case JSON_NUMBER:
        str_fmt(ret->number, sizeof ret->number, "%.15g", json_number(v, 0));
        ret->text = str_of(ret->number);
        str_fmt(ret->shown, sizeof ret->shown, "%s", ret->number);
        return true;
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    plan_reader_wrong_kind(r, v, forms);
    return false;
}

void plan_value_section(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                        void *dst)
{
    plan_reader_section(r, v, f->section, dst);
}

bool plan_value_text(struct plan_reader *r, const struct json *v, const char *what, struct str *ret)
{
    if (json_kind(v) != JSON_STRING) {
        plan_reader_wrong_kind(r, v, what);
        return false;
    }
    *ret = str_of(json_string(v, ""));
    return true;
}

int plan_value_choice(struct plan_reader *r, const struct json *v, const char *const *words)
{
    char expected[128], shown[SHOW_SIZE];
    const char *near;
    struct str text;

    str_fmt(expected, sizeof expected, "%s%s", words[1] ? "one of " : "", words[0]);
    for (const char *const *word = words + 1; *word; word++) {
        size_t used = strlen(expected);

        str_fmt(expected + used, sizeof expected - used, ", %s", *word);
    }
    if (!plan_value_text(r, v, expected, &text))
        return -1;
    for (int i = 0; words[i]; i++) {
        if (str_eq(text, str_of(words[i])))
            return i;
    }
    near = str_nearest(text, words);
    if (near && words[1])
        plan_reader_problem(r, v, "expected %s, not %s; did you mean \"%s\"?", expected,
                            ids_show(text, shown), near);
    else
        plan_reader_problem(r, v, "expected %s, not %s", expected, ids_show(text, shown));
    return -1;
}

void plan_value_word(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                     void *dst UNUSED)
{
    (void)plan_value_choice(r, v, f->words);
}

void plan_value_bool(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                     void *dst)
{
    bool *ret = dst;

    if (json_kind(v) == JSON_BOOL)
        *ret = json_bool(v, false);
    else
        plan_reader_wrong_kind(r, v, "true or false");
}

void plan_value_count(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                      void *dst)
{
    double n = json_number(v, -1);
    uint32_t *ret = dst;

    if (json_kind(v) != JSON_NUMBER)
        plan_reader_wrong_kind(r, v, "a whole number");
    else if (!(n >= (double)f->min && n <= (double)f->max) || n != (double)(uint32_t)n)
        plan_reader_problem(r, v, "%.15g is not a whole number from %lld to %lld", n,
                            (long long)f->min, (long long)f->max);
    else
        *ret = (uint32_t)n;
}

void plan_value_duration(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                         void *dst)
{
    char low[UNIT_TEXT_MAX], high[UNIT_TEXT_MAX];
    dur_t *ret = dst;
    struct scalar s;
    dur_t d;

    if (!read_scalar(r, v, DURATION_FORMS, &s))
        return;
    if (unit_parse_duration(s.text, &d, NULL) < 0)
        plan_reader_problem(r, v, "%s is not a duration; write %s", s.shown, DURATION_FORMS);
    else if (d.ns < f->min || d.ns > f->max)
        plan_reader_problem(r, v, "%s is out of range; it must be from %s to %s", s.shown,
                            unit_duration_text(dur_ns(f->min), low),
                            unit_duration_text(dur_ns(f->max), high));
    else
        *ret = d;
}

void plan_value_millis(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                       void *dst)
{
    dur_t d = {-1};
    uint32_t *ret = dst;

    plan_value_duration(r, v, f, &d);
    if (d.ns >= 0)
        *ret = (uint32_t)dur_to_ms(d);
}

void plan_value_ratio(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    uint32_t *ret = dst;
    struct scalar s;
    uint32_t ppm;

    if (!read_scalar(r, v, RATIO_FORMS, &s))
        return;
    if (unit_parse_ratio(s.text, &ppm, NULL) < 0)
        plan_reader_problem(r, v, "%s is not a ratio from 0%% to 100%%; write %s", s.shown,
                            RATIO_FORMS);
    else if (ppm == 0)
        /* In the struct, 0 stands for "not asked for". */
        plan_reader_problem(r, v, "%s is out of range; the strictest limit is 0.0001%%", s.shown);
    else
        *ret = ppm;
}

void plan_value_weight(struct plan_reader *r, const struct json *v,
                       const struct plan_field *f UNUSED, void *dst)
{
    uint32_t *ret = dst;
    struct scalar s;

    if (read_scalar(r, v, WEIGHT_FORMS, &s) && unit_parse_weight(s.text, ret, NULL) < 0)
        plan_reader_problem(r, v, "%s is not a weight; write %s", s.shown, WEIGHT_FORMS);
}

void plan_value_factor(struct plan_reader *r, const struct json *v,
                       const struct plan_field *f UNUSED, void *dst)
{
    uint32_t *ret = dst;
    struct scalar s;
    double n;

    if (!read_scalar(r, v, FACTOR_FORMS, &s))
        return;
    if (!str_to_decimal(s.text, &n) || n > 1000 || n * 1000 < 1001)
        plan_reader_problem(r, v, "%s is not a ratio to legacy; write %s", s.shown, FACTOR_FORMS);
    else
        *ret = (uint32_t)(n * 1000 + 0.5);
}

void plan_value_thousandths(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                            void *dst)
{
    double n = json_number(v, -1);
    uint32_t *ret = dst;

    if (json_kind(v) != JSON_NUMBER)
        plan_reader_wrong_kind(r, v, "a number");
    else if (!(n * 1000 >= 1 && n <= (double)f->max))
        plan_reader_problem(r, v, "%.15g is not a number from 0.001 to %lld", n, (long long)f->max);
    else
        *ret = (uint32_t)(n * 1000 + 0.5);
}

void plan_value_confidence(struct plan_reader *r, const struct json *v,
                           const struct plan_field *f UNUSED, void *dst)
{
    uint32_t *ret = dst, ppm;
    struct scalar s;

    if (!read_scalar(r, v, RATIO_FORMS, &s))
        return;
    if (unit_parse_ratio(s.text, &ppm, NULL) < 0 || ppm < 500000 || ppm > 999999)
        plan_reader_problem(r, v, "%s is not a confidence from 50%% to 99.9999%%; write %s",
                            s.shown, RATIO_FORMS);
    else
        *ret = ppm;
}

void plan_value_approval(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                         void *dst)
{
    bool *ret = dst;

    *ret = plan_value_choice(r, v, f->words) == 0;
}

void plan_value_line(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                     void *dst)
{
    const char **ret = dst;
    struct str text;

    if (!plan_value_text(r, v, "a text", &text))
        return;
    if (text.n == 0 || text.n >= TEXT_SIZE || !str_is_line(text, NULL))
        plan_reader_problem(r, v, "a text here is one line of 1 to %d bytes", TEXT_SIZE - 1);
    else
        *ret = text.p;
}

void plan_value_size(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                     void *dst)
{
    char high[UNIT_TEXT_MAX];
    uint32_t *ret = dst;
    struct scalar s;
    uint64_t n;

    if (!read_scalar(r, v, SIZE_FORMS, &s))
        return;
    if (unit_parse_size(s.text, &n, NULL) < 0)
        plan_reader_problem(r, v, "%s is not a size; write %s", s.shown, SIZE_FORMS);
    else if (n > (uint64_t)f->max)
        plan_reader_problem(r, v, "%s is too much; at most %s is allowed", s.shown,
                            unit_size_text((uint64_t)f->max, high));
    else
        *ret = (uint32_t)n;
}

void plan_value_key(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                    void *dst)
{
    struct str text;
    struct err err;

    if (plan_value_text(r, v, "a key like \"header:X-User-Id\"", &text) &&
        route_key_parse(text, dst, &err) < 0)
        plan_reader_problem(r, v, "%s", err.msg);
}
