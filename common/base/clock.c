/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/clock.h"

#include <stdio.h>
#include <time.h>

#include "common/base/check.h"

#define NS_PER_S        INT64_C(1000000000)
#define FRACTION_DIGITS 9

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;

    CHECK(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static mono_t system_mono(struct clock *c UNUSED)
{
    return (mono_t){read_clock(CLOCK_MONOTONIC)};
}

static wall_t system_wall(struct clock *c UNUSED)
{
    return (wall_t){read_clock(CLOCK_REALTIME)};
}

static struct clock system_clock = {.mono = system_mono, .wall = system_wall};
struct clock *const clock_system = &system_clock;

static mono_t fake_mono(struct clock *c)
{
    return container_of(c, struct clock_fake, clock)->mono_now;
}

static wall_t fake_wall(struct clock *c)
{
    return container_of(c, struct clock_fake, clock)->wall_now;
}

void clock_fake_init(struct clock_fake *c, wall_t start)
{
    *c = (struct clock_fake){
        .clock = {.mono = fake_mono, .wall = fake_wall},
        .mono_now = {NS_PER_S}, /* not 0, so that "never set" stays visible in tests */
        .wall_now = start,
    };
}

void clock_fake_advance(struct clock_fake *c, dur_t d)
{
    c->mono_now = mono_add(c->mono_now, d);
    c->wall_now = wall_add(c->wall_now, d);
}

const char *wall_text(wall_t t, char *dst)
{
    struct tm tm;

    dst[0] = '\0';
    if (!wall_is_set(t))
        return dst;

    /* Divide downwards, so that instants before 1970 keep a fraction between 0 and 1. */
    int64_t s = t.ns / NS_PER_S - (t.ns % NS_PER_S < 0);
    int64_t ms = (t.ns - s * NS_PER_S) / 1000000;
    time_t seconds = (time_t)s;
    CHECK(gmtime_r(&seconds, &tm));
    str_fmt(dst, WALL_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
            tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)ms);
    return dst;
}

/* `width` digits at `pos`, followed by `after`. */
static bool field(struct str s, size_t pos, size_t width, char after, int *ret)
{
    uint64_t value;

    if (s.n <= pos + width || s.p[pos + width] != after)
        return false;
    if (!str_to_u64((struct str){s.p + pos, width}, 9999, &value))
        return false;
    *ret = (int)value;
    return true;
}

/* ".123" up to nanoseconds, or nothing. */
static bool fraction_ns(struct str s, int64_t *ret)
{
    uint64_t value;

    *ret = 0;
    if (s.n == 0)
        return true;
    if (s.p[0] != '.' || s.n > FRACTION_DIGITS + 1 ||
        !str_to_u64((struct str){s.p + 1, s.n - 1}, UINT64_MAX, &value))
        return false;
    for (size_t digits = s.n - 1; digits < FRACTION_DIGITS; digits++)
        value *= 10;
    *ret = (int64_t)value;
    return true;
}

bool wall_parse(struct str s, wall_t *ret)
{
    struct tm tm = {0};
    int64_t ns;

    if (s.n < 20 || s.p[s.n - 1] != 'Z')
        return false;
    char after_seconds = s.n == 20 ? 'Z' : '.';
    if (!field(s, 0, 4, '-', &tm.tm_year) || !field(s, 5, 2, '-', &tm.tm_mon) ||
        !field(s, 8, 2, 'T', &tm.tm_mday) || !field(s, 11, 2, ':', &tm.tm_hour) ||
        !field(s, 14, 2, ':', &tm.tm_min) || !field(s, 17, 2, after_seconds, &tm.tm_sec) ||
        !fraction_ns((struct str){s.p + 19, s.n - 20}, &ns))
        return false;
    if (tm.tm_year < 1970 || tm.tm_year > 2261) /* what 63 bits of nanoseconds hold */
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;

    /* timegm() normalises "31 April"; a date that it had to change was none. */
    struct tm given = tm;
    int64_t seconds = (int64_t)timegm(&tm);
    if (tm.tm_mon != given.tm_mon || tm.tm_mday != given.tm_mday || tm.tm_hour != given.tm_hour ||
        tm.tm_min != given.tm_min || tm.tm_sec != given.tm_sec)
        return false;
    *ret = (wall_t){seconds * NS_PER_S + ns};
    return true;
}
