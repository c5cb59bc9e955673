/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fsm/sm_dump.h"

#include "common/base/json.h"
#include "tests/lib/unit.h"
#include "tests/unit/common/fsm/door.h"

/* The dump of the door; valid until the next call. */
static const char *dumped(enum sm_format format)
{
    static char text[8192];
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(sizeof text - 1);

    assert_true(sm_dump(&door, format, &b));
    assert_true(str_copy(buf_view(&b), text, sizeof text));
    return text;
}

static void text_has_states_rows_and_ignores(void **state UNUSED)
{
    const char *text = dumped(SM_TEXT);

    assert_holds(text, "machine door: Who may pass.\n");
    assert_holds(text, "  closed  waiting, initial; nobody is \"inside\"\n");
    assert_holds(text, "  closed  key   -> locked  the key was turned [if has_key]\n");
    assert_holds(text, "  locked  push  -> (stay)  it is locked, the bell rings {bell}\n");
    assert_holds(text, "  open    key   the bolt meets air\n");
}

static void dot_quotes_and_draws_moves_only(void **state UNUSED)
{
    const char *text = dumped(SM_DOT);

    assert_holds(text, "digraph \"door\" {");
    assert_holds(text, "tooltip=\"nobody is \\\"inside\\\"\"");
    assert_holds(text, "  \"closed\" -> \"locked\" [label=\"key [has_key]\"];\n");
    assert_holds(text, "peripheries=2");
    assert_null(strstr(text, "stay"));
}

static void mermaid_begins_and_ends(void **state UNUSED)
{
    const char *text = dumped(SM_MERMAID);

    assert_memory_equal(text, "stateDiagram-v2\n", 16);
    assert_holds(text, "  [*] --> s0\n");
    assert_holds(text, "  s0 --> s2 : key [has_key]\n");
    assert_holds(text, "  s3 --> [*]\n");
}

static void json_holds_the_whole_tables(void **state UNUSED)
{
    struct json *read = NULL;
    struct err e;

    assert_ok(json_parse(str_of(dumped(SM_JSON)), &read, &e), &e);
    CLEANUP(json_freep) struct json *j = read;
    assert_string_equal(json_get_string(j, "machine", ""), "door");
    assert_int_equal(json_count(json_get(j, "states")), DOOR_STATES);
    assert_int_equal(json_count(json_get(j, "rows")), ARRAY_LEN(door_rows));
    assert_int_equal(json_count(json_get(j, "ignored")), ARRAY_LEN(door_ignored));
    const struct json *row = json_next(json_next(json_first(json_get(j, "rows"))));
    assert_string_equal(json_get_string(row, "to", ""), "gone");
    assert_int_equal(json_count(json_get(row, "effects")), 2);
}

static void markdown_escapes_what_would_end_a_cell(void **state UNUSED)
{
    const char *text = dumped(SM_MARKDOWN);

    assert_holds(text, "# Machine: door\n\nWho may pass.\n\n```mermaid\nstateDiagram-v2\n");
    assert_holds(text,
                 "| **closed**, initial | waiting | open, locked, gone | nobody is \"inside\" |\n");
    assert_holds(text, "air \\| people pass |\n");
    assert_holds(text, "| closed | fire |  | gone | bell, report | it burned |\n");
    assert_holds(text, "## Ignored on purpose\n");
}

static void every_format_stops_at_the_maximum(void **state UNUSED)
{
    for (int format = 0; format < SM_FORMAT_COUNT; format++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(100);
        assert_false(sm_dump(&door, (enum sm_format)format, &b));
        assert_true(b.len <= 100);
    }
}

static void formats_are_found_by_word(void **state UNUSED)
{
    enum sm_format format;
    struct err e;

    assert_ok(sm_format_parse(STR("mermaid"), &format, &e), &e);
    assert_int_equal(format, SM_MERMAID);
    assert_fails(sm_format_parse(STR("png"), &format, &e), ERR_INVALID);
    assert_string_equal(e.msg, "unknown format \"png\"");
    assert_string_equal(e.hint, "formats are: text dot mermaid json markdown");
}

static void history_is_told_newest_first(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(10000);
    wall_t at = {INT64_C(1795255624000000000)};
    struct sm sm;

    sm_init(&sm, &door, DOOR_CLOSED);
    sm_step(&sm, EV_PUSH, NULL, at, NULL);
    sm_step(&sm, EV_FIRE, NULL, wall_add(at, dur_s(1)), NULL);
    assert_true(sm_dump_history(&sm, &b));
    assert_string_equal(buf_text(&b),
                        "2026-11-21T10:07:05.000Z open -> gone on fire: it burned\n"
                        "2026-11-21T10:07:04.000Z closed -> open on push: somebody pushed\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_states_rows_and_ignores),
        cmocka_unit_test(dot_quotes_and_draws_moves_only),
        cmocka_unit_test(mermaid_begins_and_ends),
        cmocka_unit_test(json_holds_the_whole_tables),
        cmocka_unit_test(markdown_escapes_what_would_end_a_cell),
        cmocka_unit_test(every_format_stops_at_the_maximum),
        cmocka_unit_test(formats_are_found_by_word),
        cmocka_unit_test(history_is_told_newest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
