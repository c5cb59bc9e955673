/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that speak HTTP/2. A connection that begins with its preface (RFC 9113 3.4), on any door
 * for requests, becomes a struct h2_door: a door of its own, through which each stream comes in as
 * a connection of the lane (conn.h). It counts as a client itself, and so does each stream. owner:
 * lane. */
#pragma once

#include "sidecar/h2/h2_session.h"
#include "sidecar/proxy/address.h"

struct conn;
struct lane;

struct h2_door {
    struct h2_door *prev, *next; /* of the lane */
    struct lane *lane;
    struct h2_session *session;
    bool secure; /* it came by TLS */
    uint8_t peer_len;
    char peer[ADDRESS_TEXT_SIZE];
};

/* What the first bytes of a connection are. */
enum h2_preface { H2_PREFACE_NONE, H2_PREFACE_PART, H2_PREFACE };
enum h2_preface h2_door_recognise(struct str first);

/* Take over the client of `c`, and what it has said so far; `c` is to close then. */
void h2_door_open(struct conn *c);
/* Draining: say goodbye to all. */
void h2_door_hurry_all(struct lane *lane);
/* At once. Their streams' connections must be gone or hear of it. */
void h2_door_close_all(struct lane *lane);
