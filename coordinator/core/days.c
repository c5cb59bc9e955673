/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/days.h"

#include <stdlib.h>

#include "common/base/mem.h"

#define NS_PER_DAY INT64_C(86400000000000)

/* ---- names ----------------------------------------------------------------------------------- */

const char *day_text(int64_t day, char *dst)
{
    char text[WALL_TEXT_MAX];

    wall_text((wall_t){day * NS_PER_DAY}, text);
    str_fmt(dst, DAY_TEXT_MAX, "%.10s", text);
    return dst;
}

bool day_parse(struct str s, int64_t *ret)
{
    char text[WALL_TEXT_MAX];
    wall_t t;

    if (s.n != sizeof "2026-11-21" - 1 ||
        !str_fmt(text, sizeof text, "%.*sT00:00:00Z", (int)s.n, s.p) ||
        !wall_parse(str_of(text), &t) || t.ns <= 0)
        return false;
    *ret = day_of(t);
    return true;
}

int64_t day_of(wall_t t)
{
    return t.ns / NS_PER_DAY;
}

/* ---- the list -------------------------------------------------------------------------------- */

void days_deinit(struct days *d)
{
    free(d->day);
    *d = (struct days){.count = 0};
}

void days_copy(const struct days *from, struct days *to)
{
    if (from->count > 0)
        to->day = xmemdup(from->day, from->count * sizeof from->day[0]);
    to->count = from->count;
}

struct day *days_find(const struct days *d, int64_t day)
{
    for (unsigned i = d->count; i-- > 0;)
        if (d->day[i].day == day)
            return &d->day[i];
    return NULL;
}

/* NULL: no room. A day that comes late, since a clock was set back, finds its place. */
static struct day *find_or_add(struct days *d, int64_t day)
{
    struct day *found = days_find(d, day);
    unsigned at = d->count;

    if (found || d->count == DAYS_MAX)
        return found;
    d->day = xrealloc(d->day, (d->count + 1) * sizeof d->day[0]);
    while (at > 0 && d->day[at - 1].day > day)
        at--;
    memmove(&d->day[at + 1], &d->day[at], (d->count - at) * sizeof d->day[0]);
    d->count++;
    memset(&d->day[at], 0, sizeof d->day[at]);
    d->day[at].day = day;
    return &d->day[at];
}

void days_remove(struct days *d, int64_t day)
{
    struct day *found = days_find(d, day);

    if (!found)
        return;
    d->count--;
    memmove(found, found + 1, (size_t)(&d->day[d->count] - found) * sizeof *found);
}

/* ---- counting -------------------------------------------------------------------------------- */

static void add(struct day *day, mono_t mono, const struct route_stats *stats)
{
    for (int i = 0; i < SYSTEM_COUNT; i++)
        if (!system_stats_is_empty(&stats->system[i]))
            system_stats_merge(&day->since.system[i], &stats->system[i]);
    if (!mirror_stats_is_empty(&stats->mirror))
        mirror_stats_merge(&day->since.mirror, &stats->mirror);
    if (!day->has_more)
        day->more_at = mono;
    day->has_more = true;
}

static bool is_empty(const struct route_stats *stats)
{
    for (int i = 0; i < SYSTEM_COUNT; i++)
        if (!system_stats_is_empty(&stats->system[i]))
            return false;
    return mirror_stats_is_empty(&stats->mirror);
}

void days_add(struct days *d, wall_t now, mono_t mono, const struct route_stats *stats)
{
    struct day *day = is_empty(stats) ? NULL : find_or_add(d, day_of(now));

    if (day)
        add(day, mono, stats);
}

void days_add_past(struct days *d, wall_t at, mono_t mono, const struct route_stats *stats)
{
    const struct day *known = days_find(d, day_of(at));

    if (!known || wall_before(known->until, at))
        days_add(d, at, mono, stats);
}

void days_put(struct days *d, const struct day *stored)
{
    struct day *day = find_or_add(d, stored->day);

    if (day)
        *day = *stored;
}

const struct day *days_due(const struct days *d, wall_t now, mono_t mono)
{
    for (unsigned i = 0; i < d->count; i++) {
        const struct day *day = &d->day[i];

        if (day->has_more &&
            (day->day < day_of(now) || mono_sub(mono, day->more_at).ns >= DAYS_EVERY.ns))
            return day;
    }
    return NULL;
}

void day_sum(const struct day *d, struct day_total *ret)
{
    *ret = d->stored;
    for (int i = 0; i < SYSTEM_COUNT; i++)
        system_stats_merge(&ret->system[i], &d->since.system[i]);
    mirror_stats_merge(&ret->mirror, &d->since.mirror);
}
