/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/plan_reader.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/check.h"

static unsigned line_of(const struct plan_reader *r, const struct json *at)
{
    return r->doc && at ? yaml_line(r->doc, at) : 0;
}

static void report(struct plan_reader *r, const struct json *at, const char *fmt, va_list ap)
    PRINTF(3, 0);

static void report(struct plan_reader *r, const struct json *at, const char *fmt, va_list ap)
{
    unsigned line = line_of(r, at);
    char words[sizeof r->first.msg];
    char place[16] = "";

    if (r->problems++ > 0 && line >= r->first_line)
        return;
    r->first_line = line;
    vsnprintf(words, sizeof words, fmt, ap);
    if (line > 0)
        str_fmt(place, sizeof place, "%u:", line);
    err_set(&r->first, ERR_INVALID, "%s:%s %s%s%s", r->source, place, r->path,
            r->path_len ? ": " : "", words);
}

void plan_reader_problem(struct plan_reader *r, const struct json *at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report(r, at, fmt, ap);
    va_end(ap);
}

void plan_reader_problem_of(struct plan_reader *r, const struct json *node, const char *member,
                            const char *fmt, ...)
{
    const struct json *at = json_get(node, member);
    size_t mark = plan_reader_enter(r, "%s%s", at ? "." : "", at ? member : "");
    va_list ap;

    va_start(ap, fmt);
    report(r, at ? at : node, fmt, ap);
    va_end(ap);
    plan_reader_leave(r, mark);
}

void plan_reader_wrong_kind(struct plan_reader *r, const struct json *at, const char *expected)
{
    char shown[SHOW_SIZE];

    if (json_kind(at) == JSON_STRING)
        plan_reader_problem(r, at, "expected %s, not %s", expected,
                            ids_show(str_of(json_string(at, "")), shown));
    else if (json_kind(at) == JSON_NUMBER)
        plan_reader_problem(r, at, "expected %s, not %.15g", expected, json_number(at, 0));
    else
        plan_reader_problem(r, at, "expected %s, not %s", expected, json_kind_name(json_kind(at)));
}

size_t plan_reader_enter(struct plan_reader *r, const char *fmt, ...)
{
    size_t mark = r->path_len, room = sizeof r->path - mark;
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(r->path + mark, room, fmt, ap);
    va_end(ap);
    r->path_len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    return mark;
}

void plan_reader_leave(struct plan_reader *r, size_t mark)
{
    r->path_len = mark;
    r->path[mark] = '\0';
}

static const struct plan_field *find_field(const struct plan_section *s, const char *name)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (strcmp(s->fields[i].name, name) == 0)
            return &s->fields[i];
    }
    return NULL;
}

static bool is_later(const struct plan_section *s, const char *name)
{
    for (const char *const *word = s->later; word && *word; word++) {
        if (strcmp(*word, name) == 0)
            return true;
    }
    return false;
}

static void refuse_unknown(struct plan_reader *r, const struct json *item,
                           const struct plan_section *s)
{
    const char *names[PLAN_SECTION_FIELDS_MAX + 1] = {NULL};
    char known[320] = "";
    const char *near;

    CHECK(s->count <= PLAN_SECTION_FIELDS_MAX);
    for (unsigned i = 0; i < s->count; i++) {
        size_t used = strlen(known);

        names[i] = s->fields[i].name;
        str_fmt(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
    }
    near = str_nearest(str_of(json_key(item)), names);
    if (near)
        plan_reader_problem(r, item, "unknown field; did you mean \"%s\"?", near);
    else
        plan_reader_problem(r, item, "unknown field; known here: %s", known);
}

/* False after refusing a member that the section does not have. */
static bool read_member(struct plan_reader *r, const struct json *item,
                        const struct plan_section *s, void *dst)
{
    const struct plan_field *f = find_field(s, json_key(item));

    if (f && r->partial && json_kind(item) == JSON_NULL)
        return true;
    if (f)
        f->read(r, item, f, (char *)dst + f->offset);
    else if (r->lenient)
        return true;
    else if (is_later(s, json_key(item)))
        plan_reader_problem(r, item, "this version of Switchyard does not enforce it; take it out");
    else
        refuse_unknown(r, item, s);
    return f != NULL;
}

size_t plan_reader_enter_key(struct plan_reader *r, const struct json *member)
{
    char shown[SHOW_SIZE];
    char *key = ids_show(str_of(json_key(member)), shown);

    /* Without the quotes: a key reads as part of the path. */
    key[strlen(key) - 1] = '\0';
    return plan_reader_enter(r, "%s%s", r->path_len ? "." : "", key + 1);
}

void plan_reader_section(struct plan_reader *r, const struct json *node,
                         const struct plan_section *section, void *dst)
{
    bool all_known = true;

    if (json_kind(node) != JSON_OBJECT) {
        plan_reader_wrong_kind(r, node, "a mapping");
        return;
    }
    JSON_FOREACH (item, node) {
        size_t mark = plan_reader_enter_key(r, item);

        all_known &= read_member(r, item, section, dst);
        plan_reader_leave(r, mark);
    }
    /* What seems to be missing may be what was misspelt. */
    for (unsigned i = 0; i < section->count && all_known && !r->partial; i++) {
        const struct plan_field *f = &section->fields[i];

        if (f->required && !json_get(node, f->name))
            plan_reader_problem(r, node, "\"%s\" is missing", f->name);
    }
}

unsigned plan_reader_list(struct plan_reader *r, const struct json *node, const char *what,
                          unsigned min, unsigned max, plan_item_fn read, void *dst)
{
    bool partial = r->partial;
    unsigned index = 0;

    if (json_kind(node) != JSON_ARRAY) {
        char expected[64];

        str_fmt(expected, sizeof expected, "a list of %s", what);
        plan_reader_wrong_kind(r, node, expected);
        return 0;
    }
    if (json_count(node) < min)
        plan_reader_problem(r, node, "the list of %s is empty; at least %u is needed", what, min);
    if (json_count(node) > max)
        plan_reader_problem(r, node, "%zu %s; at most %u are allowed", json_count(node), what, max);

    r->partial = false; /* lists are replaced as a whole */
    JSON_FOREACH (item, node) {
        size_t mark;

        if (index == max)
            break;
        mark = plan_reader_enter(r, "[%u]", index);
        read(r, item, index, dst);
        plan_reader_leave(r, mark);
        index++;
    }
    r->partial = partial;
    return index;
}

int plan_reader_result(const struct plan_reader *r, struct err *err)
{
    unsigned more = r->problems - 1;

    if (r->problems == 0)
        return 0;
    if (more == 0)
        return err_copy(err, &r->first);
    return err_set(err, ERR_INVALID, "%s (and %u more problem%s)", r->first.msg, more,
                   more == 1 ? "" : "s");
}
