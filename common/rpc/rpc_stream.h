/* SPDX-License-Identifier: Apache-2.0 */
/* The engine of a stream, the same on both sides; what differs is behind struct rpc_stream_side.
 *
 * At most one receive, one send and one close operation are in flight, each holding a reference;
 * the owner holds one until on_closed has returned. A stream has ended when its close operation has
 * completed and no receive is in flight. After that a completion only drops its reference, on
 * whatever thread it comes. */
#pragma once

#include <stdatomic.h>

#include "common/rpc/rpc.h"
#include "common/rpc/rpc_op.h"

struct rpc_stream_side {
    /* Add what follows the last message: the status, or the close. */
    void (*add_end)(struct rpc_stream *s, struct rpc_batch *b);
    /* Why the stream ended, once its close operation has completed. */
    void (*status)(struct rpc_stream *s, struct err *ret);
    const char *(*peer)(const struct rpc_stream *s);
    /* It has ended, on_closed comes next: take it off the owner's list. */
    void (*forget)(struct rpc_stream *s);
    /* The last reference is gone: free the memory. Any thread. */
    void (*destroy)(struct rpc_stream *s);
    bool half_closes; /* the other side's end of messages is an event of its own */
};

struct queued_msg;

/* owner: the loop of `box`. Some hundred bytes: there are thousands. */
struct rpc_stream {
    const struct rpc_stream_side *side;
    const struct rpc_stream_events *events; /* borrowed; NULL: nobody wants to know */
    void *ctx;
    grpc_call *call;     /* counted */
    struct mailbox *box; /* counted */
    const ProtobufCMessageDescriptor *input;
    struct rpc_op recv_op;
    struct rpc_op send_op;
    struct rpc_op close_op;
    grpc_byte_buffer *received;
    struct queued_msg *head;
    struct queued_msg *tail;
    struct err *final; /* owned; what the stream ends with, NULL: OK or what the other side says */
    size_t queued_bytes;
    size_t decoded_max;
    atomic_uint refs;
    unsigned queued;
    bool receiving : 1;
    bool sending : 1;
    bool full : 1;   /* a send was refused: on_writable is owed */
    bool ending : 1; /* no more sends; the end follows what is queued */
    bool end_sent : 1;
    bool broken : 1; /* cancelled, or a send failed: only the end is waited for */
    bool closed : 1; /* the close operation has completed */
    bool ended : 1;  /* on_closed has been called */
};

/* Takes over `call`. */
void rpc_stream_init(struct rpc_stream *s, const struct rpc_stream_side *side, grpc_call *call,
                     struct mailbox *box, const ProtobufCMessageDescriptor *input,
                     size_t max_message_bytes);
/* Start the two operations that are there from the beginning; the caller has added what its side
 * needs. */
void rpc_stream_start_recv(struct rpc_stream *s, struct rpc_batch *b);
void rpc_stream_start_close(struct rpc_stream *s, struct rpc_batch *b);
/* Cancel and call on_closed now; what is in flight completes behind the owner's back. */
void rpc_stream_abandon(struct rpc_stream *s);
void rpc_stream_unref(struct rpc_stream *s);
