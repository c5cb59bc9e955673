/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/messages.h"

#include "tests/lib/unit.h"

/* Three messages, the second empty and the last compressed. */
static const char call[] =
    "\0\0\0\0\3abc"
    "\0\0\0\0\0"
    "\1\0\0\1\0";
enum { FIRST = 8, SECOND = FIRST + 5, THIRD = SECOND + 5 + 256 };

static struct str all_of_it(char dst[THIRD])
{
    memset(dst, 'x', THIRD);
    memcpy(dst, call, SECOND + 5);
    return (struct str){dst, THIRD};
}

static bool is_end(size_t at)
{
    return at == 0 || at == FIRST || at == SECOND || at == THIRD;
}

static void a_message_ends_where_its_length_says(void **state UNUSED)
{
    char bytes[THIRD];
    struct str all = all_of_it(bytes);

    for (size_t cut = 0; cut <= all.n; cut++) {
        struct messages m = {0};

        assert_int_equal(messages_pass(&m, (struct str){all.p, cut}), cut);
        assert_int_equal(messages_are_whole(&m), is_end(cut));
        assert_int_equal(messages_pass(&m, (struct str){all.p + cut, all.n - cut}), all.n - cut);
        assert_true(messages_are_whole(&m));
    }
}

static void nothing_passes_behind_the_one_that_is_the_last(void **state UNUSED)
{
    char bytes[THIRD];
    struct str all = all_of_it(bytes);

    for (size_t cut = 0; cut <= all.n; cut++) {
        const size_t end = is_end(cut) ? cut : cut < FIRST ? FIRST : cut < SECOND ? SECOND : THIRD;
        struct messages m = {0};
        size_t passed = messages_pass(&m, (struct str){all.p, cut});

        m.stops = true;
        for (size_t at = cut; at < all.n; at++)
            passed += messages_pass(&m, (struct str){all.p + at, 1});
        assert_int_equal(passed, end);
        assert_true(messages_are_whole(&m));
    }
}

static void lengths_have_all_their_bits(void **state UNUSED)
{
    struct messages m = {0};

    messages_pass(&m, (struct str){"\0\xff\xfe\xfd\xfc", 5});
    assert_int_equal(m.left, 0xfffefdfc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_ends_where_its_length_says),
        cmocka_unit_test(nothing_passes_behind_the_one_that_is_the_last),
        cmocka_unit_test(lengths_have_all_their_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
