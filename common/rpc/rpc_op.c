/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_op.h"

#include "common/base/check.h"
#include "common/rpc/rpc_msg.h"
#include "common/rpc/rpc_status.h"

void rpc_ending_init(struct rpc_ending *e)
{
    grpc_metadata_array_init(&e->initial);
    grpc_metadata_array_init(&e->trailers);
    e->details = grpc_empty_slice();
    e->status = GRPC_STATUS_UNKNOWN;
}

void rpc_ending_deinit(struct rpc_ending *e)
{
    grpc_metadata_array_destroy(&e->initial);
    grpc_metadata_array_destroy(&e->trailers);
    grpc_slice_unref(e->details);
}

void rpc_batch_init(struct rpc_batch *b)
{
    b->count = 0;
    b->message = NULL;
    b->details = grpc_empty_slice();
    b->trailer_count = 0;
}

static grpc_op *add(struct rpc_batch *b, grpc_op_type type)
{
    grpc_op *op = &b->ops[b->count++];

    CHECK(b->count <= RPC_BATCH_OPS);
    *op = (grpc_op){.op = type};
    return op;
}

void rpc_batch_send_initial(struct rpc_batch *b)
{
    add(b, GRPC_OP_SEND_INITIAL_METADATA);
}

void rpc_batch_send_message(struct rpc_batch *b, const struct rpc_msg *m)
{
    b->message = rpc_msg_buffer(m);
    add(b, GRPC_OP_SEND_MESSAGE)->data.send_message.send_message = b->message;
}

void rpc_batch_send_close(struct rpc_batch *b)
{
    add(b, GRPC_OP_SEND_CLOSE_FROM_CLIENT);
}

void rpc_batch_send_status(struct rpc_batch *b, const struct err *why)
{
    grpc_op *op = add(b, GRPC_OP_SEND_STATUS_FROM_SERVER);

    if (!why || why->code == ERR_NONE)
        return;
    b->details = grpc_slice_from_copied_string(why->msg);
    b->trailer_count = rpc_status_trailers(why, b->trailers);
    op->data.send_status_from_server.status = (grpc_status_code)err_grpc_status(why->code);
    op->data.send_status_from_server.status_details = &b->details;
    op->data.send_status_from_server.trailing_metadata = b->trailers;
    op->data.send_status_from_server.trailing_metadata_count = b->trailer_count;
}

void rpc_batch_recv_initial(struct rpc_batch *b, struct rpc_ending *e)
{
    add(b, GRPC_OP_RECV_INITIAL_METADATA)->data.recv_initial_metadata.recv_initial_metadata =
        &e->initial;
}

void rpc_batch_recv_message(struct rpc_batch *b, grpc_byte_buffer **ret)
{
    *ret = NULL;
    add(b, GRPC_OP_RECV_MESSAGE)->data.recv_message.recv_message = ret;
}

void rpc_batch_recv_status(struct rpc_batch *b, struct rpc_ending *e)
{
    grpc_op *op = add(b, GRPC_OP_RECV_STATUS_ON_CLIENT);

    op->data.recv_status_on_client.trailing_metadata = &e->trailers;
    op->data.recv_status_on_client.status = &e->status;
    op->data.recv_status_on_client.status_details = &e->details;
}

void rpc_batch_recv_close(struct rpc_batch *b, int *ret_cancelled)
{
    add(b, GRPC_OP_RECV_CLOSE_ON_SERVER)->data.recv_close_on_server.cancelled = ret_cancelled;
}

void rpc_batch_start(struct rpc_batch *b, grpc_call *call, struct rpc_op *op, struct mailbox *box,
                     rpc_op_fn done)
{
    grpc_call_error r;

    rpc_op_init(op, box, done);
    r = grpc_call_start_batch(call, b->ops, b->count, op, NULL);
    if (r != GRPC_CALL_OK)
        check_die("gRPC refused a batch: %s", grpc_call_error_to_string(r));

    /* The library has moved the message's slices and taken its own references to the rest. */
    if (b->message)
        grpc_byte_buffer_destroy(b->message);
    grpc_slice_unref(b->details);
    for (size_t i = 0; i < b->trailer_count; i++)
        grpc_slice_unref(b->trailers[i].value);
}
