/* SPDX-License-Identifier: Apache-2.0 */
/* A coordinator: processes one after the other, each with the real driver, its own clocks, and what
 * the driver talks to played in virtual time. It can die at any point, or be stopped and go on. */
#pragma once

#include "coordinator/core/core_view.h"
#include "coordinator/driver/driver.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_ops.h"

/* Where a coordinator can be told to die, or to end, once. */
enum sim_crash {
    SIM_CRASH_NEVER,
    SIM_CRASH_SENT,      /* a transaction is on its way */
    SIM_CRASH_STORED,    /* it is stored, and the coordinator does not know */
    SIM_CRASH_COMMITTED, /* nothing was published yet */
    SIM_CRASH_PUBLISHED, /* a command that changed something is not answered yet */
    SIM_LEAVE_CAMPAIGN,  /* it campaigns, and is told to end */
};

struct sim_fleet;
struct sim_found;
struct sim_jobs;
struct sim_peers;

struct sim_coord *sim_coord_new(struct sim *s, unsigned index);
struct sim_coord *sim_coord_free(struct sim_coord *c); /* tolerates NULL; returns NULL */

void sim_coord_start(struct sim_coord *c);
/* As by SIGKILL. */
void sim_coord_crash(struct sim_coord *c);
void sim_coord_crash_at(struct sim_coord *c, enum sim_crash where);
/* True when this is where it dies. */
bool sim_coord_crash_point(struct sim_coord *c, enum sim_crash here);
/* As by SIGTERM: it gives back its lease, and ends. */
void sim_coord_leave(struct sim_coord *c);
/* As by SIGSTOP and SIGCONT. */
void sim_coord_pause(struct sim_coord *c, bool paused);
/* The wall clock of its machine is set. */
void sim_coord_jump(struct sim_coord *c, dur_t by);

/* The disk of its journal. */
void sim_coord_disk(struct sim_coord *c, bool full);

unsigned sim_coord_index(const struct sim_coord *c);
const struct name *sim_coord_name(const struct sim_coord *c);
bool sim_coord_is_running(const struct sim_coord *c);
bool sim_coord_is_paused(const struct sim_coord *c);
/* It runs, has read the store and takes streams. */
bool sim_coord_accepts(const struct sim_coord *c);
/* It is not stopped, and has dealt with all that is due. */
bool sim_coord_has_looked(const struct sim_coord *c);
/* Nothing that it was told is on its way to the core, and nothing to the store. */
bool sim_coord_is_settled(const struct sim_coord *c);
/* Is it between core_step() and the end of the step? */
bool sim_coord_is_stepping(const struct sim_coord *c);
/* Of the process; 0 while there is none. */
uint64_t sim_coord_boot(const struct sim_coord *c);
/* NULL while there is none. */
const struct core *sim_coord_core(const struct sim_coord *c);
/* The process's clocks. */
mono_t sim_coord_mono(const struct sim_coord *c);
wall_t sim_coord_wall(const struct sim_coord *c);
struct sim_fleet *sim_coord_fleet(const struct sim_coord *c);
struct sim_peers *sim_coord_peers(const struct sim_coord *c);
/* NULL while there is no process. */
struct sim_jobs *sim_coord_jobs(const struct sim_coord *c);
/* Has it been told that it leads? */
bool sim_coord_leads(const struct sim_coord *c);
struct store_thread *sim_coord_store(const struct sim_coord *c);
/* While it runs. */
void sim_coord_health(const struct sim_coord *c, struct driver_health *ret);

/* How a job of its process went. */
void sim_coord_on_job(struct sim_coord *c, const struct sim_found *found);

/* A command arrives from an operator; sim_ops_answer() follows, unless the process dies. */
void sim_coord_command(struct sim_coord *c, struct sim_op *op);
/* Has the process taken this command, and not answered? */
bool sim_coord_has(const struct sim_coord *c, const struct sim_op *op);

/* From the net. `m` is taken over. */
void sim_coord_on_message(struct sim_coord *c, struct sim_stream *st, enum sim_end end,
                          struct sim_msg *m);
void sim_coord_on_closed(struct sim_coord *c, struct sim_stream *st, enum sim_end end);

/* From the fleet; on the core's side a moment later. */
void sim_coord_on_node(struct sim_coord *c, unsigned node, const struct sim_fact *fact);
void sim_coord_on_order(struct sim_coord *c, unsigned node, const struct emergency *order);
void sim_coord_on_report(struct sim_coord *c, unsigned node, const struct route_stats *stats,
                         unsigned count);
void sim_coord_on_past(struct sim_coord *c, unsigned node, unsigned asker,
                       const struct sim_past *past);

/* From the peers. */
void sim_coord_on_peer_node(struct sim_coord *c, unsigned peer, unsigned node,
                            const struct sim_fact *fact);
void sim_coord_on_peer_order(struct sim_coord *c, unsigned node, const struct emergency *order);
void sim_coord_on_peer_report(struct sim_coord *c, unsigned peer, unsigned node,
                              const struct route_stats *stats, unsigned count);
void sim_coord_on_peer_past(struct sim_coord *c, unsigned peer, unsigned node,
                            const struct sim_past *past);
void sim_coord_on_peer_push(struct sim_coord *c, const struct emergency *order);
void sim_coord_on_peer_ask(struct sim_coord *c, unsigned peer, unsigned node, dur_t window);
/* The link of `peer` is gone, which told of the node before. */
void sim_coord_on_peer_lost(struct sim_coord *c, unsigned peer, unsigned node);
/* A peer hands a command on to here; and what became of one that was handed on from here. */
void sim_coord_on_forward(struct sim_coord *c, struct sim_stream *st, struct sim_op *op);
void sim_coord_on_forwarded(struct sim_coord *c, struct sim_op *op, const struct sim_answer *a);

/* What the core was last told of a node. */
struct sim_heard {
    bool connected;
    uint64_t boot; /* of the node's process */
};
const struct sim_heard *sim_coord_heard(const struct sim_coord *c, unsigned node);
