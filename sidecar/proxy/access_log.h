/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: one line of JSON per request, and one per end of a connection whose bytes pass
 * unseen; a sample of those that went well and all that failed. A lane formats into a ring of its
 * own and never waits: what finds no room is counted and gone. One reader empties the rings,
 * whenever it likes. docs/reference/access-log.md is the promise; the raw key is in no line. */
#pragma once

#include "common/base/buf.h"
#include "common/base/rng.h"
#include "sidecar/proxy/ending.h"
#include "sidecar/proxy/proxy.h"

#define ACCESS_RING_SIZE (1u << 20) /* bytes of a lane; a power of two */
#define ACCESS_LINE_MAX  10240u     /* every byte of a client may take six */
#define ACCESS_ALL       1000000u   /* of a million requests */

struct conn;
struct access_ring;

/* ---- a lane ---------------------------------------------------------------------------------- */

/* The request of `c` is over. owner: the ring's lane. */
void access_log_note(struct access_ring *ring, const struct conn *c, struct rng *rng);

/* The line, with its end, in place of what `line` held. False: it does not fit. */
bool access_log_format(const struct conn *c, bool with_query, struct buf *line) MUST_CHECK;

/* A connection whose bytes pass unseen is over. */
struct access_end {
    const char *kind;             /* "tcp", "tunnel" */
    enum ending ending;           /* NONE: it has only begun */
    bool rescued;                 /* legacy took it in place of new */
    uint64_t bytes_in, bytes_out; /* from the client, to it */
    wall_t at;
    dur_t took;         /* since it came, or its request did */
    const char *origin; /* of access_log_origin() */
};

/* What is known of it while there is a request, c->req, as a part of its line. To be freed; NULL:
 * it does not fit, and is counted among the lost. owner: the ring's lane. */
char *access_log_origin(struct access_ring *ring, const struct conn *c) MUST_CHECK;
/* owner: the ring's lane. */
void access_log_note_end(struct access_ring *ring, const struct access_end *end, struct rng *rng);

/* As access_log_format(). */
bool access_log_format_origin(const struct conn *c, bool with_query, struct buf *part) MUST_CHECK;
bool access_log_format_end(const struct access_end *end, struct buf *line) MUST_CHECK;

/* ---- the reader, and whoever sets it up ------------------------------------------------------ */

/* Of a million requests that go well, `sample` are logged. */
struct access_log *access_log_new(uint32_t sample, bool with_query) MUST_CHECK;
/* After the lanes. Tolerates NULL. */
void access_log_free(struct access_log *log);

/* The ring of the lane `index`; its memory comes with the first call. Before the lane starts. */
struct access_ring *access_log_ring(struct access_log *log, unsigned index) MUST_CHECK;

/* Hand what has gathered to `write`, whole lines in pieces of any size, until it says false: then
 * the rest of that ring's is lost. Any one thread at a time. */
void access_log_drain(struct access_log *log, bool (*write)(void *ctx, struct str piece),
                      void *ctx);
/* Lines that found no room so far. Any thread. */
uint64_t access_log_lost(const struct access_log *log);
