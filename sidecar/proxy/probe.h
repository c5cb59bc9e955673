/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: a request to each system asked, on a lane, by the addresses, timeouts and breaker that
 * serve there. Each takes a connection of its own and is counted nowhere. */
#pragma once

#include "common/loop/loop.h"
#include "common/model/probe.h"

#define PROBES_MAX 4 /* at once */

struct lane;
struct letter;

/* Made by the control thread, which owns it; a lane fills in the answers while its letter is
 * there. */
struct probe_job {
    struct probe_job *prev, *next; /* of the proxy */
    struct probe probe;
    struct probe_answer answer[SYSTEM_COUNT];
    unsigned count;
    probe_done_fn fn;
    void *ctx;
    unsigned open; /* answers that are waited for; the lane's */
};

struct prober; /* one request under way. owner: lane */

/* Carry out the letter's job; it is sent back when the last answer is there. */
void probe_begin(struct lane *lane, struct letter *l);
/* Close all of them; their letters go back as they are. */
void probe_drop_all(struct lane *lane);
