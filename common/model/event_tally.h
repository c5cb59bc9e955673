/* SPDX-License-Identifier: Apache-2.0 */
/* Which events somebody who is told them in order has passed, and how many it never will be told,
 * because they were not kept until it came there. Pure. owner: whoever tells. */
#pragma once

#include "common/model/event_kinds.h"

/* By migration; NULL: nothing was passed yet. */
struct event_tally;

void event_tally_free(struct event_tally *t); /* tolerates NULL */

/* Events of its migration that are lost between the last one that was told and the one at `at`;
 * `oldest`: the sequence of the oldest that is kept. Of a migration that was never passed all
 * before it are: the most there can be. */
uint64_t event_tally_lost(const struct event_tally *t, const struct event_place *at,
                          uint64_t oldest);
/* The one at `at` is behind, told or left out: then what was lost is told with a later one. */
void event_tally_pass(struct event_tally **t, const struct event_place *at, uint64_t oldest,
                      bool told);
/* The last sequence that was passed of each migration. */
void event_tally_each(const struct event_tally *t,
                      void (*fn)(void *ctx, const char *migration, uint64_t sequence), void *ctx);
