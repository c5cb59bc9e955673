/* SPDX-License-Identifier: Apache-2.0 */
/* The printer is ours because cJSON's writes 1e+15 for whole numbers, indents with tabs, and
 * allocates before it knows whether the result may be that large. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/json.h"

/* All that JSON demands, and what YAML would not read back as it stands: DEL to U+00A0, the Unicode
 * line separators, the byte order mark and the two non-characters. */
static bool needs_escape(uint32_t code)
{
    return code < 0x20 || code == '"' || code == '\\' || (code >= 0x7f && code <= 0xa0) ||
           code == 0x2028 || code == 0x2029 || code == 0xfeff || code == 0xfffe || code == 0xffff;
}

static bool print_escape(uint32_t code, struct buf *b)
{
    static const char short_form[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                      ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};

    if (code < sizeof short_form && short_form[code])
        return buf_addf(b, "\\%c", short_form[code]);
    return buf_addf(b, "\\u%04x", (unsigned)code);
}

/* The character at `p`, which is valid UTF-8. */
static uint32_t decode(const unsigned char *p, size_t *ret_len)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t code = len == 1 ? p[0] : p[0] & (0x7fu >> len);

    for (size_t i = 1; i < len; i++)
        code = code << 6 | (p[i] & 0x3f);
    *ret_len = len;
    return code;
}

static bool print_valid(struct str s, struct buf *b)
{
    size_t from = 0;
    size_t len = 0;

    for (size_t i = 0; i < s.n; i += len) {
        uint32_t code = decode((const unsigned char *)s.p + i, &len);
        if (!needs_escape(code))
            continue;
        if (!buf_add(b, s.p + from, i - from) || !print_escape(code, b))
            return false;
        from = i + len;
    }
    return buf_add(b, s.p + from, s.n - from);
}

bool json_print_string(const char *s, struct buf *b)
{
    struct str rest = str_of(s);
    size_t bad = 0;

    if (!buf_add_str(b, STR("\"")))
        return false;
    while (!str_utf8_valid(rest, &bad)) {
        if (!print_valid((struct str){rest.p, bad}, b) || !buf_add_str(b, STR("\\ufffd")))
            return false;
        rest = (struct str){rest.p + bad + 1, rest.n - bad - 1};
    }
    return print_valid(rest, b) && buf_add_str(b, STR("\""));
}

bool json_print_number(double n, struct buf *b)
{
    char text[40];

    if (!isfinite(n))
        return buf_add_str(b, STR("null"));
    if (n == trunc(n) && fabs(n) < 1e18)
        return buf_addf(b, "%.0f", n == 0 ? 0.0 : n); /* no -0 */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, n);
        if (strtod(text, NULL) == n)
            break;
    }
    return buf_addf(b, "%s", text);
}

static bool new_line(bool pretty, unsigned depth, struct buf *b)
{
    return !pretty || buf_addf(b, "\n%*s", (int)(2 * depth), "");
}

static bool print_value(const struct json *j, bool pretty, unsigned depth, struct buf *b);

static bool print_items(const struct json *j, bool pretty, unsigned depth, struct buf *b)
{
    bool object = json_kind(j) == JSON_OBJECT;

    if (!buf_add_str(b, object ? STR("{") : STR("[")))
        return false;
    JSON_FOREACH (item, j) {
        if (item != json_first(j) && !buf_add_str(b, STR(",")))
            return false;
        if (!new_line(pretty, depth + 1, b))
            return false;
        if (object && (!json_print_string(json_key(item), b) ||
                       !buf_add_str(b, pretty ? STR(": ") : STR(":"))))
            return false;
        if (!print_value(item, pretty, depth + 1, b))
            return false;
    }
    if (json_first(j) && !new_line(pretty, depth, b))
        return false;
    return buf_add_str(b, object ? STR("}") : STR("]"));
}

static bool print_value(const struct json *j, bool pretty, unsigned depth, struct buf *b)
{
    switch (json_kind(j)) {
    case JSON_NULL:
        return buf_add_str(b, STR("null"));
    case JSON_BOOL:
        return buf_add_str(b, json_bool(j, false) ? STR("true") : STR("false"));
    case JSON_NUMBER:
        return json_print_number(json_number(j, 0), b);
    case JSON_STRING:
        return json_print_string(json_string(j, ""), b);
    case JSON_ARRAY:
    case JSON_OBJECT:
        return print_items(j, pretty, depth, b);
    }
    return false;
}

bool json_print(const struct json *j, bool pretty, struct buf *b)
{
    size_t before = b->len;

    if (print_value(j, pretty, 0, b))
        return true;
    b->len = before;
    buf_text(b); /* puts the end back */
    return false;
}
