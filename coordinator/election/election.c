/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/election/election.h"

#include "common/base/check.h"

void election_init(struct election *e, dur_t ttl)
{
    *e = (struct election){.ttl = ttl.ns > 0 ? ttl : dur_s(ELECTION_TTL_DEFAULT_S)};
    sm_init(&e->sm, &election_machine, ELECTION_OUTSIDE);
}

void election_renewed(struct election *e, mono_t sent)
{
    mono_t by = mono_add(sent, dur_ns(e->ttl.ns / 5 * 3));

    if (mono_before(e->renew_by, by))
        e->renew_by = by;
}

bool election_leads(const struct election *e, mono_t now)
{
    return e->sm.state == ELECTION_LEADING && mono_before(now, e->renew_by);
}

static uint32_t follow(struct election *e, enum election_event ev, wall_t wall)
{
    enum sm_found found;
    const struct sm_row *row;

    if (ev == ELECTION_EV_VACANT || ev == ELECTION_EV_OTHER || ev == ELECTION_EV_OURS)
        e->facts.vacant = ev == ELECTION_EV_VACANT;
    row = sm_find_row(&election_machine, e->sm.state, (int)ev, &e->facts, &found);
    CHECK(found != SM_UNKNOWN);
    if (!row)
        return 0;
    if (ev == ELECTION_EV_GRANTED)
        e->facts.leased = true;
    if (row->effects & (ELECTION_FX_DROP | ELECTION_FX_REVOKE))
        e->facts.leased = false;
    sm_move(&e->sm, row, &e->facts, wall);
    return row->effects;
}

uint32_t election_event(struct election *e, enum election_event ev, mono_t now, wall_t wall)
{
    uint32_t effects = 0;

    e->facts.in_time = mono_before(now, e->renew_by);
    if (e->sm.state == ELECTION_LEADING && !e->facts.in_time)
        effects = follow(e, ELECTION_EV_LATE, wall);
    return effects | (ev == ELECTION_EV_LATE ? 0 : follow(e, ev, wall));
}
