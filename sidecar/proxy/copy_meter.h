/* SPDX-License-Identifier: Apache-2.0 */
/* What the copies of one migration take on one lane at the moment, and whether there is room for
 * one more. Pure. owner: lane. */
#pragma once

#include "common/base/clock.h"
#include "common/model/ruleset.h"

/* Zero at first. */
struct copy_meter {
    unsigned pending, on_new; /* of all, those to new */
    unsigned withheld;        /* places for new, by copies that were late */
    int64_t bytes;            /* that may be sent and received now; below 0: a debt */
    mono_t filled_at;
};

enum copy_room { COPY_ROOM, COPY_NO_PLACE, COPY_PLACE_WITHHELD, COPY_NO_BYTES };

/* For one more to `to`, where a node's limits are shared out to `lanes` in even parts. The bucket
 * of bytes holds what may pass in a second, and is full at first. */
enum copy_room copy_meter_room(struct copy_meter *m, const struct route_mirror *limits,
                               unsigned lanes, enum system to, mono_t now);
void copy_meter_begin(struct copy_meter *m, enum system to);
void copy_meter_end(struct copy_meter *m, enum system to);
/* So many have been sent or received; what is over the limit is a debt. */
void copy_meter_charge(struct copy_meter *m, const struct route_mirror *limits, uint64_t bytes);

/* A copy to new that is late withholds a place from the others, until one is answered: a target
 * that hangs soon gets one copy in each timeout, and as many as ever, twice as many with each round
 * of answers, once it does not. One place always stays. */
void copy_meter_late(struct copy_meter *m, const struct route_mirror *limits, unsigned lanes);
void copy_meter_answered(struct copy_meter *m, const struct route_mirror *limits, unsigned lanes);
