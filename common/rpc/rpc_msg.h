/* SPDX-License-Identifier: Apache-2.0 */
/* Between protobuf-c messages and the library's byte buffers. Any thread. */
#pragma once

#include <grpc/byte_buffer.h>

#include "common/rpc/rpc.h"

/* A byte buffer around the shared bytes, for one send: sending moves what is in it. */
grpc_byte_buffer *rpc_msg_buffer(const struct rpc_msg *m);

/* Decode what was received. A message that would unpack to more than `max_bytes` is refused like
 * one that cannot be decoded: INVALID naming the type. `bytes` stays the caller's. Free with
 * rpc_msg_free(). */
int rpc_msg_decode(grpc_byte_buffer *bytes, const ProtobufCMessageDescriptor *desc,
                   size_t max_bytes, ProtobufCMessage **ret, struct err *err) MUST_CHECK;
void rpc_msg_free(ProtobufCMessage *m); /* tolerates NULL */

/* How far a message of at most `max_message_bytes` on the wire may grow when decoded. Empty
 * submessages take two bytes there and a hundred here, so a peer could ask for fifty times what it
 * sends. */
static inline size_t rpc_msg_decoded_max(size_t max_message_bytes)
{
    return max_message_bytes * 8;
}
