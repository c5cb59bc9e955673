/* SPDX-License-Identifier: Apache-2.0 */
/* Block style, two spaces of indent, for people to read and yaml_parse() to read back as the same
 * tree. */
#include "common/base/yaml.h"
#include "common/base/yaml_scalar.h"

#define SIMPLE_KEY_MAX 1000 /* YAML 1.2 7.4.2: implicit keys end within 1024 characters */

static bool print_text(const char *s, struct buf *b)
{
    if (yaml_scalar_may_be_plain(str_of(s)))
        return buf_add_str(b, str_of(s));
    return json_print_string(s, b);
}

static bool indent(unsigned depth, struct buf *b)
{
    return buf_addf(b, "%*s", (int)(2 * depth), "");
}

static bool is_block(const struct json *j)
{
    return json_first(j) != NULL;
}

static bool print_scalar(const struct json *j, struct buf *b)
{
    switch (json_kind(j)) {
    case JSON_NULL:
        return buf_add_str(b, STR("null"));
    case JSON_BOOL:
        return buf_add_str(b, json_bool(j, false) ? STR("true") : STR("false"));
    case JSON_NUMBER:
        return json_print_number(json_number(j, 0), b);
    case JSON_STRING:
        return print_text(json_string(j, ""), b);
    case JSON_ARRAY:
        return buf_add_str(b, STR("[]"));
    case JSON_OBJECT:
        return buf_add_str(b, STR("{}"));
    }
    return false;
}

static bool print_block(const struct json *j, unsigned depth, bool inline_first, struct buf *b);

static bool print_item(const struct json *item, unsigned depth, struct buf *b)
{
    if (!buf_add_str(b, STR("- ")))
        return false;
    if (is_block(item))
        return print_block(item, depth + 1, true, b);
    return print_scalar(item, b) && buf_add_str(b, STR("\n"));
}

static bool print_key(const char *key, unsigned depth, struct buf *b)
{
    size_t before = b->len;

    if (!print_text(key, b))
        return false;
    if (b->len - before <= SIMPLE_KEY_MAX)
        return buf_add_str(b, STR(":"));
    b->len = before;
    return buf_add_str(b, STR("? ")) && print_text(key, b) && buf_add_str(b, STR("\n")) &&
           indent(depth, b) && buf_add_str(b, STR(":"));
}

static bool print_member(const struct json *member, unsigned depth, struct buf *b)
{
    if (!print_key(json_key(member), depth, b))
        return false;
    if (is_block(member))
        return buf_add_str(b, STR("\n")) && print_block(member, depth + 1, false, b);
    return buf_add_str(b, STR(" ")) && print_scalar(member, b) && buf_add_str(b, STR("\n"));
}

/* `inline_first`: the first line continues one that "- " has begun. */
static bool print_block(const struct json *j, unsigned depth, bool inline_first, struct buf *b)
{
    bool object = json_kind(j) == JSON_OBJECT;

    JSON_FOREACH (item, j) {
        bool continues = inline_first && item == json_first(j);
        if (!continues && !indent(depth, b))
            return false;
        if (!(object ? print_member(item, depth, b) : print_item(item, depth, b)))
            return false;
    }
    return true;
}

bool yaml_print(const struct json *j, struct buf *b)
{
    size_t before = b->len;

    if (is_block(j) ? print_block(j, 0, false, b) : print_scalar(j, b) && buf_add_str(b, STR("\n")))
        return true;
    b->len = before;
    buf_text(b);
    return false;
}
