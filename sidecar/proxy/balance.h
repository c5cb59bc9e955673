/* SPDX-License-Identifier: Apache-2.0 */
/* Which endpoint of a system gets a request: the one with the fewest requests under way on this
 * lane, in turn among equals. One that is new or came back gets a growing share. Pure. */
#pragma once

#include "common/base/attrs.h"
#include "common/base/clock.h"

#define BALANCE_MAX  16  /* endpoints to choose from */
#define BALANCE_NONE 16u /* no endpoint is left */
#define BALANCE_FULL 256u

/* An endpoint's share rises from a tenth of the others' to the same in this time. */
#define BALANCE_SLOW_START dur_s(10)

struct balance_candidate {
    uint32_t busy;   /* requests under way */
    uint32_t weight; /* 0: not well .. BALANCE_FULL */
    bool out;        /* never: tried before, or as many connections as it may have */
};

/* Its index, or BALANCE_NONE. `turn` is one more at each choice. Those that are well come first; of
 * those that warm up, each takes part as often as its weight says. When nobody is well, everybody
 * takes part: whoever is sent the request then tells how it is. */
unsigned balance_choose(const struct balance_candidate *c, unsigned count,
                        uint32_t turn) MUST_CHECK;

/* The weight after `since` of slow start; never 0. */
uint32_t balance_ramp(dur_t since) MUST_CHECK;
