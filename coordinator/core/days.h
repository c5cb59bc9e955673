/* SPDX-License-Identifier: Apache-2.0 */
/* What the requests of one migration came to, by day in UTC: for reports, not for decisions.
 *
 * Who leads stores a day every ten minutes at most, and when it is over, as what was stored of it
 * before and what came since. Others know what is stored and what they heard since then, so a
 * change of leaders loses what only the old one heard: ten minutes at most. Pure. owner: its
 * migration. */
#pragma once

#include "common/base/clock.h"
#include "common/model/stats.h"

#define DAYS_KEPT  31
#define DAYS_MAX   64u /* that are known at once, while older ones wait to be deleted */
#define DAYS_EVERY dur_s(600)

struct day_total {
    struct system_stats system[SYSTEM_COUNT];
    struct mirror_stats mirror; /* its latency is not stored */
};

struct day {
    int64_t day;  /* since 1970 */
    uint64_t rev; /* of its key; 0: not stored */
    bool seen;    /* while everything that is stored is read: it still is */
    wall_t until; /* when it was stored */
    struct day_total stored, since;
    bool has_more; /* in `since` */
    mono_t more_at;
};

struct days {
    struct day *day; /* owned; rising */
    unsigned count;
};

/* "2026-11-21" and back; `dst` has DAY_TEXT_MAX bytes. */
#define DAY_TEXT_MAX 16
const char *day_text(int64_t day, char *dst);
bool day_parse(struct str s, int64_t *ret) MUST_CHECK;
int64_t day_of(wall_t t);

void days_deinit(struct days *d);
/* `to` is empty. */
void days_copy(const struct days *from, struct days *to);
/* NULL: nothing is known of it. */
struct day *days_find(const struct days *d, int64_t day);
/* Something happened. */
void days_add(struct days *d, wall_t now, mono_t mono, const struct route_stats *stats);
/* The same of a time before this process began: counted only if nobody can have stored it. */
void days_add_past(struct days *d, wall_t at, mono_t mono, const struct route_stats *stats);
/* The key holds this now, from whoever stored it. */
void days_put(struct days *d, const struct day *stored);
void days_remove(struct days *d, int64_t day);
/* The first day that is to be stored now; NULL. */
const struct day *days_due(const struct days *d, wall_t now, mono_t mono);
/* What the day came to so far. */
void day_sum(const struct day *d, struct day_total *ret);
