/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Three types that do not mix: an instant of the monotonic clock, an instant of the wall
 * clock, and a duration. clock.c is the only place that reads a clock of the system; pure code is
 * handed instants. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/str.h"

typedef struct {
    int64_t ns;
} mono_t; /* since an arbitrary start; never jumps; not comparable between machines */
typedef struct {
    int64_t ns;
} wall_t; /* since 1970-01-01T00:00:00Z; 0 means never */
typedef struct {
    int64_t ns;
} dur_t;

static inline dur_t dur_ns(int64_t v)
{
    return (dur_t){v};
}
static inline dur_t dur_us(int64_t v)
{
    return (dur_t){v * 1000};
}
static inline dur_t dur_ms(int64_t v)
{
    return (dur_t){v * 1000000};
}
static inline dur_t dur_s(int64_t v)
{
    return (dur_t){v * 1000000000};
}
static inline int64_t dur_to_ms(dur_t d)
{
    return d.ns / 1000000;
}
/* With fractions. */
static inline double dur_in_ms(dur_t d)
{
    return (double)d.ns / 1e6;
}
static inline int64_t dur_to_us(dur_t d)
{
    return d.ns / 1000;
}
static inline mono_t mono_add(mono_t t, dur_t d)
{
    return (mono_t){t.ns + d.ns};
}
static inline dur_t mono_sub(mono_t later, mono_t earlier)
{
    return (dur_t){later.ns - earlier.ns};
}
static inline bool mono_before(mono_t a, mono_t b)
{
    return a.ns < b.ns;
}
static inline wall_t wall_add(wall_t t, dur_t d)
{
    return (wall_t){t.ns + d.ns};
}
static inline dur_t wall_sub(wall_t later, wall_t earlier)
{
    return (dur_t){later.ns - earlier.ns};
}
static inline bool wall_before(wall_t a, wall_t b)
{
    return a.ns < b.ns;
}
static inline bool wall_is_set(wall_t t)
{
    return t.ns != 0;
}

/* A source of time, so that tests and the simulator can hold it still. */
struct clock {
    mono_t (*mono)(struct clock *c);
    wall_t (*wall)(struct clock *c);
};

/* The system's clocks. */
extern struct clock *const clock_system;

/* A clock that moves only when told. */
struct clock_fake {
    struct clock clock;
    mono_t mono_now;
    wall_t wall_now;
};
void clock_fake_init(struct clock_fake *c, wall_t start);
void clock_fake_advance(struct clock_fake *c, dur_t d);

/* RFC 3339 in UTC with milliseconds, "2026-11-21T10:07:04.123Z"; "" for 0. `dst` has WALL_TEXT_MAX
 * bytes. */
#define WALL_TEXT_MAX 32
const char *wall_text(wall_t t, char *dst);
bool wall_parse(struct str s, wall_t *ret) MUST_CHECK;
