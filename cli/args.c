/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include <string.h>

#include "common/base/str.h"

const struct option_spec cli_options[OPT_COUNT] = {
#define X(id, name, letter, value, help) [OPT_##id] = {name, letter, value, help},
    CLI_OPTIONS(X)
#undef X
};

#define WORDS_MAX 16 /* the words of a command and its names */

struct line {
    const char *word[WORDS_MAX]; /* what is no option */
    unsigned word_count;
};

/* ---- options --------------------------------------------------------------------------------- */

static int unknown_option(struct str name, struct err *err)
{
    const char *names[OPT_COUNT + 1] = {0};
    const char *near;

    for (unsigned i = 0; i < OPT_COUNT; i++)
        names[i] = cli_options[i].name;
    near = str_nearest(name, names);
    err_set(err, ERR_INVALID, "unknown option --%.*s", (int)name.n, name.p);
    return near ? err_hint(err, "did you mean --%s?", near) : -ERR_INVALID;
}

static int find_long(struct str name)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if (str_eq(str_of(cli_options[i].name), name))
            return i;
    return -1;
}

static int find_letter(char letter)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if (cli_options[i].letter == letter)
            return i;
    return -1;
}

/* Take one option at argv[*i], with its value in the same word after '=' (or the letter) or in the
 * next. */
static int take(struct args *a, int option, const char *attached, int argc, char **argv, int *i,
                struct err *err)
{
    const struct option_spec *spec = &cli_options[option];

    if (args_has(a, (enum cli_option)option))
        return err_set(err, ERR_INVALID, "--%s is given twice", spec->name);
    if (!spec->value) {
        if (attached)
            return err_set(err, ERR_INVALID, "--%s takes no value", spec->name);
        a->option[option] = "";
        return 0;
    }
    /* A value never begins with two dashes, unless it is attached: `--reason --all` is a slip. */
    if (!attached && *i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0)
        attached = argv[++*i];
    if (!attached)
        return err_set(err, ERR_INVALID, "--%s needs a value: --%s %s", spec->name, spec->name,
                       spec->value);
    a->option[option] = attached;
    return 0;
}

static int take_long(struct args *a, int argc, char **argv, int *i, struct err *err)
{
    const char *text = argv[*i] + 2, *equals = strchr(text, '=');
    struct str name = {text, equals ? (size_t)(equals - text) : strlen(text)};
    int option = find_long(name);

    if (option < 0)
        return unknown_option(name, err);
    return take(a, option, equals ? equals + 1 : NULL, argc, argv, i, err);
}

static int take_short(struct args *a, int argc, char **argv, int *i, struct err *err)
{
    const char *text = argv[*i];
    int option = find_letter(text[1]);

    if (option < 0) {
        err_set(err, ERR_INVALID, "unknown option %s", text);
        return err_hint(err, "options have long names; `switchyard --help` lists them");
    }
    return take(a, option, text[2] ? text + 2 : NULL, argc, argv, i, err);
}

static int take_word(struct line *line, const char *word, struct err *err)
{
    if (line->word_count == WORDS_MAX)
        return err_set(err, ERR_INVALID, "too many words, starting with \"%s\"", word);
    line->word[line->word_count++] = word;
    return 0;
}

