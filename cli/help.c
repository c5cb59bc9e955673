/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/machines.h"
#include "cli/run.h"

#define HELP_MAX (256u << 10)

static bool in_group(const struct command *c, const char *prefix)
{
    size_t n = strlen(prefix);

    return n == 0 || (strncmp(c->words, prefix, n) == 0 && c->words[n] == ' ');
}

/* "      --reason TEXT          why, ..." */
static void add_option(struct buf *b, const struct option_spec *o)
{
    char left[64];

    str_fmt(left, sizeof left, "%c%c%s --%s%s%s", o->letter ? '-' : ' ',
            o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, o->value ? " " : "",
            o->value ? o->value : "");
    buf_addf(b, "  %-26s %s\n", left, o->help);
}

static void add_options(struct buf *b, unsigned long long options)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if (options & (1ull << i))
            add_option(b, &cli_options[i]);
}

void help_overview(struct buf *b, const char *prefix)
{
    buf_addf(b, "usage: switchyard %s%sCOMMAND [NAME] [options]\n\n", prefix, prefix[0] ? " " : "");
    if (!prefix[0])
        buf_addf(
            b, "Moves live traffic from a legacy system to its replacement, and back at once.\n\n");
    buf_addf(b, "Commands:\n");
    for (const struct command *c = cli_commands; c->words; c++)
        if (in_group(c, prefix))
            buf_addf(b, "  %-16s %s\n", c->words, c->summary);
    buf_addf(b, "\nOptions of every command, in any place:\n");
    add_options(b, OPT_GLOBAL | OPT(VERSION));
    buf_addf(b,
             "\nExit status: 0 done, 1 refused or failed, 2 could not run.\n"
             "`switchyard COMMAND --help` tells about one.\n");
}

static void add_indented(struct buf *b, const char *lines)
{
    struct str rest = str_of(lines), line;

    while (rest.n > 0) {
        str_cut(rest, '\n', &line, &rest);
        buf_addf(b, "  %.*s\n", (int)line.n, line.p);
    }
}

void help_command(struct buf *b, const struct command *c)
{
    buf_addf(b, "usage: switchyard %s%s%s [options]\n\n", c->words, c->names[0] ? " " : "",
             c->names);
    buf_addf(b, "%c%s.\n", c->summary[0] & ~0x20, c->summary + 1);
    if (c->help)
        buf_addf(b, "\n%s\n", c->help);
    if (c->options || c->writes_file || c->markdown)
        buf_addf(b, "\nOptions:\n");
    if (c->writes_file)
        add_option(b, &(struct option_spec){"output", 'o', "FILE", "where it is written"});
    if (c->markdown)
        add_option(b, &(struct option_spec){"output", 'o', "markdown", "as a page, too"});
    add_options(b, c->options);
    buf_addf(b, "\nOptions of every command:\n");
    add_options(b, c->writes_file ? OPT_GLOBAL & ~OPT(OUTPUT) : OPT_GLOBAL);
    if (c->example) {
        buf_addf(b, "\nExamples:\n");
        add_indented(b, c->example);
    }
}

/* ---- completion ------------------------------------------------------------------------------ */

static void add_first_words(struct buf *b)
{
    const char *last = "";

    for (const struct command *c = cli_commands; c->words; c++) {
        size_t n = strcspn(c->words, " ");

        if (strncmp(c->words, last, n) == 0 && (last[n] == ' ' || last[n] == '\0'))
            continue;
        last = c->words;
        buf_addf(b, "%.*s ", (int)n, c->words);
    }
}

static void add_case(struct buf *b, const struct command *c)
{
    buf_addf(b, "    \"%s\") options=\"", c->words);
    for (int i = 0; i < OPT_COUNT; i++)
        if ((c->options | OPT_GLOBAL) & (1ull << i))
            buf_addf(b, "--%s ", cli_options[i].name);
    buf_addf(b, "\"; names=%s ;;\n",
             c->names_max == 0                    ? "none"
             : strcmp(c->names, "FILE") == 0      ? "files"
             : strcmp(c->names, "[MACHINE]") == 0 ? "machines"
                                                  : "migrations");
}

