/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include <ctype.h>

#include "cli/args.h"
#include "common/base/str.h"

#define LINE_MAX_WORDS 24

struct parsed {
    struct args args;
    const struct command *command;
    char prefix[32];
    struct err err;
    int r;
    char text[512]; /* the words live here */
};

/* Parse words separated by '|'. */
static void parse(struct parsed *p, const char *line)
{
    char program[] = "switchyard";
    char *argv[LINE_MAX_WORDS] = {program};
    int argc = 1;

    *p = (struct parsed){0};
    assert_true(str_fmt(p->text, sizeof p->text, "%s", line));
    for (char *word = p->text; line[0] && word; argc++) {
        char *bar = strchr(word, '|');

        assert_true(argc < LINE_MAX_WORDS);
        argv[argc] = word;
        if (bar)
            *bar = '\0';
        word = bar ? bar + 1 : NULL;
    }
    p->r = args_parse(argc, argv, &p->args, &p->command, p->prefix, sizeof p->prefix, &p->err);
}

static void refused(const char *line, const char *why, const char *hint)
{
    struct parsed p;

    parse(&p, line);
    if (p.r != -ERR_INVALID)
        fail_msg("\"%s\" is taken", line);
    assert_holds(p.err.msg, why);
    assert_holds(p.err.hint, hint);
}

static void options_and_names_come_in_any_order(void **state UNUSED)
{
    static const char *const lines[] = {
        "rollback|orders|--to|2|--reason|slow",
        "--to|2|--reason|slow|rollback|orders",
        "rollback|--to=2|orders|--reason=slow",
        "--reason|slow|rollback|--to=2|--|orders",
    };
    struct parsed p;

    for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
        parse(&p, lines[i]);
        assert_ok(p.r, &p.err);
        assert_string_equal(p.command->words, "rollback");
        assert_int_equal(p.args.name_count, 1);
        assert_string_equal(p.args.name[0], "orders");
        assert_string_equal(p.args.option[OPT_TO], "2");
        assert_string_equal(p.args.option[OPT_REASON], "slow");
        assert_false(args_has(&p.args, OPT_ALL));
    }
}

static void values_are_attached_or_next(void **state UNUSED)
{
    struct parsed p;

    parse(&p, "status|-ojson");
    assert_string_equal(p.args.option[OPT_OUTPUT], "json");
    parse(&p, "status|-o|json|-w");
    assert_string_equal(p.args.option[OPT_OUTPUT], "json");
    assert_true(args_has(&p.args, OPT_WATCH));
    parse(&p, "apply|-f|-");
    assert_ok(p.r, &p.err);
    assert_string_equal(p.args.option[OPT_FILE], "-");
    parse(&p, "start|app|--reason=a=b --c");
    assert_string_equal(p.args.option[OPT_REASON], "a=b --c");
    parse(&p, "start|app|--reason=--all");
    assert_string_equal(p.args.option[OPT_REASON], "--all");
    parse(&p, "set|weight|app|12.5|--reason|-5 points");
    assert_ok(p.r, &p.err);
    assert_string_equal(p.args.name[1], "12.5");
}

static void two_words_are_one_command(void **state UNUSED)
{
    struct parsed p;

    parse(&p, "set|--reason|x|override|app|legacy");
    assert_ok(p.r, &p.err);
    assert_string_equal(p.command->words, "set override");
    assert_string_equal(p.args.name[0], "app");
    assert_string_equal(p.args.name[1], "legacy");
}

static void part_of_a_command_is_told(void **state UNUSED)
{
    struct parsed p;

    parse(&p, "");
    assert_int_equal(p.r, 0);
    assert_null(p.command);
    assert_string_equal(p.prefix, "");
    parse(&p, "get");
    assert_int_equal(p.r, 0);
    assert_null(p.command);
    assert_string_equal(p.prefix, "get");
    parse(&p, "--version");
    assert_int_equal(p.r, 0);
    assert_true(args_has(&p.args, OPT_VERSION));
}

static void help_needs_nothing_else(void **state UNUSED)
{
    static const char *const lines[] = {"rollback|--help", "-h|rollback", "help|rollback",
                                        "rollback|--help|a|b|c|d|e"};
    struct parsed p;

    for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
        parse(&p, lines[i]);
        assert_ok(p.r, &p.err);
        assert_string_equal(p.command->words, "rollback");
        assert_true(args_has(&p.args, OPT_HELP));
    }
    parse(&p, "help");
    assert_int_equal(p.r, 0);
    assert_null(p.command);
    assert_true(args_has(&p.args, OPT_HELP));
    parse(&p, "help|set");
    assert_string_equal(p.prefix, "set");
}

static void what_is_unknown_is_told_with_the_nearest(void **state UNUSED)
{
    refused("staus", "unknown command \"staus\"", "`switchyard status`");
    refused("get|node", "unknown command \"get node\"", "`switchyard get nodes`");
    refused("set|wieght|app|5", "\"set wieght\"", "`switchyard set weight`");
    refused("frobnicate", "frobnicate", "--help");
    refused("status|--wtach", "--wtach", "--watch");
    refused("status|--reasn=x", "unknown option --reasn", "--reason");
    refused("status|-z", "unknown option -z", "--help");
    refused("help|staus", "staus", "status");
}