static int split(int argc, char **argv, struct args *a, struct line *line, struct err *err)
{
    bool options = true;
    int r = 0;

    for (int i = 1; i < argc && r == 0; i++) {
        const char *text = argv[i];

        if (options && strcmp(text, "--") == 0)
            options = false;
        else if (options && text[0] == '-' && text[1] == '-')
            r = take_long(a, argc, argv, &i, err);
        else if (options && text[0] == '-' && text[1] != '\0')
            r = take_short(a, argc, argv, &i, err);
        else
            r = take_word(line, text, err);
    }
    return r;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* How many of the line's first words are this command's; 0 when they differ. */
static unsigned matched_words(const struct command *c, const struct line *line)
{
    struct str rest = str_of(c->words), word;
    unsigned n = 0;

    while (rest.n > 0) {
        str_cut(rest, ' ', &word, &rest);
        if (n == line->word_count || !str_eq(word, str_of(line->word[n])))
            return 0;
        n++;
    }
    return n;
}

static const struct command *find_command(const struct line *line, unsigned *ret_words)
{
    for (const struct command *c = cli_commands; c->words; c++) {
        *ret_words = matched_words(c, line);
        if (*ret_words > 0)
            return c;
    }
    return NULL;
}

static bool is_group(const char *word)
{
    size_t n = strlen(word);

    for (const struct command *c = cli_commands; c->words; c++)
        if (strncmp(c->words, word, n) == 0 && c->words[n] == ' ')
            return true;
    return false;
}

static int unknown_command(const struct line *line, struct err *err)
{
    const char *names[64] = {0};
    char typed[128];
    const char *near;
    unsigned n = 0;

    for (const struct command *c = cli_commands; c->words && n + 1 < ARRAY_LEN(names); c++)
        names[n++] = c->words;
    if (line->word_count > 1 && is_group(line->word[0]))
        str_fmt(typed, sizeof typed, "%s %s", line->word[0], line->word[1]);
    else
        str_fmt(typed, sizeof typed, "%s", line->word[0]);
    near = str_nearest(str_of(typed), names);
    err_set(err, ERR_INVALID, "unknown command \"%s\"", typed);
    if (near)
        return err_hint(err, "did you mean `switchyard %s`?", near);
    return err_hint(err, "`switchyard --help` lists the commands");
}

/* What has to be typed in any case. */
static int see_help(const struct command *c, struct err *err)
{
    char needs[sizeof err->hint] = "";

    if (c->names && c->names[0])
        str_join(needs, sizeof needs, " ", "%s", c->names);
    for (int i = 0; i < OPT_COUNT; i++)
        if (c->needed & (1ull << i))
            str_join(needs, sizeof needs, " ", "--%s %s", cli_options[i].name,
                     cli_options[i].value);
    if (!needs[0])
        return err_hint(err, "see `switchyard %s --help`", c->words);
    return err_hint(err, "type `switchyard %s %s`; see `switchyard %s --help`", c->words, needs,
                    c->words);
}

static int check_option(const struct command *c, const char *given, enum cli_option o,
                        struct err *err)
{
    const struct option_spec *spec = &cli_options[o];
    unsigned long long bit = 1ull << o;

    if (given && !((c->options | OPT_GLOBAL) & bit) && !(c->writes_file && o == OPT_FILE)) {
        err_set(err, ERR_INVALID, "`switchyard %s` takes no --%s", c->words, spec->name);
        return see_help(c, err);
    }
    if (!(c->needed & bit) || (given && given[0]))
        return 0;
    if (given)
        err_set(err, ERR_INVALID, "--%s is empty", spec->name);
    else
        err_set(err, ERR_INVALID, "`switchyard %s` needs --%s %s", c->words, spec->name,
                spec->value);
    return see_help(c, err);
}

static int check_options(const struct command *c, const struct args *a, struct err *err)
{
    int r = 0;

    for (int i = 0; i < OPT_COUNT && r == 0; i++)
        r = check_option(c, a->option[i], (enum cli_option)i, err);
    return r;
}

static int check_names(const struct command *c, const struct args *a, struct err *err)
{
    if (a->name_count < c->names_min) {
        err_set(err, ERR_INVALID, "`switchyard %s` needs %s", c->words, c->names);
        return see_help(c, err);
    }
    if (a->name_count > c->names_max) {
        err_set(err, ERR_INVALID, "unexpected word \"%s\"", a->name[c->names_max]);
        return err_hint(err, "usage: switchyard %s%s%s [options]", c->words, c->names[0] ? " " : "",
                        c->names);
    }
    return 0;
}

/* All of them have room: there are no more than WORDS_MAX. */
static void take_names(struct args *a, const struct line *line, unsigned from)
{
    _Static_assert(ARRAY_LEN(a->name) >= WORDS_MAX, "every word may be a name");
    a->name_count = line->word_count - from;
    memcpy(a->name, &line->word[from], a->name_count * sizeof a->name[0]);
}

/* "help status" asks the same as "status --help". */
static void take_help_word(struct args *a, struct line *line)
{
    if (line->word_count == 0 || strcmp(line->word[0], "help") != 0)
        return;
    a->option[OPT_HELP] = "";
    line->word_count--;
    memmove(&line->word[0], &line->word[1], line->word_count * sizeof line->word[0]);
}

int args_parse(int argc, char **argv, struct args *ret, const struct command **ret_command,
               char *ret_prefix, size_t prefix_size, struct err *err)
{
    struct line line = {0};
    unsigned words = 0;
    int r;

    *ret = (struct args){0};
    *ret_command = NULL;
    ret_prefix[0] = '\0';
    r = split(argc, argv, ret, &line, err);
    if (r < 0)
        return r;
    take_help_word(ret, &line);
    if (line.word_count == 0)
        return 0;
    *ret_command = find_command(&line, &words);
    if (!*ret_command) {
        if (line.word_count == 1 && is_group(line.word[0]))
            return str_fmt(ret_prefix, prefix_size, "%s", line.word[0]) ? 0 : -ERR_INVALID;
        return unknown_command(&line, err);
    }
    if (args_has(ret, OPT_HELP))
        return 0;
    if ((*ret_command)->writes_file)
        ret->option[OPT_FILE] = steal(ret->option[OPT_OUTPUT]);
    take_names(ret, &line, words);
    r = check_options(*ret_command, ret, err);
    if (r == 0)
        r = check_names(*ret_command, ret, err);
    return r;
}
