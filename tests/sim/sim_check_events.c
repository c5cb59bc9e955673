/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "tests/sim/sim.h"
#include "tests/sim/sim_check_state.h"

/* What follows in the store what this coordinator told last, of all that is still there. */
static const struct sim_told *next_stored(const struct sim_check *c,
                                          const struct event_place *after)
{
    unsigned low = 0, high = c->ledger.told_count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (event_place_cmp(&c->ledger.told[middle].at, after) > 0)
            high = middle;
        else
            low = middle + 1;
    }
    while (low < c->ledger.told_count && c->ledger.told[low].dropped > 0)
        low++;
    return low < c->ledger.told_count ? &c->ledger.told[low] : NULL;
}

static bool was_stored(const struct sim_check *c, const struct event_place *at)
{
    for (unsigned i = 0; i < c->ledger.told_count; i++)
        if (event_place_cmp(&c->ledger.told[i].at, at) == 0)
            return true;
    return false;
}

/* One that it does not know to be gone yet may come in between. */
static void check_told(struct sim_check *c, const struct sim_coord *coord,
                       const struct event_place *after, const struct event_place *at)
{
    const struct sim_told *want = next_stored(c, after);

    if (want && event_place_cmp(&want->at, at) < 0)
        sim_fail(c->sim, "%s does not tell event %" PRIu64 " of %s, of revision %" PRIu64,
                 sim_coord_name(coord)->s, want->at.sequence, want->at.migration.s,
                 want->at.revision);
    else if (!was_stored(c, at))
        sim_fail(c->sim, "%s tells event %" PRIu64 " of %s, which was never stored",
                 sim_coord_name(coord)->s, at->sequence, at->migration.s);
}

void sim_check_events(struct sim_check *c, const struct sim_coord *coord)
{
    struct event_place *told = &c->told[sim_coord_index(coord)];
    struct driver_health h;
    struct view_event e;

    sim_coord_health(coord, &h);
    while (!c->sim->failure[0] &&
           view_next_event(sim_coord_core(coord), told, h.complete, "", &e)) {
        check_told(c, coord, told, &e.at);
        *told = e.at;
    }
}

/* A rollback that is tried once more is recorded, and is no event; nor is a flag that is set by
 * hand to what it is. */
static bool is_told(const struct sim_check *c, const struct sim_deed *d)
{
    static const char *const silent[] = {"recover", "quarantine", "feature_flag_changed"};
    const struct sim_decision *is = sim_ledger_at(&c->ledger, d->migration.s, d->rev);

    for (unsigned i = 0; is && i < ARRAY_LEN(silent); i++)
        if (strcmp(is->event, silent[i]) == 0)
            return true;
    return sim_ledger_told(&c->ledger, d->migration.s, d->rev);
}

void sim_check_deeds_told(struct sim_check *c, uint64_t rev)
{
    for (const struct sim_deed *d = c->ledger.deeds; d && d->rev >= rev; d = d->older)
        if (d->rev == rev && !is_told(c, d))
            sim_fail(c->sim, "what %s did to %s is stored, and no event tells it", d->operator_name,
                     d->migration.s);
}