static void mistakes_are_refused_before_anything_runs(void **state UNUSED)
{
    refused("start|app|--reason|a|--reason|b", "--reason is given twice", "");
    refused("status|-w|--watch", "--watch is given twice", "");
    refused("start|app|--reason", "--reason needs a value: --reason TEXT", "");
    refused("rollback|app|--reason|--emergency", "--reason needs a value", "");
    refused("rollback|app|--emergency|--reason=", "--reason is empty", "--help");
    refused("status|--watch=yes", "--watch takes no value", "");
    refused("status|-wx", "--watch takes no value", "");
    refused("status|--reason|x", "`switchyard status` takes no --reason", "status --help");
    refused("abort|app", "`switchyard abort` needs --reason TEXT", "abort --help");
    refused("start", "`switchyard start` needs NAME", "start --help");
    refused("breaker|open|app", "needs --reason TEXT",
            "type `switchyard breaker open NAME --reason TEXT`; see");
    refused("drill|app|--reason|x", "needs --scope", "--reason TEXT --scope ");
    refused("start|a|b", "unexpected word \"b\"", "usage: switchyard start NAME");
    refused("get|plans|app", "unexpected word \"app\"", "usage: switchyard get plans [options]");
    refused("status|1|2|3|4|5|6", "unexpected word", "");
    refused("status|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16", "too many words", "");
    refused("status|--version", "takes no --version", "");
}

/* ---- the table ------------------------------------------------------------------------------- */

static void options_are_unique_and_told(void **state UNUSED)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *o = &cli_options[i];
        size_t n = strlen(o->help);

        assert_true(n > 0 && o->help[n - 1] != '.');
        assert_true(islower((unsigned char)o->help[0]) || !isalpha((unsigned char)o->help[0]));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(o->name, cli_options[j].name);
            assert_true(!o->letter || o->letter != cli_options[j].letter);
        }
    }
    assert_true(OPT_COUNT <= 64); /* a set is 64 bits */
}

static void every_command_is_whole(void **state UNUSED)
{
    const unsigned long long all = OPT_COUNT == 64 ? ~0ull : (1ull << OPT_COUNT) - 1;

    for (const struct command *c = cli_commands; c->words; c++) {
        size_t n = strlen(c->summary);

        assert_true(n > 0 && c->summary[n - 1] != '.');
        assert_non_null(c->run);
        assert_non_null(c->names);
        assert_true(c->names_min <= c->names_max);
        assert_int_equal(c->names[0] == '\0', c->names_max == 0);
        assert_int_equal(c->options & ~all, 0);
        assert_int_equal(c->options & OPT_GLOBAL, 0);
        assert_int_equal(c->needed & ~c->options, 0);
        assert_true(c->names_max <= ARRAY_LEN(((struct args *)0)->name));
        for (const struct command *d = cli_commands; d < c; d++)
            assert_string_not_equal(c->words, d->words);
        for (int i = 0; i < OPT_COUNT; i++)
            assert_true(!(c->needed & (1ull << i)) || cli_options[i].value);
    }
}

static void every_option_has_a_command(void **state UNUSED)
{
    unsigned long long used = OPT_GLOBAL | OPT(VERSION);

    for (const struct command *c = cli_commands; c->words; c++)
        used |= c->options;
    for (int i = 0; i < OPT_COUNT; i++)
        if (!(used & (1ull << i)))
            fail_msg("no command takes --%s", cli_options[i].name);
}

/* What an example shows must be taken. */
static void examples_can_be_typed(void **state UNUSED)
{
    for (const struct command *c = cli_commands; c->words; c++) {
        struct str rest = str_of(c->example ? c->example : ""), line;

        while (str_cut(rest, '\n', &line, &rest), line.n > 0) {
            char words[512];
            bool quoted = false;
            struct parsed p;
            size_t n = 0;

            if (!str_starts(line, STR("switchyard ")))
                continue; /* a shell's own words around it */
            for (size_t i = strlen("switchyard "); i < line.n; i++) {
                quoted ^= line.p[i] == '"';
                if (line.p[i] != '"')
                    words[n++] = line.p[i] == ' ' && !quoted ? '|' : line.p[i];
            }
            words[n] = '\0';
            parse(&p, words);
            assert_ok(p.r, &p.err);
            assert_ptr_equal(p.command, c);
        }
    }
}

/* `diag -o FILE` writes where others print. */
static void of_a_command_that_writes_a_file_o_is_the_file(void **state UNUSED)
{
    struct parsed p;

    parse(&p, "diag|-o|x.tar.gz");
    assert_ok(p.r, &p.err);
    assert_string_equal(p.args.option[OPT_FILE], "x.tar.gz");
    assert_null(p.args.option[OPT_OUTPUT]);
    refused("status|--file|x", "takes no --file", "status --help");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_names_come_in_any_order),
        cmocka_unit_test(values_are_attached_or_next),
        cmocka_unit_test(two_words_are_one_command),
        cmocka_unit_test(part_of_a_command_is_told),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(what_is_unknown_is_told_with_the_nearest),
        cmocka_unit_test(mistakes_are_refused_before_anything_runs),
        cmocka_unit_test(options_are_unique_and_told),
        cmocka_unit_test(every_command_is_whole),
        cmocka_unit_test(every_option_has_a_command),
        cmocka_unit_test(examples_can_be_typed),
        cmocka_unit_test(of_a_command_that_writes_a_file_o_is_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
