/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/arena.h"

#include <stdalign.h>

#include "tests/lib/unit.h"

static void memory_is_zeroed_and_aligned(void **state UNUSED)
{
    struct arena a;

    arena_init(&a, 1 << 20);
    for (size_t size = 0; size < 300; size++) {
        unsigned char *p = arena_alloc(&a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    arena_deinit(&a);
}

static void past_the_maximum_is_null_and_the_rest_stays_usable(void **state UNUSED)
{
    struct arena a;

    arena_init(&a, 64);
    assert_non_null(arena_alloc(&a, 48));
    assert_null(arena_alloc(&a, 17));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_strdup(&a, STR("this does not fit any more")));
    assert_null(arena_fmt(&a, "%040d", 1));
    assert_non_null(arena_alloc(&a, 16));
    assert_null(arena_alloc(&a, 1));
    assert_int_equal(a.used, 64);
    arena_deinit(&a);
}

static void release_returns_to_the_mark_across_blocks(void **state UNUSED)
{
    struct arena a;

    arena_init(&a, 1 << 20);
    char *kept = arena_strdup(&a, STR("kept"));
    struct arena_mark mark = arena_mark(&a);
    for (unsigned i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 1000));
    arena_release(&a, mark);
    assert_string_equal(kept, "kept");
    assert_int_equal(a.used, mark.used);
    char *again = arena_alloc(&a, 100);
    assert_int_equal(again[99], 0);
    arena_deinit(&a);
}

static void release_to_the_very_beginning(void **state UNUSED)
{
    struct arena a;

    arena_init(&a, 1000);
    struct arena_mark mark = arena_mark(&a);
    assert_non_null(arena_alloc(&a, 1000 / 16 * 16));
    arena_release(&a, mark);
    assert_int_equal(a.used, 0);
    assert_non_null(arena_alloc(&a, 100));
    arena_deinit(&a);
}

static void reset_keeps_a_block_and_forgets_the_rest(void **state UNUSED)
{
    struct arena a;

    arena_init(&a, 1 << 20);
    arena_reset(&a);
    for (unsigned i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 1000));
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(a.top);
    struct arena_block *block = a.top;
    assert_string_equal(arena_fmt(&a, "%s-%d", "x", 7), "x-7");
    assert_ptr_equal(a.top, block);
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(past_the_maximum_is_null_and_the_rest_stays_usable),
        cmocka_unit_test(release_returns_to_the_mark_across_blocks),
        cmocka_unit_test(release_to_the_very_beginning),
        cmocka_unit_test(reset_keeps_a_block_and_forgets_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
