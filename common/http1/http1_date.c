/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http1/http1_date.h"

#include <time.h>

#include "common/base/check.h"

/* In English whatever the locale, which strftime() would ask. */
static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static void write_text(struct http1_date *d)
{
    const time_t seconds = d->second;
    struct tm tm;

    CHECK(gmtime_r(&seconds, &tm));
    str_fmt(d->text, sizeof d->text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
            tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    d->n = strlen(d->text);
}

struct str http1_date_at(struct http1_date *d, wall_t now)
{
    const int64_t second = now.ns / 1000000000;

    if (d->n == 0 || d->second != second) {
        d->second = second;
        write_text(d);
    }
    return (struct str){d->text, d->n};
}