static void add_machines(struct buf *b)
{
    for (const struct machine_text *m = machine_texts; m->name; m++)
        buf_addf(b, "%s ", m->name);
}

/* Commands that write a file: their -o is one. */
static void add_writers(struct buf *b)
{
    for (const struct command *c = cli_commands; c->words; c++)
        if (c->writes_file)
            buf_addf(b,
                     "  case \"$one $prev\" in\n"
                     "    '%s -o'|'%s --output') COMPREPLY=($(compgen -f -- \"$cur\")); return "
                     ";;\n"
                     "  esac\n",
                     c->words, c->words);
}

void help_completion_bash(struct buf *b)
{
    buf_addf(b,
             "# bash completion of switchyard: source <(switchyard completion bash)\n"
             "_switchyard() {\n"
             "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
             "  local one=${COMP_WORDS[1]} two=${COMP_WORDS[2]} second= options= names=none\n");
    add_writers(b);
    buf_addf(b,
             "  case $prev in\n"
             "    -o|--output) COMPREPLY=($(compgen -W 'table json yaml markdown' -- \"$cur\")); "
             "return ;;\n"
             "    -f|--file|--fleet-file|--plan|--data) COMPREPLY=($(compgen -f -- \"$cur\")); "
             "return ;;\n"
             "  esac\n");
    buf_addf(b, "  if [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W '");
    add_first_words(b);
    buf_addf(b, "' -- \"$cur\")); return; fi\n");
    for (const struct command *c = cli_commands; c->words; c++) {
        const char *space = strchr(c->words, ' ');

        if (space)
            buf_addf(b, "  [ \"$one\" = %.*s ] && second=\"$second %s\"\n", (int)(space - c->words),
                     c->words, space + 1);
    }
    buf_addf(b,
             "  if [ -n \"$second\" ] && [ \"$COMP_CWORD\" = 2 ]; then\n"
             "    COMPREPLY=($(compgen -W \"$second\" -- \"$cur\")); return\n"
             "  fi\n"
             "  [ -n \"$second\" ] && one=\"$one $two\"\n"
             "  case $one in\n");
    for (const struct command *c = cli_commands; c->words; c++)
        add_case(b, c);
    buf_addf(b,
             "  esac\n"
             "  case $cur in\n"
             "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$cur\")) ;;\n"
             "    *) [ \"$names\" = files ] && COMPREPLY=($(compgen -f -- \"$cur\"))\n"
             "       [ \"$names\" = machines ] && COMPREPLY=($(compgen -W '");
    add_machines(b);
    buf_addf(b,
             "' -- \"$cur\"))\n"
             "       [ \"$names\" = migrations ] && COMPREPLY=($(compgen -W \"$(switchyard get "
             "plans -o json "
             "2>/dev/null | sed -n 's/^ *\"name\": \"\\(.*\\)\",*$/\\1/p')\" -- \"$cur\")) ;;\n"
             "  esac\n"
             "}\n"
             "complete -F _switchyard switchyard\n");
}

/* ---- reference ------------------------------------------------------------------------------- */

void help_reference(struct buf *b)
{
    buf_addf(b,
             "# Commands\n\nMade from the table in `cli/commands.c` by `switchyard reference`; a "
             "test fails when "
             "this page is stale.\n\n```\n");
    help_overview(b, "");
    buf_addf(b, "```\n");
    for (const struct command *c = cli_commands; c->words; c++) {
        buf_addf(b, "\n## switchyard %s\n\n```\n", c->words);
        help_command(b, c);
        buf_addf(b, "```\n");
    }
}

int run_completion_bash(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(HELP_MAX);

    (void)cli;
    (void)a;
    (void)ret_status;
    (void)err;
    help_completion_bash(&b);
    cli_say("%s", buf_text(&b));
    return 0;
}

int run_reference(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(HELP_MAX);

    (void)cli;
    (void)a;
    (void)ret_status;
    (void)err;
    help_reference(&b);
    cli_say("%s", buf_text(&b));
    return 0;
}
