/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: a queue takes what it has room for, wherever the gap in front of it ends. */
#include "sidecar/h2/h2_queue.h"

#include "tests/lib/unit.h"

#define MAX 200

static char letter(size_t at)
{
    return (char)('a' + at % 26);
}

/* `n` bytes that follow the first `*at` ones. */
static bool add(struct h2_queue *q, size_t *at, size_t n)
{
    char bytes[MAX + 1];

    for (size_t i = 0; i < n; i++)
        bytes[i] = letter(*at + i);
    if (!h2_queue_add(q, (struct str){bytes, n}))
        return false;
    *at += n;
    return true;
}

static void take(struct h2_queue *q, size_t *at, size_t n)
{
    char bytes[MAX];

    assert_int_equal(h2_queue_take(q, bytes, n), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(bytes[i], letter(*at + i));
    *at += n;
}

static void room_is_room_behind_any_gap(void **state UNUSED)
{
    for (size_t first = 1; first <= MAX; first++) {
        for (size_t gap = 1; gap < first; gap++) {
            struct h2_queue q;
            size_t in = 0, out = 0;

            h2_queue_init(&q, MAX);
            assert_true(add(&q, &in, first));
            take(&q, &out, gap);
            while (h2_queue_room(&q) > 0)
                assert_true(add(&q, &in, h2_queue_room(&q) > 1 ? h2_queue_room(&q) / 2 : 1));
            assert_false(add(&q, &in, 1));
            take(&q, &out, MAX);
            h2_queue_deinit(&q);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_room_behind_any_gap),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
