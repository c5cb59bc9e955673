/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_msg.h"

#include <grpc/byte_buffer_reader.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct rpc_msg {
    grpc_slice bytes;
    atomic_uint refs;
};

struct rpc_msg *rpc_msg_encode(const ProtobufCMessage *m)
{
    struct rpc_msg *msg = xnew(struct rpc_msg);
    size_t size = protobuf_c_message_get_packed_size(m);

    msg->bytes = grpc_slice_malloc(size);
    CHECK(protobuf_c_message_pack(m, GRPC_SLICE_START_PTR(msg->bytes)) == size);
    atomic_init(&msg->refs, 1);
    return msg;
}

struct rpc_msg *rpc_msg_ref(struct rpc_msg *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void rpc_msg_unref(struct rpc_msg *m)
{
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    grpc_slice_unref(m->bytes);
    free(m);
}

size_t rpc_msg_size(const struct rpc_msg *m)
{
    return GRPC_SLICE_LENGTH(m->bytes);
}

grpc_byte_buffer *rpc_msg_buffer(const struct rpc_msg *m)
{
    grpc_slice bytes = m->bytes;

    return grpc_raw_byte_buffer_create(&bytes, 1);
}

/* ---- decoding ------------------------------------------------------------------------------ */

static void *take(void *data, size_t size)
{
    size_t *left = data;

    if (size > *left)
        return NULL;
    *left -= size;
    return malloc(size); /* allowed: protobuf-c handles NULL, and the peer sizes this */
}

static void give(void *data UNUSED, void *p)
{
    free(p);
}

int rpc_msg_decode(grpc_byte_buffer *bytes, const ProtobufCMessageDescriptor *desc,
                   size_t max_bytes, ProtobufCMessage **ret, struct err *err)
{
    ProtobufCAllocator bounded = {take, give, &max_bytes};
    grpc_byte_buffer_reader reader;
    ProtobufCMessage *m;
    grpc_slice flat;

    if (!grpc_byte_buffer_reader_init(&reader, bytes))
        return err_set(err, ERR_INVALID, "%s: the message cannot be decompressed", desc->name);
    flat = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    m = protobuf_c_message_unpack(desc, &bounded, GRPC_SLICE_LENGTH(flat),
                                  GRPC_SLICE_START_PTR(flat));
    grpc_slice_unref(flat);
    if (!m)
        return err_set(err, ERR_INVALID, "the bytes received are not a %s", desc->name);
    *ret = m;
    return 0;
}

void rpc_msg_free(ProtobufCMessage *m)
{
    if (m)
        protobuf_c_message_free_unpacked(m, NULL);
}
