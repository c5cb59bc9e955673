/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of clients' requests, sent to a system over connections of their own when the client has
 * been answered. A copy can be lost and can never slow anybody: it shares no connection with a
 * client's request, is worked on in the background (loop.h), and past its limits (how many
 * at a time, bytes per second, time, size of the answer) it is dropped and counted. owner: lane.
 *
 * A copy says what it is by a field, X-Switchyard-Mirror: 1, and keeps its Host. A request that
 * bears that field is never copied again (loop guard), whoever sent it. */
#pragma once

#include "common/http1/http1_grpc.h"
#include "common/loop/loop.h"
#include "common/model/ruleset.h"
#include "sidecar/proxy/copy_meter.h"

struct conn;
struct copy;
struct copy_link;
struct lane;

extern const struct str copy_mark;

enum copy_end {
    COPY_ANSWERED,
    COPY_FAILED, /* no connection, a broken answer or one that is too long */
    COPY_LATE,   /* the time was over */
    /* It was not sent, or not waited for: */
    COPY_TOO_MANY, /* under way */
    COPY_TOO_MUCH, /* bytes in a second */
    COPY_WITHHELD, /* its place, by those that were late */
    COPY_ENDED,    /* other rules came, the lane drains, or its head is too long */
};

struct copy_answer {
    enum copy_end end;
    const struct http1_head *head; /* NULL unless answered */
    struct str body;               /* the first `keep` bytes of it */
    uint64_t body_size;            /* all of it */
    uint64_t body_hash;            /* compare_hash() over all of it; 0 when nothing is kept */
    struct http1_grpc grpc;        /* how it went, if it was a gRPC call */
    dur_t took;                    /* from its beginning to the end of the answer */
};

struct copy_wish {
    enum system to;
    size_t keep; /* bytes of the answer's body; 0: the answer is only counted */
    /* Called once, possibly from within copy_send(), and before the lane is freed. `answer` is
     * borrowed for the call. It must not send another copy. NULL: nobody wants to know. */
    void (*fn)(void *ctx, const struct copy_answer *answer);
    void *ctx;
};

/* A lane's. */
struct copies {
    struct copy *all; /* utlist */
    struct copy *spare;
    unsigned spare_count;
    struct copy_link *idle; /* utlist, the latest first */
    unsigned idle_count;
};

/* May this request be copied at all: its method, its body's size, that it is no copy itself, that
 * its route is under no order to keep to legacy, that new's breaker is closed, the rules are the
 * latest and the node does not drain. True in STEP_DECIDE, it may still become false when the body
 * comes or the rules change. */
bool copy_is_suited(const struct conn *c);

/* In STEP_DECIDE, of a route with a share: is this request to be mirrored when it is over? Then its
 * body is kept. */
bool copy_is_chosen(struct conn *c);
/* When it is: send the copy, unless it is not suited after all. */
void copy_mirror(struct conn *c);

/* Copy the request that `c` has just finished with: its head is still in c->in and its body in
 * req->upload.keep. Only of one that is suited. */
void copy_send(struct conn *c, const struct copy_wish *wish);

/* The rules have changed: copies that have not been sent end. */
void copy_drop_unsent(struct lane *lane);
/* Every copy of the lane ends now, and no connection stays; their `fn` are called. */
void copy_drop_all(struct lane *lane);
/* The lane goes. */
void copy_deinit(struct lane *lane);
