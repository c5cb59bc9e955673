/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that are split as a whole. There is no head to read: the port says whose they are,
 * the client's address (or chance) on which side, and once a connection to that side stands, both
 * become a tunnel (tunnel.h). What the client says before that is kept.
 *
 *   PORT ─► DECIDE ─► TAKE ─► CONNECT ─► JOIN ─► TUNNEL
 *                       └── FAILED: the other system, or close
 *
 * A connection counts as one request of its system, its latency is the time until it stood. It is
 * an error when none stands, or when the system closes it first and without having said a word,
 * either to a client that has spoken or within a second: behind a balancer, that is how an absent
 * server looks. Until one or the other is known the connection is on trial; a second of standing,
 * or a word of the system, ends it well. owner: lane. */
#pragma once

#include "sidecar/proxy/conn.h"

/* The steps. */
enum verdict step_port(struct conn *c);
enum verdict step_join(struct conn *c);

/* It is over before both its ends stood, and a line for whoever watches. */
void tcp_log_unjoined(struct conn *c);

/* A tunnel that has yet to show that its system is there. */
struct trial {
    bool on;
    struct breaker *breaker; /* one reference; NULL: it is not told */
    struct breaker_ticket ticket;
    struct health *health; /* one reference; may be NULL */
    unsigned endpoint;
    mono_t began;
    dur_t took; /* to connect */
};

#define TRIAL_TIME dur_s(1)

/* Of c->req, whose ticket and endpoint it takes over. */
void trial_begin(struct conn *c, struct trial *ret);
/* What can be said by now of c->tunnel's; `over`: it ends. Off once all is said. */
void trial_look(struct conn *c, bool over);
