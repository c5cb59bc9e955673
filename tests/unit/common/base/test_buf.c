/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/buf.h"

#include <stdlib.h>

#include "tests/lib/unit.h"

static void grows_up_to_its_maximum_and_not_past_it(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(200);

    for (unsigned i = 0; i < 200; i++)
        assert_true(buf_add(&b, "x", 1));
    assert_false(buf_add(&b, "x", 1));
    assert_true(buf_add(&b, NULL, 0));
    assert_int_equal(b.len, 200);
    assert_true(b.cap <= 201);
    assert_int_equal(strlen(buf_text(&b)), 200);
}

static void refused_appends_leave_the_content_alone(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(8);

    assert_true(buf_addf(&b, "%s", "12345"));
    assert_false(buf_addf(&b, "%d", 6789));
    assert_false(buf_add_str(&b, STR("abcd")));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_string_equal(buf_text(&b), "12345");
    assert_true(buf_addf(&b, "%d", 678));
    assert_string_equal(buf_text(&b), "12345678");
}

static void an_empty_buffer_is_an_empty_string(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(0);
    char *stolen = buf_steal(&b);

    assert_string_equal(stolen, "");
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(buf_view(&b).n, 0);
    assert_false(buf_add(&b, "x", 1));
    free(stolen);
}

static void reserved_room_is_written_by_the_caller(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1000);

    char *room = buf_reserve(&b, 500);
    assert_non_null(room);
    memcpy(room, "abc", 3);
    b.len += 3;
    assert_string_equal(buf_text(&b), "abc");
    buf_clear(&b);
    assert_string_equal(buf_text(&b), "");
}

static void stealing_hands_the_memory_on(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(SIZE_MAX);

    assert_true(buf_addf(&b, "%s", "mine"));
    char *stolen = buf_steal(&b);
    assert_string_equal(stolen, "mine");
    assert_true(buf_addf(&b, "%s", "again"));
    assert_string_equal(buf_text(&b), "again");
    free(stolen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_maximum_and_not_past_it),
        cmocka_unit_test(refused_appends_leave_the_content_alone),
        cmocka_unit_test(an_empty_buffer_is_an_empty_string),
        cmocka_unit_test(reserved_room_is_written_by_the_caller),
        cmocka_unit_test(stealing_hands_the_memory_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
