/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out in one system call: small pieces are copied together, big ones stay where they are.
 * Whatever the socket does not take at once is kept in a buffer of its own. owner: the stack. */
#pragma once

#include "sidecar/proxy/iobuf.h"
#include "sidecar/transport/transport.h"

#define GATHER_PIECES 8

struct gather {
    char *scratch; /* borrowed, as large as a buffer of the pool */
    size_t used;
    size_t size;
    size_t total;
    int count;
    struct iovec piece[GATHER_PIECES];
};

void gather_init(struct gather *g, char *scratch, size_t size);

/* Where the next bytes can be written in place, gather_room() of them; then gather_wrote(). */
char *gather_at(const struct gather *g);
void gather_wrote(struct gather *g, size_t n);

/* How much more may be added so that a buffer can still hold all of it, framing included. */
size_t gather_room(const struct gather *g);

/* The bytes must stay until gather_send(). */
void gather_add(struct gather *g, struct str bytes);

enum gather_result { GATHER_SENT, GATHER_PENDING, GATHER_BROKEN };

/* Send it all. What is left goes into *pending, which must be NULL before. */
enum gather_result gather_send(struct gather *g, struct transport *to, struct iobuf_pool *pool,
                               struct iobuf **pending);

/* Send what is pending; gives the buffer back when it is empty. */
enum gather_result gather_flush(struct transport *to, struct iobuf_pool *pool,
                                struct iobuf **pending);
