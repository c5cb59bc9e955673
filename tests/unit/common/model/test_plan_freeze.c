/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/rng.h"
#include "common/model/plan.h"
#include "tests/lib/unit.h"

#define MINUTE INT64_C(60000000000)
#define WEEK   (7 * 24 * 60)

static wall_t at(const char *text)
{
    wall_t t;

    assert_true(wall_parse(str_of(text), &t));
    return t;
}

static unsigned minute(unsigned day, unsigned hour, unsigned min)
{
    return (day * 24 + hour) * 60 + min;
}

enum { MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY };

static struct plan plan_with(struct plan_freeze f)
{
    struct plan p = {.freeze_count = 1};

    p.freeze[0] = f;
    return p;
}

static void assert_frozen(const struct plan *p, const char *now, const char *until)
{
    char text[WALL_TEXT_MAX];
    wall_t end;

    assert_non_null(plan_frozen(p, at(now), &end));
    wall_text(end, text);
    if (end.ns != at(until).ns)
        fail_msg("frozen until %s, expected %s", text, until);
}

static void assert_open(const struct plan *p, const char *now)
{
    wall_t end;

    assert_null(plan_frozen(p, at(now), &end));
}

static void test_a_plan_without_freezes_is_never_frozen(void **state UNUSED)
{
    const struct plan p = {.freeze_count = 0};

    assert_open(&p, "2026-11-21T10:00:00Z");
}

static void test_a_window_holds_from_its_beginning_to_just_before_its_end(void **state UNUSED)
{
    const struct plan p = plan_with((struct plan_freeze){.from = at("2026-12-23T00:00:00Z"),
                                                         .until = at("2027-01-02T00:00:00Z")});

    assert_open(&p, "2026-12-22T23:59:59.999Z");
    assert_frozen(&p, "2026-12-23T00:00:00Z", "2027-01-02T00:00:00Z");
    assert_frozen(&p, "2027-01-01T23:59:59.999Z", "2027-01-02T00:00:00Z");
    assert_open(&p, "2027-01-02T00:00:00Z");
}

/* 2026-11-21 is a Saturday. */
static void test_weekly_windows_are_in_utc(void **state UNUSED)
{
    const struct plan p = plan_with((struct plan_freeze){.weekly = true,
                                                         .from_minute = minute(SATURDAY, 9, 30),
                                                         .until_minute = minute(SATURDAY, 11, 0)});

    assert_open(&p, "2026-11-21T09:29:59Z");
    assert_frozen(&p, "2026-11-21T09:30:00Z", "2026-11-21T11:00:00Z");
    assert_frozen(&p, "2026-11-21T10:59:59.5Z", "2026-11-21T11:00:00Z");
    assert_open(&p, "2026-11-21T11:00:00Z");
    assert_open(&p, "2026-11-22T10:00:00Z");
    assert_frozen(&p, "2026-11-28T10:00:00Z", "2026-11-28T11:00:00Z");
}

static void test_a_weekend_goes_over_sunday_night(void **state UNUSED)
{
    const struct plan p = plan_with((struct plan_freeze){.weekly = true,
                                                         .from_minute = minute(FRIDAY, 16, 0),
                                                         .until_minute = minute(MONDAY, 8, 0)});

    assert_open(&p, "2026-11-20T15:59:59Z");
    assert_frozen(&p, "2026-11-20T16:00:00Z", "2026-11-23T08:00:00Z");
    assert_frozen(&p, "2026-11-22T23:59:59Z", "2026-11-23T08:00:00Z");
    assert_frozen(&p, "2026-11-23T00:00:00Z", "2026-11-23T08:00:00Z");
    assert_open(&p, "2026-11-23T08:00:00Z");
}

static void test_a_day_that_ends_the_week_ends_at_midnight(void **state UNUSED)
{
    const struct plan p = plan_with((struct plan_freeze){
        .weekly = true, .from_minute = minute(SUNDAY, 0, 0), .until_minute = WEEK});

    assert_frozen(&p, "2026-11-22T12:00:00Z", "2026-11-23T00:00:00Z");
    assert_open(&p, "2026-11-23T00:00:00Z");
    assert_open(&p, "2026-11-21T23:59:59Z");
}

static void test_of_several_the_one_that_ends_last_is_told(void **state UNUSED)
{
    struct plan p = {.freeze_count = 3};

    p.freeze[0] = (struct plan_freeze){
        .from = at("2026-11-21T00:00:00Z"), .until = at("2026-11-21T12:00:00Z"), .reason = "audit"};
    p.freeze[1] = (struct plan_freeze){.weekly = true,
                                       .from_minute = minute(SATURDAY, 0, 0),
                                       .until_minute = minute(MONDAY, 0, 0),
                                       .reason = "weekend"};
    p.freeze[2] = (struct plan_freeze){.from = at("2026-12-24T00:00:00Z"),
                                       .until = at("2026-12-27T00:00:00Z"),
                                       .reason = "holidays"};
    assert_frozen(&p, "2026-11-21T10:00:00Z", "2026-11-23T00:00:00Z");
    assert_string_equal(plan_frozen(&p, at("2026-11-21T10:00:00Z"), &(wall_t){0})->reason,
                        "weekend");
    assert_open(&p, "2026-11-23T10:00:00Z");
}

/* Every weekly window against its plain meaning: a minute is frozen when the minutes from the
 * window's beginning on reach it before they reach its end. */
static bool is_frozen_minute(const struct plan_freeze *f, unsigned m)
{
    for (unsigned i = f->from_minute; i % WEEK != f->until_minute % WEEK; i++)
        if (i % WEEK == m)
            return true;
    return false;
}

static void test_random_weekly_windows_hold_as_they_read(void **state UNUSED)
{
    const wall_t monday = at("2026-11-16T00:00:00Z");
    struct rng rng;

    rng_seed(&rng, 20261121);
    for (int i = 0; i < 2000; i++) {
        const struct plan_freeze f = {.weekly = true,
                                      .from_minute = (unsigned)rng_below(&rng, WEEK),
                                      .until_minute = (unsigned)rng_below(&rng, WEEK)};
        const struct plan p = plan_with(f);
        unsigned m = (unsigned)rng_below(&rng, WEEK);
        int64_t week = (int64_t)rng_below(&rng, 4000) - 2900;
        wall_t now = {monday.ns + (week * WEEK + m) * MINUTE +
                      (int64_t)rng_below(&rng, (uint64_t)MINUTE)};
        wall_t until;

        if (!is_frozen_minute(&f, m)) {
            assert_null(plan_frozen(&p, now, &until));
            continue;
        }
        assert_non_null(plan_frozen(&p, now, &until));
        assert_true(wall_before(now, until));
        assert_true(wall_sub(until, now).ns <= WEEK * MINUTE);
        assert_non_null(plan_frozen(&p, (wall_t){until.ns - 1}, &(wall_t){0}));
        assert_null(plan_frozen(&p, until, &(wall_t){0}));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plan_without_freezes_is_never_frozen),
        cmocka_unit_test(test_a_window_holds_from_its_beginning_to_just_before_its_end),
        cmocka_unit_test(test_weekly_windows_are_in_utc),
        cmocka_unit_test(test_a_weekend_goes_over_sunday_night),
        cmocka_unit_test(test_a_day_that_ends_the_week_ends_at_midnight),
        cmocka_unit_test(test_of_several_the_one_that_ends_last_is_told),
        cmocka_unit_test(test_random_weekly_windows_hold_as_they_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
