/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"

/* What `print` writes to standard output. */
static void captured(void (*print)(const void *arg), const void *arg, char *ret, size_t size)
{
    FILE *file = tmpfile();
    int kept;
    size_t n;

    fflush(stdout);
    kept = dup(STDOUT_FILENO);
    assert_true(file && kept >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
    print(arg);
    fflush(stdout);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    close(kept);
    rewind(file);
    n = fread(ret, 1, size - 1, file);
    ret[n] = '\0';
    fclose(file);
}

static void print_table(const void *arg)
{
    cli_print_table(arg);
}

static void table_is(const char *cells, const char *want)
{
    char have[1024];

    captured(print_table, cells, have, sizeof have);
    assert_string_equal(have, want);
}

static void columns_are_as_wide_as_their_widest_cell(void **state UNUSED)
{
    table_is("NAME\tWEIGHT\nx\t5\nlonger\t10 %\n",
             "NAME    WEIGHT\n"
             "x       5\n"
             "longer  10 %\n");
}

static void width_counts_characters(void **state UNUSED)
{
    table_is("n\xc3\xa4me\tv\nabcde\tw\n",
             "n\xc3\xa4me   v\n"
             "abcde  w\n");
}

static void rows_may_be_short_or_have_empty_cells(void **state UNUSED)
{
    table_is("a\tb\tc\n\tx\n\t\ty\nz\n",
             "a  b  c\n"
             "   x\n"
             "      y\n"
             "z\n");
    table_is("", "");
}

static void nothing_follows_the_last_cell(void **state UNUSED)
{
    char have[1024];

    captured(print_table, "aaaa\tb\nc\tdddd\n", have, sizeof have);
    assert_null(strstr(have, " \n"));
}

static void print_tree(const void *arg)
{
    const struct cli *c = arg;
    CLEANUP(json_freep) struct json *j = json_object();
    struct err err = {0};

    json_set_string(j, "stage", "half");
    json_set_number(j, "weight", 50);
    assert_ok(cli_print_json(c, j, &err), &err);
}

static void trees_print_as_json_or_yaml(void **state UNUSED)
{
    struct cli c = {.output = OUTPUT_JSON};
    char have[1024];

    captured(print_tree, &c, have, sizeof have);
    assert_string_equal(have, "{\n  \"stage\": \"half\",\n  \"weight\": 50\n}\n");
    c.output = OUTPUT_YAML;
    captured(print_tree, &c, have, sizeof have);
    assert_string_equal(have, "stage: half\nweight: 50\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(width_counts_characters),
        cmocka_unit_test(rows_may_be_short_or_have_empty_cells),
        cmocka_unit_test(nothing_follows_the_last_cell),
        cmocka_unit_test(trees_print_as_json_or_yaml),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
