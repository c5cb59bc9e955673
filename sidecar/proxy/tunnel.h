/* SPDX-License-Identifier: Apache-2.0 */
/* A client connection that was switched to another protocol (101): bytes both ways until both sides
 * have finished, nobody has spoken for `tunnel_idle`, or it is asked to leave.
 *
 * Nothing is read from a side while the other has yet to take what came before, so each direction
 * holds one buffer at most, and none when all is taken. The request is over with the 101: a tunnel
 * holds no view, only the counts of its migration. New rules are held against each tunnel by
 * tunnel_judge_all(); those that no longer belong where they are leave, spread over a window so
 * that their clients do not come back all at once.
 *
 * Leaving: a WebSocket gets a close frame (1001) between two frames, both ways; one that finds no
 * such place within a second, and every other protocol, is closed plainly. The client has two
 * seconds to close its side.
 *
 * Deadlines: the client's is for silence, the upstream's is the order to leave. owner: lane. */
#pragma once

#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/debug_tap.h"
#include "sidecar/proxy/ending.h"
#include "sidecar/proxy/frames.h"
#include "sidecar/proxy/tcp.h"

struct tunnel {
    struct tunnel *prev, *next; /* of the lane */
    struct conn *conn;
    struct upstream *up;
    struct tally *tally; /* one reference */
    enum system system;
    uint32_t bucket;
    bool websocket;
    uint64_t bytes_in, bytes_out; /* from the client, from the system */
    struct trial trial;           /* of a connection that was split as a whole */
    dur_t idle;                   /* so long may nobody speak */
    bool leaving;                 /* at the next end of a frame */
    enum ending ending;           /* NONE: it goes on, or we close */
    enum ending order;            /* why it is to leave */
    mono_t began;                 /* its request */
    bool rescued;                 /* legacy took it in place of new */
    char *origin;                 /* for its line in the access log; NULL: there is no log */
    struct debug_mark mark;       /* for its line to whoever debugs */
    bool told_client;             /* that nothing more comes: its socket is shut for writing */
    bool told_upstream;
    struct frames to_client;
    struct frames to_upstream;
};

/* The answer to c->req is a 101 that may stand, and its head is on the way to the client: take the
 * upstream over and end the request. */
void tunnel_begin(struct conn *c);
/* Close the upstream and forget the tunnel; the client's connection stays. */
void tunnel_end(struct conn *c);

/* After the step: set what the two sockets wait for, and how long. */
void tunnel_want(struct conn *c);
void tunnel_set_deadline(struct conn *c);

/* Leave at some instant within `window`, unless it is to leave sooner already; `why` is told. */
void tunnel_hurry(struct conn *c, dur_t window, enum ending why);
/* The lane has a new view: whose requests would go elsewhere now? */
void tunnel_judge_all(struct lane *lane);
