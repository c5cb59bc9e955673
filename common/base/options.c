/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/options.h"

#include <ctype.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/units.h"

#define OPTIONS_MAX   64u
#define COLUMNS       80u
#define FORM_SIZE     48u
#define VARIABLE_SIZE 96u /* of a variable */

/* ---- values ---------------------------------------------------------------------------------- */

int option_text(void *to, const char *value, struct err *err UNUSED)
{
    *(const char **)to = value;
    return 0;
}

int option_flag(void *to, const char *value UNUSED, struct err *err UNUSED)
{
    *(bool *)to = true;
    return 0;
}

int option_duration(void *to, const char *value, struct err *err)
{
    return unit_parse_duration(str_of(value), to, err);
}

int option_log_level(void *to UNUSED, const char *value, struct err *err)
{
    enum log_level level;

    if (!log_level_parse(value, &level))
        return err_set(err, ERR_INVALID, "\"%s\" is none of error, warn, info, debug, trace",
                       value);
    log_set_level(level);
    return 0;
}

int option_number(const char *value, unsigned max, unsigned *ret, struct err *err)
{
    uint64_t n;

    if (!str_to_u64(str_of(value), max, &n) || n == 0)
        return err_set(err, ERR_INVALID, "\"%s\" is not a number from 1 to %u", value, max);
    *ret = (unsigned)n;
    return 0;
}

/* ---- parsing --------------------------------------------------------------------------------- */

static const struct option_row *find(const struct option_row *table, struct str name)
{
    for (; table->name; table++)
        if (str_eq(str_of(table->name), name))
            return table;
    return NULL;
}

static int unknown(const struct option_row *table, struct str name, struct err *err)
{
    const char *names[OPTIONS_MAX + 1] = {NULL};
    const char *near;

    for (size_t i = 0; table[i].name; i++) {
        CHECK(i < OPTIONS_MAX);
        names[i] = table[i].name;
    }
    near = str_nearest(name, names);
    err_set(err, ERR_INVALID, "unknown option --%.*s", (int)name.n, name.p);
    return near ? err_hint(err, "did you mean --%s?", near) : -(int)ERR_INVALID;
}

/* One option, whose value may be the next word: *ret_used is how many words it took. */
static int take(const struct option_row *table, struct str word, const char *next, void *ret,
                int *ret_used, struct err *err)
{
    const struct option_row *o;
    struct str name, value;
    bool joined = str_cut(word, '=', &name, &value);
    int r;

    o = find(table, name);
    if (!o)
        return unknown(table, name, err);
    if (joined && !o->value)
        return err_set(err, ERR_INVALID, "--%s takes no value", o->name);
    if (o->value && !joined && !next)
        return err_set(err, ERR_INVALID, "--%s needs a value: --%s %s", o->name, o->name, o->value);
    *ret_used = o->value && !joined ? 2 : 1;
    /* The end of a word is the end of the string that it came from. */
    r = o->take((char *)ret + o->at, !o->value ? NULL : joined ? value.p : next, err);
    return r < 0 ? err_ctx(err, "--%s", o->name) : 0;
}

int options_parse(const struct option_row *table, int argc, char **argv, void *ret, struct err *err)
{
    int used = 1;

    for (int i = 1; i < argc; i += used) {
        struct str word = str_of(argv[i]);
        int r;

        if (str_eq(word, STR("--help")) || str_eq(word, STR("-h")))
            return OPTIONS_HELP;
        if (str_eq(word, STR("--version")))
            return OPTIONS_VERSION;
        if (!str_starts(word, STR("--")) || word.n == 2)
            return err_set(err, ERR_INVALID, "unexpected word \"%s\"", argv[i]);
        word = (struct str){word.p + 2, word.n - 2};
        r = take(table, word, i + 1 < argc ? argv[i + 1] : NULL, ret, &used, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- the environment ------------------------------------------------------------------------- */

static bool is_given(const struct option_row *o, int argc, char **argv)
{
    size_t n = strlen(o->name);

    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];

        if (str_starts(str_of(word), STR("--")) && strncmp(word + 2, o->name, n) == 0 &&
            (word[2 + n] == '\0' || word[2 + n] == '='))
            return true;
    }
    return false;
}

static void variable_of(const struct option_row *o, const char *prefix, char name[VARIABLE_SIZE])
{
    CHECK(str_fmt(name, VARIABLE_SIZE, "%s%s", prefix, o->name));
    for (char *c = name; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

static int take_variable(const struct option_row *o, const char *value, void *ret, struct err *err)
{
    void *to = (char *)ret + o->at;

    if (o->value)
        return o->take(to, value, err);
    if (strcmp(value, "true") == 0)
        return o->take(to, NULL, err);
    if (strcmp(value, "false") == 0)
        return 0;
    return err_set(err, ERR_INVALID, "\"%s\" is neither true nor false", value);
}

int options_environment(const struct option_row *table, const char *prefix, int argc, char **argv,
                        char *(*look)(const char *name), void *ret, struct err *err)
{
    char name[VARIABLE_SIZE];

    for (const struct option_row *o = table; o->name; o++) {
        const char *value;

        variable_of(o, prefix, name);
        value = is_given(o, argc, argv) ? NULL : look(name);
        if (value && take_variable(o, value, ret, err) < 0)
            return err_ctx(err, "%s", name);
    }
    return 0;
}

/* ---- help ------------------------------------------------------------------------------------ */

static size_t form_of(const struct option_row *o, char *ret)
{
    CHECK(str_fmt(ret, FORM_SIZE, o->value ? "--%s %s" : "--%s", o->name, o->value));
    return strlen(ret);
}

/* `text` from column `left` on; lines after the first are indented. */
static void fold(struct str text, size_t left, struct buf *ret)
{
    struct str word, rest = text;
    size_t column = left;

    while (rest.n > 0) {
        str_cut(rest, ' ', &word, &rest);
        if (column > left && column + 1 + word.n > COLUMNS) {
            CHECK(buf_addf(ret, "\n%*s", (int)left, ""));
            column = left;
        }
        CHECK(buf_addf(ret, "%s%.*s", column > left ? " " : "", (int)word.n, word.p));
        column += word.n + (column > left);
    }
    CHECK(buf_add(ret, "\n", 1));
}

void options_help(const struct option_row *table, struct buf *ret)
{
    static const char last[] = "--help, --version";
    size_t widest = sizeof last - 1;
    char form[FORM_SIZE];

    for (const struct option_row *o = table; o->name; o++)
        widest = form_of(o, form) > widest ? form_of(o, form) : widest;
    for (const struct option_row *o = table; o->name; o++) {
        (void)form_of(o, form);
        CHECK(buf_addf(ret, "  %-*s  ", (int)widest, form));
        fold(str_of(o->help), widest + 4, ret);
    }
    CHECK(buf_addf(ret, "  %-*s  ", (int)widest, last));
    fold(STR("print this, or the version, and exit"), widest + 4, ret);
}
