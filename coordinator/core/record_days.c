/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/record_days.h"

#include "common/base/json.h"
#include "coordinator/core/record.h"

/* clang-format off */
/*   X(counter of struct mirror_stats, name) */
#define COPIES(X)                                                                           \
    X(sent, "sent") X(answered_2xx, "answered2xx") X(answered_3xx, "answered3xx")           \
    X(answered_4xx, "answered4xx") X(errors, "errors") X(failed, "failed")                  \
    X(timeouts, "timeouts") X(dropped, "dropped") X(dropped_pending, "droppedPending")      \
    X(dropped_bytes, "droppedBytes") X(dropped_late, "droppedLate")                         \
    X(unsuited, "unsuited") X(sent_bytes, "sentBytes") X(received_bytes, "receivedBytes")
/* clang-format on */

#define ONE(counter, name) +1u
_Static_assert(0u COPIES(ONE) == MIRROR_COUNTERS, "a counter of copies has no name in the record");
#undef ONE

/* ---- writing --------------------------------------------------------------------------------- */

/* Buckets as [number, count], those that are used. */
static struct json *latency_json(const struct hist *h)
{
    struct json *j = json_object(), *buckets = json_array();

    json_set_u64(j, "count", h->count);
    json_set_u64(j, "sumUs", h->sum_us);
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        struct json *pair;

        if (h->bucket[i] == 0)
            continue;
        pair = json_array();
        json_append(pair, json_from_number(i));
        json_append(pair, json_from_number(h->bucket[i]));
        json_append(buckets, pair);
    }
    json_set(j, "buckets", buckets);
    return j;
}

static struct json *stats_json(const struct system_stats *s)
{
    struct json *j = json_object();

    json_set_u64(j, "requests", s->requests);
    json_set_u64(j, "errors", s->errors);
    json_set_u64(j, "fallbacks", s->fallbacks);
    json_set_u64(j, "timeouts", s->timeouts);
    json_set_u64(j, "connectErrors", s->connect_errors);
    json_set_u64(j, "overloads", s->overloads);
    json_set_u64(j, "tunnels", s->tunnels);
    json_set_u64(j, "bytesIn", s->bytes_in);
    json_set_u64(j, "bytesOut", s->bytes_out);
    json_set(j, "latency", latency_json(&s->latency));
    return j;
}

static struct json *mirror_json(const struct mirror_stats *s)
{
    struct json *j = json_object();

#define X(counter, name) json_set_u64(j, name, s->counter);
    COPIES(X)
#undef X
    return j;
}

bool record_write_day(const struct day *d, wall_t now, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();
    struct day_total sum;
    char time[WALL_TEXT_MAX];

    day_sum(d, &sum);
    json_set_number(j, "version", RECORD_VERSION);
    json_set_string(j, "until", wall_text(now, time));
    json_set(j, "legacy", stats_json(&sum.system[SYSTEM_LEGACY]));
    json_set(j, "new", stats_json(&sum.system[SYSTEM_NEW]));
    if (!mirror_stats_is_empty(&sum.mirror))
        json_set(j, "mirror", mirror_json(&sum.mirror));
    return json_print(j, false, b);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int read_bucket(const struct json *pair, struct hist *h, struct err *err)
{
    uint64_t value[2] = {HIST_BUCKETS, 0};
    unsigned n = 0;

    JSON_FOREACH (item, pair) {
        if (n < 2)
            value[n] = json_u64(item, UINT64_MAX);
        n++;
    }
    if (n != 2 || value[0] >= HIST_BUCKETS || value[1] > UINT32_MAX)
        return err_set(err, ERR_CORRUPT, "a latency bucket is no pair of number and count");
    h->bucket[value[0]] = (uint32_t)value[1];
    return 0;
}

static int read_latency(const struct json *j, struct hist *h, struct err *err)
{
    h->count = json_get_u64(j, "count", 0);
    h->sum_us = json_get_u64(j, "sumUs", 0);
    JSON_FOREACH (pair, json_get(j, "buckets")) {
        int r = read_bucket(pair, h, err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int read_stats(const struct json *j, const char *system, struct system_stats *ret,
                      struct err *err)
{
    if (json_kind(j) != JSON_OBJECT)
        return err_set(err, ERR_CORRUPT, "%s is not there", system);
    *ret = (struct system_stats){
        .requests = json_get_u64(j, "requests", 0),
        .errors = json_get_u64(j, "errors", 0),
        .fallbacks = json_get_u64(j, "fallbacks", 0),
        .timeouts = json_get_u64(j, "timeouts", 0),
        .connect_errors = json_get_u64(j, "connectErrors", 0),
        .overloads = json_get_u64(j, "overloads", 0),
        .tunnels = json_get_u64(j, "tunnels", 0),
        .bytes_in = json_get_u64(j, "bytesIn", 0),
        .bytes_out = json_get_u64(j, "bytesOut", 0),
    };
    return read_latency(json_get(j, "latency"), &ret->latency, err);
}

/* Absent: nothing was copied. */
static void read_mirror(const struct json *j, struct mirror_stats *ret)
{
#define X(counter, name) ret->counter = json_get_u64(j, name, 0);
    COPIES(X)
#undef X
}

int record_read_day(struct str value, struct day *ret, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    int r = record_parse(value, &j, err);

    *ret = (struct day){.rev = 0};
    if (r < 0)
        return r;
    if (!wall_parse(str_of(json_get_string(j, "until", "")), &ret->until))
        return err_set(err, ERR_CORRUPT, "until is not a time");
    read_mirror(json_get(j, "mirror"), &ret->stored.mirror);
    r = read_stats(json_get(j, "legacy"), "legacy", &ret->stored.system[SYSTEM_LEGACY], err);
    if (r == 0)
        r = read_stats(json_get(j, "new"), "new", &ret->stored.system[SYSTEM_NEW], err);
    return r;
}
