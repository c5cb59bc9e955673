/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: the operations that are started together and complete as one struct rpc_op.
 *
 * A batch lives on the stack of the function that starts it and owns what is sent until then; the
 * places that receive belong to the operation's object. */
#pragma once

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>

#include "common/rpc/rpc.h"
#include "common/rpc/rpc_cq.h"

#define RPC_BATCH_OPS 6
#define RPC_TRAILERS  2

struct rpc_batch {
    grpc_op ops[RPC_BATCH_OPS];
    size_t count;
    grpc_byte_buffer *message;
    grpc_slice details;
    grpc_metadata trailers[RPC_TRAILERS];
    size_t trailer_count;
};

/* What a client gets at the end of a call. owner: the call's object. */
struct rpc_ending {
    grpc_metadata_array initial;
    grpc_metadata_array trailers;
    grpc_slice details;
    grpc_status_code status;
};
void rpc_ending_init(struct rpc_ending *e);
void rpc_ending_deinit(struct rpc_ending *e);

void rpc_batch_init(struct rpc_batch *b);
void rpc_batch_send_initial(struct rpc_batch *b);
void rpc_batch_send_message(struct rpc_batch *b, const struct rpc_msg *m);
void rpc_batch_send_close(struct rpc_batch *b);
/* `why` NULL: OK. */
void rpc_batch_send_status(struct rpc_batch *b, const struct err *why);
void rpc_batch_recv_initial(struct rpc_batch *b, struct rpc_ending *e);
void rpc_batch_recv_message(struct rpc_batch *b, grpc_byte_buffer **ret);
void rpc_batch_recv_status(struct rpc_batch *b, struct rpc_ending *e);
void rpc_batch_recv_close(struct rpc_batch *b, int *ret_cancelled);

/* `done` is called with `op` when all of it has completed. The thread that owns the call. */
void rpc_batch_start(struct rpc_batch *b, grpc_call *call, struct rpc_op *op, struct mailbox *box,
                     rpc_op_fn done);
