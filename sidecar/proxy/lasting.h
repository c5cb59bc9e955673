/* SPDX-License-Identifier: Apache-2.0 */
/* Answers without an end in sight: streams of events and gRPC calls come piece by piece, when there
 * is something to say, and may do so for hours. So may the messages of a gRPC call, which is then
 * answered when they are through.
 *
 * Like tunnels they leave when the rules no longer have them where they are, or the node stops, in
 * the same window (leave.h) - but not before they are as old as an ordinary answer may be silent:
 * most gRPC calls are over by then, and so are many streams of events. A node that stops sooner
 * takes a second for it. Then
 *   a gRPC call     ends after its current message, with the status UNAVAILABLE and why; in the
 *                   midst of one that takes too long, for its length tells that it is not whole;
 *                   at once when nothing of its answer is here
 *   anything else   ends without the end that its framing has, for an answer that is cut must not
 *                   look like a whole one. Whoever reads events as such connects again
 * A client that takes nothing is cut off. For the system that is neither a success nor a
 * failure. owner: lane. */
#pragma once

#include "sidecar/proxy/conn.h"

/* The head of c->req has gone to a system: sets req->lasting if it is a gRPC call whose messages
 * are still to come. */
void lasting_begin_call(struct conn *c);
/* The head of the answer to c->req is here: sets req->lasting, or ends it. */
void lasting_begin(struct conn *c);
/* It ends, if it is one, or its system is to be another. */
void lasting_end(struct conn *c);

/* It waits for its next piece. One that probes new is a good probe then, for it may be hours until
 * it ends, and mostly it is the client who ends it: the head is enough, of a call its first
 * message. */
void lasting_settle_probe(struct conn *c);

/* Whether it leaves now; then lasting_leave() does. */
bool lasting_is_over(const struct conn *c);
enum verdict lasting_leave(struct conn *c);

/* Leave at some instant within `window`. */
void lasting_hurry(struct conn *c, dur_t window, enum ending why);
/* The lane closes its connections: those that are left are cut short by it. */
void lasting_cut_all(struct lane *lane);
/* The lane has a new view: whose requests would go elsewhere now? */
void lasting_judge_all(struct lane *lane);
