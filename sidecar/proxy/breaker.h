/* SPDX-License-Identifier: Apache-2.0 */
/* One breaker for all lanes of the process: "5 errors in 300 s" means 5 on this node, not 5 on each
 * of its threads. While it is closed, which is always but in trouble, a request reads one shared
 * word and adds one to a number that only its lane writes. The table behind it is stepped under a
 * lock: by errors, slow answers, probes, the passing of time, and once in a slice of the window, to
 * take in what the lanes have counted. Any thread, except where it says otherwise. */
#pragma once

#include "sidecar/proxy/breaker_fsm.h"

struct breaker;
/* A lane's good answers. owner: lane; lives as long as the breaker. */
struct breaker_cell;

/* How a request was let through; handed back with how it ended. */
struct breaker_ticket {
    uint32_t era;
    bool probe; /* holds a slot */
};

/* A request that goes to new unless the breaker diverts it. */
struct breaker_request {
    uint32_t bucket;
    uint32_t weight_bp; /* of new; where the weight does not decide: all of it */
    bool rescuable;     /* legacy would answer if new failed it */
};

/* With one reference. */
struct breaker *breaker_new(const struct route_breaker *config, mono_t now, wall_t wall) MUST_CHECK;
struct breaker *breaker_ref(struct breaker *b);
void breaker_unref(struct breaker *b); /* tolerates NULL */
void breaker_configure(struct breaker *b, const struct route_breaker *config, mono_t now,
                       wall_t wall);
/* Of the lane with that number, under PROXY_THREADS_MAX. */
struct breaker_cell *breaker_cell(struct breaker *b, unsigned lane) MUST_CHECK;

/* Whether it goes to new. True with a ticket, which breaker_report() takes back, once. */
bool breaker_admit(struct breaker *b, const struct breaker_request *req, mono_t now, wall_t wall,
                   struct breaker_ticket *ret) MUST_CHECK;
/* An answer whose head took `took` may be a slow one. Lane's own cell. */
void breaker_report(struct breaker *b, struct breaker_cell *cell, struct breaker_ticket ticket,
                    enum breaker_outcome outcome, dur_t took, mono_t now, wall_t wall);

/* For a request that went to new by itself: of now, without a slot. */
struct breaker_ticket breaker_ticket(struct breaker *b);

/* As decide() wants to hear it: closed as well where it only watches. Half open, or its share
 * rises: BREAKER_HALF_OPEN. BREAKER_DISABLED for NULL. No lock, but when its time has come. */
enum breaker_state breaker_look(struct breaker *b, mono_t now, wall_t wall);
/* What it has seen, with its state as reports say it. For NULL all 0 and BREAKER_DISABLED. */
enum breaker_state breaker_see(struct breaker *b, mono_t now, wall_t wall,
                               struct breaker_seen *ret);
