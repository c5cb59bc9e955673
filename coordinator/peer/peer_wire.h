/* SPDX-License-Identifier: Apache-2.0 */
/* The peer protocol's messages to and from the model; what a node itself says is converted by
 * coordinator/fleet/fleet_wire.h. Messages are built in an arena and NULL past its limit. What
 * comes from a peer is checked here, before anything else sees it. */
#pragma once

#include "common/base/arena.h"
#include "coordinator/peer/peer.h"
#include "peer.pb-c.h"

/* ---- to a peer ------------------------------------------------------------------------------- */

/* Strings are borrowed from `n` and `order`. */
Switchyard__V1__PeerNode *peer_wire_node(struct arena *a, struct fleet_node *n,
                                         struct emergency *order, unsigned count) MUST_CHECK;
/* Everything is copied. */
Switchyard__V1__PeerReport *peer_wire_report(struct arena *a,
                                             const struct fleet_report *r) MUST_CHECK;
Switchyard__V1__PeerPast *peer_wire_past(struct arena *a, const struct fleet_past *h) MUST_CHECK;

/* ---- from a peer; INVALID names the field ---------------------------------------------------- */

int peer_wire_take_hello(const Switchyard__V1__PeerHello *m, struct peers_config *ret,
                         struct err *err) MUST_CHECK;
/* ret->emergency is owned by the caller, NULL when there are none; the times are left alone. */
int peer_wire_take_node(const Switchyard__V1__PeerNode *m, struct fleet_node *ret,
                        struct err *err) MUST_CHECK;
/* ret->route is owned by the caller. */
int peer_wire_take_report(const Switchyard__V1__PeerReport *m, struct fleet_report *ret,
                          struct err *err) MUST_CHECK;
