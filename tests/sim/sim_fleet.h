/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's end of the streams: a full set to who joins, deltas after that, and what nodes
 * say on its way to the core. Lives and dies with its coordinator. */
#pragma once

#include "coordinator/core/core_event.h"
#include "coordinator/fleet/fleet_route.h"
#include "sidecar/agent/agent.h"
#include "tests/sim/sim_net.h"

/* An update on its way, with all that it points to. */
struct sim_update {
    unsigned refs;
    struct agent_update u;
    struct agent_route route[SIM_MIGRATIONS_MAX];
    struct name removed[SIM_MIGRATIONS_MAX];
    struct emergency order[SIM_MIGRATIONS_MAX];
};

void sim_update_unref(struct sim_update *u); /* tolerates NULL */

/* An agent_route_fn: the bytes of a rule. What no check looks at is filled in, the same for all. */
int sim_rule_decode(struct str rule, struct route *ret, struct err *err);

struct sim_fleet;

struct sim_fleet *sim_fleet_new(struct sim *s, struct sim_coord *c);
struct sim_fleet *sim_fleet_free(struct sim_fleet *f); /* tolerates NULL; returns NULL */

void sim_fleet_publish(struct sim_fleet *f, uint64_t revision, const struct fleet_route *route,
                       unsigned count);
/* As fleet_set_term(), fleet_push_order() and fleet_ask_past(); `asker` is given back. */
void sim_fleet_set_term(struct sim_fleet *f, uint64_t term);
void sim_fleet_push_order(struct sim_fleet *f, const struct emergency *order);
bool sim_fleet_ask_past(struct sim_fleet *f, unsigned node, unsigned asker, dur_t window);

/* Of the latest publication, and of all that it holds. */
uint64_t sim_fleet_revision(const struct sim_fleet *f);
void sim_fleet_sum(const struct sim_fleet *f, struct sha256 *ret);

void sim_fleet_on_message(struct sim_fleet *f, struct sim_stream *st, const struct sim_msg *m);
void sim_fleet_on_closed(struct sim_fleet *f, const struct sim_stream *st);
/* Each second: nodes that are silent are cut off. */
void sim_fleet_look(struct sim_fleet *f);
