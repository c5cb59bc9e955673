/* SPDX-License-Identifier: Apache-2.0 */
/* What every machine's tables are held to, whoever owns the machine. Each tests/fsm/test_*.c reads
 * one. */
#pragma once

#include <stdio.h>

#include "common/base/atomic_file.h"
#include "common/fsm/sm.h"
#include "common/fsm/sm_dump.h"
#include "tests/lib/unit.h"

/* Names, reachability, pairs in exactly one table, rows and moves: what the tables alone can
 * say. */
static UNUSED void machine_is_sound(const struct sm_machine *m)
{
    struct err err;

    if (sm_check(m, &err) < 0)
        fail_msg("%s", err.msg);
}

/* At most one guarded row of a pair may hold for the same facts: no row depends on its place. */
static UNUSED void machine_is_unambiguous_for(const struct sm_machine *m, const void *facts)
{
    for (int state = 0; state < (int)m->state_count; state++)
        for (int event = 0; event < (int)m->event_count; event++) {
            const struct sm_row *first = NULL, *row = NULL;

            while ((row = sm_next_row(m, state, event, row))) {
                if (row->guard && !row->guard(facts))
                    continue;
                if (first)
                    fail_msg("%s on %s: %s and %s hold at once", sm_state_name(m, state),
                             sm_event_name(m, event), first->guard_name, row->guard_name);
                first = row;
            }
        }
}

/* Names that are stored and printed: the released list may grow at its end and nothing else. */
static UNUSED void machine_keeps_names(const struct sm_machine *m, const char *const *released)
{
    for (int i = 0; released[i]; i++) {
        struct err err;
        int state;

        assert_true(i < (int)m->state_count);
        assert_string_equal(sm_state_name(m, i), released[i]);
        assert_int_equal(sm_state_by_name(m, str_of(released[i]), &state, &err), 0);
        assert_int_equal(state, i);
    }
}

/* The page in docs/fsm/ is the dump; `update` writes it instead (the program's argument
 * --update). */
static UNUSED void machine_page_is_fresh(const struct sm_machine *m, bool update)
{
    CLEANUP(buf_deinitp) struct buf page = BUF_INIT(1u << 20);
    CLEANUP(buf_deinitp) struct buf file = BUF_INIT(1u << 20);
    char path[256];
    struct err err;

    str_fmt(path, sizeof path, "docs/fsm/%s.md", m->name);
    assert_true(sm_dump(m, SM_MARKDOWN, &page));
    if (update) {
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(fwrite(page.data, 1, page.len, f), page.len);
        assert_int_equal(fclose(f), 0);
        return;
    }
    if (file_read(path, &file, &err) < 0)
        fail_msg("%s", err.msg);
    if (!str_eq(buf_view(&page), buf_view(&file)))
        fail_msg("%s is stale: run this program with --update from the source folder", path);
}
