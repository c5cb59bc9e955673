/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/copy_meter.h"

static uint64_t part_of(uint64_t limit, unsigned lanes)
{
    return limit / lanes + (limit % lanes > 0);
}

/* What is less than a byte stays to be paid out: asked often enough, it would be all there is. */
static void fill(struct copy_meter *m, uint64_t rate, mono_t now)
{
    const int64_t full = rate < INT64_MAX ? (int64_t)rate : INT64_MAX;
    const double more = (double)full * (double)mono_sub(now, m->filled_at).ns / 1e9;

    if (m->filled_at.ns == 0 || more >= (double)(full - m->bytes)) {
        m->bytes = full;
        m->filled_at = now;
    } else if (more >= 1) {
        m->bytes += (int64_t)more;
        m->filled_at.ns += (int64_t)((double)(int64_t)more * 1e9 / (double)full);
    }
}

/* Fewer may be withheld by now than were: the limit is another one. */
static uint64_t withheld_of(const struct copy_meter *m, uint64_t places)
{
    return m->withheld < places ? m->withheld : places - 1;
}

static enum copy_room place_for(const struct copy_meter *m, uint64_t places, enum system to)
{
    if (m->pending >= places)
        return COPY_NO_PLACE;
    if (to == SYSTEM_NEW && m->on_new >= places - withheld_of(m, places))
        return COPY_PLACE_WITHHELD;
    return COPY_ROOM;
}

enum copy_room copy_meter_room(struct copy_meter *m, const struct route_mirror *limits,
                               unsigned lanes, enum system to, mono_t now)
{
    enum copy_room place = place_for(m, part_of(limits->max_pending, lanes), to);

    if (place != COPY_ROOM || limits->max_bytes_per_s == 0)
        return place;
    fill(m, part_of(limits->max_bytes_per_s, lanes), now);
    return m->bytes > 0 ? COPY_ROOM : COPY_NO_BYTES;
}

void copy_meter_charge(struct copy_meter *m, const struct route_mirror *limits, uint64_t bytes)
{
    if (limits->max_bytes_per_s > 0)
        m->bytes -= (int64_t)bytes;
}

void copy_meter_begin(struct copy_meter *m, enum system to)
{
    m->pending++;
    m->on_new += to == SYSTEM_NEW;
}

void copy_meter_end(struct copy_meter *m, enum system to)
{
    m->pending--;
    m->on_new -= to == SYSTEM_NEW;
}

void copy_meter_late(struct copy_meter *m, const struct route_mirror *limits, unsigned lanes)
{
    m->withheld = (unsigned)withheld_of(m, part_of(limits->max_pending, lanes)) + 1;
}

void copy_meter_answered(struct copy_meter *m, const struct route_mirror *limits, unsigned lanes)
{
    m->withheld = (unsigned)withheld_of(m, part_of(limits->max_pending, lanes));
    if (m->withheld > 0)
        m->withheld--;
}
