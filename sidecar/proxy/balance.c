/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/balance.h"

#define RAMP_FROM (BALANCE_FULL / 10)

/* Worse ones are chosen only where no better one is left. */
enum rank { RANK_READY, RANK_WARMING, RANK_SICK, RANK_OUT };

/* Neighbouring turns land far apart, so that a share is spread evenly over time. */
static uint32_t ticket_of(uint32_t turn)
{
    return (turn * UINT32_C(2654435769)) >> 24;
}

static enum rank rank_of(const struct balance_candidate *c, uint32_t ticket)
{
    if (c->out)
        return RANK_OUT;
    if (c->weight == 0)
        return RANK_SICK;
    return ticket < c->weight ? RANK_READY : RANK_WARMING;
}

/* One number to compare, so that the choice has no branch that guesses. */
static uint64_t key_of(const struct balance_candidate *c, uint32_t ticket)
{
    return (uint64_t)rank_of(c, ticket) << 32 | c->busy;
}

unsigned balance_choose(const struct balance_candidate *c, unsigned count, uint32_t turn)
{
    const uint32_t ticket = ticket_of(turn);
    uint64_t best_key = (uint64_t)RANK_OUT << 32;
    unsigned best = BALANCE_NONE;

    for (unsigned n = 0, i = count > 0 ? turn % count : 0; n < count; n++) {
        uint64_t key = key_of(&c[i], ticket);
        bool better = key < best_key;

        best_key = better ? key : best_key;
        best = better ? i : best;
        i = i + 1 == count ? 0 : i + 1;
    }
    return best;
}

uint32_t balance_ramp(dur_t since)
{
    const int64_t whole = BALANCE_SLOW_START.ns;
    int64_t rise;

    if (since.ns >= whole)
        return BALANCE_FULL;
    rise = since.ns > 0 ? since.ns / (whole / (BALANCE_FULL - RAMP_FROM)) : 0;
    return RAMP_FROM + (uint32_t)rise;
}
