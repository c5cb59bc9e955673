/* SPDX-License-Identifier: Apache-2.0 */
/* The service of echo.proto, and what its tests want to know about it. */
#pragma once

#include "common/rpc/rpc.h"
#include "echo.pb-c.h"

extern const unsigned char echo_proto_descriptor_set[];
extern const size_t echo_proto_descriptor_set_size;

/* owner: the loop it was added for. */
struct echo {
    unsigned said;
    unsigned opened;
    unsigned closed;
    unsigned half_closed;
    unsigned received;
    unsigned writable;
    struct err last_status; /* of the last stream that closed */
    char last_peer[128];
    struct rpc_call *held;     /* Hold's, until echo_release() */
    struct rpc_stream *stream; /* Chat's last that is open */
};

int echo_add(struct echo *e, struct rpc_server *s, struct loop *l, struct err *err) MUST_CHECK;
/* The same under another name. */
int echo_add_as(struct echo *e, struct rpc_server *s, const ProtobufCServiceDescriptor *desc,
                struct loop *l, struct err *err) MUST_CHECK;
/* Answer the held call. */
void echo_release(struct echo *e);
