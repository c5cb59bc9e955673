/* SPDX-License-Identifier: Apache-2.0 */
/* A sidecar that can die: the real agent, a disk of one file, proxy lanes that take a set over one
 * after the other, and requests with fixed keys. Of the disk survives what was reported written;
 * a write under way is there as a whole or not at all. */
#pragma once

#include "common/decide/decide.h"
#include "sidecar/agent/agent.h"
#include "tests/sim/sim_net.h"

#define SIM_KEYS 48 /* users; user-0 to user-47 */

struct sim_node *sim_node_new(struct sim *s, unsigned index);
struct sim_node *sim_node_free(struct sim_node *n); /* tolerates NULL; returns NULL */

void sim_node_start(struct sim_node *n);
void sim_node_crash(struct sim_node *n);

/* Somebody at the node says "legacy, now", for everything. */
void sim_node_order(struct sim_node *n, const char *reason);

/* A coordinator that was deposed says once more what it said some time ago. */
void sim_node_replay(struct sim_node *n);
/* Of what comes next. */
void sim_node_remember(struct sim_node *n);

enum sim_disk { SIM_DISK_WORKS, SIM_DISK_FULL };
void sim_node_disk(struct sim_node *n, enum sim_disk d, dur_t slower);
/* The proxy lacks a name of every set, or takes this much longer. */
void sim_node_proxy(struct sim_node *n, bool lacks, dur_t slower);

const struct name *sim_node_name(const struct sim_node *n);
unsigned sim_node_index(const struct sim_node *n);
/* cluster=eu or cluster=us, and a zone in it. */
const struct labels *sim_node_labels(const struct sim_node *n);
bool sim_node_is_running(const struct sim_node *n);
uint64_t sim_node_boot(const struct sim_node *n); /* of the process; 0 while there is none */
enum agent_link sim_node_link(const struct sim_node *n);
/* What a lane serves with; NULL: nothing. */
const struct ruleset *sim_node_lane(const struct sim_node *n, unsigned lane);
/* Of the file; 0: there is none. */
uint64_t sim_node_disk_rev(const struct sim_node *n);

/* Where `key` of `migration` is routed by an entry. */
enum system sim_node_route(const struct ruleset_entry *e, unsigned key);

/* From the net. */
void sim_node_on_message(struct sim_node *n, struct sim_stream *st, const struct sim_msg *m);
void sim_node_on_closed(struct sim_node *n, struct sim_stream *st);
