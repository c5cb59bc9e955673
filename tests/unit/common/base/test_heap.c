/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/heap.h"

#include "common/base/rng.h"
#include "tests/lib/unit.h"

static void the_earliest_comes_first_and_equals_in_order(void **state UNUSED)
{
    struct heap_node a = {0}, b = {0}, c = {0}, d = {0};
    struct heap h;

    heap_init(&h);
    assert_null(heap_min(&h));
    heap_insert(&h, &a, (mono_t){20});
    heap_insert(&h, &b, (mono_t){10});
    heap_insert(&h, &c, (mono_t){10});
    heap_insert(&h, &d, (mono_t){10});
    struct heap_node *const order[] = {&b, &c, &d, &a};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        assert_ptr_equal(heap_min(&h), order[i]);
        heap_remove(&h, order[i]);
        assert_false(heap_contains(order[i]));
    }
    heap_remove(&h, &a);
    assert_null(heap_min(&h));
    heap_deinit(&h);
}

static void deinit_lets_go_of_the_nodes(void **state UNUSED)
{
    struct heap_node a = {0};
    struct heap h;

    heap_init(&h);
    heap_insert(&h, &a, (mono_t){1});
    heap_deinit(&h);
    assert_false(heap_contains(&a));
    heap_insert(&h, &a, (mono_t){1});
    assert_ptr_equal(heap_min(&h), &a);
    heap_deinit(&h);
}

/* The slow but obvious minimum. */
static struct heap_node *scan(struct heap_node *nodes, size_t n)
{
    struct heap_node *best = NULL;

    for (size_t i = 0; i < n; i++) {
        struct heap_node *x = &nodes[i];
        if (!heap_contains(x))
            continue;
        if (!best || x->due.ns < best->due.ns ||
            (x->due.ns == best->due.ns && x->order < best->order))
            best = x;
    }
    return best;
}

static void any_mix_of_inserts_and_removes_agrees_with_a_scan(void **state UNUSED)
{
    struct heap_node nodes[100] = {0};
    struct heap h;
    struct rng r;

    rng_seed(&r, 8);
    heap_init(&h);
    for (unsigned i = 0; i < 50000; i++) {
        struct heap_node *x = &nodes[rng_below(&r, ARRAY_LEN(nodes))];
        if (heap_contains(x))
            heap_remove(&h, x);
        else
            heap_insert(&h, x, (mono_t){(int64_t)rng_below(&r, 50)});
        assert_ptr_equal(heap_min(&h), scan(nodes, ARRAY_LEN(nodes)));
    }
    heap_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_comes_first_and_equals_in_order),
        cmocka_unit_test(deinit_lets_go_of_the_nodes),
        cmocka_unit_test(any_mix_of_inserts_and_removes_agrees_with_a_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
