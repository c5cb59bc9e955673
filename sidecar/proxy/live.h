/* SPDX-License-Identifier: Apache-2.0 */
/* What all lanes serve with: a rule set, the addresses of its endpoints and the breakers of its
 * migrations. Built by the control thread, never changed, shared by counted reference. */
#pragma once

#include <stdatomic.h>

#include "common/model/ruleset.h"
#include "sidecar/proxy/breaker.h"
#include "sidecar/proxy/health.h"
#include "sidecar/proxy/names.h"

#define LIVE_ADDRESSES_MAX BALANCE_MAX /* of one system */

struct live_system {
    struct address address[LIVE_ADDRESSES_MAX];
    struct tls_client *tls[LIVE_ADDRESSES_MAX]; /* one reference each; NULL: without TLS */
    unsigned count;        /* 0: no name of it is known yet, nor was there one before */
    struct health *health; /* one reference; NULL when there is nothing to choose */
};

struct live_route {
    struct live_system system[SYSTEM_COUNT];
    struct breaker *breaker; /* one reference; NULL when the route has none */
};

struct live {
    atomic_uint refs;
    struct ruleset *set;
    struct live_route route[]; /* as set->entry */
};

/* `set` gets one more reference. Breakers that `before` (may be NULL) has for the same migrations
 * go on with their counts and the new limits, endpoints as they are, and a system whose names are
 * not known goes on at the addresses that it has there. */
struct live *live_new(struct ruleset *set, const struct names *names, const struct live *before,
                      mono_t now, wall_t wall) MUST_CHECK;
struct live *live_ref(struct live *l);
void live_unref(struct live *l); /* tolerates NULL; any thread */

/* Once a second, so that ejections and slow starts end. Control thread. */
void live_tick(struct live *l, mono_t now, wall_t wall);

/* Whether a file that says how a system is known has changed since. Control thread. */
bool live_is_outdated(const struct live *l);

/* Whether `set` holds an emergency order that `serving` (may be NULL) does not. */
bool live_is_urgent(const struct ruleset *set, const struct live *serving);
