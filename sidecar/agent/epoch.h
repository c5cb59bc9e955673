/* SPDX-License-Identifier: Apache-2.0 */
/* Which order beats which. Pure.
 *
 * Emergency orders are monotone: per migration the highest epoch wins, whatever carried it and in
 * whatever order it arrived. Nothing but a higher epoch lifts one: not a full update without it,
 * not a newer revision, not another coordinator. */
#pragma once

#include "common/model/ruleset.h"

#define EPOCHS_MAX RULESET_ROUTES_MAX

/* The newest order of each migration, lifted ones included, sorted by name. */
struct epochs {
    struct emergency item[EPOCHS_MAX];
    unsigned count;
};

enum epoch_outcome {
    EPOCH_NEWER, /* taken */
    EPOCH_KNOWN, /* the same or an older one; nothing changed */
    EPOCH_FULL,  /* EPOCHS_MAX active orders stand; nothing changed */
};

/* In a full table the lifted order that was given first is forgotten: should an older active one
 * come again, traffic goes to legacy, which is the safe side. */
enum epoch_outcome epochs_take(struct epochs *e, const struct emergency *order);
/* NULL: never ordered. */
const struct emergency *epochs_find(const struct epochs *e, const char *migration);

/* Write the newest orders into the entries of a set that is not published yet. */
void epochs_stamp(const struct epochs *e, struct ruleset *set);
/* Does every entry carry its newest order? */
bool epochs_obeyed(const struct epochs *e, const struct ruleset *set);

/* Where a rule set stands in time. */
struct position {
    const char *incarnation; /* "" : none */
    uint64_t term;
    uint64_t revision;
};

/* May a node at `have` take an update to `want`? REFUSED with the reason for a lower revision of
 * the same incarnation. Another incarnation (a new or restored store) is taken only as a full set.
 * The term does not decide: every coordinator publishes what is stored, which only the leader of
 * the highest term can do, and one may have heard of a set before it has heard of who leads. */
int position_check(const struct position *have, const struct position *want, bool full,
                   struct err *err) MUST_CHECK;
