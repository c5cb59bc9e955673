/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets, one per lane on the same address, and what comes in on them. */
#pragma once

#include "sidecar/proxy/address.h"
#include "sidecar/proxy/lane.h"

/* `count` sockets that listen on *address, whose port is filled in when it was 0. Nobody else may
 * listen there, although SO_REUSEPORT would let them. Control thread. On failure none is open. */
int listener_bind(struct address *address, int *ret_fds, unsigned count,
                  struct err *err) MUST_CHECK;

/* Accept on the door's socket; not yet, between listener_hold() and listener_go(): who connects
 * waits in its queue. */
int listener_open(struct door *door, struct err *err) MUST_CHECK;
void listener_hold(struct door *door);
void listener_go(struct door *door);
/* What already waits in the socket's queue is accepted first: closing it would reset them. */
void listener_close(struct door *door);
