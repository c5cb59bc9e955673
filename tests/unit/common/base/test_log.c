/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static char captured[8192];

/* Run `fn` with stderr in a file and keep what it wrote. */
static void capture(void (*fn)(void))
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);

    assert_non_null(file);
    dup2(fileno(file), STDERR_FILENO);
    fn();
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    captured[fread(captured, 1, sizeof captured - 1, file)] = '\0';
    fclose(file);
}

static void write_line(void)
{
    log_set_context("program=%s", "unit");
    log_line(LOG_INFO, LOG_STAGE_MOVED, "from=%s why=%s", "a", LOGQ("two words"));
}

static void a_line_has_time_level_event_context_and_words(void **state UNUSED)
{
    capture(write_line);
    assert_memory_equal(captured, "time=20", 7);
    assert_holds(captured,
                 "Z level=info event=stage.moved program=unit from=a why=\"two words\"\n");
    assert_ptr_equal(strchr(captured, '\n'), captured + strlen(captured) - 1);
}

static void write_error(void)
{
    struct err e;

    err_set(&e, ERR_EXHAUSTED, "disk \"full\"");
    log_err(LOG_ERROR, LOG_STORE, &e, "path=%s", "/x");
    err_hint(&e, "remove=something");
    log_err(LOG_ERROR, LOG_STORE, &e, "%s", "");
}

static void errors_bring_code_message_and_hint(void **state UNUSED)
{
    log_set_context("%s", "");
    capture(write_error);
    assert_holds(captured, "event=store path=/x error=exhausted why=\"disk \\\"full\\\"\"\n");
    assert_holds(
        captured,
        "event=store error=exhausted why=\"disk \\\"full\\\"\" hint=\"remove=something\"\n");
}

static void write_at_all_levels(void)
{
    for (int l = 0; l < LOG_LEVEL_COUNT; l++)
        log_line((enum log_level)l, LOG_STARTED, "n=%d", l);
}

static void lines_above_the_level_are_not_written(void **state UNUSED)
{
    log_set_level(LOG_WARN);
    capture(write_at_all_levels);
    log_set_level(LOG_INFO);
    assert_holds(captured, "level=warn");
    assert_null(strstr(captured, "level=info"));
    assert_false(log_enabled(LOG_DEBUG));
}

static void write_hostile(void)
{
    static char text[9000];

    memset(text, 'x', sizeof text - 1);
    log_line(LOG_INFO, LOG_PROXY, "a=%s", "x\ny");
    log_line(LOG_INFO, LOG_PROXY, "b=%s", text);
}

static void every_line_is_one_line_of_bounded_length(void **state UNUSED)
{
    capture(write_hostile);
    assert_holds(captured, "a=x y\n");
    char *second = strchr(captured, '\n') + 1;
    assert_string_equal(second + strlen(second) - 4, "...\n");
    assert_true(strlen(second) <= 4096);
}

static void values_are_quoted_when_they_need_it(void **state UNUSED)
{
    char text[1000];

    assert_string_equal(LOGQ("plain-1.2/x"), "plain-1.2/x");
    assert_string_equal(LOGQ(""), "\"\"");
    assert_string_equal(LOGQ(NULL), "\"\"");
    assert_string_equal(LOGQ("a=b"), "\"a=b\"");
    assert_string_equal(LOGQ("a\"\\\n\x01"), "\"a\\\"\\\\\\n\\x01\"");
    assert_string_equal(LOGQ("caf\xc3\xa9"), "caf\xc3\xa9");
    assert_string_equal(LOGQ("caf\xe9"), "\"caf\\xe9\"");
    assert_string_equal(LOGQ("\xc2\x9b"
                             "2J"),
                        "\"\\xc2\\x9b2J\"");
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const char *cut = LOGQ(text);
    assert_int_equal(strlen(cut), 255);
    assert_string_equal(cut + 251, "...\"");
}

static void eight_quotes_live_at_once(void **state UNUSED)
{
    const char *slots[8];

    for (int i = 0; i < 8; i++) {
        char text[8];
        snprintf(text, sizeof text, "v%d", i);
        slots[i] = LOGQ(text);
    }
    assert_string_equal(slots[0], "v0");
    assert_string_equal(slots[7], "v7");
}

static void names_are_stable_and_levels_read_back(void **state UNUSED)
{
    enum log_level l;

    for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
        assert_true(log_level_parse(log_level_name((enum log_level)i), &l));
        assert_int_equal(l, i);
    }
    assert_false(log_level_parse("loud", &l));
    assert_string_equal(log_event_name(LOG_NODE_NACK), "node.nack");
    for (int i = 0; i < LOG_EVENT_COUNT; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(log_event_name((enum log_event)i),
                                    log_event_name((enum log_event)k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_event_context_and_words),
        cmocka_unit_test(errors_bring_code_message_and_hint),
        cmocka_unit_test(lines_above_the_level_are_not_written),
        cmocka_unit_test(every_line_is_one_line_of_bounded_length),
        cmocka_unit_test(values_are_quoted_when_they_need_it),
        cmocka_unit_test(eight_quotes_live_at_once),
        cmocka_unit_test(names_are_stable_and_levels_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
