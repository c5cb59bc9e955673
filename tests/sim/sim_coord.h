/* SPDX-License-Identifier: Apache-2.0 */
/* A coordinator that can die: the real core and the real queue, and a driver that keeps core.h's
 * order, as coordinator/driver/driver.c does with threads. Each process has a monotonic clock of
 * its own. */
#pragma once

#include "coordinator/core/core_view.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_ops.h"

/* Where a coordinator can be told to die, once. */
enum sim_crash {
    SIM_CRASH_NEVER,
    SIM_CRASH_SENT,      /* the transaction is on its way */
    SIM_CRASH_STORED,    /* it is stored, and the coordinator does not know */
    SIM_CRASH_COMMITTED, /* nothing was published yet */
    SIM_CRASH_PUBLISHED, /* the command is not answered yet */
};

struct sim_fleet;

struct sim_coord *sim_coord_new(struct sim *s);
struct sim_coord *sim_coord_free(struct sim_coord *c); /* tolerates NULL; returns NULL */

void sim_coord_start(struct sim_coord *c);
void sim_coord_crash(struct sim_coord *c);
void sim_coord_crash_at(struct sim_coord *c, enum sim_crash where);
/* True when this is where it dies. */
bool sim_coord_crash_point(struct sim_coord *c, enum sim_crash here);

bool sim_coord_is_running(const struct sim_coord *c);
/* It runs, has read the store and takes streams. */
bool sim_coord_accepts(const struct sim_coord *c);
/* No step waits for the store and nothing waits in the queue. */
bool sim_coord_is_settled(const struct sim_coord *c);
/* Of the process; 0 while there is none. */
uint64_t sim_coord_boot(const struct sim_coord *c);
/* NULL while there is none. */
const struct core *sim_coord_core(const struct sim_coord *c);
mono_t sim_coord_mono(const struct sim_coord *c);
struct sim_fleet *sim_coord_fleet(const struct sim_coord *c);

/* Is it between core_step() and commit? */
bool sim_coord_is_saving(const struct sim_coord *c);

/* A command arrives; false when nobody takes it. */
bool sim_coord_command(struct sim_coord *c, struct sim_op *op);
/* Has the process taken this command, and not answered? */
bool sim_coord_has(const struct sim_coord *c, const struct sim_op *op);

/* From the net. */
void sim_coord_on_message(struct sim_coord *c, struct sim_stream *st, const struct sim_msg *m);
void sim_coord_on_closed(struct sim_coord *c, struct sim_stream *st);

/* From the fleet; on the core's side a moment later. */
void sim_coord_on_node(struct sim_coord *c, unsigned node, const struct core_node *n,
                       uint64_t boot);
void sim_coord_on_order(struct sim_coord *c, unsigned node, const struct emergency *order);
void sim_coord_on_report(struct sim_coord *c, unsigned node, const struct route_stats *stats,
                         unsigned count);

/* What the core was last told of a node. */
struct sim_heard {
    bool connected;
    uint64_t boot; /* of the node's process */
};
const struct sim_heard *sim_coord_heard(const struct sim_coord *c, unsigned node);
