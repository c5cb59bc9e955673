/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/plan.h"

#define NS_PER_MINUTE INT64_C(60000000000)
#define WEEK          (7 * 24 * 60)
/* 1970-01-01 was a Thursday. */
#define EPOCH_MINUTE (3 * 24 * 60)

static int64_t whole_minutes(wall_t t)
{
    return t.ns / NS_PER_MINUTE - (t.ns % NS_PER_MINUTE < 0);
}

/* Of the week in UTC, from Monday 00:00. */
static int64_t minute_of_week(wall_t t)
{
    int64_t minute = (whole_minutes(t) + EPOCH_MINUTE) % WEEK;

    return minute < 0 ? minute + WEEK : minute;
}

/* Minutes from one minute of the week on to another, 0 to a week less one. */
static int64_t ahead(int64_t from, int64_t to)
{
    return (to - from + WEEK) % WEEK;
}

/* Counted from its beginning, a window is one stretch also when it goes over Sunday night. */
static bool holds_weekly(const struct plan_freeze *f, wall_t now, wall_t *ret_until)
{
    int64_t length = ahead(f->from_minute, f->until_minute);
    int64_t into = ahead(f->from_minute, minute_of_week(now));

    if (into >= length)
        return false;
    *ret_until = (wall_t){(whole_minutes(now) + length - into) * NS_PER_MINUTE};
    return true;
}

static bool holds(const struct plan_freeze *f, wall_t now, wall_t *ret_until)
{
    if (f->weekly)
        return holds_weekly(f, now, ret_until);
    *ret_until = f->until;
    return !wall_before(now, f->from) && wall_before(now, f->until);
}

const struct plan_freeze *plan_frozen(const struct plan *p, wall_t now, wall_t *ret_until)
{
    const struct plan_freeze *longest = NULL;
    wall_t until;

    for (unsigned i = 0; i < p->freeze_count; i++) {
        if (!holds(&p->freeze[i], now, &until) || (longest && !wall_before(*ret_until, until)))
            continue;
        longest = &p->freeze[i];
        *ret_until = until;
    }
    return longest;
}
