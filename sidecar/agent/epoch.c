/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/agent/epoch.h"

#include <inttypes.h>

#include "common/base/check.h"

/* First item whose name is not below `migration`. */
static unsigned lower_bound(const struct epochs *e, const char *migration)
{
    unsigned low = 0, high = e->count;

    while (low < high) {
        unsigned mid = low + (high - low) / 2;

        if (strcmp(e->item[mid].migration.s, migration) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool stands_at(const struct epochs *e, unsigned i, const char *migration)
{
    return i < e->count && strcmp(e->item[i].migration.s, migration) == 0;
}

static void drop(struct epochs *e, unsigned i)
{
    e->count--;
    memmove(&e->item[i], &e->item[i + 1], (e->count - i) * sizeof e->item[0]);
}

/* Forget the lifted order that was given first; false when all are active. */
static bool make_room(struct epochs *e)
{
    unsigned oldest = EPOCHS_MAX;

    for (unsigned i = 0; i < e->count; i++) {
        if (e->item[i].active)
            continue;
        if (oldest == EPOCHS_MAX || wall_before(e->item[i].ordered_at, e->item[oldest].ordered_at))
            oldest = i;
    }
    if (oldest == EPOCHS_MAX)
        return false;
    drop(e, oldest);
    return true;
}

enum epoch_outcome epochs_take(struct epochs *e, const struct emergency *order)
{
    unsigned i = lower_bound(e, order->migration.s);

    CHECK(order->epoch > 0);
    if (stands_at(e, i, order->migration.s)) {
        if (order->epoch <= e->item[i].epoch)
            return EPOCH_KNOWN;
        e->item[i] = *order;
        return EPOCH_NEWER;
    }
    if (e->count == EPOCHS_MAX) {
        if (!make_room(e))
            return EPOCH_FULL;
        i = lower_bound(e, order->migration.s);
    }
    memmove(&e->item[i + 1], &e->item[i], (e->count - i) * sizeof e->item[0]);
    e->item[i] = *order;
    e->count++;
    return EPOCH_NEWER;
}

const struct emergency *epochs_find(const struct epochs *e, const char *migration)
{
    unsigned i = lower_bound(e, migration);

    return stands_at(e, i, migration) ? &e->item[i] : NULL;
}

void epochs_stamp(const struct epochs *e, struct ruleset *set)
{
    for (unsigned i = 0; i < e->count; i++)
        ruleset_order(set, &e->item[i]);
}

bool epochs_obeyed(const struct epochs *e, const struct ruleset *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        const struct emergency *order = epochs_find(e, set->entry[i].route.migration.s);

        if (order && order->epoch != set->entry[i].emergency.epoch)
            return false;
    }
    return true;
}

int position_check(const struct position *have, const struct position *want, bool full,
                   struct err *err)
{
    bool same = strcmp(have->incarnation, want->incarnation) == 0;

    if (want->incarnation[0] == '\0' || want->revision == 0)
        return err_set(err, ERR_INVALID, "the update names no store incarnation or revision");
    if (!same && !full)
        return err_set(err, ERR_REFUSED,
                       "a partial update of store incarnation %s cannot apply to a set of %s",
                       want->incarnation, have->incarnation[0] ? have->incarnation : "no store");
    if (same && want->revision < have->revision)
        return err_set(err, ERR_REFUSED,
                       "revision %" PRIu64 " is below the revision %" PRIu64
                       " already served; if the store was put back from a copy, start the "
                       "coordinator once with --restored",
                       want->revision, have->revision);
    return 0;
}
