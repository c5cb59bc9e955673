/* SPDX-License-Identifier: Apache-2.0 */
/* The answers that a tap has gathered, and what comes of comparing them. owner: lane. */
#pragma once

#include "common/base/buf.h"
#include "common/http1/http1_grpc.h"
#include "common/model/ruleset.h"
#include "common/model/stats.h"
#include "sidecar/proxy/tap.h"
#include "sidecar/proxy/view.h"

/* An answer, kept. Memory goes with the answers that came, up to what is kept of a body. */
struct tap_answer {
    bool here;
    struct http1_head head; /* its bytes and fields are below */
    struct buf bytes;
    struct http1_header *fields; /* owned */
    uint32_t field_room;
    struct http1_grpc grpc;
    struct buf body; /* its first bytes */
    uint64_t size;   /* all of it */
    uint64_t hash;   /* of all of it, once it is longer than what is kept */
};

/* The client's, the other system's, and legacy's once more. */
enum { TAP_CLIENTS, TAP_COPYS, TAP_NOISES, TAP_ANSWERS };

struct tap {
    struct tap *next; /* in the free list */
    struct lane *lane;
    struct view *view; /* held */
    struct view_route *route;
    enum system client; /* who answered it */
    unsigned waiting;   /* copies under way */
    struct tap_answer answer[TAP_ANSWERS];
    char request[DISCREPANCY_PATH_SIZE]; /* as in struct discrepancy */
};

void tap_answer_clear(struct tap_answer *a, size_t keep);
void tap_answer_head(struct tap_answer *a, const struct http1_head *head);
void tap_answer_body(struct tap_answer *a, struct str piece);
/* Keep no more memory than so much for the body. */
void tap_answer_trim(struct tap_answer *a, size_t keep);
void tap_answer_deinit(struct tap_answer *a);

/* Compare what is here, and count. */
void tap_judge(struct tap *t);
