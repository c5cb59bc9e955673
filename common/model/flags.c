/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/flags.h"

#include <math.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int check_name(struct str s, struct err *err)
{
    char shown[SHOW_SIZE];
    bool good = s.n > 0 && s.n < NAME_SIZE && is_letter(s.p[0]);

    for (size_t i = 0; good && i < s.n; i++) {
        char c = s.p[i];

        good = is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    }
    if (!good)
        return err_set(err, ERR_INVALID,
                       "%s is not a flag's name: a letter, then letters, digits, '_', '-' and "
                       "'.', %d at most",
                       ids_show(s, shown), NAME_SIZE - 1);
    return 0;
}

static bool is_value(const struct json *value)
{
    switch (json_kind(value)) {
    case JSON_BOOL:
    case JSON_STRING:
        return true;
    case JSON_NUMBER:
        return isfinite(json_number(value, NAN));
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return false;
}

/* Shortest JSON text of a scalar into dst of FLAG_VALUE bytes. */
static int write_value(struct str name, const struct json *value, char *dst, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(FLAG_VALUE - 1);
    char shown[SHOW_SIZE];

    if (!is_value(value))
        return err_set(err, ERR_INVALID,
                       "flag %s is %s: a flag's value is true or false, a number or a string",
                       ids_show(name, shown), json_kind_name(json_kind(value)));
    if (!json_print(value, false, &text))
        return err_set(err, ERR_INVALID, "the value of flag %s is longer than %d bytes",
                       ids_show(name, shown), FLAG_VALUE - 1);
    memset(dst, 0, FLAG_VALUE);
    memcpy(dst, text.data, text.len);
    return 0;
}

/* Where the flag is, or would be. */
static unsigned find_place(const struct flags *f, const char *name)
{
    unsigned at = 0;

    while (at < f->count && strcmp(f->flag[at].name, name) < 0)
        at++;
    return at;
}

static int put(struct flags *f, const struct flag *flag, struct err *err)
{
    unsigned at = find_place(f, flag->name);

    if (at == f->count || strcmp(f->flag[at].name, flag->name) != 0) {
        if (f->count == FLAGS_MAX)
            return err_set(err, ERR_EXHAUSTED, "flag \"%s\" is one more than the %d there may be",
                           flag->name, FLAGS_MAX);
        memmove(&f->flag[at + 1], &f->flag[at], (f->count - at) * sizeof f->flag[0]);
        f->count++;
    }
    f->flag[at] = *flag;
    return 0;
}

int flags_set(struct flags *f, struct str name, const struct json *value, struct err *err)
{
    struct flag flag = {.name = ""};
    int r = check_name(name, err);

    if (r < 0)
        return r;
    memcpy(flag.name, name.p, name.n);
    r = write_value(name, value, flag.value, err);
    return r < 0 ? r : put(f, &flag, err);
}

int flags_set_text(struct flags *f, const char *name, const char *value, struct err *err)
{
    CLEANUP(json_freep) struct json *parsed = NULL;
    char shown[SHOW_SIZE], shown_value[SHOW_SIZE];

    if (json_parse(str_of(value), &parsed, NULL) < 0)
        return err_set(err, ERR_INVALID,
                       "%s is no value for flag %s: write true, false, a number, or a string in "
                       "double quotes",
                       ids_show(str_of(value), shown_value), ids_show(str_of(name), shown));
    return flags_set(f, str_of(name), parsed, err);
}

struct json *flags_json(const struct flags *f)
{
    struct json *j = json_object();

    for (unsigned i = 0; i < f->count; i++) {
        struct json *value = NULL;

        if (json_parse(str_of(f->flag[i].value), &value, NULL) == 0)
            json_add(j, f->flag[i].name, value);
    }
    return j;
}

int flags_merge(struct flags *into, const struct flags *from, struct err *err)
{
    struct flags merged = *into;

    for (unsigned i = 0; i < from->count; i++) {
        int r = put(&merged, &from->flag[i], err);

        if (r < 0)
            return r;
    }
    *into = merged;
    return 0;
}

const struct flag *flags_find(const struct flags *f, const char *name)
{
    unsigned at = find_place(f, name);

    return at < f->count && strcmp(f->flag[at].name, name) == 0 ? &f->flag[at] : NULL;
}

bool flags_remove(struct flags *f, const char *name)
{
    unsigned at = find_place(f, name);

    if (at == f->count || strcmp(f->flag[at].name, name) != 0)
        return false;
    f->count--;
    memmove(&f->flag[at], &f->flag[at + 1], (f->count - at) * sizeof f->flag[0]);
    memset(&f->flag[f->count], 0, sizeof f->flag[0]);
    return true;
}

enum json_kind flag_kind(const struct flag *f)
{
    if (f->value[0] == 't' || f->value[0] == 'f')
        return JSON_BOOL;
    return f->value[0] == '"' ? JSON_STRING : JSON_NUMBER;
}

bool flags_eq(const struct flags *a, const struct flags *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}
