/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/start_time.h"

#include <math.h>

#include "common/base/json.h"

/* Larger numbers are milliseconds: as seconds they are the year 5138. */
#define SECONDS_MAX 1e11

static bool is_sane(double seconds, wall_t now)
{
    /* An hour ahead is a clock that is set wrong, and does no harm; a year is no start. */
    return isfinite(seconds) && seconds > 0 && seconds < (double)now.ns / 1e9 + 366 * 86400.0;
}

/* ---- Prometheus ------------------------------------------------------------------------------ */

/* "process_start_time_seconds{job="x"} 1.7e+09 1700000000000" */
static bool read_line(struct str line, double *ret)
{
    static const struct str name = {"process_start_time_seconds", 26};
    struct str rest = line, skipped;

    if (!str_starts(line, name))
        return false;
    rest.p += name.n;
    rest.n -= name.n;
    if (rest.n > 0 && rest.p[0] == '{' && !str_cut(rest, '}', &skipped, &rest))
        return false;
    if (rest.n == 0 || rest.p[0] != ' ')
        return false;
    str_cut(str_trim(rest), ' ', &rest, &skipped);
    return json_parse_number(rest, ret);
}

static bool read_metrics(struct str page, double *ret)
{
    struct str line;

    while (page.n > 0) {
        str_cut(page, '\n', &line, &page);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (read_line(line, ret))
            return true;
    }
    return false;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static bool read_instant(const struct json *j, double *ret)
{
    wall_t at;

    if (json_kind(j) == JSON_NUMBER)
        *ret = json_number(j, 0) / (json_number(j, 0) > SECONDS_MAX ? 1000 : 1);
    else if (json_kind(j) == JSON_STRING && wall_parse(str_of(json_string(j, "")), &at))
        *ret = (double)at.ns / 1e9;
    else
        return false;
    return true;
}

static bool read_document(const struct json *j, wall_t now, double *ret)
{
    static const char *const instants[] = {"startTime", "startedAt", "started_at"};
    static const char *const spans[] = {"uptime", "uptimeSeconds", "uptime_seconds"};

    for (size_t i = 0; i < ARRAY_LEN(instants); i++) {
        const struct json *v = json_get(j, instants[i]);

        if (v && read_instant(v, ret))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        const struct json *v = json_get(j, spans[i]);

        if (v && json_kind(v) == JSON_NUMBER) {
            *ret = (double)now.ns / 1e9 - json_number(v, 0);
            return true;
        }
    }
    return false;
}

bool start_time_read(struct str page, wall_t now, double *ret)
{
    struct json *j = NULL;
    double seconds;
    bool told;

    if (json_parse(page, &j, NULL) == 0)
        told = read_document(j, now, &seconds);
    else
        told = read_metrics(page, &seconds);
    json_free(j);
    if (!told || !is_sane(seconds, now))
        return false;
    *ret = seconds;
    return true;
}
