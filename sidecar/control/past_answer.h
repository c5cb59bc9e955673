/* SPDX-License-Identifier: Apache-2.0 */
/* Answers coordinators that want to know what the node measured before: in parts, as the stream
 * takes them, and not more often than some times a second. owner: control loop. */
#pragma once

#include "common/loop/loop.h"
#include "sidecar/agent/past.h"
#include "fleet.pb-c.h"

struct past_answer;

/* False: the stream cannot take it now. */
typedef bool (*past_send_fn)(void *ctx, const Switchyard__V1__Past *part);

/* `past` is borrowed. */
struct past_answer *past_answer_new(struct loop *l, struct past *past, past_send_fn send,
                                    void *ctx) MUST_CHECK;
struct past_answer *past_answer_free(struct past_answer *a); /* tolerates NULL; returns NULL */

/* Somebody asks. With too many waiting, nobody hears of it: who asked gives up on it. */
void past_answer_want(struct past_answer *a, const char *id, dur_t window);
/* Send what is due and the stream takes. Call when it has room, and each second. */
void past_answer_work(struct past_answer *a);
/* The stream has ended: nobody waits any more. */
void past_answer_forget(struct past_answer *a);
