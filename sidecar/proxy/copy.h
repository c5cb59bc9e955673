/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of clients' requests, sent to a system over connections of their own when the client has
 * been answered. A copy can be lost and can never slow anybody: it shares no connection, buffer or
 * turn with a client's request, and past its limits it is dropped and counted. owner: lane.
 *
 * A copy says what it is by a field, X-Switchyard-Mirror: 1, and keeps its Host. A request that
 * bears that field is never copied again (loop guard), whoever sent it. */
#pragma once

#include "common/http1/http1.h"
#include "common/model/ruleset.h"

struct conn;
struct copy;
struct lane;

enum copy_end {
    COPY_ANSWERED,
    COPY_FAILED,  /* no connection, a broken answer, the time was over */
    COPY_DROPPED, /* it was not sent: too many, or too many bytes */
};

struct copy_answer {
    enum copy_end end;
    const struct http1_head *head; /* NULL unless answered */
    struct str body;               /* the first `keep` bytes of it */
    uint64_t body_size;            /* all of it */
    uint64_t body_hash;            /* compare_hash() over all of it; 0 when nothing is kept */
    dur_t took;                    /* from its beginning to the end of the answer */
};

struct copy_wish {
    enum system to;
    size_t keep; /* bytes of the answer's body; 0: the answer is only counted */
    /* Called once, possibly from within copy_send(), and before the lane is freed. `answer` is
     * borrowed for the call. NULL: nobody wants to know. */
    void (*fn)(void *ctx, const struct copy_answer *answer);
    void *ctx;
};

/* May this request be copied at all: its method, its body's size (known only once it has been
 * received), that it is no copy itself, that the route wants it at this weight. */
bool copy_is_suited(const struct conn *c);

/* Copy the request that `c` has just finished with: its head is still in c->in and its body in
 * req->upload.keep, both of which are taken over or copied. */
void copy_send(struct conn *c, const struct copy_wish *wish);

/* Every copy of the lane ends now; their `fn` are called. */
void copy_drop_all(struct lane *lane);
