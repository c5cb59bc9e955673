/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/json_check.h"

struct scan {
    struct str text;
    size_t at;
    uint64_t objects; /* bit d: the container at depth d is an object, not an array */
    unsigned depth;
    size_t values;    /* begun so far */
    size_t find;      /* ordinal of the value that json_locate() wants */
    size_t found;     /* its offset, */
    size_t last_key;  /* the offset of the latest key, */
    size_t found_key; /* and of the one before the wanted value */
};

static int peek(const struct scan *s)
{
    return s->at < s->text.n ? (unsigned char)s->text.p[s->at] : -1;
}

static bool take(struct scan *s, char c)
{
    if (peek(s) != c)
        return false;
    s->at++;
    return true;
}

static void skip_space(struct scan *s)
{
    while (take(s, ' ') || take(s, '\t') || take(s, '\n') || take(s, '\r'))
        ;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool take_digits(struct scan *s)
{
    size_t start = s->at;

    while (is_digit(peek(s)))
        s->at++;
    return s->at > start;
}

static const char *scan_number(struct scan *s)
{
    take(s, '-');
    if (!take(s, '0') && !take_digits(s))
        return "a number needs digits";
    if (is_digit(peek(s)))
        return "a number may not begin with 0";
    if (take(s, '.') && !take_digits(s))
        return "a number needs digits after its point";
    if ((take(s, 'e') || take(s, 'E'))) {
        if (!take(s, '+'))
            take(s, '-');
        if (!take_digits(s))
            return "a number needs digits in its exponent";
    }
    return NULL;
}

static const char *scan_unicode_escape(struct scan *s)
{
    uint64_t code;

    if (s->text.n - s->at < 4 || !str_to_hex_u64((struct str){s->text.p + s->at, 4}, 0xffff, &code))
        return "\\u needs four hexadecimal digits";
    if (code == 0)
        return "strings may not hold the character NUL";
    s->at += 4;
    return NULL;
}

static const char *scan_escape(struct scan *s)
{
    int c = peek(s);

    if (c <= 0 || !strchr("\"\\/bfnrtu", c))
        return "unknown escape in a string";
    s->at++;
    return c == 'u' ? scan_unicode_escape(s) : NULL;
}

static const char *scan_string(struct scan *s)
{
    const char *why = NULL;

    if (!take(s, '"'))
        return "a string was expected";
    while (!why && !take(s, '"')) {
        int c = peek(s);
        if (c < 0)
            return "a string does not end";
        if (c < 0x20)
            return "control character in a string; write it as an escape";
        s->at++;
        if (c == '\\')
            why = scan_escape(s);
    }
    return why;
}

static const char *scan_word(struct scan *s)
{
    static const struct str words[] = {STR("true"), STR("false"), STR("null")};
    struct str rest = {s->text.p + s->at, s->text.n - s->at};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_starts(rest, words[i])) {
            s->at += words[i].n;
            return NULL;
        }
    return rest.n == 0 ? "the text ends where a value was expected" : "a value was expected";
}

static const char *scan_key(struct scan *s)
{
    skip_space(s);
    s->last_key = s->at;
    if (peek(s) != '"')
        return "a key in double quotes was expected";
    const char *why = scan_string(s);
    if (why)
        return why;
    skip_space(s);
    return take(s, ':') ? NULL : "':' was expected after a key";
}

static bool in_object(const struct scan *s)
{
    return s->depth > 0 && (s->objects >> (s->depth - 1) & 1);
}

static const char *open_container(struct scan *s, bool object)
{
    if (s->depth == JSON_MAX_DEPTH)
        return "nested deeper than 64 levels";
    uint64_t bit = UINT64_C(1) << s->depth++;
    s->objects = object ? s->objects | bit : s->objects & ~bit;
    s->at++;
    return NULL;
}

static void note_value(struct scan *s)
{
    if (s->values++ == s->find) {
        s->found = s->at;
        s->found_key = s->last_key;
    }
}

/* One value, of containers only the beginning. *ret_open: it is a container that has a first
 * item. */
static const char *scan_value(struct scan *s, bool *ret_open)
{
    *ret_open = false;
    skip_space(s);
    note_value(s);

    int c = peek(s);
    if (c == '"')
        return scan_string(s);
    if (c == '-' || is_digit(c))
        return scan_number(s);
    if (c != '{' && c != '[')
        return scan_word(s);

    const char *why = open_container(s, c == '{');
    if (why)
        return why;
    skip_space(s);
    if (take(s, c == '{' ? '}' : ']'))
        s->depth--;
    else
        *ret_open = true;
    return NULL;
}

/* After a value: close what ends here. *ret_more: a further item follows. */
static const char *scan_after(struct scan *s, bool *ret_more)
{
    *ret_more = false;
    while (s->depth > 0) {
        skip_space(s);
        if (take(s, ',')) {
            *ret_more = true;
            return NULL;
        }
        if (!take(s, in_object(s) ? '}' : ']'))
            return in_object(s) ? "',' or '}' was expected" : "',' or ']' was expected";
        s->depth--;
    }
    return NULL;
}

static const char *scan_document(struct scan *s)
{
    const char *why = NULL;
    bool more = true;

    while (!why && more) {
        bool open = false;
        if (in_object(s))
            why = scan_key(s);
        if (!why)
            why = scan_value(s, &open);
        if (!why && !open)
            why = scan_after(s, &more);
    }
    if (why)
        return why;
    skip_space(s);
    return s->at == s->text.n ? NULL : "something follows the document";
}

const char *json_check(struct str text, size_t *ret_at)
{
    struct scan s = {.text = text, .find = SIZE_MAX};

    if (!str_utf8_valid(text, ret_at))
        return "not valid UTF-8";
    const char *why = scan_document(&s);
    *ret_at = s.at;
    return why;
}

size_t json_locate(struct str text, size_t nth, bool key)
{
    struct scan s = {.text = text, .find = nth};

    scan_document(&s);
    return key ? s.found_key : s.found;
}
