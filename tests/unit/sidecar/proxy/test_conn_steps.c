/* SPDX-License-Identifier: Apache-2.0 */
/* The table of steps, whole and as docs/internals/conn.md tells it. */
#include "common/base/atomic_file.h"
#include "sidecar/proxy/conn.h"
#include "tests/lib/unit.h"

static void every_step_is_there_and_has_a_name_of_its_own(void **state UNUSED)
{
    for (unsigned i = 0; i < STEP_COUNT; i++) {
        assert_non_null(conn_steps[i].name);
        assert_non_null(conn_steps[i].run);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(conn_steps[i].name, conn_steps[k].name);
    }
}

static void the_page_says_what_each_step_waits_for(void **state UNUSED)
{
    static const char *const waits[] = {"", "client", "upstream", "client, upstream"};
    CLEANUP(buf_deinitp) struct buf page = BUF_INIT(1u << 20);
    struct err err = {0};

    assert_ok(file_read("docs/internals/conn.md", &page, &err), &err);
    for (unsigned i = 0; i < STEP_COUNT; i++) {
        char row[80];

        str_fmt(row, sizeof row, "| `%s` | %s |", conn_steps[i].name, waits[conn_steps[i].waits]);
        assert_holds(buf_text(&page), row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_there_and_has_a_name_of_its_own),
        cmocka_unit_test(the_page_says_what_each_step_waits_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
