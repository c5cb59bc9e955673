/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes must serve, encoded: the routes as bytes, the emergency orders, and what changed since
 * the last push. owner: the fleet's loop. */
#pragma once

#include "coordinator/fleet/fleet.h"

struct fleet_set;

struct fleet_set *fleet_set_new(const char *incarnation, uint64_t term) MUST_CHECK;
void fleet_set_free(struct fleet_set *s); /* tolerates NULL */

/* Move the set to `revision`, which must not fall. The publisher keeps the model's limits: at most
 * RULESET_ROUTES_MAX routes, each valid by route_check(). */
void fleet_set_apply(struct fleet_set *s, uint64_t revision, struct fleet_route *routes,
                     unsigned count);

/* Updates carry `term` from now on; a lower one changes nothing. */
void fleet_set_rise(struct fleet_set *s, uint64_t term);
/* The epoch of the newest order that was published for the migration; 0: none. */
uint64_t fleet_set_epoch(const struct fleet_set *s, const struct name *migration);
/* Have orders changed since the base? */
bool fleet_set_orders_changed(const struct fleet_set *s);

/* 0 before the first publication. */
uint64_t fleet_set_revision(const struct fleet_set *s);
/* The revision that was pushed last; 0: none yet. */
uint64_t fleet_set_base(const struct fleet_set *s);

/* The update for a node that knows nothing, or missed some. Encoded once per revision; borrowed
 * until the next apply. */
struct rpc_msg *fleet_set_full(struct fleet_set *s);
/* What leads from the base to the revision. Owned by the caller. */
struct rpc_msg *fleet_set_delta(struct fleet_set *s) MUST_CHECK;
/* Everybody was sent the revision: it is the base now. */
void fleet_set_pushed(struct fleet_set *s);
