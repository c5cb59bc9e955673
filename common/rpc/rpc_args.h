/* SPDX-License-Identifier: Apache-2.0 */
/* The library's settings, in one place for servers and clients. */
#pragma once

#include <grpc/grpc.h>

#include "common/rpc/rpc.h"

#define RPC_ARGS_MAX 20

struct rpc_args {
    grpc_arg args[RPC_ARGS_MAX];
    grpc_channel_args list;
};

#define RPC_DEFAULT_MESSAGE_BYTES (4u << 20)
#define RPC_DEFAULT_MAX_CALLS     20000

/* Zeroes in the configuration become the defaults of rpc.h. `ret` must stay in place while it is
 * used. */
void rpc_args_server(struct rpc_args *ret, const struct rpc_server_config *config);
void rpc_args_client(struct rpc_args *ret, const struct rpc_client_config *config);

static inline size_t rpc_message_bytes(size_t configured)
{
    return configured ? configured : RPC_DEFAULT_MESSAGE_BYTES;
}
