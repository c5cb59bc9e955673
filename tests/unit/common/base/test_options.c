/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/options.h"

#include "tests/lib/unit.h"

struct filled {
    const char *listen;
    bool quiet;
    dur_t drain;
    unsigned threads;
};

static int take_threads(void *to, const char *value, struct err *err)
{
    return option_number(value, 64, to, err);
}

static const struct option_row table[] = {
    {"listen", "ADDR:PORT", "where requests come in", OPTION_INTO(option_text, filled, listen)},
    {"quiet", NULL, "say less", OPTION_INTO(option_flag, filled, quiet)},
    {"drain", "TIME", "longest wait", OPTION_INTO(option_duration, filled, drain)},
    {"threads", "N",
     "so many threads, which is a sentence that does not fit into what is left of a line",
     OPTION_INTO(take_threads, filled, threads)},
    {.name = NULL},
};

/* Words as one line. */
static int parse(const char *line, struct filled *ret, struct err *err)
{
    static char text[256];
    char *argv[16] = {NULL};
    int argc = 0;

    *ret = (struct filled){.listen = "default"};
    (void)str_fmt(text, sizeof text, "%s", line);
    for (char *c = text; c; argc++) {
        argv[argc] = c;
        c = strchr(c, ' ');
        if (c)
            *c++ = '\0';
    }
    return options_parse(table, argc, argv, ret, err);
}

static void values_are_put_where_they_belong(void **state UNUSED)
{
    struct filled f;
    struct err err = {0};

    assert_ok(parse("program", &f, &err), &err);
    assert_string_equal(f.listen, "default");
    assert_ok(
        parse("program --listen a:1 --quiet --drain=1500ms --threads 8 --listen=b=2", &f, &err),
        &err);
    assert_string_equal(f.listen, "b=2");
    assert_true(f.quiet);
    assert_int_equal(f.drain.ns, dur_ms(1500).ns);
    assert_int_equal(f.threads, 8);
    assert_ok(parse("program --listen=", &f, &err), &err);
    assert_string_equal(f.listen, "");
}

static void what_cannot_be_is_named(void **state UNUSED)
{
    static const struct {
        const char *line, *says, *hint;
    } rows[] = {
        {"p --lisen a", "unknown option --lisen", "--listen"},
        {"p --whatever", "unknown option --whatever", ""},
        {"p --listen", "--listen needs a value: --listen ADDR:PORT", ""},
        {"p --quiet=yes", "--quiet takes no value", ""},
        {"p --drain soon", "--drain: ", ""},
        {"p --threads 0", "--threads: \"0\" is not a number from 1 to 64", ""},
        {"p --threads 65", "1 to 64", ""},
        {"p listen", "unexpected word \"listen\"", ""},
        {"p --", "unexpected word \"--\"", ""},
        {"p -q", "unexpected word \"-q\"", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filled f;
        struct err err = {0};

        assert_fails(parse(rows[i].line, &f, &err), ERR_INVALID);
        assert_holds(err.msg, rows[i].says);
        assert_holds(err.hint, rows[i].hint);
    }
}

static void help_and_version_are_outcomes(void **state UNUSED)
{
    struct filled f;
    struct err err = {0};

    assert_int_equal(parse("p --quiet --help --nonsense", &f, &err), OPTIONS_HELP);
    assert_true(f.quiet);
    assert_int_equal(parse("p -h", &f, &err), OPTIONS_HELP);
    assert_int_equal(parse("p --version", &f, &err), OPTIONS_VERSION);
}

static void help_lists_the_table_folded(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(4096);

    options_help(table, &text);
    assert_string_equal(buf_text(&text),
                        "  --listen ADDR:PORT  where requests come in\n"
                        "  --quiet             say less\n"
                        "  --drain TIME        longest wait\n"
                        "  --threads N         so many threads, which is a sentence that does not "
                        "fit\n"
                        "                      into what is left of a line\n"
                        "  --help, --version   print this, or the version, and exit\n");
}

/* ---- the environment ------------------------------------------------------------------------- */

#define WORD(text) ((char[]){text})

static const char *const *variables; /* name, value, ..., NULL */

static char *look(const char *name)
{
    for (const char *const *v = variables; *v; v += 2)
        if (strcmp(v[0], name) == 0)
            return (char *)(uintptr_t)v[1];
    return NULL;
}

static int read_environment(char **argv, struct filled *ret, struct err *err)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    *ret = (struct filled){.listen = "default"};
    return options_environment(table, "SWITCHYARD_TEST_", argc, argv, look, ret, err);
}

static void the_environment_stands_in_for_what_is_not_given(void **state UNUSED)
{
    char *argv[] = {WORD("program"), WORD("--listen=a:1"), WORD("--drainage"), NULL};
    struct filled f;
    struct err err = {0};

    variables = (const char *const[]){"SWITCHYARD_TEST_LISTEN",
                                      "b:2",
                                      "SWITCHYARD_TEST_DRAIN",
                                      "3s",
                                      "SWITCHYARD_TEST_QUIET",
                                      "true",
                                      "SWITCHYARD_TEST_PORT",
                                      "no option",
                                      NULL};
    assert_ok(read_environment(argv, &f, &err), &err);
    assert_string_equal(f.listen, "default"); /* left to the command line */
    assert_int_equal(f.drain.ns, dur_s(3).ns);
    assert_true(f.quiet);
    argv[1] = NULL;
    assert_ok(read_environment(argv, &f, &err), &err);
    assert_string_equal(f.listen, "b:2");
    variables = (const char *const[]){"SWITCHYARD_TEST_QUIET", "false", NULL};
    assert_ok(read_environment(argv, &f, &err), &err);
    assert_false(f.quiet);
}

static void a_wrong_variable_is_named(void **state UNUSED)
{
    char *argv[] = {WORD("program"), NULL};
    struct filled f;
    struct err err = {0};

    variables = (const char *const[]){"SWITCHYARD_TEST_THREADS", "65", NULL};
    assert_int_equal(read_environment(argv, &f, &err), -ERR_INVALID);
    assert_holds(err.msg, "SWITCHYARD_TEST_THREADS: \"65\" is not a number from 1 to 64");
    variables = (const char *const[]){"SWITCHYARD_TEST_QUIET", "yes", NULL};
    assert_int_equal(read_environment(argv, &f, &err), -ERR_INVALID);
    assert_holds(err.msg, "SWITCHYARD_TEST_QUIET: \"yes\" is neither true nor false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_put_where_they_belong),
        cmocka_unit_test(what_cannot_be_is_named),
        cmocka_unit_test(help_and_version_are_outcomes),
        cmocka_unit_test(help_lists_the_table_folded),
        cmocka_unit_test(the_environment_stands_in_for_what_is_not_given),
        cmocka_unit_test(a_wrong_variable_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
