/* SPDX-License-Identifier: Apache-2.0 */
/* Host names to addresses, off the loops: a worker thread asks the system's resolver. owner: the
 * control loop. Answers are kept for as long as the process lives and asked again with each rule
 * set that names them. */
#pragma once

#include "common/loop/loop.h"
#include "common/model/ruleset.h"
#include "sidecar/proxy/address.h"

#define NAMES_ADDRESSES_MAX 4 /* of one name; further ones are left out */
#define NAMES_MAX           1024

struct names;

/* A lookup for `set` is over: `unresolved` is a host of it that has no address, or NULL. `why` is
 * the resolver's word. */
typedef void (*names_fn)(void *ctx, const struct ruleset *set, const char *unresolved,
                         const char *why);

int names_new(struct loop *control, names_fn fn, void *ctx, struct names **ret,
              struct err *err) MUST_CHECK;
/* Waits for the lookup that is under way; no call comes any more. Tolerates NULL. */
void names_free(struct names *n);

/* The addresses known for an endpoint, literals included; returns how many, 0 when a lookup is
 * needed. */
unsigned names_get(const struct names *n, const struct endpoint *e,
                   struct address ret[NAMES_ADDRESSES_MAX]);

/* Whether a set names anything but literals, and whether all of that is known. */
struct names_need {
    bool any;
    bool unknown;
};
struct names_need names_check(const struct names *n, const struct ruleset *set);

/* Rises when an address became known, or another one. */
uint64_t names_version(const struct names *n);
/* Take what the lookup under way has found until now, because a name keeps it waiting. */
void names_take_early(struct names *n);

/* Look up every name of `set`. While one lookup is under way only the latest set asked for waits;
 * earlier ones that had not begun are dropped without a call. */
void names_look_up(struct names *n, struct ruleset *set);
