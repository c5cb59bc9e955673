/* SPDX-License-Identifier: Apache-2.0 */
/* A coordinator's links to the others, as coordinator/peer/peer.h has them: each tells every other
 * one what its own nodes say, and hands commands on to the leader. Lives and dies with its
 * coordinator; everything runs on its loop. */
#pragma once

#include "tests/sim/sim_coord.h"

struct sim_peers *sim_peers_new(struct sim *s, struct sim_coord *c);
struct sim_peers *sim_peers_free(struct sim_peers *p); /* tolerates NULL; returns NULL */

/* A coordinator is registered, or is no more. */
void sim_peers_set(struct sim_peers *p, unsigned peer, bool registered);

/* Of a node that is connected here: to every peer. */
void sim_peers_node(struct sim_peers *p, unsigned node, const struct sim_fact *fact);
void sim_peers_order(struct sim_peers *p, unsigned node, const struct emergency *order);
void sim_peers_report(struct sim_peers *p, unsigned node, const struct route_stats *stats,
                      unsigned count);
void sim_peers_past(struct sim_peers *p, unsigned peer, unsigned node, const struct sim_past *past);

/* An order that is not stored yet: for the nodes of every peer. */
void sim_peers_push_order(struct sim_peers *p, const struct emergency *order);

/* Of a node that is connected there. */
void sim_peers_ask_past(struct sim_peers *p, unsigned peer, unsigned node, dur_t window);

/* Hand a command on; sim_coord_on_forwarded() follows, with UNAVAILABLE when nothing was done. */
void sim_peers_forward(struct sim_peers *p, unsigned peer, struct sim_op *op);
/* The answer to one that was handed on to here. */
void sim_peers_answer(struct sim_stream *st, const struct sim_answer *a);

/* From the net, on the loop. */
void sim_peers_on_message(struct sim_peers *p, struct sim_stream *st, enum sim_end end,
                          const struct sim_msg *m);
void sim_peers_on_closed(struct sim_peers *p, struct sim_stream *st, enum sim_end end);
