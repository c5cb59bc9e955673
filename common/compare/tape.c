/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compare/tape.h"

#include "common/base/json_check.h"
#include "common/base/mem.h"

#define EXPONENT_DIGITS_MAX 6
#define TEXT_MAX            (1u << 30) /* so that exponents and offsets stay inside their types */

/* The grammar has been checked: the scanner may trust it. */
struct scan {
    struct tape *t;
    uint32_t at;
    uint32_t max;
    uint32_t room;
};

/* ---- strings --------------------------------------------------------------------------------- */

static unsigned hex4(const char *p)
{
    uint64_t code = 0;

    return str_to_hex_u64((struct str){p, 4}, 0xffff, &code) ? (unsigned)code : 0;
}

static uint32_t put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* `p` is behind "\u". A half of a pair that stands alone is kept as it is. Returns the bytes read.
 */
static uint32_t read_unicode(const char *p, unsigned *ret_code)
{
    unsigned high = hex4(p);
    unsigned low;

    *ret_code = high;
    if (high < 0xd800 || high > 0xdbff || p[4] != '\\' || p[5] != 'u')
        return 4;
    low = hex4(p + 6);
    if (low < 0xdc00 || low > 0xdfff)
        return 4;
    *ret_code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return 10;
}

/* Takes a string from its first quote to behind its last, and removes its escapes in place: what
 * they stand for is never longer. */
static void take_string(struct scan *s, uint32_t *ret_at, uint32_t *ret_n)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char *b = s->t->bytes;
    uint32_t from = s->at + 1, to = from;

    *ret_at = from;
    while (b[from] != '"') {
        unsigned code;

        if (b[from] != '\\') {
            b[to++] = b[from++];
        } else if (b[from + 1] == 'u') {
            from += 2 + read_unicode(b + from + 2, &code);
            to += put_utf8(b + to, code);
        } else {
            b[to++] = meant[strchr(plain, b[from + 1]) - plain];
            from += 2;
        }
    }
    *ret_n = to - *ret_at;
    s->at = from + 1;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_exponent(struct scan *s, int32_t *ret)
{
    const char *b = s->t->bytes;
    bool negative = b[s->at + 1] == '-';
    unsigned digits = 0;
    int32_t value = 0;

    s->at += 1 + (negative || b[s->at + 1] == '+');
    for (; is_digit(b[s->at]); s->at++) {
        digits += digits > 0 || b[s->at] != '0';
        if (digits <= EXPONENT_DIGITS_MAX)
            value = value * 10 + (b[s->at] - '0');
    }
    *ret += negative ? -value : value;
    return digits <= EXPONENT_DIGITS_MAX;
}

/* Digits without zeros at either end, and the exponent that goes with them: one spelling for each
 * number. Zero has no digits and no sign. */
static bool take_number(struct scan *s, struct tape_value *v)
{
    char *b = s->t->bytes;
    bool negative = b[s->at] == '-', point = false;
    uint32_t to = s->at + negative, first = to;

    for (s->at = to; is_digit(b[s->at]) || b[s->at] == '.'; s->at++) {
        if (b[s->at] == '.') {
            point = true;
            continue;
        }
        v->exponent -= point;
        if (to > first || b[s->at] != '0')
            b[to++] = b[s->at];
    }
    if ((b[s->at] == 'e' || b[s->at] == 'E') && !take_exponent(s, &v->exponent))
        return false;
    for (; to > first && b[to - 1] == '0'; to--)
        v->exponent++;
    if (to == first)
        v->exponent = 0;
    v->n = to == first ? 0 : to - v->at;
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void skip_space(struct scan *s)
{
    while (strchr(" \t\n\r", s->t->bytes[s->at]) && s->t->bytes[s->at])
        s->at++;
}

static void take_word(struct scan *s, struct tape_value *v)
{
    while (s->t->bytes[s->at] >= 'a' && s->t->bytes[s->at] <= 'z')
        s->at++;
    v->n = s->at - v->at;
}

static bool take_value(struct scan *s, uint32_t parent);

static void take_key(struct scan *s, struct tape_value *v)
{
    skip_space(s);
    take_string(s, &v->key_at, &v->key_n);
    skip_space(s);
    s->at++; /* ':' */
}

static uint32_t add_value(struct scan *s)
{
    struct tape *t = s->t;

    if (t->count == s->room) {
        s->room = s->room * 2 < s->max ? s->room * 2 : s->max;
        t->value = xrealloc(t->value, s->room * sizeof t->value[0]);
    }
    t->value[t->count] = (struct tape_value){0};
    return t->count++;
}

/* Recursion is as deep as the text is nested, which the check of its grammar bounds. */
static bool take_items(struct scan *s, uint32_t self)
{
    const char *b = s->t->bytes;

    s->at++;
    skip_space(s);
    while (b[s->at] != ']' && b[s->at] != '}') {
        if (s->t->count == s->max || !take_value(s, self))
            return false;
        skip_space(s);
        if (b[s->at] == ',')
            s->at++;
        skip_space(s);
    }
    s->at++;
    return true;
}

static bool take_by_kind(struct scan *s, uint32_t self)
{
    struct tape_value *v = &s->t->value[self];

    switch (s->t->bytes[s->at]) {
    case '{':
        v->kind = JSON_OBJECT;
        return take_items(s, self);
    case '[':
        v->kind = JSON_ARRAY;
        return take_items(s, self);
    case '"':
        v->kind = JSON_STRING;
        take_string(s, &v->at, &v->n);
        return true;
    case 't':
    case 'f':
        v->kind = JSON_BOOL;
        take_word(s, v);
        return true;
    case 'n':
        v->kind = JSON_NULL;
        take_word(s, v);
        return true;
    default:
        v->kind = JSON_NUMBER;
        return take_number(s, v);
    }
}

/* `parent` UINT32_MAX: it is the root. */
static bool take_value(struct scan *s, uint32_t parent)
{
    uint32_t self = add_value(s);
    struct tape_value *value = s->t->value;
    uint32_t start;

    if (parent != UINT32_MAX) {
        value[parent].count++;
        if (value[parent].kind == JSON_OBJECT)
            take_key(s, &value[self]);
    }
    skip_space(s);
    start = value[self].at = s->at;
    if (!take_by_kind(s, self))
        return false;
    value = s->t->value; /* it may have moved */
    value[self].end = s->t->count;
    value[self].raw_n = s->at - start - (value[self].kind == JSON_STRING ? 2 : 0);
    return true;
}

bool tape_init(struct tape *ret, struct str text, uint32_t values_max)
{
    struct scan s = {.t = ret, .max = values_max, .room = 64};
    size_t bad;

    *ret = (struct tape){.text = text};
    if (text.n == 0 || text.n >= TEXT_MAX || json_check(text, &bad))
        return false;
    ret->bytes = xrealloc(NULL, text.n + 1);
    memcpy(ret->bytes, text.p, text.n);
    ret->bytes[text.n] = '\0';
    ret->value = xcalloc(s.room, sizeof ret->value[0]);
    if (take_value(&s, UINT32_MAX))
        return true;
    tape_deinit(ret);
    return false;
}

void tape_deinit(struct tape *t)
{
    xfreep(&t->bytes);
    xfreep(&t->value);
    t->count = 0;
}
