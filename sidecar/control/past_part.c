/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/past_part.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/wire/report_wire.h"

/* Tags and lengths around a bucket and around a route. */
#define FRAME_BYTES 40u
/* Of what PAST_PART_BYTES_MAX come from: a number of two bytes takes eight here. */
#define ARENA_MAX (16u << 20)

struct past_part {
    Switchyard__V1__Past m;
    char id[NAME_SIZE];
    Switchyard__V1__PastBucket bucket[PAST_PART_BUCKETS_MAX];
    Switchyard__V1__PastBucket *bucket_at[PAST_PART_BUCKETS_MAX];
    Switchyard__V1__RouteReport *route[PAST_PART_STATS_MAX]; /* of all buckets, in order */
    size_t routes;
    struct arena arena; /* they live in */
    size_t bytes;
};

struct past_part *past_part_new(const char *id)
{
    struct past_part *p = xnew(struct past_part);

    switchyard__v1__past__init(&p->m);
    str_fmt(p->id, sizeof p->id, "%s", id);
    p->m.id = p->id;
    p->m.buckets = p->bucket_at;
    arena_init(&p->arena, ARENA_MAX);
    return p;
}

struct past_part *past_part_free(struct past_part *p)
{
    if (!p)
        return NULL;
    arena_deinit(&p->arena);
    xfreep(&p);
    return NULL;
}

/* A bucket whose routes do not fit goes on as another one of the same time. */
static void begin_bucket(struct past_part *p, const struct past_item *item, mono_t now)
{
    Switchyard__V1__PastBucket *b = &p->bucket[p->m.n_buckets];

    switchyard__v1__past_bucket__init(b);
    b->age_ms = (uint32_t)dur_to_ms(mono_sub(now, item->end));
    b->interval_ms = (uint32_t)dur_to_ms(item->interval);
    b->revision = item->revision;
    b->routes = &p->route[p->routes];
    p->bucket_at[p->m.n_buckets++] = b;
    p->bytes += FRAME_BYTES;
}

bool past_part_add(struct past_part *p, const struct past_item *item, mono_t now)
{
    bool begins = item->first || p->m.n_buckets == 0;
    struct arena_mark before = arena_mark(&p->arena);
    Switchyard__V1__RouteReport *route = NULL;
    size_t bytes = 0;

    if ((begins && p->m.n_buckets == PAST_PART_BUCKETS_MAX) || p->routes == PAST_PART_STATS_MAX)
        return false;
    if (item->has_stats) {
        route = report_wire_route(&p->arena, &item->stats);
        CHECK(route);
        bytes = switchyard__v1__route_report__get_packed_size(route) + FRAME_BYTES;
    }
    if (p->bytes + bytes + FRAME_BYTES > PAST_PART_BYTES_MAX) {
        arena_release(&p->arena, before);
        return false;
    }
    if (begins)
        begin_bucket(p, item, now);
    if (route) {
        p->route[p->routes++] = route;
        p->bucket[p->m.n_buckets - 1].n_routes++;
    }
    p->bytes += bytes;
    return true;
}

const Switchyard__V1__Past *past_part_message(struct past_part *p, bool more)
{
    p->m.more = more;
    return &p->m;
}
