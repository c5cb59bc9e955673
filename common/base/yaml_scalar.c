/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/yaml_scalar.h"

#include <math.h>
#include <stdlib.h>

#define NUMBER_MAX 64 /* longer ones are strings: no number that matters has more digits */

static bool is_one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_eq(s, str_of(*words)))
            return true;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(struct str s, size_t from)
{
    size_t n = 0;

    while (from + n < s.n && is_digit(s.p[from + n]))
        n++;
    return n;
}

/* [-+]? ( digits ( . digits? )? | . digits ) ( [eE] [-+]? digits )? */
static bool is_decimal(struct str s)
{
    size_t at = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    size_t whole = digits(s, at);
    size_t fraction = 0;

    at += whole;
    if (at < s.n && s.p[at] == '.') {
        fraction = digits(s, at + 1);
        at += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        at++;
        at += at < s.n && (s.p[at] == '-' || s.p[at] == '+');
        size_t exponent = digits(s, at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return at == s.n;
}

static bool to_octal(struct str s, uint64_t *ret)
{
    uint64_t value = 0;

    if (s.n == 0 || s.n > 21)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '7')
            return false;
        value = value << 3 | (uint64_t)(s.p[i] - '0');
    }
    *ret = value;
    return true;
}

static bool is_number(struct str s, double *ret)
{
    char text[NUMBER_MAX];
    uint64_t integer;

    if (str_starts(s, STR("0x")) &&
        str_to_hex_u64((struct str){s.p + 2, s.n - 2}, UINT64_MAX, &integer)) {
        *ret = (double)integer;
        return true;
    }
    if (str_starts(s, STR("0o")) && to_octal((struct str){s.p + 2, s.n - 2}, &integer)) {
        *ret = (double)integer;
        return true;
    }
    if (!is_decimal(s) || !str_copy(s, text, sizeof text))
        return false;
    *ret = strtod(text, NULL);
    return true;
}

static bool is_null(struct str s)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(s, words);
}

static bool is_true(struct str s)
{
    static const char *const words[] = {"true", "True", "TRUE", NULL};
    return is_one_of(s, words);
}

static bool is_false(struct str s)
{
    static const char *const words[] = {"false", "False", "FALSE", NULL};
    return is_one_of(s, words);
}

static bool is_infinite_or_nan(struct str s)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
    struct str unsigned_s = s;

    if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
        unsigned_s = (struct str){s.p + 1, s.n - 1};
    return is_one_of(unsigned_s, words);
}

bool yaml_scalar_resolve(struct str text, struct json **ret)
{
    double number;

    if (is_infinite_or_nan(text))
        return false;
    if (is_number(text, &number)) {
        if (!isfinite(number))
            return false;
        *ret = json_from_number(number);
    } else if (is_null(text)) {
        *ret = json_null();
    } else if (is_true(text) || is_false(text)) {
        *ret = json_from_bool(is_true(text));
    } else {
        *ret = json_from_str(text);
    }
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "10m", "1.5s", "64KiB": the only strings that begin with a digit and stay unquoted. */
static bool is_quantity(struct str s)
{
    size_t at = digits(s, 0);
    size_t unit = 0;

    if (at == 0 || s.p[0] == '0')
        return false;
    if (at < s.n && s.p[at] == '.')
        at += 1 + digits(s, at + 1);
    while (at + unit < s.n && is_letter(s.p[at + unit]))
        unit++;
    return unit > 0 && at + unit == s.n;
}

static bool is_reserved(struct str s)
{
    static const struct str words[] = {STR("null"), STR("true"), STR("false"),
                                       STR("yes"),  STR("no"),   STR("on"),
                                       STR("off"),  STR("y"),    STR("n")};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_ieq(s, words[i]))
            return true;
    return false;
}

/* Narrower than YAML allows on purpose: a quote too many harms nobody. */
bool yaml_scalar_may_be_plain(struct str s)
{
    if (s.n == 0 || is_reserved(s))
        return false;
    if (is_digit(s.p[0]))
        return is_quantity(s);
    if (!is_letter(s.p[0]) && s.p[0] != '/' && s.p[0] != '_')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool inside = i + 1 < s.n && s.p[i + 1] != ' ';
        if (!is_letter(c) && !is_digit(c) && !strchr("_-./+@%()", c) &&
            !(strchr(" :=", c) && inside))
            return false;
        if (c == '\0')
            return false;
    }
    return true;
}
