/* SPDX-License-Identifier: Apache-2.0 */
/* A sample of requests is answered by both systems, and the answers compared. The client's answer
 * is kept beside its way through (the head and the first bytes of the body); when the client has
 * it, a copy of the request goes to the other system, and for some of the sample one more to
 * legacy. With the last answer they are compared, here on the lane.
 *
 * What legacy answers differently each time says nothing about new: places where legacy differed
 * from itself lately are remembered (noise), and a difference there is cosmetic.
 *
 * Only requests that may be copied are sampled, none with a condition or a range, since what is
 * asked depends on what a system said before. Past TAP_BYTES_MAX nothing is begun. What was sampled
 * and could not be compared is counted. owner: lane. */
#pragma once

#include <stdbool.h>

#include "common/base/clock.h"
#include "common/http1/http1.h"

struct conn;
struct lane;
struct tap;

/* Of bodies that the taps of a lane may hold. */
#define TAP_BYTES_MAX  (16u << 20)
#define TAP_NOISES_MAX 32

/* A lane's. */
struct taps {
    struct tap *spare;
    unsigned spare_count;
    size_t bytes; /* set aside by those in use */
};

/* A migration's on a lane: where legacy differed from itself. Zero at first. */
struct tap_noise {
    uint64_t place[TAP_NOISES_MAX];
    mono_t until[TAP_NOISES_MAX];
    unsigned count;
    int64_t spent_ns; /* on comparing, less than a microsecond, not counted yet */
};

/* In STEP_DECIDE, of a route that compares: is this request of the sample? Then it has a tap. */
void tap_choose(struct conn *c);

/* What the client gets: the head, then the body piece by piece. */
void tap_head(struct tap *t, const struct http1_head *head);
void tap_body(struct tap *t, struct str piece);

/* The client has its answer. True: a copy is on its way to new. */
bool tap_finish(struct conn *c);

/* The request is over before that; counted. Tolerates NULL. */
void tap_drop(struct tap *t);

/* The lane goes; no tap is in use. */
void tap_deinit(struct lane *lane);
