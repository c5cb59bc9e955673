/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include "cli/commands.h"
#include "cli/help.h"
#include "common/base/atomic_file.h"

#define HELP_MAX (256u << 10)

/* After a change to the table: `switchyard reference > docs/reference/cli.md`. */
static void the_reference_page_is_fresh(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf now = BUF_INIT(HELP_MAX);
    CLEANUP(buf_deinitp) struct buf page = BUF_INIT(HELP_MAX);
    struct err err = {0};

    help_reference(&now);
    assert_ok(file_read("docs/reference/cli.md", &page, &err), &err);
    assert_string_equal(buf_text(&now), buf_text(&page));
}

static void the_overview_names_every_command(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(HELP_MAX);

    help_overview(&b, "");
    for (const struct command *c = cli_commands; c->words; c++)
        assert_holds(buf_text(&b), c->words);
    buf_clear(&b);
    help_overview(&b, "get");
    assert_holds(buf_text(&b), "usage: switchyard get ");
    assert_holds(buf_text(&b), "get nodes");
    assert_null(strstr(buf_text(&b), "rollback"));
}

static void lines_fit_a_terminal(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(HELP_MAX);
    struct str rest, line;

    help_reference(&b);
    rest = buf_view(&b);
    while (rest.n > 0) {
        str_cut(rest, '\n', &line, &rest);
        if (line.n > 110)
            fail_msg("%zu columns: %.*s", line.n, (int)line.n, line.p);
    }
}

static void completion_knows_commands_and_options(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(HELP_MAX);

    help_completion_bash(&b);
    assert_holds(buf_text(&b), "complete -F _switchyard switchyard\n");
    assert_holds(buf_text(&b), "\"set weight\") options=\"");
    assert_holds(buf_text(&b), "[ \"$one\" = get ] && second=\"$second nodes\"");
    for (int i = 0; i < OPT_COUNT; i++)
        if (i != OPT_VERSION)
            assert_holds(buf_text(&b), cli_options[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_page_is_fresh),
        cmocka_unit_test(the_overview_names_every_command),
        cmocka_unit_test(lines_fit_a_terminal),
        cmocka_unit_test(completion_knows_commands_and_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
