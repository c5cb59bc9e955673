/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/clock.h"

#include "common/base/rng.h"
#include "tests/lib/unit.h"

static void text_is_rfc3339_with_milliseconds(void **state UNUSED)
{
    char text[WALL_TEXT_MAX];

    assert_string_equal(wall_text((wall_t){0}, text), "");
    assert_string_equal(wall_text((wall_t){INT64_C(1795255624123456789)}, text),
                        "2026-11-21T10:07:04.123Z");
    assert_string_equal(wall_text((wall_t){-1}, text), "1969-12-31T23:59:59.999Z");
    assert_string_equal(wall_text((wall_t){INT64_MAX}, text), "2262-04-11T23:47:16.854Z");
}

static void parsing_takes_utc_with_any_fraction(void **state UNUSED)
{
    wall_t t;

    assert_true(wall_parse(STR("1970-01-01T00:00:01Z"), &t));
    assert_true(t.ns == 1000000000);
    assert_true(wall_parse(STR("2024-02-29T23:59:59.5Z"), &t));
    assert_true(wall_parse(STR("2026-11-21T10:07:04.123456789Z"), &t));
    assert_true(t.ns == INT64_C(1795255624123456789));
}

static void parsing_refuses_everything_else(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "2026-11-21",
        "2026-11-21T10:07:04",
        "2026-11-21T10:07:04+00:00",
        "2026-11-21 10:07:04Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T10:60:00Z",
        "2026-11-21T10:07:60Z",
        "2026-11-21T10:07:04.Z",
        "2026-11-21T10:07:04.1234567890Z",
        "2026-11-21T10:07:04,5Z",
        "2026-11-21T10:07:04Zx",
        "1969-12-31T23:59:59Z",
        "2262-01-01T00:00:00Z",
        "+026-11-21T10:07:04Z",
    };
    wall_t t = {7};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(wall_parse(str_of(bad[i]), &t));
    assert_true(t.ns == 7);
}

static void text_and_parsing_agree(void **state UNUSED)
{
    char text[WALL_TEXT_MAX];
    struct rng r;
    wall_t back;

    rng_seed(&r, 1);
    for (unsigned i = 0; i < 5000; i++) {
        wall_t t = {(int64_t)rng_below(&r, UINT64_C(9000000000000)) * 1000000 + 1000000};
        assert_true(wall_parse(str_of(wall_text(t, text)), &back));
        assert_true(back.ns == t.ns);
    }
}

static void the_fake_moves_only_when_told(void **state UNUSED)
{
    struct clock_fake c;

    clock_fake_init(&c, (wall_t){1000});
    mono_t start = c.clock.mono(&c.clock);
    assert_true(mono_sub(c.clock.mono(&c.clock), start).ns == 0);
    clock_fake_advance(&c, dur_ms(5));
    assert_true(dur_to_ms(mono_sub(c.clock.mono(&c.clock), start)) == 5);
    assert_true(c.clock.wall(&c.clock).ns == 5001000);
}

static void the_system_clock_does_not_run_backwards(void **state UNUSED)
{
    mono_t before = clock_system->mono(clock_system);

    assert_false(mono_before(clock_system->mono(clock_system), before));
    assert_true(wall_is_set(clock_system->wall(clock_system)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_rfc3339_with_milliseconds),
        cmocka_unit_test(parsing_takes_utc_with_any_fraction),
        cmocka_unit_test(parsing_refuses_everything_else),
        cmocka_unit_test(text_and_parsing_agree),
        cmocka_unit_test(the_fake_moves_only_when_told),
        cmocka_unit_test(the_system_clock_does_not_run_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
