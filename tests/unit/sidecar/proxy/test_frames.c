/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/frames.h"

#include "tests/lib/unit.h"

/* One frame of `size` payload bytes, in `dst`. */
static struct str frame(char *dst, size_t size, bool masked)
{
    unsigned mask = masked ? 0x80 : 0;
    size_t n = 2;

    memset(dst, 0x7e, size + 14);
    dst[0] = (char)0x82;
    if (size < 126) {
        dst[1] = (char)(mask | size);
    } else if (size < 65536) {
        dst[1] = (char)(mask | 126);
        dst[n++] = (char)(size >> 8);
        dst[n++] = (char)size;
    } else {
        dst[1] = (char)(mask | 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            dst[n++] = (char)((uint64_t)size >> shift);
    }
    return (struct str){dst, n + (masked ? 4 : 0) + size};
}

static void a_frame_ends_where_its_length_says(void **state UNUSED)
{
    static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};
    static char bytes[70100];

    for (unsigned i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        struct str whole = frame(bytes, sizes[i / 2], i % 2);

        for (size_t cut = 0; cut <= whole.n; cut += cut < 20 ? 1 : 997) {
            struct frames f = {0};

            frames_pass(&f, (struct str){whole.p, cut});
            assert_int_equal(frames_are_whole(&f), cut == 0 || cut == whole.n);
            frames_pass(&f, (struct str){whole.p + cut, whole.n - cut});
            assert_true(frames_are_whole(&f));
        }
    }
}

static void frames_follow_each_other_byte_by_byte(void **state UNUSED)
{
    static char bytes[4096];
    struct str last = frame(bytes + 1500, 300, true);
    struct frames f = {0};
    unsigned ends = 0;
    size_t n = frame(bytes, 1000, false).n;

    memmove(bytes + n, last.p, last.n);
    n += last.n;
    for (size_t i = 0; i < n; i++) {
        frames_pass(&f, (struct str){bytes + i, 1});
        ends += frames_are_whole(&f);
    }
    assert_int_equal(ends, 2);
}

static void the_close_frames_are_frames(void **state UNUSED)
{
    struct frames f = {0};

    frames_pass(&f, FRAMES_CLOSE_TO_CLIENT);
    assert_true(frames_are_whole(&f));
    frames_pass(&f, FRAMES_CLOSE_TO_SERVER);
    assert_true(frames_are_whole(&f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_ends_where_its_length_says),
        cmocka_unit_test(frames_follow_each_other_byte_by_byte),
        cmocka_unit_test(the_close_frames_are_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
