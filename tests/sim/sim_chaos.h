/* SPDX-License-Identifier: Apache-2.0 */
/* Random operators and random faults for a while, then none: in the end the fleet must converge and
 * every rollout must come to rest. */
#pragma once

#include "tests/sim/sim.h"

struct sim_chaos;

/* Sizes and delays of a fleet, by the seed. */
struct sim_config sim_chaos_config(uint64_t seed);

/* Begin; then let the simulation run. */
struct sim_chaos *sim_chaos_new(struct sim *s);
struct sim_chaos *sim_chaos_free(struct sim_chaos *c); /* tolerates NULL; returns NULL */
/* Nothing fails any more, nobody orders anything. */
void sim_chaos_end(struct sim_chaos *c);

/* Nobody reaches the node, for a while. */
void sim_chaos_cut_off(struct sim *s, unsigned node);
/* New fails requests, for a while. */
void sim_chaos_fail_new(struct sim *s);

/* All coordinators run and have read the store; */
bool sim_is_up(struct sim *s);
/* and agree on who leads. */
bool sim_is_led(struct sim *s);
const char *sim_leader_unrest(struct sim *s);
/* Everybody runs, is connected and serves the same; no rollout waits for nodes, no order for the
 * store. */
bool sim_is_calm(struct sim *s);
/* What keeps it from being so, for the failure's sentence. */
const char *sim_unrest(struct sim *s);
