/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of the host names of a rule set, kept fresh: each name is asked for again when its
 * time to live is over, which is taken as 1 s to 5 min, and every 5 s while nobody answers. A name
 * that fails later keeps its last addresses. owner: the control loop. */
#pragma once

#include "common/loop/loop.h"
#include "common/model/ruleset.h"
#include "sidecar/proxy/address.h"

#define NAMES_ADDRESSES_MAX 16 /* of one name, IPv4 first; further ones are left out */
#define NAMES_MAX           1024

struct names;

/* What is known of `set`, the latest given to names_look_up(). */
struct names_news {
    const struct ruleset *set;
    bool complete;          /* every name of it was answered for, if only that it fails */
    const char *unresolved; /* then: a host of it that has no address, or NULL */
    const char *why;        /* then: the resolver's word */
};

/* All names have been answered for, or an address has changed. Never from inside a function of this
 * header. */
typedef void (*names_fn)(void *ctx, const struct names_news *news);

/* `resolver` as resolver_new()'s server. */
int names_new(struct loop *control, const char *resolver, names_fn fn, void *ctx,
              struct names **ret, struct err *err) MUST_CHECK;
/* No call comes any more. Tolerates NULL. */
void names_free(struct names *n);

/* The addresses known for an endpoint, literals included; returns how many, 0 when none is. */
unsigned names_get(const struct names *n, const struct endpoint *e,
                   struct address ret[NAMES_ADDRESSES_MAX]);

/* Whether every host that a set names has an address. */
bool names_has_all(const struct names *n, const struct ruleset *set);

/* Rises when an address became known, or another one. */
uint64_t names_version(const struct names *n);

/* Keep the names of `set` from now on, and no others. */
void names_look_up(struct names *n, struct ruleset *set);
