/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/event_tally.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/base/mem.h"

struct event_tally {
    struct name migration;
    uint64_t sequence;
    uint64_t lost; /* before it, and not told of yet */
    UT_hash_handle hh;
};

void event_tally_free(struct event_tally *t)
{
    struct event_tally *one, *next;

    HASH_ITER (hh, t, one, next) {
        HASH_DEL(t, one);
        free(one);
    }
}

static struct event_tally *find(const struct event_tally *t, const struct name *migration)
{
    struct event_tally *found;

    HASH_FIND_STR(t, migration->s, found);
    return found;
}

/* Only before the oldest that is kept can any be missing. */
uint64_t event_tally_lost(const struct event_tally *t, const struct event_place *at,
                          uint64_t oldest)
{
    const struct event_tally *one = find(t, &at->migration);
    uint64_t passed = one && one->sequence < at->sequence ? one->sequence : 0;

    return (one ? one->lost : 0) + (at->sequence == oldest ? at->sequence - 1 - passed : 0);
}

void event_tally_pass(struct event_tally **t, const struct event_place *at, uint64_t oldest,
                      bool told)
{
    uint64_t lost = told ? 0 : event_tally_lost(*t, at, oldest);
    struct event_tally *one = find(*t, &at->migration);

    if (!one) {
        one = xnew(struct event_tally);
        one->migration = at->migration;
        HASH_ADD_STR(*t, migration.s, one);
    }
    one->sequence = at->sequence;
    one->lost = lost;
}

void event_tally_each(const struct event_tally *t,
                      void (*fn)(void *ctx, const char *migration, uint64_t sequence), void *ctx)
{
    for (; t; t = t->hh.next)
        fn(ctx, t->migration.s, t->sequence);
}
