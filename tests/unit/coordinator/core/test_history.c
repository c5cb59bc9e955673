/* SPDX-License-Identifier: Apache-2.0 */
/* The newest fifty entries are kept, in order, whatever order they came in. */
#include "coordinator/core/history.h"

#include "common/base/mem.h"
#include "tests/lib/unit.h"

static struct history_item *item(uint64_t sequence, const char *event)
{
    struct history_item *i = xnew(struct history_item);

    i->entry.sequence = sequence;
    str_fmt(i->entry.event, sizeof i->entry.event, "%s", event);
    return i;
}

static void test_entries_sort_by_sequence(void **state UNUSED)
{
    struct history h = {.count = 0};
    struct err err;

    assert_ok(history_add(&h, item(3, "pause"), &err), &err);
    assert_ok(history_add(&h, item(1, "apply"), &err), &err);
    assert_ok(history_add(&h, item(2, "start"), &err), &err);
    assert_int_equal(h.item[0]->entry.sequence, 1);
    assert_int_equal(h.item[2]->entry.sequence, 3);
    assert_fails(history_add(&h, item(2, "start"), &err), ERR_EXISTS);
    assert_int_equal(h.count, 3);
    assert_string_equal(history_find(&h, 2)->entry.event, "start");
    assert_null(history_find(&h, 9));
    history_deinit(&h);
}

static void test_the_oldest_goes_when_full(void **state UNUSED)
{
    struct history h = {.count = 0};
    struct err err;

    for (uint64_t i = 1; i <= CORE_HISTORY_KEPT; i++) {
        assert_null(history_oldest_if_full(&h));
        assert_ok(history_add(&h, item(i, "pause"), &err), &err);
    }
    assert_int_equal(history_oldest_if_full(&h)->entry.sequence, 1);
    assert_ok(history_add(&h, item(CORE_HISTORY_KEPT + 1, "resume"), &err), &err);
    assert_int_equal(h.count, CORE_HISTORY_KEPT);
    assert_int_equal(h.item[0]->entry.sequence, 2);
    history_deinit(&h);
}

static void test_the_newest_fall_is_found(void **state UNUSED)
{
    struct history h = {.count = 0};
    struct err err;

    assert_null(history_newest_fall(&h));
    assert_ok(history_add(&h, item(1, "rollback"), &err), &err);
    assert_ok(history_add(&h, item(2, "trigger"), &err), &err);
    assert_ok(history_add(&h, item(3, "emergency_cleared"), &err), &err);
    assert_int_equal(history_newest_fall(&h)->entry.sequence, 2);
    assert_ok(history_add(&h, item(4, "emergency_rollback"), &err), &err);
    assert_int_equal(history_newest_fall(&h)->entry.sequence, 4);
    history_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_sort_by_sequence),
        cmocka_unit_test(test_the_oldest_goes_when_full),
        cmocka_unit_test(test_the_newest_fall_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
