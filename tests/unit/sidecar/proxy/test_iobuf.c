/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/iobuf.h"

#include "tests/lib/unit.h"

static void the_buffer_given_last_is_taken_first(void **state UNUSED)
{
    struct iobuf_pool p;
    struct iobuf *a, *b, *first;

    iobuf_pool_init(&p, 100);
    a = iobuf_take(&p);
    b = first = iobuf_take(&p);
    b->end = 7;
    iobuf_give(&p, &a);
    iobuf_give(&p, &b);
    assert_null(b);
    b = iobuf_take(&p);
    assert_ptr_equal(b, first);
    assert_true(iobuf_is_empty(b));
    assert_int_equal(iobuf_room(&p, b), 100);
    iobuf_give(&p, &b);
    iobuf_give(&p, &b); /* NULL is tolerated */
    iobuf_pool_deinit(&p);
}

static void buffers_nobody_needs_go_half_by_half(void **state UNUSED)
{
    struct iobuf_pool p;
    struct iobuf *b[8];

    iobuf_pool_init(&p, 100);
    for (unsigned i = 0; i < 8; i++)
        b[i] = iobuf_take(&p);
    for (unsigned i = 0; i < 8; i++)
        iobuf_give(&p, &b[i]);
    iobuf_trim(&p);
    assert_int_equal(p.free_count, 8); /* all of them were needed since the last time */
    iobuf_trim(&p);
    assert_int_equal(p.free_count, 4);
    b[0] = iobuf_take(&p);
    b[1] = iobuf_take(&p);
    iobuf_give(&p, &b[0]);
    iobuf_give(&p, &b[1]);
    iobuf_trim(&p);
    assert_int_equal(p.free_count, 3); /* two were used, one of the other two goes */
    for (unsigned i = 0; i < 4; i++)
        iobuf_trim(&p);
    assert_int_equal(p.free_count, 0);
    iobuf_pool_deinit(&p);
}

static void compacting_keeps_what_must_stay(void **state UNUSED)
{
    struct iobuf_pool p;
    struct iobuf *b;

    iobuf_pool_init(&p, 10);
    b = iobuf_take(&p);
    memcpy(b->data, "xxHEADrest", 10);
    b->start = 6;
    b->end = 10;
    iobuf_compact(b, 2);
    assert_memory_equal(b->data, "HEADrest", 8);
    assert_int_equal(b->start, 4);
    assert_true(str_eq(iobuf_view(b), STR("rest")));
    iobuf_give(&p, &b);
    iobuf_pool_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_buffer_given_last_is_taken_first),
        cmocka_unit_test(buffers_nobody_needs_go_half_by_half),
        cmocka_unit_test(compacting_keeps_what_must_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
